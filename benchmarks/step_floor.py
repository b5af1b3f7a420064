"""One step of a model taken apart: bytes, operations, and what each way to compute it takes.

    python -m benchmarks.step_floor [--model random:llama-3-8b] [--rounds 60] [--context 128] [--json FILE]

A pass reads every weight once and the cache. What plain torch takes for as many bytes (a sum over many numbers) or as
many operations (a product of two square matrices), the longer of the two, is a yardstick on the same device and threads. It
is no floor: a kernel that reads better than a sum does is faster. The ways are interleaved round by round; medians. The best of them is in oneDNN's layout on a CPU, and
recorded as graphs on CUDA. The loop's own time is a step less its forward and its drafting.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from transformers import DynamicCache

from spectui.bench.questions import read_questions
from spectui.config.choice import ModelChoice
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.model.cuda_graphs import GraphCache
from spectui.engine.model.forward import ForwardInput
from spectui.engine.values.options import Options
from spectui.models.loading import load_pair
from spectui.session.runtime import Runtime, cache_bytes, prepare

ROWS = (1, 2, 4, 8, 16, 32, 64)
MODES_APART = ("ar", "draft", "sssd")
Pass = Callable[[int], object]


def timed(function: Callable[[], object]) -> float:
    """Milliseconds of a call, until the device has done it."""
    wait = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    wait()
    start = perf_counter()
    function()
    wait()
    return (perf_counter() - start) * 1e3


def machine(like: torch.Tensor, count: int) -> dict[str, float]:
    """What plain torch reads and computes at best, in the type of ``like``.

    It reads ``count`` numbers again and again, as decoding reads the weights, so that caches that hold them count.
    """
    size = 1024 if like.device.type == "cpu" else 8192
    numbers = torch.ones(count, dtype=like.dtype, device=like.device)
    matrix = torch.randn(size, size, dtype=like.dtype, device=like.device)
    read = min(timed(numbers.sum) for _ in range(20))
    multiply = min(timed(lambda: matrix @ matrix) for _ in range(5))
    return {"gb_per_second": numbers.nbytes / read / 1e6, "gflops": 2 * size**3 / multiply / 1e6}


def our_pass(target: CausalLM, context: int) -> Pass:
    """A pass of a CausalLM over a chain."""
    cache, vocabulary = target.new_cache(), target.config.vocab_size
    target.prefill(cache, [token % vocabulary for token in range(context)])

    def run(rows: int) -> object:
        out = target.forward(cache, ForwardInput.chain(range(rows), context)).logits
        cache.truncate(context)
        return out

    return run


def their_pass(model: Any, context: int) -> Pass:
    """The same by transformers' own forward and cache."""
    cache, device = DynamicCache(config=model.config), model.device
    prompt = torch.arange(context, device=device)[None] % model.config.vocab_size
    model(input_ids=prompt, past_key_values=cache, use_cache=True)

    def run(rows: int) -> object:
        ids = torch.arange(rows, device=device)[None]
        out = model(input_ids=ids, past_key_values=cache, use_cache=True).logits
        cache.crop(-rows)
        return out

    return run


def ways_of(loaded: Runtime, choice: ModelChoice, context: int) -> dict[str, Pass]:
    """Transformers' own forward on untouched modules, ours as it comes, and ours at its best."""
    untouched = load_pair(replace(choice, draft="none"), lambda *_: None).target
    plain = CausalLM(loaded.pair.target)
    if isinstance(plain.backend, GraphCache):
        plain.backend = plain.backend.llama
    best = "packed" if loaded.target.is_packed else "captured" if loaded.target.why_not_captured is None else "as used"
    return {
        "transformers": their_pass(untouched, context),
        "lean": our_pass(plain, context),
        f"lean, {best}": our_pass(loaded.target, context),
    }


