"""The bench itself: questions x lanes, interleaved, rotated, with a warm-up that is thrown away."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..engine.values.options import Options
from ..present.runs import Answered, Place, Run, Skipped
from ..record.metrics import REFERENCE
from ..session.equivalence import difference, gap_at
from ..session.runtime import Runtime
from ..system.errors import UserError
from .agreement import Text
from .lane import Lane, ModeLane, Turn
from .questions import Question
from .taking import BenchTrace


class Bench:
    """Asks every lane every question; each turn's prompt is the same for all, with the reference's earlier answers."""

    def __init__(
        self,
        loaded: Runtime,
        lanes: Sequence[Lane],
        questions: Sequence[Question],
        options: Options,
        system: str | None,
        trace: BenchTrace | None = None,
    ) -> None:
        self._trace = trace
        for lane in lanes:
            if isinstance(lane, ModeLane):
                lane.trace = trace
        self.lanes, self.questions = list(lanes), list(questions)
        self.failed: dict[str, str] = {}
        """Lane -> why it left the bench."""
        self.texts: list[Text] = []
        """The first lane's answers so far."""
        self._loaded, self._options = loaded, options
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
            for turn, text in enumerate(question.turns):
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
                        self._warm_up(prompt)
                    made = self._turn(question, turn, prompt, asked)
                    asked += 1
                yield from made
                for run in made:
                    answers.setdefault(run.lane, []).append((prompt, run.tokens))
                self.texts.append(Text(question.category, prompt, made[0].tokens))
                messages.append({"role": "assistant", "content": self._loaded.text(made[0].tokens)})
            for lane in self.lanes:
                lane.learn(answers.get(lane.name, ()))

    def _prompt(self, messages: Sequence[Mapping[str, str]]) -> list[int] | str:
        """Ids, or why they cannot be asked."""
        try:
            prompt = self._loaded.prompt([*self._system, *messages])
        except UserError as error:
            return str(error)
        context = self._loaded.limits.context
        return prompt if len(prompt) + 1 < context else f"{len(prompt)} tokens; the model's context holds {context}"

    def _warm_up(self, prompt: Sequence[int]) -> None:
        self._record(None)
        for lane in list(self.lanes):
            self._ask(lane, prompt)
            lane.begin()

    def _record(self, question: str | None) -> None:
        if self._trace is not None:
            self._trace.begin(question)

    def _ask(self, lane: Lane, prompt: Sequence[int]) -> Answered | None:
        """A lane's answer; a lane that fails takes no further part."""
        try:
            return lane.answer(prompt)
        except UserError as error:
            self.failed[lane.name] = str(error)
            self.lanes.remove(lane)
            return None

    def _turn(self, question: Question, turn: int, prompt: Sequence[int], asked: int) -> list[Run]:
        """Every lane answers, another one first each time; runs in the order of the lanes."""
        self._record(question.turns[turn])
        answered: dict[str, Answered] = {}
        first = asked % len(self.lanes)
        for lane in [*self.lanes[first:], *self.lanes[:first]]:
            if (one := self._ask(lane, prompt)) is not None:
                answered[lane.name] = one
        made = []
        for lane in self.lanes:
            if lane.name in answered:
                place, one = Place(lane.name, question.id, turn), answered[lane.name]
                run = Run.of(place, lane.mode, lane.peer, question.category, len(prompt), one)
                made.append(self._checked(run, prompt, answered.get(REFERENCE), lane.keeps_promise))
        return made

    def _checked(self, run: Run, prompt: Sequence[int], expected: Answered | None, promised: bool) -> Run:
        """The run, compared with the reference's answer if it should be the same."""
        if expected is None or run.lane == REFERENCE or not (promised or self._options.sampling.temperature == 0.0):
            return run
        place = difference(run.tokens, expected.tokens)
        if place is None:
            return replace(run, identical=True)
        gap = gap_at(self._loaded.target, self._loaded.resources.vocabulary, self._options.sampling, prompt,
                     expected.tokens, place)  # fmt: skip
        return replace(run, identical=False, divergence=place, gap=gap)
