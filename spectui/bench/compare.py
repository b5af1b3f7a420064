"""A race that is measured: who takes part, the warm-up, the rounds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from time import perf_counter

from ..engine.race import MOST_LANES
from ..present.race_book import SERVED, RaceBook
from ..record.events import EndText, Finished, Note, Ready, Record, TurnText
from ..record.metrics import REFERENCE, ROUNDS
from ..record.trace import TraceWriter
from ..session.session import Session
from ..system.errors import UserError


@dataclass(frozen=True, slots=True)
class Field:
    """Who takes part, and who cannot, with the reason."""

    lanes: tuple[str, ...]
    left_out: dict[str, str]


def field_of(wanted: Sequence[str], ready: Ready) -> Field:
    """The reference first, then the wanted modes that this pair can run, then all servers, as many as a race has lanes.

    Raises UserError for too few. Where a server answers the chat, no mode runs here.
    """
    local = [name for name in wanted if name not in (SERVED, *ready.servers)]
    names = dict.fromkeys([REFERENCE, *local]) if local or not ready.servers else {}
    left_out = {name: ready.unavailable.get(name, "there is no such mode") for name in names if name not in ready.modes}
    modes = [name for name in names if name not in left_out]
    room = MOST_LANES - len(ready.servers)  # who names servers wants to see them
    lanes = [*modes[: max(0, room)], *ready.servers]
    if len(lanes) < 2:
        why = "".join(f"; {name}: {reason}" for name, reason in left_out.items())
        how = "--modes or one more --server" if ready.servers else "--modes"
        raise UserError(f"a race takes 2 to {MOST_LANES} lanes, not {len(lanes)}; choose with {how}{why}")
    most = "a race has no room for more lanes; choose with --modes"
    left_out |= dict.fromkeys([*modes[max(0, room) :], *lanes[MOST_LANES:]], most)
    return Field(tuple(lanes[:MOST_LANES]), left_out)


def race_in_rounds(
    session: Session,
    records: "SimpleQueue[Record | None]",
    book: RaceBook,
    lanes: Sequence[str],
    prompt: str,
    rounds: int | None,
    writer: TraceWriter | None,
    say: Callable[[str], None],
) -> bool:
    """The warm-up and the rounds; whether they were interrupted, which a None among the records says.

    Raises UserError, with what was noted, if a race does not begin.
    """
    notes: list[str] = []
    warm, since = False, 0.0
    while not warm or len(book.rounds) < (rounds or ROUNDS) or (rounds is None and book.is_round_due(since)):
        session.race(lanes, prompt)
        begun = False
        while True:
            record = records.get()
            if record is None:
                session.stop()
                return True
            if isinstance(record, Finished):
                if not begun:
                    raise UserError("; ".join(notes) or "no lane could begin")
                break
            if isinstance(record, Note):
                notes.append(record.message)
            if isinstance(record, TurnText):
                begun = True
                while notes:
                    say(notes.pop())
            if isinstance(record, EndText) and record.end.message:
                raise UserError(record.end.message)
            if warm:
                book.feed(record)
                if writer:
                    writer.write(record)
        warm, since = True, since or perf_counter()
    return False
