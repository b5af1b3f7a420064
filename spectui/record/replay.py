"""Replaying lanes on one clock: which records are due at a given time of the lanes' own clocks."""

from collections.abc import Sequence

from .events import Compared, EndText, PrefillText, Record, ServedText, StepText, Told


def times(records: Sequence[Record]) -> list[float]:
    """When each record happened on its lane's clock, in milliseconds; what has no time of its own follows the last."""
    clocks: dict[str, float] = {}
    made = []
    for record in records:
        lane = getattr(record, "lane", "")
        match record:
            case PrefillText(prefill=event) | StepText(step=event):
                clocks[lane] = max(event.time_ms, clocks.get(lane, 0.0))
            case ServedText(time_ms=time) | Told(time_ms=time):
                clocks[lane] = max(time, clocks.get(lane, 0.0))
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
        end = self._next
        while end < len(self._due) and self._due[end][0] <= clock:
            end += 1
        self.clock = max(self.clock, min(clock, self.length))
        return self._take(end)

    def step(self) -> list[Record]:
        """Up to the next step of any lane."""
        steps = (
            index
            for index, (_, one) in enumerate(self._due)
            if isinstance(one, StepText | ServedText) and index >= self._next
        )
        end = next(steps, len(self._due) - 1) + 1
        while end < len(self._due) and isinstance(self._due[end][1], EndText | Told):
            end += 1
        return self._take(end)

    def _take(self, end: int) -> list[Record]:
        taken, self._next = self._due[self._next : end], end
        self.clock = max(self.clock, taken[-1][0] if taken else 0.0)
        return [record for _, record in taken]
