"""Records of a conversation as the decode thread would send them."""

from dataclasses import replace

from spectui.record.events import Ready, TurnText

from ...tui.played import READY, answer

__all__ = ["READY", "said"]


def said(question, text, before=0, mode="draft", reason="eos", header: Ready | None = None):
    """A question after so many others, and its answer."""
    turn, *rest = answer(mode, text, question, reason=reason)
    assert isinstance(turn, TurnText)
    prompt = tuple(question.encode()) + tuple(range(before))
    records = [replace(turn, turn=replace(turn.turn, prompt=prompt, before=before)), *rest]
    return [header, *records] if header else records
