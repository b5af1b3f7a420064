"""A draft tree as lines of text: depth first, with box characters, and with what was lost folded."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..engine.values.step import Node

MOST_LOST = 3
"""Rejected alternatives that are shown at one place; more are counted."""


class TreeLine(NamedTuple):
    """One line: a node behind the box characters before it."""

    boxes: str
    node: int | None
    """None for a line that stands for nodes which are not shown."""
    folded: int
    """Nodes that this line stands for besides its own."""


def tree_lines(nodes: Sequence[Node], folds: bool = True) -> Iterator[TreeLine]:
    """The lines of a tree whose parents stand before their children.

    A token without an alternative stands straight below the one before it. With ``folds`` nothing below a rejected
    token is shown, and only some of the alternatives that were rejected at one place.
    """
    children: dict[int, list[int]] = defaultdict(list)
    for index, node in enumerate(nodes):
        children[node.parent].append(index)
    yield from _below(-1, "", children, nodes, folds)


def _below(
    parent: int, boxes: str, children: dict[int, list[int]], nodes: Sequence[Node], folds: bool
) -> Iterator[TreeLine]:
    own = children[parent]
    lost = [node for node in own if nodes[node].fate != "accepted"]
    hidden = set(lost[MOST_LOST:]) if folds else set()
    shown = [node for node in own if node not in hidden]
    for node in shown:
        is_last = node == shown[-1] and not hidden
        head, under = ("", "") if len(own) == 1 else ("└─ ", "   ") if is_last else ("├─ ", "│  ")
        folded = _count(node, children) if folds and nodes[node].fate == "rejected" else 0
        yield TreeLine(boxes + head, node, folded)
        if not folded:
            yield from _below(node, boxes + under, children, nodes, folds)
    if hidden:
        yield TreeLine(f"{boxes}└─ ", None, sum(1 + _count(node, children) for node in hidden))


def _count(node: int, children: dict[int, list[int]]) -> int:
    """How many nodes stand below one."""
    return sum(1 + _count(child, children) for child in children[node])
