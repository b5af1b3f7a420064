"""What each constant of the engine's decisions buys: half, as it is, double, and off.

    python -m benchmarks.constants [--only NAME ...] [--seeds 3] [--questions 3]

Questions of the built-in set (so many of each category) and some that the demo pair cannot answer, decoded with the
real models on a modelled clock (``benchmarks.modelled``): tokens per step, and modelled milliseconds a token against
the constant as it is. Nothing is timed, so the machine may be busy and the figures are the same each time. The first rows
say by how much the figures differ when only the random factors are drawn anew: less than that is no difference.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from benchmarks.modelled import ModelledPair
from spectui.bench.questions import read_questions
from spectui.engine.values.options import Options, Speculation

UNKNOWN = [
    "Write a poem of four lines about the moon over a harbour in winter.",
    "A train leaves at 9:40 and arrives at 13:05. How long does the journey take, and how many stops are there?",
    "Explain to a child why the sky is blue, in three sentences, and name two books about it.",
    "def fib(n):\n    if n < 2:\n        return n\n\nComplete this function and write three tests for it.",
]
"""Questions that the demo pair cannot answer: its two models agree less there, and answers go on and on."""
TOKENS = 128
COPIES = ("pld", "logitspec", "sssd", "sssd, learnt")
WRITES = ("draft", "specbranch")
ALL = (*WRITES, *COPIES)
PAUSES = (*WRITES, "draft, dear", "specbranch, dear")
ENGINE = "spectui.engine."


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant, and other values to try: what the row says -> the value."""

    place: str
    """Module and name below the engine."""
    lanes: Sequence[str]
    values: Mapping[str, Any] = field(default_factory=dict)
    also: Sequence[str] = ()
    """Other modules that have imported it."""
    speculation: Mapping[str, Any] = field(default_factory=dict)

    @property
    def owner(self) -> tuple[Any, str]:
        """The module or class, and the attribute."""
        return owner_of(self.place)

    @property
    def value(self) -> Any:
        """As it is."""
        owner, name = self.owner
        return getattr(owner, name)

    @contextmanager
    def set_to(self, value: Any) -> Iterator[None]:
        """The engine with another value."""
        owners = [self.owner, *(owner_of(f"{place}.{self.place.rpartition('.')[2]}") for place in self.also)]
        before = self.value
        for owner, name in owners:
            setattr(owner, name, value)
        try:
            yield
        finally:
            for owner, name in owners:
                setattr(owner, name, before)


def owner_of(place: str) -> tuple[Any, str]:
    """What an attribute belongs to."""
    path, _, name = place.rpartition(".")
    try:
        return import_module(ENGINE + path), name
    except ModuleNotFoundError:
        module, _, owner = path.rpartition(".")
        return getattr(import_module(ENGINE + module), owner), name


