"""The recipe of the demo pair: right answers, nothing taught that is held out, a pair that transformers loads."""

import ast
import itertools
import json
import random
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from training.__main__ import MOST_BYTES, PACKAGE, PARTS, app
from training.batches import batch_of, batches
from training.card import digest
from training.circuit import build_circuit, copying
from training.conversation import conversations, held_out, messages, single_tasks
from training.evaluation import FAMILIES_ASKED, passes, questions
from training.families import FAMILIES
from training.families.code import build, known_functions
from training.hard import DOUBTED, hard
from training.judge import distinct_3, equations_hold, same_data, same_program, same_result, tells_a_story
from training.llama import Llama
from training.pair import Pair
from training.recipe import Corpus
from training.recipes import RECIPES, SMOKE
from training.rows import ANSWERED, encode, pack
from training.tokenizer import END_ID
from training.words import Words

FIRST = SMOKE.target_stages[0]


def some(family: str, count: int = 200) -> list:
    words = Words(random.Random(family))
    return [FAMILIES[family].make(words) for _ in range(count)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("pair")
    result = CliRunner().invoke(app, ["make", str(folder), "--recipe", "smoke", "--prompts", "2"])
    assert result.exit_code == 0, result.output
    return Pair(SMOKE, folder, lambda line: None)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_right_answer_is_judged_right(family: str) -> None:
    for turns in some(family, 100):
        assert FAMILIES[family].judge(turns[0].answer, turns[0].answer), turns[0]
        assert not FAMILIES[family].judge("No.", turns[0].answer) or turns[0].answer == "No."


@pytest.mark.parametrize("family", ["sums", "word problem"])
def test_every_sum_is_right(family: str) -> None:
    for turn in itertools.chain.from_iterable(some(family)):
        assert equations_hold(turn.answer), turn
        assert "=" in turn.answer


def test_what_is_quoted_stands_in_the_text() -> None:
    for family in ("extract", "mention"):
        for turns in some(family):
            for turn in turns[:4]:
                quoted = re.match(r'The text says: "(.*?)"(?: So|$)', turn.answer)
                assert turn.answer == "The text does not say that." or (quoted and quoted[1] in turns[0].asked), turn


def test_every_function_does_what_it_says() -> None:
    for known in known_functions():
        for words in (None, Words(random.Random(1), invented=1.0)):
            function = build(known, words)
            for source in (function.source(), function.source(typed=True, documented=True)):
                ast.parse(source)
                space: dict = {}
                exec(source, space)
                for arguments, result in json.loads(str(known.get("examples", "[]"))):
                    assert space[function.name](*arguments) == result, function


def test_renaming_leaves_a_program_that_does_the_same() -> None:
    for turns in some("code edit"):
        found = re.search(r"```python\n(.*?)\n```$", turns[0].answer, re.DOTALL)
        assert found
        ast.parse(found[1])


def test_json_says_what_the_lines_say() -> None:
    for turns in some("records"):
        for turn in turns:
            if not turn.answer.startswith("|"):
                data = json.loads(turn.answer)
                for record in data if isinstance(data, list) else [data]:
                    assert all(f"{key}: {value}" in turns[0].asked for key, value in record.items())


def test_judges_tell_wrong_from_right() -> None:
    assert same_data('{"a":1,  "b": "x"}', '{"a": 1, "b": "x"}')
    assert not same_data('{"a": 2}', '{"a": 1}')
    assert same_program("```python\ndef f(a):\n\n    return a  # it\n```", "def f(a):\n    return a")
    assert not same_program("```python\ndef f(a) return\n```", "def f(a):\n    return a")
    assert same_result("14 + 9 = 23. The answer is 23.", "The answer is 23.")
    assert not same_result("14 + 9 = 22. The answer is 23.", "The answer is 23.")
    assert distinct_3("a b c d e") == 1.0
    assert not tells_a_story("They sang and sang. " * 20, "")


def test_nothing_that_is_held_out_is_taught() -> None:
    taught = {chat[-2]["content"] for chat in conversations(Corpus(600, seed=3)) if len(chat) == 2}
    assert not any(held_out(asked) for asked in taught)
    for family in ("extract", "copy", "sums"):
        asked = {question.chat[0]["content"] for question in questions(family, 5, 1)}
        assert len(asked) == 5
        assert all(held_out(each) for each in asked)


@pytest.mark.parametrize("family", FAMILIES_ASKED)
def test_questions_are_different_and_end_with_the_user(family: str) -> None:
    found = questions(family, 50, 4242)
    assert len({json.dumps(question.chat) for question in found}) == 50
    assert all(question.chat[-1]["role"] == "user" and question.right for question in found)


def test_the_same_seed_gives_the_same_corpus() -> None:
    assert list(conversations(Corpus(50, seed=5))) == list(conversations(Corpus(50, seed=5)))
    assert list(conversations(Corpus(50, seed=5))) != list(conversations(Corpus(50, seed=6)))


@pytest.mark.parametrize("name", RECIPES)
def test_different_corpora_of_a_recipe_have_different_seeds(name: str) -> None:
    recipe = RECIPES[name]
    stages = (*recipe.target_stages, *recipe.draft_stages)
    corpora = [corpus for stage in stages for corpus in (stage.corpus, stage.hard) if corpus]
    assert all(one == other for one in corpora for other in corpora if one.seed == other.seed)
    # Those of the tokenizer and of the held-out loss are seeded by the recipe.
    assert not {corpus.seed for corpus in corpora} & {recipe.seed + 1, recipe.seed + 2}


def test_a_corpus_weighs_families_as_it_is_told() -> None:
    only = dict.fromkeys(FAMILIES, 0.0) | {"echo": 1.0}
    taught = [chat[-2]["content"] for chat in conversations(Corpus(50, weights=only)) if len(chat) == 2]
    starts = ("Repeat", "Say this", "Write this", "Copy this", "Write in", "In capital")
    assert taught
    assert all(asked.startswith(starts) for asked in taught)
    with pytest.raises(KeyError, match="poetry"):
        conversations(Corpus(1, weights={"poetry": 1}))


def test_a_stage_goes_on_from_the_weights_of_the_one_before(made: Pair) -> None:
    first, second = (torch.load(made.folder / f"target-{number}.pt", weights_only=True)["model"] for number in (1, 2))
    fresh = Llama(SMOKE.target, SMOKE.vocabulary).state_dict()
    moved = sum((second[name] - first[name]).norm() for name in first)
    assert 0 < moved < 0.5 * sum((fresh[name] - first[name]).norm() for name in first)


def test_only_the_assistant_counts_in_full(made: Pair) -> None:
    tokenizer = made.tokenizer()
    chat = messages(some("echo", 1)[0])
    ids, kind, _ = next(encode(tokenizer, [chat]))
    assert tokenizer.decode(ids[kind == ANSWERED]).strip() == chat[1]["content"] + "<|im_end|>"
    text = tokenizer.apply_chat_template(chat, tokenize=False)
    assert tokenizer(text, add_special_tokens=False)["input_ids"] == ids.tolist()
    assert ids[kind == ANSWERED][-1] == END_ID


def test_no_prediction_crosses_a_border(made: Pair) -> None:
    rows = made.training_rows(FIRST.corpus)[512]
    batch = batch_of(rows.take(np.arange(4)))
    crossing = torch.from_numpy(rows.document[:4, 1:] != rows.document[:4, :-1])
    assert crossing.any()
    assert not (batch.counted & crossing).any()
    one, other = (rows.document[0] == 0).nonzero()[0][-1], (rows.document[0] == 1).nonzero()[0][0]
    assert batch.mask[0, 0, other, other]
    assert not batch.mask[0, 0, other, one]


def test_a_run_that_was_stopped_goes_on_with_the_same_batches(made: Pair) -> None:
    packed, schedule = made.training_rows(FIRST.corpus), FIRST.schedule
    whole = list(itertools.islice(batches(packed, schedule, 1, 512), 6))
    rest = list(itertools.islice(batches(packed, schedule, 1, 512, start=3), 3))
    assert all(
        torch.equal(a.ids, b.ids) and torch.equal(a.counted, b.counted) for a, b in zip(whole[3:], rest, strict=True)
    )


def test_hard_are_the_conversations_with_a_token_that_the_model_doubts(made: Pair) -> None:
    torch.manual_seed(0)
    model = Llama(SMOKE.target, SMOKE.vocabulary)
    model.load_state_dict(torch.load(made.result("target", 2), weights_only=True))
    every = encode(made.tokenizer(), single_tasks(Corpus(60, seed=5, weights={"talk": 200})))
    parts = [part for part in every if len(part.ids) <= 512]
    expected = set()
    for ids, kind, _ in parts:
        tokens, size = torch.from_numpy(ids.astype(np.int64)), len(ids)
        with torch.no_grad():
            states = model(tokens[None], torch.ones(size, size, dtype=torch.bool).tril()[None, None])[0, :-1]
        given = model.logits(states).softmax(-1).gather(1, tokens[1:, None])[:, 0]
        if (given[torch.from_numpy(kind[1:] == ANSWERED)] < DOUBTED).any():
            expected.add(tuple(ids))
    rows = pack(parts, 1)[512]
    found = [tuple(part.ids) for part in hard(model, model, rows, "cpu")]
    assert len(rows) <= 16
    assert set(found) == expected
    assert len(found) > 0


def test_the_circuit_copies_from_the_start(made: Pair) -> None:
    torch.manual_seed(0)
    model = Llama(SMOKE.target, SMOKE.vocabulary)
    before = copying(model, 1)
    build_circuit(model, made.training_rows(FIRST.corpus)[512], seed=0)
    assert before < 0.005
    assert copying(model, 1) > 0.02


def test_transformers_computes_the_same(made: Pair) -> None:
    found = AutoModelForCausalLM.from_pretrained(made.folder / "target").eval()
    assert found.dtype == torch.float32
    model = Llama(SMOKE.target, SMOKE.vocabulary)
    before, after = (torch.load(made.folder / f"target-{at}.pt", weights_only=True) for at in (1, 2))
    stage, mean = SMOKE.target_stages[1], after["mean"]
    assert 0 < stage.kept < 1
    assert mean["n_averaged"] == stage.averaged * stage.schedule.tokens / stage.schedule.batch + 1
    weights = {name: mean[f"module.{name}"] for name in before["model"]}
    assert any(not torch.equal(weights[name], last) for name, last in after["model"].items())
    state = {name: value.lerp(before["model"][name], stage.kept).bfloat16().float() for name, value in weights.items()}
    model.load_state_dict(state)
    ids = torch.randint(0, SMOKE.vocabulary, (2, 100))
    mask = torch.ones(100, 100, dtype=torch.bool).tril()[None, None]
    with torch.no_grad():
        assert (found(ids).logits - model.logits(model(ids, mask))).abs().max() < 1e-4


def test_a_pair_that_is_there_is_not_made_again(made: Pair) -> None:
    before = torch.load(made.folder / "target-2.pt", weights_only=True)["model"]
    result = CliRunner().invoke(app, ["make", str(made.folder), "--recipe", "smoke", "--prompts", "0"])
    assert result.exit_code == 0
    after = torch.load(made.folder / "target-2.pt", weights_only=True)["model"]
    assert all(torch.equal(after[name], value) for name, value in before.items())


@pytest.mark.slow
def test_a_target_that_was_exported_is_taken_up_again(
    made: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.__main__.PACKAGE", made.folder)
    result = CliRunner().invoke(app, ["adopt", str(tmp_path), "--stages", "2", "--recipe", "smoke"])
    assert result.exit_code == 0, result.output
    adopted, first = Pair(SMOKE, tmp_path, lambda line: None), made.result("target", 2)
    found, exported = (torch.load(path, weights_only=True) for path in (adopted.result("target", 2), first))
    assert all(torch.equal(found[name], value.bfloat16().float()) for name, value in exported.items())
    assert adopted.tokenizer().get_vocab() == made.tokenizer().get_vocab()
    result = CliRunner().invoke(app, ["make", str(tmp_path), "--recipe", "smoke", "--prompts", "1"])
    assert result.exit_code == 0, result.output
    assert "goes on behind stage 2" in result.output
    assert "--stages 2" in (tmp_path / "CARD.md").read_text()
    assert "--stages" not in (made.folder / "CARD.md").read_text()


@pytest.mark.parametrize(("options", "says"), [
    (["--stages", "2", "--recipe", "cpu"], "another shape"),
    (["--stages", "3", "--recipe", "smoke"], "2 stages"),
])  # fmt: skip
def test_a_target_that_does_not_fit_is_not_taken_up(
    made: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], says: str
) -> None:
    monkeypatch.setattr("training.__main__.PACKAGE", made.folder)
    result = CliRunner().invoke(app, ["adopt", str(tmp_path), *options])
    assert result.exit_code == 2
    assert says in re.sub(r"[│\s]+", " ", result.output)
    assert not any(tmp_path.iterdir())


def test_a_folder_of_another_recipe_is_refused(made: Pair) -> None:
    result = CliRunner().invoke(app, ["make", str(made.folder), "--recipe", "cpu"])
    assert result.exit_code == 2
    assert "another recipe" in re.sub(r"[│\s]+", " ", result.output)


def test_the_pair_that_was_made_is_measured(made: Pair) -> None:
    figures = json.loads((made.folder / "figures.json").read_text())
    assert [each["family"] for each in figures["families"]] == list(FAMILIES_ASKED)
    card = (made.folder / "CARD.md").read_text()
    assert all(f"| {family} |" in card for family in FAMILIES_ASKED)
    assert "Not for use as an assistant" in card
    assert all(digest(made.folder / name) in card for name in PARTS)


def test_a_pair_goes_into_the_package_with_the_card_that_tells_of_it(
    made: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.__main__.PACKAGE", tmp_path)
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "old.txt").write_text("old")
    result = CliRunner().invoke(app, ["ship", str(made.folder)])
    assert result.exit_code == 0, result.output
    assert digest(tmp_path / "draft") in (tmp_path / "CARD.md").read_text()
    assert not (tmp_path / "target" / "old.txt").exists()
    other = tmp_path / "other"
    shutil.copytree(made.folder, other)
    (other / "draft" / "model.safetensors").write_bytes(b"others")
    result = CliRunner().invoke(app, ["ship", str(other)])
    assert result.exit_code == 2
    assert digest(tmp_path / "draft") in (tmp_path / "CARD.md").read_text()


def test_the_card_tells_of_the_pair_that_ships() -> None:
    card = (PACKAGE / "CARD.md").read_text()
    assert all(digest(PACKAGE / name) in card for name in PARTS)
    assert sum(path.stat().st_size for path in PACKAGE.rglob("*") if path.is_file()) < MOST_BYTES


def test_passes_are_counted_as_a_chain_of_four_needs_them() -> None:
    assert passes([True] * 10) == 2
    assert passes([False] * 3) == 3
    assert passes([True, True, False, True]) == 2


def test_an_unknown_recipe_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["make", str(tmp_path), "--recipe", "huge"])
    assert result.exit_code == 2
    assert "huge" in result.output
