"""The chosen or latest step in full."""

from collections.abc import Iterator
from typing import Any

from textual.app import App
from textual.content import Content
from textual.widgets import Static

from ...present.step_sentence import quoted, sentence, source_words
from ...present.token_looks import GROUND_SHARE, LOOKS, TokenKind
from ...present.tree_lines import tree_lines
from ...record.events import StepText
from ...record.metrics import idle_ms

MOST_LINES = 24
"""Lines of a tree."""
DEEPEST = 12
"""Cells of box characters."""
_HUES = {
    "plain": "",
    "accepted": "$token-accepted",
    "rejected": "$token-rejected",
    "muted": "$token-muted",
    "seam": "$token-seam",
}


def look(kind: TokenKind, colour: bool = True) -> str:
    """The style of a token kind, for Content; without ``colour`` as it stands in a text that has none."""
    own = LOOKS[kind]
    ground = f"on {_HUES[own.ground]} {GROUND_SHARE}%" if own.ground else ""
    return f"{own.style(colour).replace('underline2', 'underline')} {_HUES[own.hue]} {ground}".strip()


def has_colour(app: App[Any]) -> bool:
    """Whether tokens in a text are told apart by colours of the theme; else attributes take their place."""
    return not (app.no_color or app.current_theme.ansi)


class StepPane(Static):
    """The chosen or latest step: its times, its tree, and one plain sentence."""

    folds = True
    """Whether what was lost is folded."""
    instead = ""
    """What stands here where there is no step; empty before the first one."""

    def tell(self, words: str) -> None:
        """Show sentences where there is no step to show: a server sends none."""
        self.update(Content.styled(words, "italic"), layout=False)

    def show(self, record: StepText | None, pinned: bool = False, goes_on: bool = False) -> None:
        """Draw a step, whether a person has ``pinned`` it and another one follows; None is no step."""
        if record is None and self.instead:
            self.tell(self.instead)
            return
        if record is None:
            self.update(Content.styled("no step yet", "$token-muted"), layout=False)
            return
        step = record.step
        parts: list[Any] = [
            (f"step {step.index}  {step.ms.wall:.2f} ms", "bold"),
            (f"  {'pinned' if pinned else ''}\n", "$text-primary"),
            *_times(record),
            f"\naccepted {step.accepted}/{len(step.nodes)}, tokens {len(step.emitted)}\n" if step.nodes else "\n",
            *self._tree(record),
            *_branches(record),
            (f"\n{sentence(record, goes_on)}", "italic"),
        ]
        self.update(Content.assemble(*parts), layout=False)

    def _tree(self, record: StepText) -> Iterator[Any]:
        nodes, source = record.step.nodes, ""
        for count, (boxes, node, folded) in enumerate(tree_lines(nodes, self.folds)):
            if count == MOST_LINES:
                yield ("… (the tree goes on)\n", "$token-muted")
                break
            yield (boxes[-DEEPEST:], "$token-muted")
            if node is None:
                yield (f"{LOOKS['rejected'].mark} {folded} more\n", "$token-muted")
                continue
            bold = "bold " if nodes[node].fate == "accepted" else ""
            yield (f"{LOOKS[nodes[node].fate].mark} {quoted(record.nodes[node])}", bold + look(nodes[node].fate))
            words, share = source_words(nodes[node].source), nodes[node].probability
            known = f" {share * 100:.0f} %" if share is not None else ""
            below = f" (+{folded})" if folded else ""
            yield (f"{known}{below}{'' if words == source else f'  {words}'}\n", "$token-muted")
            source = words
        kind = record.step.emitted[-1].kind if record.step.emitted else "target"
        if kind != "accepted":
            yield (f"{LOOKS[kind].mark} {quoted(record.emitted[-1])}", look(kind))
            yield "\n"


def _times(record: StepText) -> Iterator[Any]:
    """What the step cost and, where both models could have worked at the same time, how long each waited."""
    ms = record.step.ms
    yield (f"draft  {ms.draft:7.2f}   check {ms.verify:7.2f}", "$token-muted")
    yield (f"\ncommit {ms.commit:7.2f}   other {ms.other:7.2f}\n", "$token-muted")
    if record.step.branches is not None:
        draft, target = (idle_ms(record.step, who) for who in ("draft", "verify"))
        yield (f"waiting: draft {draft:.2f}, target {target:.2f}\n", "$token-muted")


def _branches(record: StepText) -> Iterator[Any]:
    """What was drafted meanwhile: each branch in a line, the winner marked as what it is."""
    branches = record.step.branches
    if branches is None:
        return
    after = quoted(record.nodes[branches.at]) if branches.at >= 0 else "the root"
    yield (f"\nmeanwhile, after {after} ({branches.confidence * 100:.0f} % sure)\n", "$token-muted")
    for index, words in enumerate(record.branches):
        kind: TokenKind = "accepted" if index == branches.won else "rejected" if index == 0 else "unreached"
        yield (f"{LOOKS[kind].mark} {' '.join(map(quoted, words))}\n", look(kind))
    yield (f"dropped {branches.dropped}   branch waste {branches.waste}\n", "$token-muted")
