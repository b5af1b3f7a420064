"""The chosen or latest step in full."""

from typing import Any

from textual.content import Content
from textual.widgets import Static

from ...present.step_sentence import quoted, sentence, source_words
from ...present.token_looks import LOOKS, TokenKind
from ...record.events import StepText
from ...record.metrics import idle_ms

MOST_NODES = 24


def look(kind: Any) -> str:
    """The style of a token kind, for Content."""
    hue = {"plain": "", "accepted": "$token-accepted", "rejected": "$token-rejected", "muted": "$token-muted"}
    own = LOOKS[kind]
    return f"{own.attributes.replace('underline2', 'underline')} {hue.get(own.hue, '$token-seam')}".strip()


class StepPane(Static):
    """The chosen or latest step: its tree, its times, and one plain sentence."""

    def tell(self, words: str) -> None:
        """Show sentences where there is no step to show: a server sends none."""
        self.update(Content.styled(words, "italic"), layout=False)

    def show(self, record: StepText | None, pinned: bool = False) -> None:
        """Draw a step; None is an empty pane."""
        if record is None:
            self.update(Content.styled("no step yet", "$token-muted"), layout=False)
            return
        step, ms = record.step, record.step.ms
        count = len(step.nodes)
        parts: list[Any] = [
            (f"step {step.index}{'  (chosen)' if pinned else ''}\n", "bold"),
            (f"accepted {step.accepted}/{count}   emitted {len(step.emitted)}\n\n", ""),
            *self._tree(record),
            *self._branches(record),
            (f"\n{sentence(record)}\n\n", "italic"),
            (f"draft  {ms.draft:7.2f} ms\nverify {ms.verify:7.2f} ms\n", "$token-muted"),
            (f"commit {ms.commit:7.2f} ms\nother  {ms.other:7.2f} ms\nwall   {ms.wall:7.2f} ms", "$token-muted"),
            *self._bubbles(record),
        ]
        self.update(Content.assemble(*parts), layout=False)

    def _tree(self, record: StepText) -> list[Any]:
        parts: list[Any] = []
        depths: list[int] = []
        source = ""
        for node, text in zip(record.step.nodes, record.nodes, strict=True):
            depths.append(0 if node.parent < 0 else depths[node.parent] + 1)
            if len(depths) > MOST_NODES:
                parts.append((f"… {len(record.step.nodes) - MOST_NODES} more\n", "$token-muted"))
                break
            share = f"{node.probability:4.0%}" if node.probability is not None else "   –"
            words = source_words(node.source)
            indent = " " * min(depths[-1], 12)
            parts += [indent, (f"{LOOKS[node.fate].mark} {quoted(text)}", look(node.fate))]
            parts.append((f" {share}{'' if words == source else f'  {words}'}\n", "$token-muted"))
            source = words
        kind = record.step.emitted[-1].kind if record.step.emitted else "target"
        if kind != "accepted":
            parts.append((f"{LOOKS[kind].mark} {quoted(record.emitted[-1])}\n", look(kind)))
        return parts

    def _branches(self, record: StepText) -> list[Any]:
        """What was drafted meanwhile: each branch in a line, the winner marked as what it is."""
        branches = record.step.branches
        if branches is None:
            return []
        after = quoted(record.nodes[branches.at]) if branches.at >= 0 else "the root"
        parts: list[Any] = [(f"\nmeanwhile, after {after} ({branches.confidence:.0%} sure)\n", "$token-muted")]
        for index, words in enumerate(record.branches):
            kind: TokenKind = "accepted" if index == branches.won else "rejected" if index == 0 else "unreached"
            parts.append((f"{LOOKS[kind].mark} {' '.join(map(quoted, words))}\n", look(kind)))
        parts.append((f"dropped {branches.dropped}   branch waste {branches.waste}\n", "$token-muted"))
        return parts

    def _bubbles(self, record: StepText) -> list[Any]:
        """How long each of the two had nothing to do, where both could have worked."""
        if record.step.branches is None:
            return []
        idle = {name: idle_ms(record.step, who) for name, who in (("draft", "draft"), ("target", "verify"))}
        return [(f"\nidle: draft {idle['draft']:.2f} ms, target {idle['target']:.2f} ms", "$token-muted")]
