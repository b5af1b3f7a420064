"""What a server has said of an answer's drafts, in plain sentences."""

from ..record.events import Told


def served_sentence(told: Told) -> str:
    """What was told, and what no server tells."""
    if told.drafted is None or told.accepted is None:
        return "The server says nothing of drafts, so that nobody knows here whether it speculates."
    if not told.drafted:
        return "The server speculates, and drafted nothing for this answer."
    vain = told.drafted - told.accepted
    words = f"The server drafted {told.drafted} tokens and accepted {told.accepted} of them"
    sends = (
        f"The other {vain} are counted only: no server sends a token that it rejected." if vain else "None was lost."
    )
    late = " What was drafted was told at the end." if told.kinds else ""
    return f"{words} (told in {told.source}). {sends}{late}"
