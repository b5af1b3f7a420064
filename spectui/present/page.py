"""A page to hand out."""

from ..record.replay import Replay


def page_of(replay: Replay, number: int) -> str:
    """A take as one page of HTML."""
    return ""
