"""Conversations: tasks of several families one behind another, with follow-ups, never one that is held out."""

import random
import zlib
from collections.abc import Iterator, Mapping

from .families import FAMILIES
from .families.follow_up import follow_up
from .recipe import Corpus
from .task import Turn
from .words import Words

Message = dict[str, str]
SYSTEM = (
    "You are a helpful assistant.",
    "You are the spectui demo model.",
    "You are a friendly assistant. Answer briefly.",
)
_LONGEST = 1800
_LONG = 3600


def held_out(asked: str) -> bool:
    """Whether a question is kept for the evaluation: one in forty, by its text alone."""
    return zlib.crc32(asked.encode()) % 40 == 0


def task(words: Words, name: str) -> list[Turn]:
    """A task of this family that is not held out, sometimes with a follow-up."""
    family = FAMILIES[name]
    turns = family.make(words)
    while held_out(turns[0].asked):
        turns = family.make(words)
    return [*turns, follow_up(words, turns[-1].answer)] if words.chance(family.can_follow) else turns


def messages(turns: list[Turn]) -> list[Message]:
    """The turns as a chat."""
    roles = (
        {"role": role, "content": text}
        for turn in turns
        for role, text in (("user", turn.asked), ("assistant", turn.answer))
    )
    return list(roles)


def conversation(words: Words, weights: Mapping[str, float]) -> list[Message]:
    """One to four tasks behind each other, now and then many."""
    long = words.chance(0.06)
    count = words.number(5, 9) if long else words.rng.choices([1, 2, 3, 4], [5, 2.5, 1.5, 1])[0]
    turns: list[Turn] = []
    for name in words.rng.choices(list(weights), list(weights.values()), k=count):
        turns += task(words, name)
        if sum(len(turn.asked) + len(turn.answer) for turn in turns) > (_LONG if long else _LONGEST):
            break
    system = [{"role": "system", "content": words.one(SYSTEM)}] if words.chance(0.12) else []
    return system + messages(turns)


def _weights(corpus: Corpus) -> dict[str, float]:
    if unknown := set(corpus.weights) - set(FAMILIES):
        raise KeyError(f"no such family: {', '.join(sorted(unknown))}")
    return {name: corpus.weights.get(name, family.weight) for name, family in FAMILIES.items()}


def conversations(corpus: Corpus) -> Iterator[list[Message]]:
    """The conversations of a corpus, the same ones every time; KeyError if it weighs a family that there is not."""
    weights, words = _weights(corpus), Words(random.Random(corpus.seed))
    return (conversation(words, weights) for _ in range(corpus.conversations))


def single_tasks(corpus: Corpus) -> Iterator[list[Message]]:
    """The same with one task in each conversation."""
    weights, words = _weights(corpus), Words(random.Random(corpus.seed))
    names = words.rng.choices(list(weights), list(weights.values()), k=corpus.conversations)
    return (messages(task(words, name)) for name in names)
