"""The cost model: what verification takes on this device, and what is therefore worth drafting."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from statistics import median
from time import perf_counter

from .step import Source
from .tree import ROOT, DraftTree

SIZES = (1, 2, 4, 8, 16, 32, 64)
MOST_ROWS = 128
RATE, DRIFT_RATE = 0.1, 0.02
"""How fast what is observed replaces what was measured: for one size, and for all of them together."""
NODE_MS = 0.05
"""What a node costs besides its verification: to find, record and show it."""


class CostModel:
    """T(m): milliseconds of one target pass over m tokens, monotone in m.

    Measured once, then refined while running: all sizes together, because every pass grows with the context, and each
    size by itself, because the measurement may have met a busy moment.
    """

    def __init__(self, points: Mapping[int, float] | None = None) -> None:
        sizes = sorted(points or {})
        self.points = dict(zip(sizes, _monotone(points[size] for size in sizes), strict=True)) if points else {}
        """What was measured: size -> milliseconds."""
        self._now = list(self.points.values())
        self._drift = 1.0
        self._shape = [1.0] * len(self.points)
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
        expected = self.verify_ms(rows)
        return ms * self.verify_ms(1) / expected if expected > 0.0 else 0.0

    def note(self, rows: int, ms: float) -> None:
        """Take in a pass that really happened."""
        if not self.points:
            return
        low, high, share = self._places[min(rows, MOST_ROWS)]
        base = list(self.points.values())
        ratio = min(4.0, max(0.25, ms / (base[low] + share * (base[high] - base[low]))))
        self._drift += DRIFT_RATE * (ratio - self._drift)
        near = high if share > 0.5 else low
        self._shape[near] += RATE * (ratio / self._drift - self._shape[near])
        self._now = _monotone(ms * self._drift * shape for ms, shape in zip(base, self._shape, strict=True))

    def worth(self, gain: float = 1.0, rows: int = 9) -> float:
        """The least probability of acceptance that pays for finding one more node; 0 if unmeasured.

        ``gain`` is how many tokens a pass over ``rows`` is expected to yield so far. Half of what verifying the node
        costs, because estimates are rough and verification decides by itself (``best_size``).
        """
        if not self.points:
            return 0.0
        slope = (self.verify_ms(rows + 8) - self.verify_ms(rows)) / 8.0
        return gain * (0.5 * slope + NODE_MS) / self.verify_ms(rows)

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


def _place(sizes: Sequence[int], rows: int) -> tuple[int, int, float]:
    """Between which two sizes ``rows`` lies, and how far; beyond them the last slope goes on."""
    if len(sizes) == 1:
        return 0, 0, 0.0
    high = min(max(1, bisect_left(sizes, rows)), len(sizes) - 1)
    return high - 1, high, max(0.0, (rows - sizes[high - 1]) / (sizes[high] - sizes[high - 1]))


def _monotone(values: Iterable[float]) -> list[float]:
    return list(accumulate(values, max))


def measure(run: Callable[[int], None], seconds: float = 1.5, rounds: int = 25) -> CostModel:
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
SHORT_MEMORY = 0.85
"""What is kept from step to step of how the present text goes."""
RANKS = (0, 1, 3, 8, 32)
"""Ranks are learnt apart up to each of these."""


def group_of(kind: str, n: int | None, rank: int | None, depth: int) -> Group:
    """What is learnt together: a source of one kind, n-gram length and rank, at one depth."""
    return kind, n or 0, 0 if rank is None else bisect_left(RANKS, rank), min(depth, 8)


class Calibration:
    """Turns a source's own estimates into frequencies of acceptance, learnt per source, rank, match and depth."""

    def __init__(self) -> None:
        self._sums: dict[Group, tuple[float, float, float]] = {}
        self._expected = self._came = 0.0

    def begin(self) -> None:
        """Another text begins: nothing is known of how it goes, and caution costs less than confidence."""
        self._expected, self._came = 2.0, 0.0

    @property
    def trust(self) -> float:
        """What came of the first drafted tokens in the last few steps over what was expected: how this text goes."""
        return min(1.5, max(0.1, (self._came + 1.0) / (self._expected + 1.0)))

    def estimate(self, source: Source, depth: int, probability: float | None) -> float:
        """Calibrated probability that a node of this source and depth is accepted once its parent is."""
        if probability is None:
            return self.usual(source.kind)
        return min(0.995, probability * self.factor(source.kind, source.n, source.rank, depth))

    def factor(self, kind: str, n: int | None, rank: int | None, depth: int) -> float:
        """By how much a source's own estimates have to be multiplied."""
        _, predicted, accepted = self._sums.get(group_of(kind, n, rank, depth), (0.0, 0.0, 0.0))
        return (accepted + 4.0) / (predicted + 4.0)

    def usual(self, kind: str) -> float:
        """How often a node of this source is accepted once its parent is, at whatever depth; 0.8 before any was."""
        sums = [values for group, values in self._sums.items() if group[0] == kind]
        return (sum(s[2] for s in sums) + 3.2) / (sum(s[0] for s in sums) + 4.0)

    def learn(self, tree: DraftTree, emitted: Sequence[int]) -> None:
        """Take in what really came where a tree was proposed, verified or not.

        A node says something if its parent came true and the token after the parent is known.
        """
        true = {ROOT}
        if len(tree):
            self._expected *= SHORT_MEMORY
            self._came *= SHORT_MEMORY
        for node, parent in enumerate(tree.parents):
            depth = tree.depths[node]
            if parent not in true or depth > len(emitted):
                continue
            hit = tree.tokens[node] == emitted[depth - 1]
            if hit:
                true.add(node)
            source = tree.sources[node]
            place = (source.kind, source.n, source.rank, depth)
            group = group_of(*place)
            offered, predicted, accepted = (0.98 * value for value in self._sums.get(group, (0.0, 0.0, 0.0)))
            probability = tree.probabilities[node]
            if depth == 1 and probability is not None:
                self._expected += min(1.0, probability * self.factor(*place))
                self._came += hit
            self._sums[group] = (
                offered + 1.0,
                predicted + (0.5 if probability is None else probability),
                accepted + hit,
            )