@torch.inference_mode()
def passes(loaded: Runtime, choice: ModelChoice, rounds: int, context: int) -> list[dict[str, float]]:
    """Milliseconds of each way for each number of rows, with bytes, operations and yardstick."""
    parameters = list(loaded.pair.target.parameters())
    best, ways = machine(parameters[0], sum(p.numel() for p in parameters)), ways_of(loaded, choice, context)
    weights = sum(parameter.nbytes for parameter in parameters)
    times: dict[tuple[str, int], list[float]] = {(way, rows): [] for way in ways for rows in ROWS}
    for turn in range(rounds + 1):
        for rows in ROWS:
            for way, run in ways.items():
                took = timed(lambda: run(rows))  # noqa: B023 (called at once)
                if turn:
                    times[way, rows].append(took)
    made = []
    for rows in ROWS:
        moved = weights + cache_bytes(loaded.target) * (context + rows)
        operations = 2.0 * sum(parameter.numel() for parameter in parameters) * rows
        yardstick = max(moved / best["gb_per_second"] / 1e6, operations / best["gflops"] / 1e6)
        line = {"rows": float(rows), "megabytes": moved / 1e6, "megaflops": operations / 1e6, "yardstick": yardstick}
        made.append(line | {way: median(times[way, rows]) for way in ways} | best)
    return made


@torch.inference_mode()
def loop(loaded: Runtime, mode: str) -> dict[str, float]:
    """A step of the whole loop, its forward, its drafting, and what is left, in milliseconds (medians)."""
    spent = [0.0]
    original = loaded.target.forward

    def watched(*args: Any, **kwargs: Any) -> Any:
        start = perf_counter()
        out = original(*args, **kwargs)
        spent[0] += (perf_counter() - start) * 1e3
        return out

    loaded.target.forward = watched  # type: ignore[method-assign]
    decoder = loaded.decoder(mode, Options(max_new_tokens=128))
    steps = []
    for question in read_questions("demo")[::6]:
        decoder.rewind()
        decoder.prefill(loaded.prompt([{"role": "user", "content": question.turns[0]}]))
        while decoder.answer.end is None:
            spent[0] = 0.0
            start = perf_counter()
            step = decoder.step()
            wall = (perf_counter() - start) * 1e3
            steps.append((wall, spent[0], step.ms.draft, wall - spent[0] - step.ms.draft))
    loaded.target.forward = original  # type: ignore[method-assign]
    wall, forward, draft, rest = (median(column) for column in zip(*steps, strict=True))
    return {"step": wall, "forward": forward, "draft": draft, "loop": rest, "share": rest / wall}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--context", type=int, default=128)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    choice = ModelChoice(args.model)
    loaded = prepare(load_pair(choice, lambda *_: None), lambda *_: None, perf_counter())
    lines = passes(loaded, choice, args.rounds, args.context)
    names = [name for name in lines[0] if name.startswith(("transformers", "lean"))]
    table = Table("tokens", "MB", "MFLOP", "plain torch ms", *(f"{name} ms" for name in names), "× transformers")
    for line in lines:
        cells = [
            f"{line['rows']:.0f}",
            f"{line['megabytes']:.1f}",
            f"{line['megaflops']:.0f}",
            f"{line['yardstick']:.2f}",
        ]
        cells += [f"{line[name]:.2f}" for name in names]
        table.add_row(*cells, f"{line['transformers'] / line[names[-1]]:.2f}")
    Console(width=120).print(table)
    loops = {mode: loop(loaded, mode) for mode in loaded.ready.modes if mode in MODES_APART}
    for mode, parts in loops.items():
        print(f"{mode}: a step takes {parts['step']:.2f} ms, its forward {parts['forward']:.2f}, drafting {parts['draft']:.2f}, "
              f"the loop {parts['loop']:.3f} ({parts['share']:.1%})")  # fmt: skip
    print(f"{lines[0]['gb_per_second']:.0f} GB/s, {lines[0]['gflops']:.0f} GFLOP/s, {torch.get_num_threads()} threads")
    if args.json:
        args.json.write_text(json.dumps({"passes": lines, "loop": loops}, indent=1), "utf-8")


if __name__ == "__main__":
    main()
