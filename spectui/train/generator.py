"""Conversations that the target makes up: its own questions, or those of files, and its answers to them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import NamedTuple

import torch
from torch import Tensor

from ..engine.model.linear import project
from .batch_forward import BatchCache, Pass, as_read_by, batch_forward
from .chat_format import ChatFormat
from .loops import TAIL, begins_to_loop, loops
from .sizes import rows_with_room
from .target import Target

SORTED = 32
"""Passes after which rows are put in the order of their lengths, for attention; new ones are short."""
CANDIDATES = 64
"""The likeliest tokens, among which a sampled one is chosen."""
STATES = torch.bfloat16


class Style(NamedTuple):
    """How tokens are chosen."""

    temperature: float
    top_p: float


GREEDY = Style(0.0, 1.0)
INVENTING = Style(1.0, 0.95)


class Conversation(NamedTuple):
    """A question and its answer, with what the target thought while it read them."""

    tokens: Tensor
    """int64 [length]."""
    prompt: int
    """How many of them stand before the answer."""
    states: Tensor
    """[length - 1, layers * hidden]: the residual stream at every token but the last."""
    last: Tensor
    """[length - 1, hidden]: what the output projection read there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked, and how long it may be."""

    aux: tuple[int, ...]
    """Layers whose input is kept."""
    own: Style
    """How the model samples where nobody says how."""
    openings: Sequence[Sequence[int]] = ()
    """Token ids with which half of the invented questions begin."""
    questions: Sequence[Sequence[int]] = ()
    """Token ids of questions to ask instead of inventing any, over and over."""
    sampled: float = 0.4
    """The share of answers that is sampled in the model's own way; the others are greedy."""
    question: tuple[int, int] = (4, 80)
    """The fewest and the most tokens of an invented question."""
    answer: tuple[int, int] = (12, 160)


@dataclass(slots=True)
class _Row:
    """A conversation that grows; of its tokens ``read`` are in the cache."""

    tokens: list[int]
    read: int
    style: Style
    prompt: int = 0
    """0 while the question is being invented."""
    over: bool = False


class _Desk(NamedTuple):
    """What is remembered of conversations that grow."""

    cache: BatchCache
    states: Tensor
    last: Tensor

    @classmethod
    def empty(cls, target: Target, rows: int, longest: int, layers: int) -> "_Desk":
        cache = BatchCache.empty(target.weights, rows, longest)
        width, device = target.hidden_size, target.device
        states, last = (
            torch.zeros(rows, longest, size, dtype=STATES, device=device) for size in (layers * width, width)
        )
        return cls(cache, states, last)

    @property
    def nbytes(self) -> int:
        return self.cache.nbytes + self.states.nbytes + self.last.nbytes

    def write(self, places: Tensor, made: Pass) -> None:
        every = torch.arange(len(places), device=places.device)
        self.states[every, places] = made.states[:, 0].to(STATES)
        self.last[every, places] = made.last[:, 0].to(STATES)

    def select(self, rows: Sequence[int]) -> "_Desk":
        return _Desk(self.cache.select(rows), self.states[rows], self.last[rows])


@dataclass(slots=True)
class Tally:
    """How many conversations were kept, and why others were not."""

    counts: Counter[str] = field(default_factory=Counter)
    answer_tokens: int = 0


