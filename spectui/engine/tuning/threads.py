"""How many threads of a CPU the passes of a model use, and with which layout of its weights, found out by trying."""

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median
from time import perf_counter

import torch

from ..model.causal_lm import CausalLM
from .dry_run import CONTEXT, DryRun, timed

TOLERATED = 1.1
"""A pass may take this much longer than the fastest if it leaves cores to others."""
ROWS = (1, 8)
ALL = torch.get_num_threads()
"""What torch had when the program began: by the machine's cores, or as the user told it (OMP_NUM_THREADS)."""


def use_all() -> None:
    """Give torch all threads again: how many are best for one model says nothing about the next."""
    torch.set_num_threads(ALL)


def candidates(most: int) -> list[int]:
    """Numbers of threads that are worth a try: powers of two, all, and all but one."""
    return sorted(({1 << power for power in range(most.bit_length())} | {most - 1, most}) - {0})


def fewest(times: Mapping[int, Sequence[float]]) -> int:
    """The smallest number of threads whose median time is tolerable beside the best one."""
    medians = {threads: median(taken) for threads, taken in times.items()}
    return min(threads for threads, taken in medians.items() if taken <= TOLERATED * min(medians.values()))


def settle_threads(targets: Sequence[CausalLM], vocabulary: int, seconds: float = 1.0, rounds: int = 9) -> CausalLM:
    """The fastest of several targets over the same model, after passes over one and several tokens with each.

    They are tried in interleaved rounds, two at least, for about ``seconds``; torch uses the number of threads that was
    found from then on. On one device other than a CPU the first target is taken as it is.
    """
    first, most = targets[0], torch.get_num_threads()
    if first.device.type != "cpu" or (most == 1 and len(targets) == 1):
        return first
    rows = ROWS if first.capability.trees else ROWS[:1]
    dry_runs = [DryRun(target, vocabulary, CONTEXT) for target in targets]
    times: dict[int, dict[int, list[float]]] = {threads: {} for threads in candidates(most)}
    begin = perf_counter()
    for turn in range(rounds):
        for threads, taken in times.items():
            torch.set_num_threads(threads)
            for index, dry_run in enumerate(dry_runs):
                taken.setdefault(index, []).append(sum(timed(partial(dry_run, count)) for count in rows))
        if turn and perf_counter() - begin > seconds:
            break
    best = {threads: min(taken, key=lambda index: median(taken[index])) for threads, taken in times.items()}
    chosen = fewest({threads: times[threads][index] for threads, index in best.items()})
    torch.set_num_threads(chosen)
    return targets[best[chosen]]
