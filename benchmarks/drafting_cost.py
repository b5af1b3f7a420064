"""What drafting without a model costs on the CPU: milliseconds a step behind a long context.

    python -m benchmarks.drafting_cost [--context 8192] [--steps 400]

The tokens are synthetic: a random text with repeated passages; the guesses are random ids. Each step appends three
tokens. For sssd there is a datastore of a million tokens with the same passages. The budget is 0.5 ms.
"""

import argparse
import random
from statistics import median, quantiles
from time import perf_counter

from rich.console import Console
from rich.table import Table

from spectui.engine.drafters.drafter import Context, Drafter, Resources
from spectui.engine.drafters.registry import MODES
from spectui.engine.policy.acceptance import AcceptanceModel
from spectui.engine.policy.latency import LatencyModel
from spectui.engine.retrieval.snapshot import Reader
from spectui.engine.retrieval.suffix_index import SuffixIndex, token_width
from spectui.engine.values.options import Sampling, Speculation
from spectui.engine.values.step import Emitted, Step, Times
from spectui.engine.verification.sampler import Sampler

VOCABULARY = 4096
CURVE = LatencyModel({1: 2.0, 2: 2.6, 4: 2.7, 8: 3.0, 16: 3.6, 32: 5.0, 64: 7.5})


def text(length: int, seed: int = 0) -> list[int]:
    """Half fresh tokens, half passages copied from before."""
    rng = random.Random(seed)
    tokens = [rng.randrange(VOCABULARY) for _ in range(64)]
    while len(tokens) < length:
        if rng.random() < 0.5:
            tokens += [min(VOCABULARY - 1, int(rng.expovariate(0.01))) for _ in range(rng.randint(1, 20))]
        else:
            start = rng.randrange(len(tokens))
            tokens += tokens[start : start + rng.randint(5, 40)]
    return tokens[:length]


def measure(drafter: Drafter, speculation: Speculation, tokens: list[int], start: int) -> list[float]:
    """Milliseconds of each proposal, learning from the step before included."""
    rng = random.Random(1)
    sampler, acceptance = Sampler(Sampling(), VOCABULARY), AcceptanceModel()
    drafter.begin(tokens[:start])
    times = []
    for length in range(start, len(tokens), 3):
        top = rng.sample(range(VOCABULARY), 64)
        context = Context(tokens[:length], 64, speculation, sampler, True, CURVE, acceptance, top_ids=top)
        made = tuple(Emitted(token, "target") for token in tokens[length : length + 3])
        step = Step("x", 0, length - 1, 0.0, (), 0, made, Times(0, 0, 0, 0, 0), (), 64)
        begin = perf_counter()
        drafter.propose(context, 64)
        drafter.observe(step, True)
        times.append((perf_counter() - begin) * 1e3)
    return times[1:]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--context", type=int, default=8192)
    parser.add_argument("--steps", type=int, default=400)
    args = parser.parse_args()
    tokens = text(args.context + 3 * args.steps)
    index = SuffixIndex.build([(text(1_000_000), "")], token_width(VOCABULARY))
    resources = Resources(VOCABULARY, datastore=Reader(lambda: [index]))
    table = Table("mode", "tree", "median ms", "99th percentile ms")
    for mode in MODES.values():
        if mode.needs_draft or mode.needs_head or not mode.drafts:
            continue
        for name, speculation in (("by cost", Speculation()), ("full", Speculation(full_tree=True))):
            times = measure(mode.load()(resources), speculation, tokens, args.context)
            table.add_row(mode.name, name, f"{median(times):.3f}", f"{quantiles(times, n=100)[98]:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
