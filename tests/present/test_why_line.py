"""Why it is fast or slow, in numbers."""

import pytest

from spectui.present.why_line import why
from spectui.record.metrics import Numbers, Speedup


def numbers(draft=95.0, check=113.0, wall=210.0, emitted=61, drafted=80):
    times = {"decode_ms": wall, "draft_ms": draft, "verify_ms": check}
    return Numbers(emitted=emitted, steps=10, drafted=drafted, accepted=50, **times)


def test_an_estimate_is_marked_and_a_measurement_is_not():
    made = why(numbers(), 4.1)
    assert made.cost == "draft 9.5 ms + check 11.3 ms → 6.0 tokens;"
    assert (made.plain, made.ratio) == ("plain ≈ 6.0 × 4.1 ms:", "≈ ×1.17")
    measured = why(numbers(), 4.1, Speedup(1.21, 1.2, 1.22, 3, ""))
    assert (measured.plain, measured.ratio) == ("plain 6.0 × 4.1 ms:", "×1.21")


@pytest.mark.parametrize(("plain_ms", "slow"), [(3.4, True), (3.6, False)])
def test_what_is_slower_than_plain_decoding_is_told(plain_ms, slow):
    assert why(numbers(), plain_ms).is_slow == slow


def test_what_overlaps_is_told_as_such():
    assert "draft 9.5 ms beside check 11.3 ms" in why(numbers(wall=130.0), 4.1).cost


def test_nothing_is_compared_where_nothing_is_known_or_drafted():
    assert why(Numbers(), 4.1) is None
    assert why(numbers(), None).ratio == ""
    plain = why(numbers(draft=0.0, emitted=11, drafted=0), 4.1)
    assert plain.cost.endswith("nothing is drafted")
    assert plain.ratio == ""
