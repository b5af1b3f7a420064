"""The cost model: what verification takes on this device, and what is therefore worth drafting."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import perf_counter

from .step import Source
from .tree import ROOT, DraftTree

SIZES = (1, 2, 4, 8, 16, 32, 64)
MOST_ROWS = 128
NODE_MS = 0.02
"""What a node costs besides its verification: to find, record and show it."""


class CostModel:
    """T(m): milliseconds of one target pass over m tokens, monotone in m.

    Measured once, then scaled while running, because every pass grows with the context.
    """

    def __init__(self, points: dict[int, float] | None = None) -> None:
        self.points = _monotone(points or {})
        self._table = [_interpolated(self.points, rows) for rows in range(MOST_ROWS + 1)] if self.points else []
        self._drift = 1.0

    def __bool__(self) -> bool:
        return bool(self.points)

    def verify_ms(self, rows: int) -> float:
        """T(rows) for up to 128 rows, interpolated between the measured sizes; 0 if unmeasured."""
        return self._curve(rows) * self._drift

    def plain_ms(self, rows: int, ms: float) -> float:
        """What a pass over one token would have taken when one over ``rows`` took ``ms``: both are slow alike."""
        expected = self._curve(rows)
        return ms * self._curve(1) / expected if expected > 0.0 else 0.0

    def note(self, rows: int, ms: float) -> None:
        """Take in a pass that really happened."""
        expected = self._curve(rows)
        if expected > 0.0:
            ratio = min(4.0, max(0.25, ms / expected))
            self._drift += 0.05 * (ratio - self._drift)

    def worth(self, gain: float = 1.0, rows: int = 9) -> float:
        """The least probability of acceptance that pays for finding one more node; 0 if unmeasured.

        ``gain`` is how many tokens a pass over ``rows`` is expected to yield so far. Half of what verifying the node
        costs, because estimates are rough and verification decides by itself (``best_size``).
        """
        if not self.points:
            return 0.0
        slope = (self._curve(rows + 8) - self._curve(rows)) / 8.0
        return gain * (0.5 * slope + NODE_MS) / self._curve(rows)

    def best_size(self, scores: Sequence[float], last: int | None = None) -> int:
        """How many of the nodes to verify: the m that maximises (1 + the m highest scores) / T(m + 1).

        ``scores`` are estimated probabilities of acceptance; ``last`` is the previous answer, kept unless another
        size is 5 % better (hysteresis).
        """
        if not self.points:
            return len(scores)
        rates = [1.0 / self.verify_ms(1)]
        gain = 1.0
        for count, score in enumerate(sorted(scores, reverse=True), 1):
            gain += score
            rates.append(gain / self.verify_ms(count + 1))
        best = max(range(len(rates)), key=rates.__getitem__)
        if last is not None and rates[best] < 1.05 * rates[min(last, len(scores))]:
            return min(last, len(scores))
        return best

    def _curve(self, rows: int) -> float:
        return self._table[min(rows, MOST_ROWS)] if self._table else 0.0


def _interpolated(points: Mapping[int, float], rows: int) -> float:
    """Between the points linear, beyond them by the last slope, never below the first."""
    sizes = list(points)
    if len(sizes) == 1:
        return points[sizes[0]]
    above = next((index for index, size in enumerate(sizes) if size >= rows), len(sizes) - 1)
    low, high = sizes[max(0, above - 1)], sizes[max(1, above)]
    share = (rows - low) / (high - low)
    return max(points[low] + share * (points[high] - points[low]), points[sizes[0]])


def _monotone(points: dict[int, float]) -> dict[int, float]:
    made: dict[int, float] = {}
    for size in sorted(points):
        made[size] = max(points[size], max(made.values(), default=0.0))
    return made


def measure(run: Callable[[int], None], seconds: float = 1.5, rounds: int = 7) -> CostModel:
    """Time ``run(m)`` for the standard sizes in interleaved rounds, at most about ``seconds`` in all.

    Medians of the rounds after one warm-up; a slow device gets fewer rounds, but never less than one.
    """
    times: dict[int, list[float]] = {size: [] for size in SIZES}
    begin = perf_counter()
    run(SIZES[0])
    for _ in range(rounds):
        for size in SIZES:
            start = perf_counter()
            run(size)
            times[size].append((perf_counter() - start) * 1e3)
        if perf_counter() - begin > seconds:
            break
    return CostModel({size: median(values) for size, values in times.items()})


Group = tuple[str, int, int, int]
RANKS = (0, 1, 3, 8, 32)
"""Ranks are learnt apart up to each of these."""


def group_of(source: Source, depth: int) -> Group:
    """What is learnt together: a source of one kind, n-gram length and rank, at one depth."""
    rank = 0 if source.rank is None else bisect_left(RANKS, source.rank)
    return source.kind, source.n or 0, rank, min(depth, 8)


class Calibration:
    """Turns a source's own estimates into frequencies of acceptance, learnt per source, rank, match and depth."""

    def __init__(self) -> None:
        self._sums: dict[Group, tuple[float, float, float]] = {}

    def estimate(self, source: Source, depth: int, probability: float | None) -> float:
        """Calibrated probability that a node of this source and depth is accepted once its parent is."""
        if probability is None:
            return self.usual(source.kind)
        _, predicted, accepted = self._sums.get(group_of(source, depth), (0.0, 0.0, 0.0))
        return min(0.995, probability * (accepted + 4.0) / (predicted + 4.0))

    def usual(self, kind: str) -> float:
        """How often a node of this source is accepted once its parent is, at whatever depth; 0.8 before any was."""
        sums = [values for group, values in self._sums.items() if group[0] == kind]
        return (sum(s[2] for s in sums) + 3.2) / (sum(s[0] for s in sums) + 4.0)

    def learn(self, tree: DraftTree, emitted: Sequence[int]) -> None:
        """Take in what really came where a tree was proposed, verified or not.

        A node says something if its parent came true and the token after the parent is known.
        """
        true = {ROOT}
        for node, parent in enumerate(tree.parents):
            depth = tree.depths[node]
            if parent not in true or depth > len(emitted):
                continue
            hit = tree.tokens[node] == emitted[depth - 1]
            if hit:
                true.add(node)
            group = group_of(tree.sources[node], depth)
            offered, predicted, accepted = (0.98 * value for value in self._sums.get(group, (0.0, 0.0, 0.0)))
            probability = tree.probabilities[node]
            self._sums[group] = (
                offered + 1.0,
                predicted + (0.5 if probability is None else probability),
                accepted + hit,
            )


