"""A step of a trace as a drawing in plain text, for the pages of ``docs/concepts``.

spectui run 'Hello!' --mode draft --json > trace.jsonl
python -m benchmarks.draw_step trace.jsonl          lists the steps
python -m benchmarks.draw_step trace.jsonl 3        draws step 3
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from spectui.present.step_sentence import sentence, source_words
from spectui.present.token_looks import LOOKS
from spectui.record.events import PrefillText, StepText, TurnText
from spectui.record.trace import read_trace

WIDTH = 100
"""Columns of a drawing."""
BAR = 48
"""Columns of a bar that stands for the time of a step."""
BEFORE = 12
"""Tokens of the text before the step that are shown."""


def steps(trace: Path) -> Iterator[tuple[StepText, str, str]]:
    """Each step with the text before it and its pending token."""
    text: list[str] = []
    for record in read_trace(trace):
        match record:
            case TurnText(texts=texts):
                text = list(texts)
            case PrefillText(text=first):
                text.append(first)
            case StepText():
                yield record, "".join(text[-BEFORE - 1 : -1]), text[-1]
                text += record.emitted


def draw(record: StepText, before: str, pending: str) -> str:
    """The whole drawing: where the step begins, the tree, what it gave, and who worked when."""
    step = record.step
    lines = [f"text so far    …{quoted(before)[1:]}", f"pending token  {quoted(pending)}", ""]
    lines += list(tree(record)) or [f"no draft       {step.why_no_draft or 'the mode drafts nothing'}"]
    given = "  ".join(
        f"{LOOKS[token.kind].mark} {quoted(text)}" for token, text in zip(step.emitted, record.emitted, strict=True)
    )
    lines += ["", *wrapped("this step adds ", given.split("  "), "  ")]
    if step.branches is not None:
        lines += ["", *branches(record), "", *timeline(record)]
    return "\n".join(lines)


def tree(record: StepText) -> Iterator[str]:
    """The draft tree, depth first; tokens that follow each other without a fork share a line."""
    nodes = record.step.nodes
    children: dict[int, list[int]] = {}
    for index, node in enumerate(nodes):
        children.setdefault(node.parent, []).append(index)

    def run(first: int) -> list[int]:
        found = [first]
        while len(children.get(found[-1], ())) == 1:
            found.append(children[found[-1]][0])
        return found

    def below(parent: int, indent: str) -> Iterator[str]:
        own = children.get(parent, [])
        for place, first in enumerate(own):
            last = place == len(own) - 1
            chain = run(first)
            words = [_node(record, index) for index in chain]
            under = indent + ("   " if last else "│  ")
            yield from wrapped(f"{indent}{'└─ ' if last else '├─ '}", words, "  ", under)
            yield from below(chain[-1], under)

    yield from below(-1, "")


def branches(record: StepText) -> Iterator[str]:
    """What the draft model wrote beside the target's pass."""
    made = record.step.branches
    assert made is not None
    yield f"meanwhile the draft model wrote {len(made.tokens)} branches (its confidence there: {made.confidence:.2f})"
    for place, words in enumerate(record.branches):
        text = " ".join(quoted(word) for word in words)
        yield f"  {place + 1}  {text}{'   <- chosen by the target, the next draft' if place == made.won else ''}"


def timeline(record: StepText) -> Iterator[str]:
    """Who worked when during the step, as bars."""
    wall = record.step.ms.wall
    for who, name in (("verify", "target"), ("draft", "draft model")):
        bar = [" "] * BAR
        for span in record.step.spans:
            if span.who == who:
                start, end = (min(BAR, round(at / wall * BAR)) for at in (span.start, span.end))
                bar[start:end] = "#" * (end - start)
        yield f"{name:<12} |{''.join(bar)}|"
    yield f"{'':<12}  0{f'{wall:.1f} ms':>{BAR - 1}}"


def quoted(text: str) -> str:
    """A token's text with its spaces and line ends visible."""
    return json.dumps(text, ensure_ascii=False)


def wrapped(head: str, words: Sequence[str], gap: str, indent: str | None = None) -> Iterator[str]:
    """Words behind a head, broken where a line is full."""
    line, after = head + words[0], indent if indent is not None else " " * len(head)
    for word in words[1:]:
        if len(line) + len(gap) + len(word) > WIDTH:
            yield line
            line = after + word
        else:
            line += gap + word
    yield line


def _node(record: StepText, index: int) -> str:
    node = record.step.nodes[index]
    parent = record.step.nodes[node.parent] if node.parent >= 0 else None
    told = "" if parent is not None and parent.source == node.source else f" [{source_words(node.source)}]"
    share = f" {node.probability:.2f}" if node.probability is not None else ""
    return f"{LOOKS[node.fate].mark} {quoted(record.nodes[index])}{share}{told}"


def main() -> None:
    """List the steps of a trace, or draw some."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trace", type=Path)
    parser.add_argument("step", type=int, nargs="*", help="numbers of steps; none lists them")
    asked = parser.parse_args()
    for number, (record, before, pending) in enumerate(steps(asked.trace)):
        if not asked.step:
            print(
                f"{number:>4}  {len(record.step.nodes):>2} nodes  {len(record.emitted):>2} tokens  {sentence(record)}"
            )
        elif number in asked.step:
            print(f"step {number}\n\n{draw(record, before, pending)}\n\n{sentence(record)}\n")


if __name__ == "__main__":
    main()
