"""A conversation that was kept, back on the screen as it was."""

from collections.abc import Sequence
from dataclasses import replace

from ..engine.drafters.registry import MODES
from ..engine.values.events import End, Turn
from ..engine.values.options import Options
from ..record.archived import Archived, Said
from ..record.events import EndText, PrefillText, Record, ServedText, StepText, SwitchText, Told, TurnText
from .ledger import REASONS, Ledger
from .transcript.document import Document

MOST_STEPS_TOLD = 8_000
"""Tokens whose steps are brought back; of what came before them only the text is shown."""


def coloured(past: Archived) -> tuple[int, ...]:
    """The last answers of a conversation, as many as are brought back step by step."""
    left, chosen = MOST_STEPS_TOLD, []
    for turn in reversed(past.turns):
        left -= len(turn.tokens)
        if left < 0:
            break
        chosen.append(turn.answer)
    return tuple(reversed(chosen))


def retell(document: Document, ledger: Ledger, past: Archived, records: Sequence[Sequence[Record]]) -> list[StepText]:
    """Bring all turns into the document and the ledger; ``records`` are those of the last answers.

    Returns the steps of the last answer.
    """
    steps: list[StepText] = []
    plain = len(past.turns) - len(records)
    for number, turn in enumerate(past.turns):
        document.begin_question(turn.question)
        note = f"{turn.number}/{turn.of}" if turn.of > 1 else ""
        told = records[number - plain] if number >= plain else ()
        if any(isinstance(record, TurnText) for record in told):
            steps = _step_by_step(document, ledger, turn, [_placed(record, number) for record in told], note)
        else:
            steps = []
            _as_text(document, ledger, turn, number, note)
        ledger.beside[number] = turn.of
    return steps


def _step_by_step(
    document: Document, ledger: Ledger, turn: Said, records: Sequence[Record], note: str
) -> list[StepText]:
    """An answer with the fate of every token."""
    steps: list[StepText] = []
    ended = False
    for record in records:
        ledger.feed(record)
        match record:
            case TurnText(turn=event):
                document.begin_answer(_title(event.mode), note)
            case PrefillText():
                document.add_first(record)
            case StepText():
                document.add_step(record)
                steps.append(record)
            case ServedText():
                document.add_served(record)
            case Told(kinds=kinds):
                document.recolour(kinds)
            case SwitchText(switch=switch):
                document.seam(_title(switch.mode))
            case EndText():
                ended = True
                document.end_answer(record, ledger.summary(record.end.reason))
    if not ended:
        ledger.answered = bool(turn.tokens or turn.text)
        document.note(REASONS["killed"])
    return steps


def _placed(record: Record, number: int) -> Record:
    """Older versions did not count the questions before one."""
    return replace(record, turn=replace(record.turn, before=number)) if isinstance(record, TurnText) else record


def _as_text(document: Document, ledger: Ledger, turn: Said, number: int, note: str) -> None:
    """An answer of which only the text is there."""
    ledger.feed(TurnText("chat", Turn((), turn.mode, Options(), before=number), turn.question, ()))
    ledger.answered = True
    document.begin_answer(_title(turn.mode), note)
    document.add_text(turn.text)
    document.end_answer(EndText("chat", End("eos")))


def _title(mode: str) -> str:
    return MODES[mode].title if mode in MODES else mode