class Gate:
    """Whether drafting is worth its own time; when it is not, it is tried again every 32 steps, backing off to 256."""

    IGNORED, WARM_UP, PROBE, FIRST_PAUSE, LAST_PAUSE = 2, 10, 5, 32, 256
    CHEAP_IGNORED, CHEAP_PROBE, CHEAP_FIRST_PAUSE, CHEAP_LAST_PAUSE = 1, 2, 8, 32

    def __init__(self) -> None:
        self.cheap = False
        """Whether trying costs so little that it may happen more often: an answer is short."""
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
        """Another text begins, or catching up with it: the next steps say little, and a cheap try is worth making."""
        self._ignore = self.CHEAP_IGNORED if self.cheap else self.IGNORED
        if self.cheap and not self.open:
            self._closed_for = 0
            self._due = self.CHEAP_PROBE

    def note(self, tokens: int, ms: float, plain_ms: float) -> None:
        """Take in a step: tokens emitted, its wall time, and what a step without a draft would take.

        A single step that took very long (another program, the garbage collector) says little and counts less.
        """
        if not self.open:
            self._closed_for -= 1
            self._due = self.CHEAP_PROBE if self.cheap else self.PROBE
            self._ignore = self.CHEAP_IGNORED if self.cheap else self.IGNORED
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
        first, last = (
            (self.CHEAP_FIRST_PAUSE, self.CHEAP_LAST_PAUSE) if self.cheap else (self.FIRST_PAUSE, self.LAST_PAUSE)
        )
        if worth:
            self._pause = first
            return
        self._closed_for = min(last, max(first, self._pause))
        self._pause = min(last, 2 * self._closed_for)
        self._tokens = self._ms = self._steps = self._plain_ms = 0.0
