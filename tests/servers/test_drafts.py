"""What servers say about drafts, each in its own words, is one thing for us; what they do not say is None."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectui.servers.address import server_at
from spectui.servers.answer import Asking, Outcome, Piece, Wanted
from spectui.servers.connection import Connection
from spectui.servers.drafts import LiveKinds, late_kinds, read_drafts
from spectui.servers.probe import probe
from spectui.servers.prometheus import read_counters

from .fake import event, llama_server, said, serving

GREEDY = {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "seed": 0}
HELLO = Wanted([{"role": "user", "content": "Hello"}], GREEDY, 64)


def answer(fake, wanted=HELLO):
    connection = Connection(server_at(fake.url))
    facts = probe(connection)
    *pieces, outcome = Asking(connection, facts.engine, facts.model)(wanted)
    connection.close()
    assert all(isinstance(one, Piece) for one in pieces)
    assert isinstance(outcome, Outcome)
    return facts, pieces, outcome


def test_llama_server_tells_of_each_token_at_once():
    with serving() as fake:
        llama_server(fake)
        facts, pieces, outcome = answer(fake)
        body = fake.asked[-1][2]
    assert facts.title == "llama.cpp's server b9000-abcdef"
    assert facts.context == 4096
    assert body["timings_per_token"] is True
    assert "".join(piece.text for piece in pieces) == "One two three four five six seven"
    kinds = [piece.kind for piece in pieces]
    assert kinds == ["target", "accepted", "accepted", "correction", "accepted", "accepted", "bonus"]
    assert (outcome.drafts.drafted, outcome.drafts.accepted, outcome.tokens, outcome.prompt_tokens) == (5, 4, 7, 11)


def test_vllm_tells_at_the_end_which_pieces_were_drafted():
    with serving() as fake:
        fake.models([("toy", "vllm")])
        fake.json("/version", {"version": "0.30.0"})
        fake.bytes("/metrics", b'vllm:spec_decode_num_draft_tokens_total{model_name="toy"} 12.0\n'
                               b'vllm:spec_decode_num_accepted_tokens_total{model_name="toy"} 5.0\n')  # fmt: skip
        fake.recorded("vllm.sse")
        facts, pieces, outcome = answer(fake)
    assert facts.title == "vLLM 0.30.0"
    assert facts.speculates
    assert (facts.counters.drafted, facts.counters.accepted) == (12, 5)
    assert [piece.tokens for piece in pieces] == [1, 4, 5, 9, 10]
    assert {piece.kind for piece in pieces} == {None}, "it says nothing before the end"
    assert outcome.kinds == ("target", "accepted", "correction", "accepted", "correction")
    assert (outcome.drafts.drafted, outcome.drafts.accepted) == (12, 5)
    assert outcome.drafts.accepted_counts == (2, 0, 1, 1)


def test_sglang_tells_sums():
    with serving() as fake:
        fake.models([("toy", "sglang")])
        fake.json("/server_info", {"version": "0.5.21", "speculative_algorithm": "EAGLE3", "context_length": 8192})
        fake.recorded("sglang.sse")
        facts, pieces, outcome = answer(fake)
        assert fake.asked[-1][2]["return_spec_tokens_details"] is True
    assert facts.drafting == "yes, EAGLE3"
    assert outcome.kinds == ()
    assert (outcome.drafts.drafted, outcome.drafts.accepted, outcome.drafts.passes) == (6, 3, 2)
    assert "".join(piece.text for piece in pieces) == "The cat sat on a mat"


def test_a_server_that_says_nothing_is_unknown():
    with serving() as fake:
        fake.stream(said("Hel", "lo"))
        facts, pieces, outcome = answer(fake)
    assert facts.speculates is None
    assert [piece.text for piece in pieces] == ["Hel", "lo"]
    assert (outcome.drafts, outcome.tokens, outcome.kinds) == (None, None, ())


def test_a_server_that_takes_no_extras_is_asked_without_them():
    with serving() as fake:
        answers = iter([400, 200])

        def reply(handler, inner=fake):
            if next(answers) == 400:
                handler.send_response(400)
                handler.send_header("Content-Length", "0")
                handler.end_headers()
            else:
                inner.stream(said("ok"))
                inner.routes["/v1/chat/completions"](handler)

        fake.routes["/v1/chat/completions"] = reply
        _, pieces, _ = answer(fake)
        first, second = (body for path, _, body in fake.asked if path.endswith("completions"))
    assert [piece.text for piece in pieces] == ["ok"]
    assert "stream_options" in first
    assert "stream_options" not in second


def test_thoughts_that_come_apart_stand_in_tags():

    with serving() as fake:
        deltas = [{"reasoning_content": "Hm"}, {"reasoning": "m"}, {"content": "Yes"}]
        fake.stream(*(event({"choices": [{"delta": delta}]}) for delta in deltas), said("."))
        _, pieces, _ = answer(fake)
    assert "".join(piece.text for piece in pieces) == "<think>\nHmm\n</think>\n\nYes."


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["timings", "draft_n", "draft_n_accepted", "metrics", "speculative_decoding", "meta_info",
                         "num_draft_tokens", "per_step_accepted", "per_step_drafted", "sglext", "spec_verify_ct",
                         "spec_tokens_details", "spec_num_correct_drafts"]), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["timings", "metrics", "sglext", "meta_info"]), json_values))
def test_no_value_in_any_field_does_harm(event):
    found = read_drafts(event)
    if found is not None and None not in (found.drafted, found.accepted):
        assert 0 <= found.accepted <= found.drafted


def test_counts_that_cannot_be_true_are_unknown():
    found = read_drafts({"timings": {"draft_n": 3, "draft_n_accepted": 4}})
    assert (found.drafted, found.accepted) == (None, None)
    assert LiveKinds().kind(found) is None


@pytest.mark.parametrize(
    ("sizes", "by_step", "kinds"),
    [
        ([1, 3, 1], [(3, 2), (3, 0)], ("target", "accepted", "correction")),
        ([1, 1, 3], [(3, 2)], ("target", "target", "accepted")),
        ([1, 2], [(3, 3)], ("target", "accepted")),
        ([1, 5], [(3, 2)], ()),
        ([1, 1], [(3, 2), (3, 1), (3, 1)], ()),
        ([], [], ()),
    ],
    ids=["as told", "a pass without a draft", "cut by the end", "two passes in one piece", "too few", "nothing"],
)
def test_late_kinds(sizes, by_step, kinds):
    assert late_kinds(sizes, by_step) == kinds


def test_counters_are_added_over_labels_and_garbage_is_left_out():
    text = "# HELP x\n" + "".join(f'vllm:spec_decode_num_draft_tokens_total{{e="{n}"}} {n}\n' for n in (7, 3))
    text += "vllm:spec_decode_num_accepted_tokens_total NaN\nsglang:spec_accept_length 2.5\nnonsense\n\x1b[31m 1\n"
    found = read_counters(text)
    assert (found.drafted, found.accepted, found.accept_length) == (10, None, 2.5)
    assert not read_counters("").known


def test_a_stream_that_a_real_server_sent():
    with serving() as fake:
        fake.models([("toy.gguf", "llamacpp")])
        fake.recorded("llama-server.sse")
        _, pieces, outcome = answer(fake)
    kinds = [piece.kind for piece in pieces]
    assert kinds[:12] == [*[None] * 5, "accepted", "correction", *["accepted"] * 4, "bonus"]
    assert (outcome.drafts.drafted, outcome.drafts.accepted, outcome.tokens) == (46, 43, 60)
    assert kinds.count("accepted") == 43
    assert kinds.count("correction") == 1


def test_an_answer_without_drafts_of_a_server_that_drafts_is_known_to_have_none():
    with serving() as fake:
        llama_server(fake)
        connection = Connection(server_at(fake.url))
        facts = probe(connection)
        asking = Asking(connection, facts.engine, facts.model)
        plain = event({"choices": [{"delta": {"content": "One"}}], "timings": {"predicted_n": 1}})
        told = []
        for _ in range(2):
            fake.stream(plain, said(""))
            *_, outcome = asking(HELLO)
            told.append(outcome.drafts)
            llama_server(fake)
            list(asking(HELLO))
        connection.close()
    assert told[0] is None, "nobody knows yet"
    assert (told[1].drafted, told[1].accepted) == (0, 0)
