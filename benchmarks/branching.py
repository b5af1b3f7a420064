"""What SpecBranch rolls back and how long either model waits, against the draft mode and without its own parts.

    python -m benchmarks.branching [--draft-tokens 4] [--questions demo] [--rounds 3] [--limit 66]

All lanes draft the same fixed length, unless it is ``auto``; they are interleaved question by question in an order drawn
anew each time, because a lane pays for the threads that the one before it has used.
Rollback counts every token of the followed chain, what was in flight included; the branches that lost are beside it.
Bubbles are the times in which one of the two models did not work, for each emitted token. The interval of the bubbles
is over questions, for the difference to the whole method.
"""

import argparse
import random
import sys
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.table import Table

from spectui.bench.lane import ModeLane
from spectui.bench.questions import read_questions
from spectui.config.choice import ModelChoice
from spectui.engine.values.option import options_of
from spectui.engine.values.options import Options, Speculation
from spectui.models.loading import load_pair
from spectui.record.metrics import Numbers, total
from spectui.session.runtime import Runtime, prepare

WHOLE = "specbranch"
LANES: dict[str, tuple[str, dict[str, object]]] = {
    "ar": ("ar", {}),
    "draft": ("draft", {}),
    WHOLE: ("specbranch", {}),
    "no branches": ("specbranch", {"branches": 1}),
    "no H-RAD": ("specbranch", {"hrad": False}),
    "neither, no epsilon": ("specbranch", {"branches": 1, "hrad": False, "epsilon": 0.0}),
}
"""Name -> mode and what is set differently."""


def measured(loaded: Runtime, args: argparse.Namespace) -> dict[str, list[Numbers]]:
    """The numbers of each lane's answers, in the same order of questions."""
    lanes = {}
    for name, (mode, changes) in LANES.items():
        speculation = Speculation(
            draft_tokens=options_of(Speculation)["draft_tokens"].read(args.draft_tokens), **changes
        )  # type: ignore[arg-type]
        lanes[name] = ModeLane(loaded, mode, Options(speculation=speculation, max_new_tokens=128))
    questions = read_questions(args.questions)[: args.limit]
    names, rng = list(lanes), random.Random(0)
    made: dict[str, list[Numbers]] = {name: [] for name in names}
    for turn in range(args.rounds + 1):
        for question in questions if turn else questions[:2]:
            prompt = loaded.prompt([{"role": "user", "content": question.turns[0]}])
            answers = set()
            for name in rng.sample(names, len(names)):
                lanes[name].begin()
                answered = lanes[name].answer(prompt)
                answers.add(answered.tokens)
                if turn:
                    made[name].append(answered.numbers)
            assert len(answers) == 1, f"question {question.id}: the texts differ"
        print(f"round {turn} of {args.rounds}", file=sys.stderr)
    return made


def bubbles(numbers: Numbers) -> float:
    """Milliseconds in which one of the two did not work."""
    return numbers.draft_idle_ms + numbers.target_idle_ms


def difference(numbers: list[Numbers], whole: list[Numbers]) -> str:
    """The bubbles of a lane less those of the whole method, with a 95 % interval over answers."""
    if numbers is whole:
        return "–"
    more = np.array([bubbles(one) - bubbles(other) for one, other in zip(numbers, whole, strict=True)])
    tokens = np.array([one.after_first for one in numbers])  # the same in all lanes, because the texts are
    picks = np.random.default_rng(0).integers(0, len(more), (2000, len(more)))
    low, high = np.quantile(more[picks].sum(1) / tokens[picks].sum(1), [0.025, 0.975])
    return f"{low:+.2f} to {high:+.2f}"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draft-tokens", default="4")
    parser.add_argument("--questions", default="demo")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=None)
    args = parser.parse_args()
    loaded = prepare(load_pair(ModelChoice("demo"), lambda *_: None), lambda *_: None, perf_counter())
    made = measured(loaded, args)
    names = ("lane", "tokens per step", "rollback", "waste/tok", "draft waiting", "target waiting", "bubbles ms/tok",
             "more than the whole", "speed-up")  # fmt: skip
    table = Table(*names)
    plain = total(made["ar"])
    for name, numbers in made.items():
        every = total(numbers)
        tokens = every.after_first
        cells = [f"{every.tokens_per_step:.2f}", f"{every.rollback:.1%}" if every.rollback is not None else "–",
                 f"{every.waste / tokens:.2f}", f"{every.draft_idle_ms / every.decode_ms:.0%}",
                 f"{every.target_idle_ms / every.decode_ms:.0%}", f"{bubbles(every) / tokens:.2f}",
                 difference(numbers, made[WHOLE]), f"{plain.decode_ms / every.decode_ms:.2f}"]  # fmt: skip
        table.add_row(name, *cells)
    Console(width=120).print(table)
    print(f"{loaded.resources.share}; T(m) ms:", {m: round(ms, 2) for m, ms in loaded.latency.points.items()})


if __name__ == "__main__":
    main()