def scaled(value: Any) -> dict[str, Any]:
    """Half and double."""
    if isinstance(value, int):
        return {"half": max(1, value // 2), "double": 2 * value}
    return {"half": value / 2, "double": 2 * value}


def towards_one(value: float) -> dict[str, Any]:
    """Half and double its distance from 1: of a decay, twice and half the memory."""
    return {"half": 1.0 - (1.0 - value) / 2, "double": 1.0 - 2 * (1.0 - value)}


def constants() -> list[Constant]:
    """All that ``--only`` may name, with the lanes that each concerns."""
    from spectui.engine.drafters import model_drafter, specbranch
    from spectui.engine.policy import acceptance, decaying_mean, gate, latency
    from spectui.engine.retrieval import copying

    ever = 1e9
    tree = {"draft_tree": 16}
    return [
        Constant("policy.decaying_mean.DECAY", ALL, towards_one(decaying_mean.DECAY) | {"off": 1.0}),
        Constant("policy.acceptance.STRENGTH", ALL, scaled(acceptance.STRENGTH) | {"off": ever}, ("drafters.logitspec",)),
        Constant("policy.acceptance.RANKS", ("logitspec", "logitspec, flat"), {"off": ()}),
        Constant("policy.latency.NODE_MS", COPIES, scaled(latency.NODE_MS) | {"off": 0.0}),
        Constant("policy.latency.WINDOW", ALL, scaled(latency.WINDOW) | {"off": 1}),
        Constant("policy.latency.BELIEVED", ALL, scaled(latency.BELIEVED) | {"off": 0}),
        Constant("drafters.prompt_lookup.PromptLookup.copies", COPIES, {"it pauses": False},
                 ("drafters.logitspec.LogitSpec", "drafters.sssd.Sssd")),
        Constant("policy.gate.BREAK_EVEN", PAUSES, towards_one(gate.BREAK_EVEN) | {"off": 0.0}),
        Constant("policy.gate.PROBE", PAUSES, scaled(gate.PROBE)),
        Constant("policy.gate.FIRST_PAUSE", PAUSES, scaled(gate.FIRST_PAUSE)),
        Constant("policy.gate.LAST_PAUSE", PAUSES, scaled(gate.LAST_PAUSE)),
        Constant("policy.gate.OUTLIER", PAUSES, scaled(gate.OUTLIER) | {"off": ever}),
        Constant("retrieval.copying.UNDECIDED", ("pld", "logitspec"), {"half": 0.25, "double": 1.0}),
        Constant("retrieval.copying.STRENGTH", ("pld", "logitspec"), scaled(copying.STRENGTH)),
        Constant("drafters.logitspec.ANYWHERE", ("logitspec", "logitspec, flat"), {"half": 0.125, "double": 0.5}),
        Constant("drafters.model_drafter.MOST", ("draft", "draft, flat"), scaled(model_drafter.MOST)),
        Constant("drafters.model_drafter.WIDTH", ("draft",), scaled(model_drafter.WIDTH), speculation=tree),
        Constant("drafters.model_drafter.DEPTH", ("draft",), scaled(model_drafter.DEPTH), speculation=tree),
        Constant("drafters.specbranch.GAMMA", ("specbranch",), scaled(specbranch.GAMMA)),
        Constant("drafters.specbranch.MOST", ("specbranch", "specbranch, flat"), scaled(specbranch.MOST)),
        Constant("drafters.specbranch.SURE", ("specbranch",), {"half": 0.35, "off": 1.1}),
        Constant("drafters.hrad.CERTAIN", ("specbranch",), {"half": 0.4, "off": 0.0, "no head": 1.1}),
    ]  # fmt: skip


class Table:
    """Runs lanes and prints Markdown rows as they come."""

    def __init__(self, seeds: int, count: int) -> None:
        self._pair, self._seeds = ModelledPair(), range(seeds)
        kept: dict[str, list[str]] = defaultdict(list)
        for question in read_questions("demo"):
            kept[question.category or ""].append(question.turns[0])
        self._prompts = [self._pair.prompt(text) for texts in (*(texts[:count] for texts in kept.values()), UNKNOWN)
                         for text in texts]  # fmt: skip
        for prompt in self._prompts:
            self._pair.record(prompt, TOKENS)
        self._texts: tuple[tuple[int, ...], ...] = ()
        self._known: dict[tuple[str, str], list[tuple[float, float]]] = {}

    def figures(self, lane: str, speculation: Mapping[str, Any]) -> list[tuple[float, float]]:
        """Tokens per step and milliseconds a token with each seed."""
        options = Options(speculation=Speculation(**speculation), max_new_tokens=TOKENS)
        made = []
        for seed in self._seeds:
            figures = self._pair.run(lane, self._prompts, options, seed)
            self._texts = self._texts or figures.texts
            assert figures.texts == self._texts, f"{lane}: another text"
            made.append((figures.tokens_per_step, figures.ms_per_token))
        return made

    def as_it_is(self, lane: str, speculation: Mapping[str, Any]) -> list[tuple[float, float]]:
        """The same, kept."""
        key = lane, repr(speculation)
        if key not in self._known:
            self._known[key] = self.figures(lane, speculation)
        return self._known[key]

    def noise(self) -> None:
        """What the lanes give, and how much it differs from seed to seed."""
        print("| lane | tokens per step | ms a token | least and most |\n|---|---:|---:|---:|")
        for lane in ("ar", *ALL, "draft, dear", "specbranch, dear"):
            made = self.as_it_is(lane, {})
            steps, ms = map(mean, zip(*made, strict=True))
            ends = [100 * (end(each for _, each in made) / ms - 1) for end in (min, max)]
            print(f"| {lane} | {steps:.2f} | {ms:.3f} | {ends[0]:+.1f} %, {ends[1]:+.1f} % |", flush=True)
        print("\n| constant | value | lane: tokens per step, modelled time a token |\n|---|---|---|", flush=True)

    def rows(self, constant: Constant) -> None:
        """One constant."""
        name = constant.place.rpartition(".")[2]
        for row, value in constant.values.items():
            cells = []
            for lane in constant.lanes:
                before = self.as_it_is(lane, constant.speculation)
                with constant.set_to(value):
                    after = self.figures(lane, constant.speculation)
                steps, ms = map(mean, zip(*after, strict=True))
                cells.append(f"{lane} {steps:.2f} {100 * (ms / mean(each for _, each in before) - 1):+.1f} %")
            print(f"| `{name}` {brief(constant.value)} | {row}: {brief(value)} | {'; '.join(cells)} |", flush=True)


def mean(values: Any) -> float:
    """Of numbers."""
    made = list(values)
    return sum(made) / len(made)


def brief(value: Any) -> str:
    """A value in a cell."""
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="names of constants")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--questions", type=int, default=3, help="of each category")
    args = parser.parse_args()
    table = Table(args.seeds, args.questions)
    table.noise()
    for constant in constants():
        if not args.only or constant.place.rpartition(".")[2] in args.only:
            table.rows(constant)


if __name__ == "__main__":
    sys.exit(main())
