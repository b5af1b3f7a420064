"""What a server has said of an answer's drafts, in plain sentences."""

from ..record.events import Told


def served_sentence(told: Told) -> str:
    """What was told, and what no server tells."""
    if told.drafted is None or told.accepted is None:
        return "The server says nothing of drafts, so that nobody knows here whether it speculates."
    if not told.drafted:
        return "The server speculates, and drafted nothing for this answer."
    late = " What was drafted was told at the end." if told.kinds else ""
    return (
        f"{_counts(told.drafted, told.accepted)} (told in {told.source}). {_lost(told.drafted - told.accepted)}{late}"
    )


def unfinished_sentence(drafted: int | None, accepted: int | None) -> str:
    """The same of an answer that came to no end, from what had been counted until then."""
    if drafted is None or accepted is None:
        return "The answer came to no end, and the server had said nothing of drafts before."
    if not drafted:
        return "The answer came to no end; until then the server drafted nothing."
    return f"The answer came to no end. {_counts(drafted, accepted)} until then. {_lost(drafted - accepted)}"


def _counts(drafted: int, accepted: int) -> str:
    return f"The server drafted {drafted} tokens and accepted {accepted} of them"


def _lost(vain: int) -> str:
    return f"The other {vain} are counted only: no server sends a token that it rejected." if vain else "None was lost."
