"""What a pass over several tokens takes here and in llama.cpp, on the same weights with the same threads.

    python -m benchmarks.passes --model smollm2-135m --peer llama.cpp [--dtype float32] [--rounds 20] [--json FILE]

llama.cpp runs the GGUF file that the model came from, and a Q8_0 file of the same weights. Every pass computes the logits
of all its tokens behind the same context. The ways are interleaved: a round has for each number of tokens a few passes
of each way, the first of them thrown away. Medians over rounds; behind each a ratio ours / theirs with a 95 % interval
by bootstrap over rounds: below 1 ours is faster.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.step_floor import our_pass
from spectui.bench.llama_peer import LLAMA_CPP, check_package, made_gguf, opened, own_gguf, try_out
from spectui.config.choice import ModelChoice
from spectui.models.loading import load_pair
from spectui.session.runtime import Runtime, prepare
from spectui.system.errors import UserError

ROWS = (1, 2, 4, 8, 16, 32)
PASSES = 3
"""Of one way in a round, beside the one that is thrown away."""
RESAMPLES = 4000
Pass = Callable[[int], object]


def llama_pass(model: Any, context: int) -> Pass:
    """A pass of llama.cpp over a chain: its decoder alone, without what its Python library copies."""
    vocabulary = model.n_vocab()
    model.eval([token % vocabulary for token in range(context)])

    def run(rows: int) -> object:
        model._batch.set_batch(batch=list(range(rows)), n_past=context, logits_all=True)
        model._ctx.decode(model._batch)
        logits = model._ctx.get_logits()
        model._ctx.kv_cache_seq_rm(-1, context, -1)
        return logits

    return run


def ways_of(loaded: Runtime, choice: ModelChoice, context: int) -> dict[str, Pass]:
    """Ours first, then llama.cpp's; what it cannot do is told."""
    threads = torch.get_num_threads()
    made = {f"spectui {loaded.ready.dtype}": our_pass(loaded.target, context)}
    files = {"own file": lambda: own_gguf(choice), "q8_0": lambda: made_gguf(loaded, choice)}
    for name, find in files.items():
        try:
            file = find()
            try_out(file, threads)
        except UserError as error:
            print(f"{name} left out: {error}")
        else:
            print(f"{name}: {file.name}")
            made[f"{LLAMA_CPP} {name}"] = llama_pass(opened(file, context + max(ROWS), threads), context)
    return made


@torch.inference_mode()
def measure(ways: dict[str, Pass], rounds: int) -> dict[tuple[str, int], list[float]]:
    """Milliseconds of a pass, the median of each round."""
    times: dict[tuple[str, int], list[float]] = {(way, rows): [] for rows in ROWS for way in ways}
    for turn in range(rounds + 1):
        names = list(ways)
        first = turn % len(names)
        for rows in ROWS:
            for way in [*names[first:], *names[:first]]:
                took = []
                for _ in range(PASSES + 1):
                    start = time.perf_counter()
                    ways[way](rows)
                    took.append((time.perf_counter() - start) * 1e3)
                if turn:
                    times[way, rows].append(median(took[1:]))
    return times


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Median over median, and its 95 % interval by bootstrap over rounds."""
    picks = np.random.default_rng(0).integers(0, len(ours), (RESAMPLES, len(ours)))
    mine, others = np.array(ours), np.array(theirs)
    low, high = np.quantile(np.median(mine[picks], 1) / np.median(others[picks], 1), [0.025, 0.975])
    return median(ours) / median(theirs), float(low), float(high)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--peer", choices=[LLAMA_CPP], default=LLAMA_CPP)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--context", type=int, default=128)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    check_package([args.peer])
    choice = ModelChoice(args.model, "none", dtype=args.dtype)
    loaded = prepare(load_pair(choice, lambda *_: None), lambda *_: None, time.perf_counter())
    ways = ways_of(loaded, choice, args.context)
    times = measure(ways, args.rounds)
    ours, *others = ways
    table = Table("tokens", f"{ours} ms", *(title for way in others for title in (f"{way} ms", "ours / theirs [95 %]")))
    made = []
    for rows in ROWS:
        cells, line = [f"{median(times[ours, rows]):.2f}"], {"rows": rows, ours: median(times[ours, rows])}
        for way in others:
            value, low, high = ratio(times[ours, rows], times[way, rows])
            cells += [f"{median(times[way, rows]):.2f}", f"{value:.2f} [{low:.2f}, {high:.2f}]"]
            line |= {way: median(times[way, rows]), f"ratio to {way}": [value, low, high]}
        table.add_row(str(rows), *cells)
        made.append(line)
    Console(width=140).print(table)
    print(f"{args.rounds} rounds, {torch.get_num_threads()} threads, behind {args.context} tokens")
    if args.json:
        args.json.write_text(json.dumps(made, indent=1), "utf-8")


if __name__ == "__main__":
    main()
