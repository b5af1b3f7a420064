"""How target and draft model best share a device, found out by trying."""

from statistics import median
from time import perf_counter

import torch

from ..model.causal_lm import CausalLM
from .background_worker import BackgroundWorker, ThreadSplit
from .dry_run import CONTEXT, DryRun, repeated, timed

ROWS, DRAFTED = 5, 3
"""What is timed: one verification of so many tokens beside so many draft passes."""


def splits(threads: int) -> list[tuple[int, int]]:
    """Divisions of a CPU's threads between target and draft that are worth a try."""
    drafts = sorted({1, threads // 4, threads // 2} - {0})
    return [(threads - own, own) for own in drafts if own < threads] + [(threads, threads)]


@torch.inference_mode()
def measure_thread_split(target: CausalLM, draft: CausalLM, seconds: float = 0.5, rounds: int = 15) -> ThreadSplit:
    """Try every division for its part of ``seconds``, and keep the fastest by medians.

    One division after the other, each with a thread of its own: as long as a thread lives that has worked with several
    threads of OpenMP, GNU's OpenMP counts more of them than there are processors and lets all wait asleep, and a pass
    takes four times as long (measured).
    """
    one_cpu = target.device.type == draft.device.type == "cpu"
    tried = splits(torch.get_num_threads()) if one_cpu else [(0, 0)]
    verify, guess = (DryRun(model, model.config.vocab_size, CONTEXT) for model in (target, draft))
    part = seconds / (len(tried) + 1)
    alone = median(repeated(lambda: timed(lambda: verify(ROWS)), part, rounds))
    found: list[tuple[float, ThreadSplit]] = []
    for split in tried:
        beside = BackgroundWorker(draft.device)
        times = repeated(lambda: _together(beside, ThreadSplit(*split), verify, guess), part, rounds)  # noqa: B023
        beside.close()
        own, both, drafting = (median(column) for column in zip(*times, strict=True))
        found.append((both, ThreadSplit(*split, slowdown=max(1.0, own / alone), draft_ms=1e3 * drafting)))
    verify.close()
    guess.close()
    return min(found, key=lambda each: each[0])[1]


def _together(
    beside: BackgroundWorker, share: ThreadSplit, verify: DryRun, guess: DryRun
) -> tuple[float, float, float]:
    """Seconds of the target's pass, until both have ended, and of one draft pass."""
    start = perf_counter()
    work = beside.start(lambda: [timed(lambda: guess(1)) for _ in range(DRAFTED)], share)
    own = timed(lambda: verify(ROWS))
    passes, _ = work.wait()
    return own, perf_counter() - start, median(passes)
