"""The promise, checked: 200 prompts x temperatures x ways to draft, all against autoregressive decoding.

    python -m benchmarks.same_text [--prompts 200] [--tokens 96] [--model demo] [--dtype float32] [--questions FILE ...]

Prints a row for each way to draft and ends with exit code 1 if a divergence is not explained by rounding.
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from time import perf_counter

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.prompts import prompts
from spectui.bench.questions import read_questions
from spectui.config.choice import ModelChoice
from spectui.engine.decoder import Decoder
from spectui.engine.drafters.drafter import Context, Drafter, Resources
from spectui.engine.retrieval.private import PrivateStore
from spectui.engine.retrieval.snapshot import Reader
from spectui.engine.values.draft_tree import ROOT, DraftTree
from spectui.engine.values.options import Options, Sampling, Speculation
from spectui.engine.values.step import Source
from spectui.models.loading import load_pair
from spectui.session.equivalence import Divergence, compare, reference
from spectui.session.runtime import Runtime, prepare

SAMPLINGS = [Sampling(), Sampling(temperature=0.8, seed=11), Sampling(temperature=1.0, seed=12)]
CHAIN, TREE, FIXED = Speculation(), Speculation(draft_tree=16), Speculation(draft_tokens=16)


class RandomTrees(Drafter):
    """Random forests, made partly of tokens that occur in the sequence and partly of the truth."""

    def __init__(self, resources: Resources, seed: int, truth: list[int]) -> None:
        super().__init__(resources)
        self._rng, self._truth = random.Random(seed), truth

    def propose(self, context: Context, limit: int) -> DraftTree:
        """Up to 20 nodes, most of them wrong."""
        tree, rng, node = DraftTree(), self._rng, ROOT
        for token in self._truth[len(context.tokens) :][: rng.randint(0, 5)]:
            node = tree.add(token, node, Source("truth"), 0.9)
        for _ in range(rng.randint(0, 15)):
            token = rng.choice(context.tokens) if rng.random() < 0.5 else rng.randrange(self.resources.vocabulary)
            tree.add(token, rng.randint(-1, len(tree) - 1), Source("random"), 0.5)
        return tree.shallow(context.remaining)


def ways(
    loaded: Runtime,
    options: Callable[[Speculation], Options],
    ids: list[int],
    expected: list[int],
    seed: int,
    learnt: Reader,
):
    """Each way to draft: a name, a decoder, and what to do before each step."""

    def fresh(mode: str, speculation: Speculation, reader: Reader | None = None) -> Decoder:
        decoder = loaded.decoder(mode, options(speculation), reader=reader)
        decoder.add_drafter("random", RandomTrees(loaded.resources, seed, [*ids, *expected]))
        return decoder

    def nothing(decoder: Decoder) -> None:
        return None

    rng = random.Random(seed)

    def switch(decoder: Decoder) -> None:
        mode = rng.choice([*loaded.ready.modes, "random"])
        decoder.set_options(options(FIXED if mode == "random" else rng.choice([CHAIN, TREE])))
        decoder.set_mode(mode)

    for name in loaded.ready.modes:
        yield name, fresh(name, CHAIN), nothing
    yield "sssd that learns", fresh("sssd", CHAIN, learnt), nothing
    if "draft" in loaded.ready.modes:
        yield "draft tree", fresh("draft", TREE), nothing
    trees = fresh("ar", FIXED)
    trees.set_mode("random")
    yield "random trees", trees, nothing
    yield "a switch at every step", fresh("ar", CHAIN), switch


def check(
    choice: ModelChoice, texts: Sequence[str], tokens: int, report: Callable[[], None] = lambda: None
) -> dict[str, Counter[str]]:
    """Counts of runs, tokens, explained and unexplained divergences for each way to draft."""
    loaded = prepare(load_pair(choice, lambda *_: None), lambda *_: None, perf_counter())
    results: dict[str, Counter[str]] = {}
    store = PrivateStore((), loaded.pair.vocabulary)
    learnt = Reader(lambda: store.indexes)
    for number, text in enumerate(texts):
        ids = loaded.prompt([{"role": "user", "content": text}])
        for sampling in SAMPLINGS:

            def options(speculation: Speculation, sampling: Sampling = sampling) -> Options:
                return Options(sampling, speculation, tokens)

            expected = reference(loaded.decoder("ar", options(CHAIN)), ids)
            for name, decoder, before in ways(loaded, options, ids, expected, number, learnt):
                found = compare(decoder, ids, expected, before)
                tally(results.setdefault(name, Counter()), found, len(expected))
            store.learn([(ids, expected)])
            report()
    return results


def tally(counts: Counter[str], found: Divergence | None, tokens: int) -> None:
    """Add one comparison."""
    counts.update(runs=1, tokens=tokens, explained=0, unexplained=0)
    if found is not None:
        counts["explained" if found.explained else "unexplained"] += 1
        print(f"divergence {'explained' if found.explained else 'NOT EXPLAINED'}: {found}", file=sys.stderr)


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--questions", nargs="*", help="question sets in place of the demo pair's prompts")
    args = parser.parse_args()
    asked = [question.turns[0] for name in args.questions or () for question in read_questions(name)]
    every = max(1, len(asked) // args.prompts)  # from all over the sets
    texts = asked[::every][: args.prompts] or [text for _, text in prompts(args.prompts)]
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("prompts x temperatures", total=len(texts) * len(SAMPLINGS))
        results = check(ModelChoice(args.model, dtype=args.dtype), texts, args.tokens, lambda: bar.advance(task))
    table = Table("way to draft", "runs", "tokens", "divergences explained", "not explained")
    for name, counts in results.items():
        table.add_row(name, *(str(counts[key]) for key in ("runs", "tokens", "explained", "unexplained")))
    Console().print(table)
    return int(any(counts["unexplained"] for counts in results.values()))


if __name__ == "__main__":
    sys.exit(main())
