"""A step in the order in which a person reads it: position by position, with what was refused there."""

from collections import defaultdict
from typing import NamedTuple

from ..record.events import StepText
from .token_looks import TokenKind


class Refused(NamedTuple):
    """A drafted token that the target did not choose, and what was drafted below it."""

    node: int
    below: tuple[int, ...]
    """Unreached nodes under it, parents before children."""


class Slot(NamedTuple):
    """One position of the text after the step's root."""

    kind: TokenKind | None
    """What stands here; None if nothing came to stand (the answer ended before)."""
    text: str
    """The text that the position adds to the answer; for ``cut`` the preview of the dropped token."""
    node: int | None
    """The drafted node that stands here, if one does."""
    refused: tuple[Refused, ...]


def read_step(record: StepText) -> list[Slot]:
    """The positions of a step, in order."""
    nodes = record.step.nodes
    if not nodes:
        return [_slot(record, place, None, ()) for place in range(len(record.emitted))]
    children: dict[int, list[int]] = defaultdict(list)
    for index, node in enumerate(nodes):
        children[node.parent].append(index)
    path = [index for index, node in enumerate(nodes) if node.fate in ("accepted", "cut")]
    slots = []
    for place in range(max(len(path) + 1, len(record.emitted))):
        above = path[place - 1] if 0 < place <= len(path) else -1
        here = children[above] if place <= len(path) else []
        refused = tuple(Refused(i, _below(i, children)) for i in here if nodes[i].fate == "rejected")
        slot = _slot(record, place, path[place] if place < len(path) else None, refused)
        if slot.kind or slot.refused:
            slots.append(slot)
    return slots


def _slot(record: StepText, place: int, node: int | None, refused: tuple[Refused, ...]) -> Slot:
    if place < len(record.emitted):
        return Slot(record.step.emitted[place].kind, record.emitted[place], node, refused)
    if node is not None:
        return Slot("cut", record.nodes[node], node, refused)
    return Slot(None, "", None, refused)


def _below(node: int, children: dict[int, list[int]]) -> tuple[int, ...]:
    found: list[int] = []
    waiting = list(reversed(children.get(node, ())))
    while waiting:
        index = waiting.pop()
        found.append(index)
        waiting.extend(reversed(children.get(index, ())))
    return tuple(found)


def told(record: StepText) -> list[tuple[TokenKind, str]]:
    """A step as a reader follows it: at each position what was refused there, then what stands."""
    nodes = record.step.nodes
    tokens: list[tuple[TokenKind, str]] = []
    for slot in read_step(record):
        for refused in slot.refused:
            tokens += [(nodes[index].fate, record.nodes[index]) for index in (refused.node, *refused.below)]
        if slot.kind is not None:
            tokens.append((slot.kind, slot.text))
    return tokens
