"""What a look-up in the datastore takes as it grows: milliseconds for one query with its back-off and continuations.

    python -m benchmarks.datastore_lookup [--tokens 1e6,1e7,1e8] [--queries 2000]

The texts are synthetic: Zipf-distributed tokens with repeated passages, 16-bit, in sub-indexes as the program makes
them, on disk and memory-mapped. Half of the queries occur in the text. The budget is 0.5 ms at 10 million tokens.
"""

import argparse
import random
import tempfile
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.table import Table

from spectui.engine.retrieval.datastore import Datastore
from spectui.engine.retrieval.snapshot import Snapshot

VOCABULARY = 32_000


def text(tokens: int) -> np.ndarray:
    """Synthetic tokens, one passage of 50 copied every 500."""
    rng = np.random.default_rng(0)
    made = (rng.zipf(1.2, tokens) % VOCABULARY).astype(np.uint32)
    starts = rng.integers(0, tokens - 60, (tokens // 500, 2))
    for source, place in starts:
        made[place : place + 50] = made[source : source + 50]
    return made


def measure(store: Snapshot, tokens: np.ndarray, queries: int) -> list[float]:
    """Milliseconds of each query."""
    rng = random.Random(1)
    times = []
    for number in range(queries):
        start = rng.randrange(len(tokens) - 4)
        query = [int(token) for token in tokens[start : start + 4]]
        if number % 2:
            query[1] = rng.randrange(VOCABULARY)
        begin = perf_counter()
        store.look_up(query, 8)
        times.append((perf_counter() - begin) * 1e3)
    return times


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", default="1e6,1e7,1e8")
    parser.add_argument("--queries", type=int, default=2000)
    args = parser.parse_args()
    table = Table("tokens", "build s", "MB on disk", "open ms", "median ms", "99 % ms")
    for size in (int(float(word)) for word in args.tokens.split(",")):
        tokens = text(size)
        with tempfile.TemporaryDirectory() as folder:
            begin = perf_counter()
            manifest = Datastore(Path(folder), "bench", VOCABULARY).add([(tokens, "")], "bench")
            built = perf_counter() - begin
            begin = perf_counter()
            store = Snapshot(Datastore(Path(folder), "bench", VOCABULARY).open())
            opened = (perf_counter() - begin) * 1e3
            times = measure(store, tokens, args.queries)
        figures = f"{median(times):.3f}", f"{quantiles(times, n=100)[98]:.3f}"
        table.add_row(f"{size:,}", f"{built:.1f}", f"{manifest.corpus[0].bytes / 1e6:.0f}", f"{opened:.1f}", *figures)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
