"""Replaying lanes on one clock: which records are due at a given time of the lanes' own clocks."""

from collections.abc import Sequence

from .events import Compared, EndText, PrefillText, Record, StepText


def times(records: Sequence[Record]) -> list[float]:
    """When each record happened on its lane's clock, in milliseconds; what has no time of its own follows the last."""
    clocks: dict[str, float] = {}
    made = []
    for record in records:
        lane = getattr(record, "lane", "")
        match record:
            case PrefillText(prefill=event) | StepText(step=event):
                clocks[lane] = max(event.time_ms, clocks.get(lane, 0.0))
            case Compared():
                clocks[lane] = max(clocks.values(), default=0.0)
        made.append(clocks.get(lane, 0.0))
    return made


class Replay:
    """Hands out the records of lanes in the order of their clocks; the same records give the same replay."""

    def __init__(self, records: Sequence[Record]) -> None:
        order = sorted(zip(times(records), range(len(records)), records, strict=True), key=lambda item: item[:2])
        self._due = [(time, record) for time, _, record in order]
        self._next = 0
        self.clock = 0.0
        """Milliseconds on the common clock."""

    @property
    def length(self) -> float:
        """Milliseconds until the last lane has ended."""
        return self._due[-1][0] if self._due else 0.0

    @property
    def done(self) -> bool:
        """Whether everything was handed out."""
        return self._next >= len(self._due)

    def until(self, clock: float) -> list[Record]:
        """Everything that is due by ``clock`` and was not handed out yet."""
        start = self._next
        while not self.done and self._due[self._next][0] <= clock:
            self._next += 1
        self.clock = max(self.clock, min(clock, self.length))
        return [record for _, record in self._due[start : self._next]]

    def step(self) -> list[Record]:
        """Up to the next step of any lane."""
        made: list[Record] = []
        while not self.done:
            time, record = self._due[self._next]
            self._next += 1
            self.clock = max(self.clock, time)
            made.append(record)
            if isinstance(record, StepText):
                break
        while not self.done and isinstance(self._due[self._next][1], EndText):
            made.append(self._due[self._next][1])
            self._next += 1
        return made