class Gate:
    """Whether drafting is worth its own time; when it is not, it is tried again every 32 steps, backing off to 256."""

    IGNORED, WARM_UP, PROBE, FIRST_PAUSE, LAST_PAUSE = 2, 10, 5, 32, 256

    def __init__(self) -> None:
        self._tokens = self._ms = self._steps = self._plain_ms = 0.0
        self._ignore = self.IGNORED
        self._due = self.WARM_UP
        self._closed_for = 0
        self._pause = self.FIRST_PAUSE

    @property
    def open(self) -> bool:
        """Whether the next step should draft."""
        return self._closed_for == 0

    def begin(self) -> None:
        """The next steps include catching up with the sequence and say little."""
        self._ignore = self.IGNORED

    def note(self, tokens: int, ms: float, plain_ms: float) -> None:
        """Take in a step: tokens emitted, its wall time, and what a step without a draft would take.

        A single step that took very long (another program, the garbage collector) says little and counts less.
        """
        if not self.open:
            self._closed_for -= 1
            self._due = self.PROBE
            self._ignore = self.IGNORED
            return
        if self._ignore:
            self._ignore -= 1
            return
        if self._steps:
            ms = min(ms, 4.0 * self._ms / self._steps)
        self._tokens = 0.9 * self._tokens + tokens
        self._ms = 0.9 * self._ms + ms
        self._steps = 0.9 * self._steps + 1.0
        self._plain_ms = 0.9 * self._plain_ms + plain_ms
        self._due = max(0, self._due - 1)
        if self._due == 0 and plain_ms > 0.0:
            self._decide(worth=self._tokens / self._ms >= 0.98 * self._steps / self._plain_ms)

    def _decide(self, worth: bool) -> None:
        if worth:
            self._pause = self.FIRST_PAUSE
            return
        self._closed_for = self._pause
        self._pause = min(self.LAST_PAUSE, 2 * self._pause)
        self._tokens = self._ms = self._steps = self._plain_ms = 0.0
