"""The bench on the real demo pair: reports, peers, interrupts, resuming."""

import csv
import io
import json
from dataclasses import replace
from importlib.resources import files

import jsonschema
import pytest
from rich.console import Console

from spectui.bench.agreement import Text, measure_next_next_rank, measure_pair_agreement
from spectui.bench.bench import Bench
from spectui.bench.partial import Partial
from spectui.bench.peers import PEERS, PeerLane, untouched
from spectui.bench.questions import Question
from spectui.bench.request import Request, gather, make_lanes
from spectui.present.output import Output
from spectui.present.report import Report, csv_text, json_text
from spectui.present.runs import Run, Skipped
from spectui.present.tables import grids, markdown_text, print_report
from spectui.session.environment import environment
from spectui.system.errors import UserError
from spectui.system.files import write_text

from ..demo import SETTINGS as DEMO_SETTINGS
from ..demo import runtime

pytestmark = pytest.mark.oldest

SCHEMA = json.loads(files("spectui.bench").joinpath("schema.json").read_text("utf-8"))
SETTINGS = DEMO_SETTINGS.with_flags("decoding", max_new_tokens=40)
QUESTIONS = [
    Question("1", "chat", ("Hello!", "What can you do?")),
    Question("2", "copy", ("Copy this text.\n\nOtto is a pilot from Lyon.",)),
]


@pytest.fixture(scope="module")
def loaded():
    return runtime()


def bench_of(loaded, questions=QUESTIONS, peers=(), settings=SETTINGS):
    lanes, left_out = make_lanes(loaded, Request((), ("draft",), peers), settings)
    return Bench(loaded, lanes, questions, settings.options, None), left_out


@pytest.fixture(scope="module")
def report(loaded):
    bench, left_out = bench_of(loaded, peers=tuple(PEERS))
    runs = list(bench.runs({}))
    draft = loaded.resources.draft
    pair = measure_pair_agreement(loaded.target, draft, loaded.resources.vocabulary, 0.0, bench.texts)
    next_next = measure_next_next_rank(loaded.target, loaded.resources.vocabulary, bench.texts)
    return Report.of(environment(loaded, SETTINGS.options, "demo"), runs, left_out, pair=pair, next_next=next_next)


def test_every_lane_answers_every_turn_with_the_same_text(report):
    assert len(report.runs) == 5 * 3
    texts = {}
    for run in report.runs:
        texts.setdefault((run.question_id, run.turn), set()).add(run.tokens)
    assert all(len(own) == 1 for own in texts.values()), "greedy text, ours and that of transformers' generate"
    for run in report.runs:
        assert run.identical is (None if run.lane == "ar" else True)


def test_the_second_turn_sees_the_first(report, loaded):
    lengths = [run.prompt_tokens for run in report.runs if run.lane == "ar"]
    assert lengths[1] > lengths[0] + len(loaded.pair.tokenizer("What can you do?").input_ids)


def test_the_json_is_what_the_schema_says(report):
    value = json.loads(json_text(report))
    jsonschema.validate(value, SCHEMA)
    assert {one["lane"] for one in value["summary"]} == {"ar", "draft", *PEERS}
    assert value["environment"]["verification_ms"]


def test_the_schema_refuses_what_is_not_a_report(report):
    value = json.loads(json_text(report))
    del value["runs"][0]["tokens_per_second"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, SCHEMA)


def test_csv_markdown_and_table_say_the_same(report):
    rows = list(csv.DictReader(io.StringIO(csv_text(report))))
    assert len(rows) == len(report.runs)
    assert {row["identical_to_ar"] for row in rows if row["lane"] == "draft"} == {"True"}
    text = markdown_text(report)
    assert "| draft |" in text
    assert "3/3 ✓" in text
    out = io.StringIO()
    print_report(report, Console(file=out, width=200))
    assert "3/3 ✓" in out.getvalue()
    assert "tokens per step, draft" in out.getvalue()


@pytest.fixture
def long_drafts(report):
    """A report in which drafts have 64 positions and every lane a long name."""
    summary = [
        replace(one, lane=f"{one.lane}-with-a-long-name", acceptance_by_position=(0.5,) * (64 if one.drafts else 0))
        for one in report.summary
    ]
    return replace(report, summary=summary)


