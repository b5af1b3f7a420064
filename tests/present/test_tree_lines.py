"""A draft tree in lines: depth first, what was lost folded."""

from spectui.engine.values.step import Node, Source
from spectui.present.tree_lines import tree_lines


def tree(*nodes):
    return [Node(1, parent, Source("draft"), None, fate) for parent, fate in nodes]


def drawn(nodes, folds=True):
    return [(line.boxes, line.node, line.folded) for line in tree_lines(nodes, folds)]


CHAIN = tree((-1, "accepted"), (0, "accepted"), (1, "rejected"), (2, "unreached"), (3, "unreached"))
FORK = tree(
    (-1, "rejected"), (-1, "accepted"), (0, "unreached"), (1, "accepted"), (1, "rejected"), (3, "rejected")
)  # fmt: skip


def test_a_chain_stands_straight_and_what_was_lost_is_folded():
    assert drawn(CHAIN) == [("", 0, 0), ("", 1, 0), ("", 2, 2)]
    assert [line[1] for line in drawn(CHAIN, folds=False)] == [0, 1, 2, 3, 4]


def test_a_fork_is_drawn_depth_first():
    assert drawn(FORK, folds=False) == [
        ("├─ ", 0, 0),
        ("│  ", 2, 0),
        ("└─ ", 1, 0),
        ("   ├─ ", 3, 0),
        ("   │  ", 5, 0),
        ("   └─ ", 4, 0),
    ]


def test_many_rejected_alternatives_are_counted():
    wide = tree((-1, "accepted"), *[(-1, "rejected")] * 6)
    assert drawn(wide)[-1] == ("└─ ", None, 3)
    assert len(drawn(wide)) == 5
    assert len(drawn(wide, folds=False)) == 7
