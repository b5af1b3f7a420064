"""A step under the magnifying glass: its tree line by line, what the target wanted, where a draft was copied from."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..engine.values.step import Node, Source, Span, Step, walked
from ..record.events import PrefillText, Record, StepText, TurnText
from .step_sentence import quoted

OWN = -2
"""Stands for the target's own token, with which a step ends."""
WRITERS = {"draft": "The draft model", "eagle": "The trained head"}
"""Who writes tokens, in place of copying them."""
DATASTORE = "datastore"
"""The source of what stands outside the text."""
MOST_ITEMS = 512
"""Lines of a tree; those of our methods have 65 at most."""
AROUND = 14
"""Tokens of the text that are shown before and behind a passage."""


class Item(NamedTuple):
    """A line of a tree that can be chosen."""

    boxes: str
    node: int
    """A drafted node, or ``OWN``."""
    parent: int
    """Number of the line above which it hangs; -1 is the root."""


def items(record: StepText) -> list[Item]:
    """The tree depth first, and below the last accepted token the one that the target added."""
    step, children = record.step, defaultdict[int, list[int]](list)
    for index, one in enumerate(step.nodes):
        children[one.parent].append(index)
    if step.emitted and step.emitted[-1].kind != "accepted":
        children[max(walked(step), default=-1)].append(OWN)
    made: list[Item] = []
    waiting = [("", -1, child, len(children[-1]) == 1, child == children[-1][-1]) for child in reversed(children[-1])]
    while waiting and len(made) < MOST_ITEMS:
        before, parent, node, alone, last = waiting.pop()
        head, under = ("", "") if alone else ("└─ ", "   ") if last else ("├─ ", "│  ")
        made.append(Item(before + head, node, parent))
        own = children[node] if node != OWN else []
        here = len(made) - 1
        waiting += [(before + under, here, child, len(own) == 1, child == own[-1]) for child in reversed(own)]
    return made


class Choice(NamedTuple):
    """A token that the target could have chosen at a place."""

    text: str
    probability: float
    noise: float | None
    score: float
    is_chosen: bool
    is_drafted: bool


def place_of(step: Step, node: int) -> int:
    """The place at which a token stood for choice: the node before it, -1 for the root."""
    return max(walked(step), default=-1) if node == OWN else step.nodes[node].parent


def choices(record: StepText, place: int) -> list[Choice]:
    """What the target could have chosen at a place, the chosen one first; empty if it was not looked at or recorded."""
    step, places = record.step, [-1, *walked(record.step)]
    if step.target_top is None or place not in places or not record.top:
        return []
    row = places.index(place)
    drafted = {node.token for node in step.nodes if node.parent == place}
    chosen = chosen_token(step, row)
    made = [
        Choice(text, one.probability, one.noise, one.score, one.token == chosen, one.token in drafted)
        for one, text in zip(step.target_top[row], record.top[row], strict=True)
    ]
    return sorted(made, key=lambda one: (not one.is_chosen, -one.score))


def chosen_token(step: Step, row: int) -> int | None:
    """The id that the target chose at the root or at a walked node, counted from the root; None if nothing stands."""
    path = walked(step)
    if row < len(path):
        return step.nodes[path[row]].token
    last = step.emitted[-1] if step.emitted else None
    return last.token if last is not None and last.kind != "accepted" else None


def chosen_text(record: StepText, place: int) -> str | None:
    """The text that the target chose at a place; None if it never looked there, or nothing came to stand."""
    path = walked(record.step)
    places = [-1, *path]
    if place not in places:
        return None
    row = places.index(place)
    if row < len(path):
        return record.nodes[path[row]]
    return record.emitted[-1] if chosen_token(record.step, row) is not None else None


def fate_words(record: StepText, node: int) -> str:
    """What became of a token, in one sentence."""
    if node == OWN:
        kind = record.step.emitted[-1].kind
        return {
            "correction": "The target chose it in place of a rejected token.",
            "bonus": "The target added it for free: all drafted tokens before it were accepted.",
        }.get(kind, "The target chose it; nothing was drafted.")
    one = record.step.nodes[node]
    if one.fate == "accepted":
        return "Accepted: the target chose it too."
    if one.fate == "cut":
        return "Accepted, then dropped: the answer ended before it."
    if one.fate == "unreached":
        return "Never checked: a token before it was rejected."
    instead = chosen_text(record, one.parent)
    return "Rejected." if instead is None else f"Rejected: the target chose {quoted(instead)} here."


def source_sentence(record: StepText, node: int, words: Mapping[int, str]) -> str:
    """Where a drafted token comes from, in one or two sentences."""
    one = record.step.nodes[node]
    source, share = one.source, one.probability
    sure = f", {share * 100:.0f} % sure" if share is not None else ""
    if source.kind in WRITERS:
        rank = f" as its choice number {source.rank + 1}" if source.rank else ""
        return f"{WRITERS[source.kind]} wrote it{rank}{sure}."
    parts = []
    if source.kind == "guess" and source.rank is not None:
        parts.append(f"Guessed: it had rank {source.rank + 1} in the target's last logits{sure}")
    if source.n is not None:
        what = quoted("".join(ngram(record, node, words)))
        times = f" {source.count} times" if source.count and source.count > 1 else ""
        place = "in the datastore" if source.kind == DATASTORE else "in the text before"
        parts.append(f"Copied: {quoted(record.nodes[node])} stands{times} behind {what} {place}")
    return ". ".join(parts) + "." if parts else f"From {source.kind}{sure}."


