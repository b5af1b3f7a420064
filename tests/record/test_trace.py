import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectui.engine.values.events import Changed, End, Prefill, Switch, Turn
from spectui.engine.values.options import Options, Sampling
from spectui.engine.values.step import Branches, Candidate, Emitted, Node, Quote, Source, Span, Step, Times
from spectui.record.events import ChangedText, EndText, PrefillText, Ready, StepText, SwitchText, TurnText
from spectui.record.trace import TraceWriter, read_trace, to_json
from spectui.record.trace_lines import from_json, trace_schema
from spectui.system.errors import UserError
from spectui.system.sanitise import sanitise

from ..hostile import FORBIDDEN, HOSTILE

pytestmark = pytest.mark.oldest

TEXT = st.text(max_size=8).map(sanitise)
NUMBER = st.floats(0, 1e6)
SCHEMA = jsonschema.Draft202012Validator(trace_schema())


@st.composite
def steps(draw):
    count = draw(st.integers(0, 5))
    fates = st.sampled_from(["accepted", "rejected", "unreached", "cut"])
    sources = st.builds(Source, st.sampled_from(["draft", "prompt"]), rank=st.none() | st.integers(0, 9))
    nodes = tuple(
        Node(
            draw(st.integers(0, 99)), draw(st.integers(-1, i - 1)), draw(sources), draw(st.none() | NUMBER), draw(fates)
        )
        for i in range(count)
    )
    kinds = st.sampled_from(["accepted", "target", "correction", "bonus"])
    emitted = tuple(draw(st.lists(st.builds(Emitted, st.integers(0, 99), kinds), min_size=1, max_size=4)))
    times = Times(*(draw(NUMBER) for _ in range(5)))
    row = st.lists(st.builds(Candidate, st.integers(0, 99), st.floats(0, 1), st.none() | NUMBER), max_size=3).map(tuple)
    places = 1 + sum(node.fate in ("accepted", "cut") for node in nodes)
    top = draw(st.none() | st.tuples(*[row] * places))
    chains = draw(st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=3), min_size=1, max_size=3))
    won = draw(st.none() | st.integers(0, len(chains) - 1))
    branches = draw(st.none() | st.just(Branches(count - 1, 0.25, tuple(map(tuple, chains)), won, 2, 3)))
    spans = (Span("draft", 0.0, 1.0), Span("verify", 0.5, 2.0))
    ids = st.lists(st.integers(0, 99), max_size=3).map(tuple)
    quotes = draw(st.none() | st.lists(st.builds(Quote, st.integers(0, count - 1), ids, ids), max_size=2).map(tuple)
                  if count else st.none())  # fmt: skip
    step = Step("draft", 3, 9, draw(NUMBER), nodes, 1, emitted, times, spans, 7, None, branches, top, quotes)
    texts = tuple(draw(TEXT) for _ in nodes)
    words = tuple(tuple(draw(TEXT) for _ in chain) for chain in branches.tokens) if branches else ()
    wanted = tuple(tuple(draw(TEXT) for _ in row) for row in top or ())
    around = tuple(tuple(tuple(draw(TEXT) for _ in part) for part in (one.before, one.after)) for one in quotes or ())
    return StepText("chat", step, texts, tuple(draw(TEXT) for _ in emitted), words, wanted, around)


RECORDS = st.one_of(
    steps(),
    st.builds(lambda text: PrefillText("chat", Prefill(1.5, 3, 7, 2.5), text), TEXT),
    st.builds(lambda text, tail: EndText("chat", End("error", text), tail), TEXT, TEXT),
    st.just(SwitchText("chat", Switch("ar", 4))),
    st.just(ChangedText("chat", Changed(Options(Sampling(0.5, seed=3)), 9))),
    st.builds(lambda text: TurnText("chat", Turn((1, 2), "ar", Options()), text, (text, "b")), TEXT),
    st.just(Ready("m", None, "cpu", "float32", 1.0, 99, ("ar",), {"draft": "none"}, ("note",), {"torch": "2"})),
)


@settings(max_examples=80)
@given(RECORDS)
def test_a_record_survives_its_line(record):
    line = json.loads(json.dumps(to_json(record)))
    assert from_json(line) == record
    SCHEMA.validate(line)