def test_a_report_in_a_file_or_a_pipe_is_not_cut(long_drafts, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    Output(path=tmp_path / "report.txt").write(long_drafts)
    Output().write(long_drafts)
    said = (tmp_path / "report.txt").read_text("utf-8")
    assert capsys.readouterr().out == said
    assert "…" not in said
    lines = said.splitlines()
    for grid in grids(long_drafts):
        heads = [line for line in lines if line.split() == " ".join(grid.columns).split()]
        assert heads, f"not in one line: {grid.columns}"


def test_a_table_that_is_too_wide_for_the_terminal_goes_on_below(long_drafts):
    out = io.StringIO()
    print_report(long_drafts, Console(file=out, width=80, color_system=None))
    said = out.getvalue()
    assert "…" not in said
    assert "all questions, further columns" in said
    cells = [cell for grid in grids(long_drafts) for row in (grid.columns, *grid.rows) for cell in row]
    assert [cell for cell in cells if cell not in said] == []


def test_later_positions_of_long_drafts_are_left_to_the_json(long_drafts):
    grid = next(one for one in grids(long_drafts) if one.title.startswith("acceptance"))
    assert grid.title == "acceptance by draft position (9 to 64: in the JSON report)"
    assert grid.columns == ["lane", *"12345678"]
    assert {len(row) for row in grid.rows} == {9}
    kept = json.loads(json_text(long_drafts))["summary"]
    assert max(len(one["acceptance_by_position"]) for one in kept) == 64


def test_alpha_is_one_for_a_model_against_itself(loaded):
    prompt = loaded.prompt([{"role": "user", "content": "Hello!"}])
    texts = [Text("", prompt, [5, 6, 7, 8])]
    same = measure_pair_agreement(loaded.target, loaded.target, loaded.resources.vocabulary, 1.0, texts)
    assert same.overlap == pytest.approx(1.0, abs=1e-5)
    assert same.top_1 == 1.0
    assert same.tokens == 4


def test_alpha_is_the_shared_probability(loaded, report):
    import torch

    draft, n = loaded.resources.draft, loaded.resources.vocabulary
    ids = loaded.prompt([{"role": "user", "content": "Hello!"}])
    answer = [40, 50]
    found = measure_pair_agreement(loaded.target, draft, n, 1.0, [Text("", ids, answer)])
    with torch.inference_mode():
        inputs = torch.tensor([[*ids, answer[0]]])
        p, q = (m(input_ids=inputs).logits[0, -2:, :n].softmax(-1) for m in (loaded.pair.target, loaded.pair.draft))
    assert found.overlap == pytest.approx(float(torch.minimum(p, q).sum(-1).mean()), abs=1e-4)
    assert 0.5 < report.pair.overlap < 1.0


def test_the_premise_is_counted_from_the_logits_one_step_earlier(loaded):
    import torch

    ids = loaded.prompt([{"role": "user", "content": "Hello!"}])
    answer = [40, 50, 50, 60]
    (found,) = measure_next_next_rank(loaded.target, loaded.resources.vocabulary, [Text("x", ids, answer)])
    with torch.inference_mode():
        logits = loaded.pair.target(input_ids=torch.tensor([[*ids, *answer[:-1]]])).logits[0, len(ids) - 1 :]
    for top in (1, 8, 32, 60):
        hits = 0
        for row, chosen, following in zip(logits, answer, answer[1:], strict=False):
            order = [token for token in row.argsort(descending=True).tolist() if token != chosen]
            hits += following in order[:top]
        assert getattr(found, f"top_{top}") == pytest.approx(hits / 3)
    assert found.tokens == 3


def test_peers_are_untouched_modules_on_the_same_weights(loaded):
    modules = untouched(loaded)
    assert modules.target is not loaded.pair.target
    assert modules.target.config._attn_implementation == "sdpa"
    assert loaded.pair.target.config._attn_implementation != "sdpa"
    pairs = zip(modules.target.parameters(), loaded.pair.target.parameters(), strict=True)
    assert all(a.data_ptr() == b.data_ptr() for a, b in pairs)


def test_a_peer_that_fails_leaves_the_bench_with_its_reason(loaded):
    bench, _ = bench_of(loaded, peers=("hf",))
    broken = next(lane for lane in bench.lanes if isinstance(lane, PeerLane))
    broken._arguments["num_beams"] = 0
    runs = list(bench.runs({}))
    assert {run.lane for run in runs} == {"ar", "draft"}
    assert "peer hf failed" in bench.failed["hf"]


def test_questions_that_do_not_fit_are_skipped_and_counted(loaded):
    long = Question("9", "long", ("word " * 3000,))
    bench, _ = bench_of(loaded, [long, *QUESTIONS])
    made = list(bench.runs({}))
    assert [one for one in made if isinstance(one, Skipped)] == [made[0]]
    assert "2048" in made[0].reason
    assert len([one for one in made if isinstance(one, Run)]) == 6


def test_a_mode_that_needs_a_draft_is_left_out_with_the_reason():
    alone = runtime(draft="none")
    lanes, left_out = make_lanes(alone, Request((), ("draft",), ("hf-assisted",)), SETTINGS)
    assert [lane.name for lane in lanes] == ["ar"]
    assert "--draft" in left_out["draft"]
    assert "--draft" in left_out["hf-assisted"]


def test_a_bench_goes_on_where_it_was_interrupted(loaded, tmp_path):
    output, identity = tmp_path / "out.json", {"a": 1}
    bench, _ = bench_of(loaded)
    partial = Partial(output, identity)
    made = []
    for run in bench.runs(partial.done):
        made.append(run)
        partial.add(run)
        if len(made) == 3:
            break
    partial.close()
    with partial.path.open("a") as file:
        file.write('{"lane": "torn')
    again = Partial(output, identity)
    assert list(again.done.values()) == made
    bench, _ = bench_of(loaded)
    asked = []
    for lane in bench.lanes:
        answer = lane.answer
        lane.answer = lambda prompt, answer=answer: asked.append(1) or answer(prompt)
    runs = list(bench.runs(again.done, warm_up=False))
    for run in runs:
        again.add(run)
    assert runs[:2] == made[:2], "the first turn was whole and is not asked again"
    assert len(runs) == 6
    assert len(asked) == 4
    again.close()
    assert len(Partial(output, identity).done) == 6
    with pytest.raises(UserError, match="belongs to another bench"):
        Partial(output, {"a": 2})
    again.remove()
    assert not again.path.exists()


def test_questions_are_spread_over_the_sets_and_keep_apart(tmp_path):
    for name in ("one", "two"):
        lines = [json.dumps({"question_id": i, "turns": ["x"]}) for i in range(10)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    names = [str(tmp_path / "one.jsonl"), str(tmp_path / "two.jsonl")]
    found = gather(Request(names, (), limit=4), print)
    assert [question.id for question in found] == ["one:0", "one:5", "two:0", "two:5"]
    with pytest.raises(UserError, match="occurs twice"):
        gather(Request([names[0], names[0]], ()), print)


def test_files_are_whole_or_not_there(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(UserError, match="cannot write"):
        Output("json", folder).check()
    with pytest.raises(UserError, match="cannot write"):
        write_text(folder, "x")
    assert list(tmp_path.iterdir()) == [folder]
    write_text(tmp_path / "new" / "file", "x")
    assert (tmp_path / "new" / "file").read_text() == "x"


def test_the_full_logitspec_tree_on_the_demo_pair_is_the_official_one(loaded):
    from spectui.engine.drafters.logitspec import LogitSpec
    from spectui.engine.values.options import Options, Speculation

    from ..engine.drafters.test_logitspec import pairs, slow_tree
    from ..engine.toys import install

    options = Options(speculation=Speculation(full_tree=True), max_new_tokens=60)
    decoder, drafter = loaded.decoder("ar", options), LogitSpec(loaded.resources)
    propose, sizes = drafter.propose, []

    def check(context, limit):
        tree = propose(context, limit)
        if context.remaining >= 20:
            assert pairs(tree) == slow_tree(list(context.tokens), list(context.top_ids))
            sizes.append(len(tree))
        return tree

    drafter.propose = check
    install(decoder, drafter)
    decoder.prefill(loaded.prompt([{"role": "user", "content": "Copy this text.\n\nOtto is a pilot. Otto has a cat."}]))
    while decoder.answer.end is None:
        decoder.step()
    assert sizes
    assert set(sizes) == {63}
