"""How many threads of a CPU the passes of a model use, found out by trying."""

from collections.abc import Mapping, Sequence
from statistics import median
from time import perf_counter

import torch

from .rehearsal import Rehearsal
from .target import Target

TOLERATED = 1.1
"""A pass may take this much longer than the fastest if it leaves cores to others."""
ROWS = (1, 8)


def candidates(most: int) -> list[int]:
    """Numbers of threads that are worth a try: powers of two, all, and all but one."""
    return sorted(({1 << power for power in range(most.bit_length())} | {most - 1, most}) - {0})


def fewest(times: Mapping[int, Sequence[float]]) -> int:
    """The smallest number of threads whose median time is tolerable beside the best one."""
    medians = {threads: median(taken) for threads, taken in times.items()}
    return min(threads for threads, taken in medians.items() if taken <= TOLERATED * min(medians.values()))


def settle_threads(target: Target, vocabulary: int, seconds: float = 1.0, rounds: int = 9) -> int:
    """Try passes over one and several tokens in interleaved rounds, two at least, for about ``seconds``.

    Returns the number of threads that torch uses from now on.
    """
    most = torch.get_num_threads()
    if target.device.type != "cpu" or most == 1:
        return most
    times: dict[int, list[float]] = {threads: [] for threads in candidates(most)}
    rehearsal, begin = Rehearsal(target, vocabulary, 64), perf_counter()
    for turn in range(rounds):
        for threads, taken in times.items():
            torch.set_num_threads(threads)
            start = perf_counter()
            for rows in ROWS if target.capability.trees else ROWS[:1]:
                rehearsal(rows)
            taken.append(perf_counter() - start)
        if turn and perf_counter() - begin > seconds:
            break
    chosen = fewest(times)
    torch.set_num_threads(chosen)
    return chosen