def ngram(record: StepText, node: int, words: Mapping[int, str]) -> list[str]:
    """The tokens whose earlier occurrence a copied token stands behind."""
    step, source = record.step, record.step.nodes[node].source
    if source.kind == DATASTORE:
        return [*_pending(step, source, words), *_above(record, node)]
    first, _ = _run(step.nodes, node)
    path: list[str] = []
    above = step.nodes[first].parent
    while above >= 0 and len(path) < (source.n or 0):
        path.append(record.nodes[above])
        above = step.nodes[above].parent
    rest = max(0, (source.n or 0) - len(path))
    before = [words.get(index, "") for index in range(step.position - rest + 1, step.position + 1)]
    return [*before, *reversed(path)]


def _run(nodes: Sequence[Node], node: int) -> tuple[int, int]:
    """The first node of a copied passage, and how many tokens of it stand before this one."""
    source, behind = nodes[node].source, 0
    while (above := nodes[node].parent) >= 0 and nodes[above].source == source:
        node, behind = above, behind + 1
    return node, behind


class Passage(NamedTuple):
    """A part of the text."""

    before: str
    match: str
    """The n-gram that was found."""
    copied: str
    """What followed it, and was copied."""
    after: str


def passage(record: StepText, node: int, words: Mapping[int, str]) -> Passage | None:
    """The place from which a token was copied, in the text or in the datastore; None if it was not, or nobody knows."""
    source = record.step.nodes[node].source if node != OWN else None
    if source is not None and source.kind == DATASTORE:
        return _quoted(record, node, words)
    if source is None or source.at is None or source.n is None:
        return None
    _, behind = _run(record.step.nodes, node)
    at, end = source.at, source.at + behind + 1

    def text(first: int, last: int) -> str:
        return "".join(words.get(index, "") for index in range(max(0, first), last))

    return Passage(text(at - source.n - AROUND, at - source.n), text(at - source.n, at), text(at, end),
                   text(end, end + AROUND))  # fmt: skip


def _quoted(record: StepText, node: int, words: Mapping[int, str]) -> Passage | None:
    for quote, (before, after) in zip(record.step.quotes or (), record.quotes, strict=True):
        if quote.node == node:
            match = _pending(record.step, record.step.nodes[node].source, words)
            copied = [*_above(record, node), record.nodes[node]]
            return Passage("".join(before), "".join(match), "".join(copied), "".join(after))
    return None


def _pending(step: Step, source: Source, words: Mapping[int, str]) -> list[str]:
    """The last tokens of the text, as many as matched."""
    return [words.get(index, "") for index in range(step.position - (source.n or 0) + 1, step.position + 1)]


def _above(record: StepText, node: int) -> list[str]:
    """The drafted tokens between the text and a node."""
    path: list[str] = []
    while (node := record.step.nodes[node].parent) >= 0:
        path.insert(0, record.nodes[node])
    return path


def words_of(records: Iterable[Record]) -> dict[int, str]:
    """Index in the sequence -> text, of the prompt and the answer."""
    words: dict[int, str] = {}
    for record in records:
        match record:
            case TurnText(turn=turn, texts=texts):
                words = dict(enumerate(texts[: len(turn.prompt)]))
                first = len(turn.prompt)
            case PrefillText(text=text):
                words[first if words else 0] = text
            case StepText(step=step, emitted=texts):
                words |= {step.position + 1 + index: text for index, text in enumerate(texts)}
    return words


def cost_words(step: Step, plain_ms: float | None) -> str:
    """What a step cost and what it brought."""
    ms, count = step.ms, len(step.emitted)
    cost = f"draft {ms.draft:.2f} + check {ms.verify:.2f} + rest {ms.commit + ms.other:.2f} → {ms.wall:.2f} ms"
    brought = f"{cost} for {count} token{'s' if count != 1 else ''}"
    if not plain_ms:
        return brought
    saved = count * plain_ms - ms.wall
    return f"{brought}; plain ≈ {count * plain_ms:.2f} ms: {abs(saved):.2f} ms {'won' if saved >= 0 else 'lost'}"


def workers(step: Step, width: int) -> list[tuple[str, str]]:
    """Who worked when, if two worked at once: a name and a bar of so many cells each."""
    if step.branches is None or not step.spans or step.ms.wall <= 0.0:
        return []
    return [(name, _bar([one for one in step.spans if one.who == who], step.ms.wall, width))
            for who, name in (("draft", "draft "), ("verify", "target"))]  # fmt: skip


def _bar(spans: Sequence[Span], wall: float, width: int) -> str:
    def works(cell: int) -> bool:
        start, end = wall * cell / width, wall * (cell + 1) / width
        return any(one.start < end and one.end > start for one in spans)

    return "".join("█" if works(cell) else "·" for cell in range(width))
