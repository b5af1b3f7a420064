"""The stream of conversations that drafters learn from: those kept from before, then new ones without end."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from .answer_store import AnswerStore
from .chat_format import ChatFormat
from .generator import Conversation, Generator, Plan
from .reading import read_again
from .target import Target

APART = 64
"""So many questions are asked for answers that are never learnt from."""
EVERY = 10
"""Every tenth question of files is kept apart for them."""
ANSWERS, HELD_OUT = "answers.tokens", "held-out.tokens"
TRIED, ENDED = 64, 8
"""A model that ends fewer than so many of the questions that it tries cannot invent any."""


def invents_questions(target: Target, chat: ChatFormat, plan: Plan) -> bool:
    """Whether a model can be left to invent questions: one that learnt answers alone never ends a question."""
    shortest = replace(plan, questions=(), answer=(1, 1))
    ended = Generator(target, chat, shortest, seed=0).conversations(TRIED, refill=False)
    return sum(1 for _ in ended) >= ENDED


class Stream:
    """Conversations of one target, whose token ids are kept in ``folder``; ``skip`` of them were given out before."""

    def __init__(self, target: Target, chat: ChatFormat, plan: Plan, folder: Path, skip: int = 0) -> None:
        self._target, self._chat, self._plan = target, chat, plan
        self._store, self._apart = (AnswerStore(folder / name, target.vocabulary) for name in (ANSWERS, HELD_OUT))
        asked = [question for index, question in enumerate(plan.questions) if index % EVERY]
        self.generator = Generator(target, chat, replace(plan, questions=asked), seed=1 + skip)
        self.given = skip
        """How many conversations have been given out, earlier ones included."""

    def held_out(self) -> list[Conversation]:
        """Greedy answers to questions that the stream does not ask; made once."""
        if not self._apart.path.exists():
            plan = replace(self._plan, questions=self._plan.questions[::EVERY], sampled=0.0)
            made = Generator(self._target, self._chat, plan, seed=0).conversations(APART, refill=False)
            for conversation in list(made):
                self._apart.add(conversation)
        kept = list(self._apart)
        before, after = len(self._chat.before), len(self._chat.after)
        self.generator.asked |= {tuple(tokens[before : prompt - after].tolist()) for tokens, prompt in kept}
        return list(read_again(self._target, kept, self._plan.aux))

    def __iter__(self) -> Iterator[Conversation]:
        kept = islice(iter(self._store), self.given, None)
        for conversation in read_again(self._target, kept, self._plan.aux):
            self.given += 1
            yield conversation
        for conversation in self.generator.conversations():
            self._store.add(conversation)
            self.given += 1
            yield conversation
