"""How long a pass of a draft model takes, on devices that work by themselves too."""

from time import perf_counter

from torch import Tensor

from ..policy.latency import RunningMedian


class PassTimer:
    """Takes the time of passes into ``usual``.

    On a CPU a pass ends with its call. Elsewhere the call returns at once, and the pass ends when what it gave is
    fetched.
    """

    def __init__(self, usual: RunningMedian) -> None:
        self._usual = usual
        self._under_way: tuple[float, bool] | None = None

    def called(self, logits: Tensor, start: float, at_most: bool = False) -> None:
        """A pass that began at ``start`` gives ``logits``; with ``at_most`` it can only show that passes take less."""
        self._under_way = start, at_most
        if logits.is_cpu:
            self.fetched()

    def fetched(self) -> None:
        """What the last pass gave is here."""
        if self._under_way is None:
            return
        start, at_most = self._under_way
        self._under_way = None
        spent = (perf_counter() - start) * 1e3
        if not at_most or spent < self._usual.value:
            self._usual.update(spent)
