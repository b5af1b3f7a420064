"""How target and draft model best share a device, found out by trying."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import torch

from .beside import Beside, Share
from .inference import inference
from .rehearsal import Rehearsal
from .target import Target

ROWS, DRAFTED, CONTEXT = 5, 3, 64
"""What is timed: one verification of so many tokens beside so many draft passes, behind so many cached tokens."""


@dataclass(slots=True)
class Sharing:
    """The two models of a pair, and how they share the device; measured once, when it is first needed."""

    target: Target
    draft: Target
    _share: Share | None = None

    @property
    def share(self) -> Share:
        """The best division; the first call takes some tenths of a second."""
        if self._share is None:
            self._share = measure(self.target, self.draft)
        return self._share


def splits(threads: int) -> list[tuple[int, int]]:
    """Divisions of a CPU's threads between target and draft that are worth a try."""
    drafts = sorted({1, threads // 4, threads // 2} - {0})
    return [(threads - own, own) for own in drafts if own < threads] + [(threads, threads)]


@inference
def measure(target: Target, draft: Target, seconds: float = 0.5, rounds: int = 15) -> Share:
    """Try every division in interleaved rounds, for at most about ``seconds``, and keep the fastest by medians."""
    one_cpu = target.device.type == draft.device.type == "cpu"
    tried = splits(torch.get_num_threads()) if one_cpu else [(0, 0)]
    verify, guess = (Rehearsal(model, model.config.vocab_size, CONTEXT) for model in (target, draft))
    alone: list[float] = []
    times: dict[tuple[int, int], list[tuple[float, float]]] = {split: [] for split in tried}
    beside = Beside(draft.device)
    begin = perf_counter()
    for turn in range(rounds + 1):
        taken = _timed(lambda: verify(ROWS))
        together = {split: _together(beside, Share(*split), verify, guess) for split in tried}
        if turn:  # the first round warms up
            alone.append(taken)
            for split, pair in together.items():
                times[split].append(pair)
        if turn and perf_counter() - begin > seconds:
            break
    beside.close()
    best = min(tried, key=lambda split: median(both for _, both in times[split]))
    return Share(*best, slowdown=max(1.0, median(own for own, _ in times[best]) / median(alone)))


def _together(beside: Beside, share: Share, verify: Rehearsal, guess: Rehearsal) -> tuple[float, float]:
    """Seconds of the target's pass, and until both have ended."""

    def several() -> None:
        for _ in range(DRAFTED):
            guess(1)

    start = perf_counter()
    work = beside.start(several, share)
    own = _timed(lambda: verify(ROWS))
    work.wait()
    return own, perf_counter() - start


def _timed(function: Callable[[], None]) -> float:
    start = perf_counter()
    function()
    return perf_counter() - start
