"""The hints of the middle layers: what they say of a text, and whom their loss teaches."""

import itertools
import random

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from training.__main__ import PACKAGE
from training.batches import Batch, batches, repeat_tokens
from training.conversation import Message, messages
from training.families import FAMILIES
from training.families.copying import exchanged
from training.fit import Fit
from training.hints import OLD, PLACE, START
from training.llama import Llama
from training.recipes import SMOKE
from training.rows import ANSWERED, ASKED, Encoded, Rows, encode, pack
from training.words import Words

STAGE = SMOKE.target_stages[1]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast.from_pretrained(PACKAGE / "target")


def chat(asked: str, answer: str) -> list[Message]:
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]


def encoded(tokenizer: PreTrainedTokenizerFast, *chats: list[Message]) -> list[Encoded]:
    return list(encode(tokenizer, chats))


def rows_of(tokenizer: PreTrainedTokenizerFast, family: str, count: int) -> dict[int, Rows]:
    words = Words(random.Random(family))
    chats = [messages(FAMILIES[family].make(words)) for _ in range(count)]
    return {length: rows for length, rows in pack(encoded(tokenizer, *chats), 1).items() if len(rows)}


def test_each_word_of_a_text_is_told_the_start_and_the_number_of_its_sentence(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    part = encoded(tokenizer, chat("Copy this text.\n\nAnna sings. Paul has 3 cats! It rains.", "No."))[0]
    found = [
        (tokenizer.decode([token]), tokenizer.decode([hints[START]]), int(hints[PLACE]))
        for token, hints in zip(part.ids, part.hints, strict=True)
    ]
    for word, start, place in (
        (" this", "Copy", 0),
        (" Paul", " Paul", 1),
        (" has", " Paul", 1),
        (" It", " It", 2),
        (".", " It", 2),
    ):
        assert (word, start, place) in found, word


@pytest.mark.parametrize("asked", [
    "Replace Anna with Bo in this text.\n\n{}", "Change Anna to Bo.\n\n{}",
    "Rewrite the text with Bo instead of Anna.\n\n{}", "{}\n\nReplace Anna by Bo.",
])  # fmt: skip
def test_where_a_word_is_exchanged_the_old_one_is_told(tokenizer: PreTrainedTokenizerFast, asked: str) -> None:
    assert exchanged(asked) == ("Anna", "Bo")
    part = encoded(tokenizer, chat(asked.format("He saw Anna, and Anna ran."), "He saw Bo, and Bo ran. Bobby."))[0]
    places = np.nonzero(part.hints[:, OLD])[0]
    assert len(places) == 2
    for at in places:
        assert part.kind[at] == ANSWERED
        assert tokenizer.decode(part.ids[: at + 1]).endswith(" Bo")
        assert tokenizer.decode([part.hints[at, OLD]]) == tokenizer.decode(tokenizer.encode(" Anna")[-1:])


def test_every_task_that_exchanges_a_word_is_known_as_one() -> None:
    words = Words(random.Random(1))
    for _ in range(200):
        turn = FAMILIES["replace"].make(words)[0]
        found = exchanged(turn.asked)
        assert found
        assert found[0] in turn.asked
        assert found[1] in turn.answer
    assert exchanged("Change the text.") is None


def test_rows_keep_the_hints_beside_their_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    packed = rows_of(tokenizer, "replace", 30)
    for rows in packed.values():
        assert rows.hints.shape == (*rows.ids.shape, 3)
        assert (rows.hints[..., OLD] > 0).any()
        assert not (rows.hints[rows.kind != ANSWERED][:, OLD] > 0).any()
        repeat_tokens(rows, 1, np.random.default_rng(0), 4096)
        assert not rows.hints[0].any()


def first_batch(tokenizer: PreTrainedTokenizerFast) -> Batch:
    return next(batches(rows_of(tokenizer, "replace", 60), STAGE.schedule, 1, len(tokenizer)))


def test_a_part_of_what_users_say_is_asked_for(tokenizer: PreTrainedTokenizerFast) -> None:
    packed = rows_of(tokenizer, "replace", 60)
    some = list(itertools.islice(batches(packed, STAGE.schedule, 1, len(tokenizer)), 4))
    looked = sum(int(batch.looked.sum()) for batch in some)
    asked = sum(int((rows.kind == ASKED).mean() * batch.looked.numel()) for batch in some for rows in packed.values())
    assert 0.15 * asked < looked < 0.35 * asked
    again = list(itertools.islice(batches(packed, STAGE.schedule, 1, len(tokenizer)), 4))
    assert all(torch.equal(one.looked, other.looked) for one, other in zip(some, again, strict=True))


def test_the_loss_of_hints_teaches_the_lower_layers_once_the_probes_are_warm(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    torch.manual_seed(0)
    model = Llama(SMOKE.target, len(tokenizer))
    for each in model.parameters():
        each.data += 0.05 * torch.randn_like(each)
    fit, batch = Fit(model, SMOKE, STAGE, "cpu"), first_batch(tokenizer)

    def taught() -> set[str]:
        model.zero_grad()
        _, middle = model.with_middle(batch.ids, batch.mask)
        fit.hinted(middle, batch).backward()
        return {name for name, each in model.named_parameters() if each.grad is not None and each.grad.any()}

    assert STAGE.schedule.warm_up == 1
    assert not taught()
    fit.step = 1
    lower, upper = ({name for name in taught() if name.startswith(f"layers.{at}.")} for at in (0, 1))
    assert lower
    assert not upper


def test_probes_learn_and_go_on_from_a_checkpoint(tokenizer: PreTrainedTokenizerFast, tmp_path) -> None:
    torch.manual_seed(0)
    fit, batch = Fit(Llama(SMOKE.target, len(tokenizer)), SMOKE, STAGE, "cpu"), first_batch(tokenizer)

    def told() -> float:
        with torch.no_grad():
            return fit.hinted(fit.model.with_middle(batch.ids, batch.mask)[1], batch).item()

    before = told()
    for _ in range(5):
        fit.update(batch)
    assert told() < before
    fit.save(tmp_path / "run.pt")
    other = Fit(Llama(SMOKE.target, len(tokenizer)), SMOKE, STAGE, "cpu")
    other.resume(tmp_path / "run.pt")
    fit, after = other, told()
    assert fit.probes is not None
    assert fit.probes.optimiser.state
    assert after < before
