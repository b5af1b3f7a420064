"""The bench itself: questions x lanes, interleaved, rotated, with a warm-up that is thrown away."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..engine.values.options import Options
from ..present.runs import Answered, Place, Run, Skipped
from ..record.metrics import REFERENCE
from ..session.equivalence import difference, gap_at
from ..session.runtime import Runtime
from ..session.served import Messages
from ..system.errors import UserError
from .agreement import Text
from .lane import Lane, ModeLane, Turn
from .questions import Question
from .server_lane import ServerLane, ask_servers
from .taking import BenchTrace


class Bench:
    """Asks every lane every question; each turn's prompt is the same for all, with the reference's earlier answers."""

    def __init__(
        self,
        loaded: Runtime | None,
        lanes: Sequence[Lane | ServerLane],
        questions: Sequence[Question],
        options: Options,
        system: str | None,
        at_once: bool = False,
        trace: BenchTrace | None = None,
    ) -> None:
        """``loaded`` is None where only servers answer, ``at_once`` or one after another."""
        self._trace = trace
        for lane in lanes:
            if isinstance(lane, ModeLane):
                lane.trace = trace
        self.lanes, self.questions = list(lanes), list(questions)
        self.failed: dict[str, str] = {}
        """Lane -> why it left the bench."""
        self.texts: list[Text] = []
        """The first lane's answers so far."""
        self._loaded, self._options, self._at_once = loaded, options, at_once
        self._system = [{"role": "system", "content": system}] if system else []

    @property
    def total(self) -> int:
        """Runs if no question is skipped."""
        return len(self.lanes) * sum(len(question.turns) for question in self.questions)

    def runs(self, done: Mapping[Place, Run], warm_up: bool = True) -> Iterator[Run | Skipped]:
        """All runs in order; turns that are ``done`` by every lane are not asked again but handed out again."""
        asked = 0
        for question in self.questions:
            messages: list[dict[str, str]] = []
            answers: dict[str, list[Turn]] = {}
            for lane in self.lanes:
                lane.begin()
            for turn, text in enumerate(question.turns if self.lanes else ()):
                messages.append({"role": "user", "content": text})
                prompt = self._prompt(messages)
                if isinstance(prompt, str):
                    yield Skipped(question.id, f"turn {turn}: {prompt}")
                    break
                places = [Place(lane.name, question.id, turn) for lane in self.lanes]
                if all(place in done for place in places):
                    made = [done[place] for place in places]
                else:
                    if warm_up and not asked:
                        self._warm_up(prompt, messages)
                    made = self._turn(question, turn, prompt, messages, asked) if self.lanes else []
                    asked += 1
                yield from made
                if not made:
                    break
                for run in made:
                    answers.setdefault(run.lane, []).append((prompt, run.tokens))
                if made[0].server is None:
                    self.texts.append(Text(question.category, prompt, made[0].tokens))
                messages.append({"role": "assistant", "content": self._text(made[0])})
            for lane in self.lanes:
                lane.learn(answers.get(lane.name, ()))

    def _prompt(self, messages: Sequence[Mapping[str, str]]) -> list[int] | str:
        """Ids, or why they cannot be asked; none where only servers answer."""
        if self._loaded is None:
            return []
        try:
            prompt = self._loaded.prompt([*self._system, *messages])
        except UserError as error:
            return str(error)
        context = self._loaded.limits.context
        return prompt if len(prompt) + 1 < context else f"{len(prompt)} tokens; the model's context holds {context}"

    def _text(self, run: Run) -> str:
        """What the conversation goes on with."""
        return self._loaded.text(run.tokens) if self._loaded is not None and run.text is None else run.text or ""

    def _warm_up(self, prompt: Sequence[int], messages: Messages) -> None:
        self._record(None)
        for lane in list(self.lanes):
            self._ask([lane], prompt, messages)
            lane.begin()

    def _record(self, question: str | None) -> None:
        if self._trace is not None:
            self._trace.begin(question)

    def _ask(
        self, lanes: Sequence[Lane | ServerLane], prompt: Sequence[int], messages: Messages
    ) -> dict[str, tuple[Answered, int | None]]:
        """What one lane answers, or several servers at once, and the tokens of the prompt, if they are known.

        A lane that fails takes no further part.
        """
        servers = [lane for lane in lanes if isinstance(lane, ServerLane)]
        asked = [*self._system, *messages]
        tallies = ask_servers(servers, asked, self._options, at_once=True, trace=self._trace) if servers else {}
        made: dict[str, tuple[Answered, int | None]] = {}
        for lane in lanes:
            try:
                if isinstance(lane, ServerLane):
                    made[lane.name] = tallies[lane.name].answered, tallies[lane.name].prompt_tokens
                else:
                    made[lane.name] = lane.answer(prompt), len(prompt)
            except UserError as error:
                self.failed[lane.name] = str(error)
                self.lanes.remove(lane)
        return made

    def _turn(self, question: Question, turn: int, prompt: Sequence[int], messages: Messages, asked: int) -> list[Run]:
        """Every lane answers, another one first each time; runs in the order of the lanes."""
        self._record(question.turns[turn])
        answered: dict[str, tuple[Answered, int | None]] = {}
        first = asked % len(self.lanes)
        for lanes in self._groups([*self.lanes[first:], *self.lanes[:first]]):
            answered |= self._ask(lanes, prompt, messages)
        reference = answered.get(REFERENCE)
        made = []
        for lane in self.lanes:
            if lane.name in answered:
                place, (one, tokens) = Place(lane.name, question.id, turn), answered[lane.name]
                server = lane.name if isinstance(lane, ServerLane) else None
                run = Run.of(place, lane.mode, lane.peer, question.category, tokens or None, one, server)
                made.append(self._checked(run, prompt, reference and reference[0], lane.keeps_promise))
        return made

    def _groups(self, lanes: Sequence[Lane | ServerLane]) -> list[list[Lane | ServerLane]]:
        """Who answers together: every lane by itself, or all servers at once behind the others."""
        together = [lane for lane in lanes if self._at_once and isinstance(lane, ServerLane)]
        alone: list[list[Lane | ServerLane]] = [[lane] for lane in lanes if lane not in together]
        return [*alone, list(together)] if together else alone

    def _checked(self, run: Run, prompt: Sequence[int], expected: Answered | None, promised: bool) -> Run:
        """The run, compared with the reference's answer if it should be the same."""
        if self._loaded is None or run.server is not None:
            return run
        if expected is None or run.lane == REFERENCE or not (promised or self._options.sampling.temperature == 0.0):
            return run
        place = difference(run.tokens, expected.tokens)
        if place is None:
            return replace(run, identical=True)
        gap = gap_at(self._loaded.target, self._loaded.resources.vocabulary, self._options.sampling, prompt,
                     expected.tokens, place)  # fmt: skip
        return replace(run, identical=False, divergence=place, gap=gap)
