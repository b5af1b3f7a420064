"""T(m): what verification takes on this device, and what a drafted token must therefore bring."""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from statistics import median, median_low
from time import perf_counter

SIZES = (1, 2, 4, 8, 16, 32, 64)
"""Tokens of a pass for which T(m) is measured, up to LogitSpec's tree of 64 (2507.01449)."""
MOST_ROWS = 128
SETTLING = 3
"""Passes over one token behind a large one until they take as long as in an answer (``benchmarks.step_floor``)."""
WINDOW, BELIEVED = 19, 3
"""Times of which the median is taken, so that up to nine outliers count for nothing; and for how many of them what was
measured at load stands, so that a wrong measurement is outvoted by the fourth time (``benchmarks.constants``)."""
NODE_MS = 0.01
"""What a node costs besides being drafted and verified, to find and record it (``benchmarks.drafting_cost``)."""


class RunningMedian:
    """How long something takes: the median of the last times.

    No decaying mean, because there a pass that takes fifty times as long (cold code, another program, the garbage
    collector) counts for many steps; here it counts for nothing. It begins with what was measured at load, if anything.
    """

    def __init__(self, value: float = 0.0) -> None:
        self.value = value
        """What it usually is; 0 if unknown."""
        self._last = deque([value] * BELIEVED if value else (), WINDOW)

    def update(self, value: float) -> None:
        """Take in what it was this time."""
        self._last.append(value)
        self.value = median_low(self._last)


class LatencyModel:
    """T(m): milliseconds of one target pass over m tokens, monotone in m.

    Measured once, then refined while running: all sizes together, because every pass grows with the context, and each
    size by itself, because the measurement may have met a busy moment.
    """

    def __init__(self, points: Mapping[int, float] | None = None) -> None:
        sizes = sorted(points or {})
        self.points = dict(zip(sizes, _monotone(points[size] for size in sizes), strict=True)) if points else {}
        """What was measured: size -> milliseconds."""
        self._base = list(self.points.values())
        self._now = list(self._base)
        self._drift = RunningMedian(1.0)
        self._shape = [RunningMedian(1.0) for _ in self.points]
        self._places = [_place(sizes, rows) for rows in range(MOST_ROWS + 1)] if self.points else []

    def __bool__(self) -> bool:
        return bool(self.points)

    def verify_ms(self, rows: int) -> float:
        """T(rows) for up to 128 rows, interpolated between the sizes; 0 if unmeasured."""
        if not self._now:
            return 0.0
        low, high, share = self._places[min(rows, MOST_ROWS)]
        return self._now[low] + share * (self._now[high] - self._now[low])

    def plain_ms(self, rows: int, ms: float) -> float:
        """What a pass over one token would have taken when one over ``rows`` took ``ms``: both are slow alike."""
        if rows == 1:
            return ms if self.points else 0.0
        expected = self.verify_ms(rows)
        return ms * self.verify_ms(1) / expected if expected > 0.0 else 0.0

    def update(self, rows: int, ms: float) -> None:
        """Take in a pass that really happened."""
        if not self.points:
            return
        low, high, share = self._places[min(rows, MOST_ROWS)]
        ratio = ms / (self._base[low] + share * (self._base[high] - self._base[low]))
        self._drift.update(ratio)
        drift = self._drift.value
        self._shape[high if share > 0.5 else low].update(ratio / drift)
        self._now = _monotone(ms * drift * shape.value for ms, shape in zip(self._base, self._shape, strict=True))

    def break_even(self, expected: float = 1.0, rows: int = 1, draft_ms: float = 0.0) -> float:
        """What one more drafted token has to bring: the least probability of acceptance that raises tokens per time; 0
        if T(m) is unmeasured, so that everything pays.

        The step would verify ``rows`` rows and is expected to emit so many tokens; a draft model takes ``draft_ms``
        for each.
        """
        if not self.points:
            return 0.0
        now, node_ms = self.verify_ms(rows), draft_ms + NODE_MS
        later = self.verify_ms(rows + 1) + node_ms
        return expected * (later - now) / (now + (rows - 1) * node_ms)

    def best_size(self, scores: Sequence[float]) -> int:
        """How many of the nodes to verify: the m that maximises (1 + the m highest scores) / T(m + 1).

        ``scores`` are estimated probabilities of acceptance.
        """
        return self.best_step(scores)[0] if self.points else len(scores)

    def best_step(self, scores: Sequence[float], draft_ms: float = 0.0) -> tuple[int, float]:
        """The same where so much was spent on drafting, and the tokens that such a step brings a millisecond.

        Only to be asked where T(m) is measured.
        """
        tokens = accumulate(sorted(scores, reverse=True), initial=1.0)
        rates = [expected / (self.verify_ms(rows) + draft_ms) for rows, expected in enumerate(tokens, 1)]
        most = max(range(len(rates)), key=rates.__getitem__)
        return most, rates[most]


def _place(sizes: Sequence[int], rows: int) -> tuple[int, int, float]:
    """Between which two sizes ``rows`` lies, and how far; beyond them the last slope goes on."""
    if len(sizes) == 1:
        return 0, 0, 0.0
    high = min(max(1, bisect_left(sizes, rows)), len(sizes) - 1)
    return high - 1, high, max(0.0, (rows - sizes[high - 1]) / (sizes[high] - sizes[high - 1]))


def _monotone(values: Iterable[float]) -> list[float]:
    return list(accumulate(values, max))


def measure(run: Callable[[int], None], seconds: float = 2.0, rounds: int = 15, warm_up: bool = False) -> LatencyModel:
    """Time ``run(m)`` for the standard sizes in turn, each up to ``rounds`` times, at most about ``seconds`` in all.

    Medians of passes behind one over a single token, as the first draft of an answer meets it; that one itself behind
    several, because a large pass slows down the next ones: what it leaves in the caches is of no use to them. Each
    size gets as much time as any other, so that small ones, on which most decisions rest, are timed most often; each
    is timed once at least. ``warm_up`` runs each size untimed first, for devices on which the first pass of a size is
    recorded, and takes a hundred times as long.
    """
    if warm_up:
        for size in SIZES:
            run(size)
    times: dict[int, list[float]] = {size: [] for size in SIZES}
    spent = dict.fromkeys(SIZES, 0.0)
    while waiting := [size for size in SIZES if len(times[size]) < rounds]:
        size = min(waiting, key=spent.__getitem__)
        if times[size] and sum(spent.values()) > seconds:
            break
        begin = perf_counter()
        for _ in range(SETTLING if size == 1 else 1):
            run(1)
        start = perf_counter()
        run(size)
        end = perf_counter()
        times[size].append((end - start) * 1e3)
        spent[size] += end - begin
    return LatencyModel({size: median(values) for size, values in times.items()})
