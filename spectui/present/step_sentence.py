"""A step in words: what was proposed, what the target said, in one plain sentence."""

import json

from ..engine.values.step import Source
from ..record.events import StepText

END, PART = "end of answer", "part of a character"
"""What a token without text is: a sign that ends the answer, or bytes that others complete."""


def quoted(text: str) -> str:
    """A token's text with its spaces visible; a token without text is ∅."""
    return json.dumps(text, ensure_ascii=False) if text else "∅"


def source_words(source: Source) -> str:
    """Where a token came from, in a few words."""
    words = source.kind
    if source.rank:
        words += f" #{source.rank + 1}"
    if source.n is not None:
        words += f"{' +' if source.rank is not None else ''} {source.n}-gram"
    if source.count is not None:
        words += f" ×{source.count}"
    return words


def origin(record: StepText) -> str:
    """How the accepted tokens of a method without a draft model came about: guessed, copied; empty for others."""
    parts: list[tuple[str, str, str]] = []
    for node, text in zip(record.step.nodes, record.nodes, strict=True):
        if node.fate != "accepted":
            continue
        if node.source.n is not None:
            place = " from the datastore" if node.source.kind == "datastore" else " from the text before"
            if parts and (parts[-1][0], parts[-1][2]) == ("copied", place):
                parts[-1] = ("copied", parts[-1][1] + text, place)
            else:
                parts.append(("copied", text, place))
        elif node.source.kind == "guess":
            parts.append(("guessed", text, f" (rank {(node.source.rank or 0) + 1})"))
    return ", then ".join(f"{verb} {quoted(text)}{rest}" for verb, text, rest in parts)


def sentence(record: StepText, goes_on: bool = False) -> str:
    """What happened in the step, for a reader who has just met speculative decoding; ``goes_on`` if another follows."""
    return f"{_verified(record, PART if goes_on else END)}{_meanwhile(record)}"


def _meanwhile(record: StepText) -> str:
    """What the draft model did while the target verified, and what came of it; empty for methods that take turns."""
    branches = record.step.branches
    if branches is None or not record.emitted:
        return ""
    count = len(branches.tokens)
    several, last = count > 1, quoted(record.emitted[-1])
    wrote = f". Meanwhile the draft model wrote {f'{count} branches' if several else 'more tokens'}"
    if branches.won is None:
        if record.step.emitted[-1].kind == "correction":
            why = "a token before them was rejected"
        else:
            why = f"none of them begins with {last}" if several else f"they do not begin with {last}"
        return f"{wrote}. They are dropped: {why}"
    begins = f"Number {branches.won + 1} begins" if several else "They begin"
    goes_on = f" and {'is' if several else 'are'} the next draft" if len(branches.tokens[branches.won]) > 1 else ""
    return f"{wrote}. {begins} with {last}{goes_on}"


def _refused(record: StepText) -> str:
    """The likeliest draft where the walk ended: a rejected child of the last accepted node."""
    fates = [node.fate for node in record.step.nodes]
    last = max((index for index, fate in enumerate(fates) if fate == "accepted"), default=-1)
    children = (text for node, text in zip(record.step.nodes, record.nodes, strict=True) if node.parent == last)
    return next(children, "")


def _verified(record: StepText, nothing: str) -> str:
    """What came of the draft; ``nothing`` stands for a last token without text."""
    step = record.step
    text = record.emitted[-1] if record.emitted else ""
    last = quoted(text) if text else nothing
    kind = step.emitted[-1].kind if step.emitted else "target"
    how = origin(record)
    count, came = step.accepted, f" ({how})" if how else ""
    tokens, were = ("tokens", "were") if count > 1 else ("token", "was")
    accepted = f"{count or 'no'} drafted {tokens}{came} {were} accepted"
    if kind == "target":
        why = step.why_no_draft
        return f"nothing was drafted{f' ({why})' if why else ''}: the target chose {last}"
    if kind == "bonus":
        all_of = f"all {count}" if count > 1 else "the"
        added = f"the target added {last} for free" if text or nothing == PART else "then the answer ended"
        return f"{all_of} drafted {tokens}{came} {were} accepted, and {added}"
    if kind == "correction":
        return f"{accepted}{', then' if count else ':'} the target chose {last} instead of {quoted(_refused(record))}"
    return f"{accepted}, then the answer ended"