class Generator:
    """Lets the target talk to itself, ``rows`` conversations at a time, one token of each a pass."""

    def __init__(self, target: Target, chat: ChatFormat, plan: Plan, seed: int) -> None:
        self.tally = Tally()
        self._target, self._chat, self._plan, self._ends = target, chat, plan, target.pair.eos
        self._random = Random(seed)
        self._noise = torch.Generator(target.device).manual_seed(seed)
        self.asked: set[tuple[int, ...]] = set()
        """Invented questions that are not asked again."""
        self._longest = max(map(len, plan.questions), default=plan.question[1]) + plan.answer[1] + self._frame
        self._next_question = 0

    @property
    def _frame(self) -> int:
        return len(self._chat.before) + len(self._chat.after)

    @torch.inference_mode()
    def conversations(self, rows: int | None = None, refill: bool = True) -> Iterator[Conversation]:
        """``rows`` conversations at a time, as many as pay if not said, each given as soon as it is finished.

        With ``refill`` another one begins in its place, without end. The first ones that are finished are the shortest.
        """
        aux = self._plan.aux
        rows = rows or self._rows_with_room()
        growing = [self._begin() for _ in range(rows)]
        desk = _Desk.empty(self._target, rows, self._longest, len(aux))
        self._read_frame(desk)
        for turn in count():
            if all(row.over for row in growing):
                return
            if turn % SORTED == 0:
                order = sorted(range(rows), key=lambda index: growing[index].read)
                growing, desk = [growing[index] for index in order], desk.select(order)
            places = torch.tensor([row.read for row in growing], device=self._target.device)
            ids = torch.tensor([row.tokens[row.read : row.read + 1] or [0] for row in growing], device=places.device)
            made = batch_forward(self._target.weights, desk.cache, ids, places, aux)
            desk.write(places, made)
            for index, token in self._chosen(made.last[:, 0], growing).items():
                row = growing[index]
                row.over = self._ends_with(row, token)
                if row.over and (kept := self._kept(row)):
                    states, last = desk.states[index, : kept - 1].clone(), desk.last[index, : kept - 1].clone()
                    yield Conversation(torch.tensor(row.tokens[:kept]), row.prompt, states, last)
                if row.over and refill:
                    growing[index] = self._begin()

    def _rows_with_room(self) -> int:
        one = _Desk.empty(self._target, 1, self._longest, len(self._plan.aux))
        return rows_with_room(self._target.device, one.nbytes)

    def _begin(self) -> _Row:
        before = list(self._chat.before)
        if self._plan.questions:
            question = self._plan.questions[self._next_question % len(self._plan.questions)]
            self._next_question += 1
            row = _Row([*before, *question], len(before) - 1, INVENTING)
            self._answer(row)
            return row
        opening: Sequence[int] = ()
        if self._plan.openings and self._random.random() < 0.5:
            opening = self._random.choice(self._plan.openings)
        return _Row([*before, *opening], len(before) - 1, INVENTING)

    def _read_frame(self, desk: "_Desk") -> None:
        """Read what every conversation begins with; its last token is read by each."""
        frame = self._chat.before[:-1]
        if frame:
            rows = len(desk.states)
            starts = torch.zeros(rows, dtype=torch.long, device=desk.states.device)
            ids = torch.tensor([frame] * rows, device=starts.device)
            made = batch_forward(self._target.weights, desk.cache, ids, starts, self._plan.aux)
            desk.states[:, : len(frame)], desk.last[:, : len(frame)] = (
                made.states.to(STATES),
                made.last.to(STATES),
            )

    def _answer(self, row: _Row) -> None:
        """The question stands; the answer begins."""
        row.tokens.extend(self._chat.after)
        row.prompt = len(row.tokens)
        row.style = self._plan.own if self._random.random() < self._plan.sampled else GREEDY

    def _ends_with(self, row: _Row, token: int) -> bool:
        """Take a chosen token; whether the conversation is over with it."""
        if row.prompt:
            row.tokens.append(token)
            answer = len(row.tokens) - row.prompt
            return token in self._ends or answer >= self._plan.answer[1] or begins_to_loop(row.tokens[row.prompt :])
        if token == self._chat.after[0] or token in self._ends:
            fit = self._fits(row)
            if fit:
                self._answer(row)
            return not fit
        row.tokens.append(token)
        long = len(row.tokens) - len(self._chat.before) > self._plan.question[1]
        if long:
            self.tally.counts["questions too long"] += 1
        return long

    def _fits(self, row: _Row) -> bool:
        """Whether an invented question is worth an answer."""
        question = tuple(row.tokens[len(self._chat.before) :])
        why = (
            "questions too short" if len(question) < self._plan.question[0]
            else "questions that loop" if loops(question)
            else "questions asked before" if question in self.asked
            else None
        )  # fmt: skip
        if why:
            self.tally.counts[why] += 1
        self.asked.add(question)
        return why is None

    def _kept(self, row: _Row) -> int:
        """How many tokens of a finished conversation are kept: none of one that says too little."""
        if not row.prompt:
            return 0
        answer = row.tokens[row.prompt :]
        kept = len(answer) - (TAIL if loops(answer[-TAIL:]) else 0)
        if kept < self._plan.answer[0]:
            self.tally.counts["answers too short or looping"] += 1
            return 0
        self.tally.counts["kept"] += 1
        self.tally.answer_tokens += kept
        return row.prompt + kept

    def _chosen(self, last: Tensor, rows: Sequence[_Row]) -> dict[int, int]:
        """The next token of each row that has none, after a pass; rows that read a question have theirs."""
        for row in rows:
            row.read += not row.over
        waiting = [index for index, row in enumerate(rows) if row.read == len(row.tokens) and not row.over]
        if not waiting:
            return {}
        head = self._target.weights.lm_head
        logits = project(as_read_by(last[waiting], head), head)[:, : self._target.vocabulary].float()
        tokens = (logits.numpy() if logits.is_cpu else logits).argmax(-1).tolist()
        sampled = [place for place, index in enumerate(waiting) if rows[index].style.temperature]
        if sampled:
            styles = [rows[waiting[place]].style for place in sampled]
            for place, token in zip(sampled, self._sampled(logits[sampled], styles), strict=True):
                tokens[place] = token
        return dict(zip(waiting, tokens, strict=True))

    def _sampled(self, logits: Tensor, styles: Sequence[Style]) -> list[int]:
        """A token of each row of logits [rows, vocabulary], after temperature and top-p."""
        heat, most = torch.tensor(styles, device=logits.device).unbind(1)
        values, ids = logits.topk(min(CANDIDATES, logits.shape[1]))
        likely = (values / heat[:, None]).softmax(-1)
        likely[likely.cumsum(-1) - likely >= most[:, None]] = 0.0
        found = torch.multinomial(likely, 1, generator=self._noise)
        tokens: list[int] = ids.gather(1, found)[:, 0].tolist()
        return tokens
