"""The numbers of an answer, each defined once, computed from its records alone."""

from dataclasses import dataclass

from .record.events import EndText, PrefillText, Record, StepText, TurnText


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of one answer so far; None is unknown."""

    emitted: int = 0
    """Tokens of the answer, the one that prefill yields included."""
    steps: int = 0
    """Target passes after the prefill."""
    drafted: int = 0
    """Drafted tokens that the target verified: accepted + rejected + unreached + cut."""
    accepted: int = 0
    rejected: int = 0
    unreached: int = 0
    """Verified below a rejected token; counted in ``drafted``."""
    cut: int = 0
    ttft_ms: float | None = None
    """Time to first token: from the command to the token that prefill yields."""
    decode_ms: float = 0.0
    """From the first token to the end of the last step, on the lane's own clock."""
    draft_ms: float = 0.0
    verify_ms: float = 0.0

    @property
    def tokens_per_second(self) -> float | None:
        """(emitted - 1) / time after the first token."""
        return (self.emitted - 1) / self.decode_ms * 1e3 if self.emitted > 1 and self.decode_ms > 0 else None

    @property
    def tokens_per_step(self) -> float | None:
        """Mean accepted tokens: emitted tokens / steps, prefill's token in neither."""
        return (self.emitted - 1) / self.steps if self.steps else None

    @property
    def acceptance_rate(self) -> float | None:
        """Accepted / drafted."""
        return self.accepted / self.drafted if self.drafted else None

    def speedup(self, baseline: "Numbers | None") -> float | None:
        """Tokens per second over those of a measured autoregressive run of the same prompt."""
        mine, reference = self.tokens_per_second, baseline.tokens_per_second if baseline else None
        return mine / reference if mine and reference else None


class Meter:
    """Adds up the records of one answer; ``numbers`` is an immutable snapshot."""

    def __init__(self) -> None:
        self.numbers = Numbers()
        self._first_ms = 0.0

    def feed(self, record: Record) -> None:
        """Take in one record; a new turn starts from zero."""
        match record:
            case TurnText():
                self.__init__()  # type: ignore[misc]
            case PrefillText(prefill=prefill):
                self._first_ms = prefill.time_ms
                self.numbers = Numbers(emitted=1, ttft_ms=prefill.time_ms)
            case StepText():
                self.numbers = self._after(record)
            case EndText() | _:
                pass

    def _after(self, record: StepText) -> Numbers:
        n, step = self.numbers, record.step
        fates = [node.fate for node in step.nodes]
        return Numbers(
            emitted=n.emitted + len(step.emitted),
            steps=n.steps + 1,
            drafted=n.drafted + len(fates),
            accepted=n.accepted + fates.count("accepted"),
            rejected=n.rejected + fates.count("rejected"),
            unreached=n.unreached + fates.count("unreached"),
            cut=n.cut + fates.count("cut"),
            ttft_ms=n.ttft_ms,
            decode_ms=step.time_ms - self._first_ms,
            draft_ms=n.draft_ms + step.ms.draft,
            verify_ms=n.verify_ms + step.ms.verify,
        )