@settings(max_examples=20)
@given(st.lists(RECORDS, max_size=8))
def test_a_file_gives_its_records_back(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("trace") / "sub" / "t.jsonl"
    writer = TraceWriter(path)
    for record in records:
        writer.write(record)
    writer.close()
    assert list(read_trace(path)) == records


def lines(tmp_path, *more):
    path = tmp_path / "t.jsonl"
    good = json.dumps(to_json(SwitchText("chat", Switch("ar", 4))))
    path.write_text("\n".join([good, *more]))
    return path


@pytest.mark.parametrize(
    "bad", ["{", "[]", '{"type":"end"}', '{"type":"switch","lane":3,"mode":"x","index":1}', "null"]
)
def test_a_damaged_line_names_file_and_line(tmp_path, bad):
    with pytest.raises(UserError, match=r"t\.jsonl, line 2"):
        list(read_trace(lines(tmp_path, bad, "")))


STEP = {"type": "step", "lane": "chat", "mode": "draft", "index": 0, "position": 1, "time_ms": 1.0, "accepted": 0,
        "nodes": [{"token": 1, "text": "a", "parent": -1, "source": {"kind": "draft"}, "probability": 0.5,
                   "fate": "rejected"}],
        "emitted": [{"token": 2, "text": "b", "kind": "correction"}], "spans": [], "limit": 4, "why_no_draft": None,
        "ms": {"draft": 1.0, "verify": 1.0, "commit": 0.0, "other": 0.0, "wall": 2.0}}  # fmt: skip
"""A step as it was written before there were branches and likeliest tokens of the target."""
BRANCHES = {"at": 0, "confidence": 0.5, "tokens": [[{"token": 1, "text": "c"}]], "won": None, "dropped": 0, "waste": 0}


def test_an_older_step_is_read(tmp_path):
    step = list(read_trace(lines(tmp_path, json.dumps(STEP), "")))[1].step
    assert (step.branches, step.target_top, step.nodes[0].source) == (None, None, Source("draft"))


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("nodes.0.fate: Input should be 'accepted', ", {"nodes": [STEP["nodes"][0] | {"fate": "lost"}]}),
        ("parent must come before it", {"nodes": [STEP["nodes"][0] | {"parent": 0}]}),
        ("nodes.0.parent: Input should be greater", {"nodes": [STEP["nodes"][0] | {"parent": -2}]}),
        ("index: Input should be greater", {"index": -1}),
        ("target_top has not a row for each walked node", {"target_top": [[], []]}),
        (
            "ms.wall: Field required",
            {"ms": {name: 0.0 for name in STEP["ms"] if name != "wall"}},
        ),
        ("no such branch", {"branches": BRANCHES | {"won": 1}}),
        ("no such node is quoted", {"quotes": [{"node": 1, "before": [], "after": []}]}),
        ("no such branch", {"branches": BRANCHES | {"at": 1}}),
        ("lane: Input should be a valid string", {"lane": 3}),
        ("time_ms: Input should be a finite number", {"time_ms": float("nan")}),
        ("time_ms: Input should be less than", {"time_ms": 1e300}),
        ("position: Input should be less than", {"position": 10**200}),
        ("nodes: List should have at most 512", {"nodes": STEP["nodes"] * 513}),
        (
            "emitted.0.text: String should have at most",
            {"emitted": [{"token": 1, "kind": "target", "text": "x" * 70_000}]},
        ),
    ],
)
def test_a_damaged_step_is_one_line_that_names_the_field(tmp_path, reason, change):
    with pytest.raises(UserError) as caught:
        list(read_trace(lines(tmp_path, json.dumps(STEP | change), "")))
    assert "line 2: not a trace line (" in str(caught.value)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_that_cannot_be_are_refused(tmp_path):
    record = to_json(ChangedText("chat", Changed(Options(), 9)))
    record["settings"]["sampling"]["top_k"] = -1
    with pytest.raises(UserError, match="top-k must be"):
        list(read_trace(lines(tmp_path, json.dumps(record), "")))


def test_a_last_line_that_was_cut_off_is_left_out(tmp_path):
    assert len(list(read_trace(lines(tmp_path, '{"type":"ste')))) == 1


def test_unknown_types_are_skipped(tmp_path):
    assert len(list(read_trace(lines(tmp_path, '{"type":"from the future"}', "")))) == 1


@pytest.mark.parametrize("text", [text for text in HOSTILE if "\ud800" not in text])
def test_text_from_a_file_is_sanitised(text):
    line = {"type": "prefill", "lane": "chat", "ms": 1, "reused": 0, "token": 1, "time_ms": 1, "text": text}
    assert not FORBIDDEN & set(from_json(json.loads(json.dumps(line))).text)


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        TraceWriter(tmp_path / "file" / "t.jsonl")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_disk_that_fills_meanwhile_is_one_clear_line():
    writer = TraceWriter(Path("/dev/full"))
    said = "cannot write /dev/full: No space left on device; choose another file"
    with pytest.raises(UserError, match=said):
        writer.write(EndText("chat", End("eos")))
    with pytest.raises(UserError, match=said):
        writer.close()


def test_a_summary_follows_each_answer(tmp_path):
    path = tmp_path / "t.jsonl"
    writer = TraceWriter(path)
    writer.write(PrefillText("chat", Prefill(1.0, 0, 5, 10.0), "a"))
    step = Step("ar", 0, 3, 15.0, (), 0, (Emitted(6, "target"),), Times(0, 5, 0, 0, 5), (), 0)
    writer.write(StepText("chat", step, (), ("b",)))
    writer.write(EndText("chat", End("eos")))
    summary = json.loads(path.read_text().splitlines()[-1])
    assert (summary["type"], summary["emitted"], summary["steps"], summary["ttft_ms"]) == ("summary", 2, 1, 10.0)
    assert summary["tokens_per_second"] == pytest.approx(200.0)
    assert summary["mean_accepted_tokens"] == 1.0
    SCHEMA.validate(summary)
    writer.close()
