"""``spectui doctor --server``: what a server is, whether it speculates, and what it does not tell."""

from collections.abc import Sequence

from rich.console import Console

from ..config.choice import ServerChoice
from ..engine.values.options import Options
from ..present.answer_line import answer_line
from ..record.events import EndText, Record, Told
from ..record.metrics import Meter
from ..session.served import ServedLane, answer_all, connect
from ..system.errors import UserError
from .rows import print_rows

QUESTION = "Count from one to thirty in words."
"""Repeats itself enough that any method drafts something."""
LENGTH = 48
"""Tokens of the trial answer."""


def examine(choices: Sequence[ServerChoice]) -> int:
    """Ask each server what it is and for a short answer, and print what both tell."""
    console = Console(highlight=False)
    for lane in connect(choices).values():
        print_rows(console, lane.name, _what(lane))
        print_rows(console, "a short answer", _tried(lane))
    return 0


def _what(lane: ServedLane) -> dict[str, str]:
    facts = lane.facts
    return {
        "address": lane.url,
        "engine": facts.title,
        "model": facts.shown_model,
        "models": ", ".join(facts.models[:8]) + (f" and {len(facts.models) - 8} more" if len(facts.models) > 8 else ""),
        "context": f"{facts.context:,} tokens" if facts.context else "not told",
        "drafts": facts.drafting,
        "counters": _counters(lane),
        "does not tell": "; ".join(facts.engine.untold),
        "tells more with": facts.engine.needs or "–",
    }


def _counters(lane: ServedLane) -> str:
    """What ``/metrics`` says since the server was started."""
    found = lane.facts.counters
    if not found.known:
        return "none of drafts at /metrics"
    words = [f"accepted {found.accepted:,}/{found.drafted:,}"] if found.drafted and found.accepted is not None else []
    words += [f"acceptance rate {found.acceptance_rate:.0%}"] if found.acceptance_rate is not None else []
    words += [f"{found.accept_length:.2f} tokens a pass"] if found.accept_length is not None else []
    return f"{', '.join(words) or 'nothing drafted'}, over all its requests"


def _tried(lane: ServedLane) -> dict[str, str]:
    """A short answer, and what the server said of it; raises UserError if there was none."""
    from ..session.served import messages_to

    meter, told = Meter(), Told(lane.name, 0.0)

    def take(record: Record) -> None:
        nonlocal told
        meter.feed(record)
        told = record if isinstance(record, Told) else told
        if isinstance(record, EndText) and record.end.message:
            raise UserError(record.end.message)

    before = lane.counters()
    answer_all([lane], messages_to(None, (), QUESTION), Options(max_new_tokens=LENGTH), take, lambda: False)
    counted = lane.counters().since(before)
    return {
        "numbers": str(answer_line(meter)),
        "drafts": f"told in {told.source}" if told.source else "not told in the answer",
        "single tokens": "told as they come or at the end" if _tells_kinds(meter, told) else "not told",
        "counters": f"{counted.accepted}/{counted.drafted} meanwhile" if counted.drafted is not None else "–",
    }


def _tells_kinds(meter: Meter, told: Told) -> bool:
    """Whether the kinds of single pieces were told."""
    return bool(told.kinds) or (told.source == "timings" and meter.numbers.drafted > 0)
