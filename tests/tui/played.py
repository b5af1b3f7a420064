"""A session without model and clock, and the records of answers as each mode could have given them."""

import re
from collections.abc import Iterator, Sequence
from itertools import cycle

from spectui.config.choice import ModelChoice
from spectui.engine.drafters.registry import MODES
from spectui.engine.values.events import End, Prefill, Reason, Turn
from spectui.engine.values.options import Options
from spectui.engine.values.step import Branches, Emitted, Kind, Node, Source, Span, Step, Times
from spectui.record.archived import Archived
from spectui.record.events import EndText, PrefillText, Ready, Record, StepText, TurnText

READY = Ready("demo target", "demo draft", "cpu", "float32", 1.2, 2048, tuple(MODES), plain_ms=7.4)
STORY = "Tell me a story about a shy dragon."
STORY_TOLD = (
    "Once upon a time there was a shy dragon named Ember, who lived in a quiet cave above the sea. Every morning "
    "Ember looked down at the village and wished for a friend.\n\nOne day a small bird with a broken wing fell in "
    "front of the cave. Ember kept the bird warm all night, and in the morning the bird sang. The village heard the "
    "song, came up the hill, and found not a monster but a friend."
)
WIDE = 'Say hello in Japanese, then show me "hello" in Python.'
WIDE_TOLD = '「こんにちは、世界」 👋\n\n```python\ndef hello(name: str) -> None:\n    print(f"Hello, {name}!")\n```'
READING = "How do I sort a list in Python?"
READING_TOLD = """<think>
The person wants to sort a list. I show both ways, with an example.
</think>

# Two ways to sort

Use `sorted` for a **copy** and `list.sort` to sort *in place*: [how to sort](https://docs.python.org/3/howto/sorting.html).

```python
def by_length(words: list[str]) -> list[str]:
    \"\"\"The shortest first.\"\"\"
    return sorted(words, key=len)  # a copy

print(by_length(["りんご", "pear", "fig"]))
```

1. `key` says what to compare, which may be any function of one element, also one that you have written yourself
2. `reverse=True` turns the order

| call | changes the list | returns |
|---|---|---|
| `sorted(x)` | no | a new list |
| `x.sort()` | yes | `None` |

> Both keep the order of equal elements."""
WRONG = (" the", " was", " little", "\n", " 龍", " so", " of", ",")
"""What drafts say where they are refused."""

# For each mode, again and again: how many drafted tokens of a step are accepted, and how many are not.
DRAFTS = {
    "ar": ((0, 0),),
    "draft": ((3, 0), (1, 2), (5, 0), (0, 3), (2, 1), (4, 1)),
    "sssd": ((0, 0), (4, 2), (0, 0), (1, 3), (2, 0)),
    "logitspec": ((1, 1), (0, 2), (2, 1), (0, 0)),
    "specbranch": ((4, 0), (2, 2), (6, 0), (0, 4), (3, 0)),
    "pld": ((0, 0), (0, 0), (3, 2), (0, 0)),
}
SOURCES = {
    "draft": (Source("draft"),),
    "sssd": (Source("prompt", n=3, count=2), Source("datastore", n=4, count=7)),
    "logitspec": (Source("guess", rank=1), Source("prompt", rank=1, n=2)),
    "specbranch": (Source("draft"),),
    "pld": (Source("prompt", n=3),),
}
DRAFT_MS = {"draft": 0.31, "specbranch": 0.29, "sssd": 0.04, "logitspec": 0.05, "pld": 0.01}
"""Milliseconds for one drafted token."""


class PlayedSession:
    """Takes every command and does nothing; a test puts the records into the bridge of the app itself."""

    def __init__(self) -> None:
        self.modes, self.mode, self.options = MODES, "draft", Options()
        self.busy = False
        self.commands = 0

    def load(self) -> None:
        """Nothing is there to load."""

    def ask(self, _text: str = "", before: int | None = None) -> int:
        """The id of a new command."""
        self.commands += 1
        return self.commands

    def rerun(self) -> int:
        """As ``ask``."""
        return self.ask()

    baseline = rerun

    def race(self, _modes: Sequence[str], _text: str | None = None, repeat: bool = False) -> int:
        """As ``ask``."""
        return self.ask()

    def switch(self, mode: str) -> None:
        """Another mode from now on."""
        self.mode = mode

    def change(self, options: Options) -> None:
        """Other options from now on."""
        self.options = options

    def instruct(self, system: str) -> None:
        """Nothing is asked."""

    def exchange(self, choice: ModelChoice) -> None:
        """Other models from now on."""
        self.choice = choice

    def stop(self) -> None:
        """Nothing runs."""

    def clear(self) -> None:
        """Nothing is remembered."""

    def resume(self, _past: Archived) -> None:
        """Nor this."""

    def learn(self, _learns: bool) -> None:
        """Nothing is learnt."""

    def close(self, timeout: float = 1.0) -> bool:
        """Nothing to end."""
        return True


def answer(
    mode: str, told: str, question: str = "", lane: str = "chat", reason: Reason = "eos", pace: float = 1.0
) -> list[Record]:
    """An answer from its turn to its end; ``pace`` stretches all times."""
    words = words_of(told)
    turn = Turn((1, 2, 3), mode, Options())
    begun = PrefillText(lane, Prefill(11.0 * pace, 0, 0, 12.0 * pace), words[0])
    return [TurnText(lane, turn, question, ()), begun, *steps(mode, words, lane, pace), EndText(lane, End(reason))]


def words_of(text: str) -> list[str]:
    """A text cut into tokens."""
    return re.findall(r"\n+|[ ]*\w+|[ ]*[^\w\s]", text)


def steps(mode: str, words: Sequence[str], lane: str = "chat", pace: float = 1.0) -> Iterator[StepText]:
    """Steps that give all words but the first; ids of tokens are their places in the answer."""
    place, clock, drafts = 1, 12.0 * pace, cycle(DRAFTS[mode])
    index = 0
    while place < len(words):
        accepted, refused = next(drafts)
        accepted = min(accepted, len(words) - place - 1)
        record = _step(lane, mode, index, (place, accepted, refused), words, clock, pace)
        yield record
        place, clock, index = place + accepted + 1, record.step.time_ms, index + 1


def _step(lane, mode, index, draft, words, clock, pace) -> StepText:
    place, accepted, refused = draft
    sources = SOURCES.get(mode, ())
    good = range(place, place + accepted)
    texts = [words[at] for at in good] + [WRONG[(place + at) % len(WRONG)] for at in range(refused)]
    nodes = []
    for at in range(len(texts)):
        fate = "accepted" if at < accepted else "rejected" if at == accepted else "unreached"
        share = round(0.97 - 0.06 * ((place + 3 * at) % 9), 2) if mode in ("draft", "specbranch") else None
        nodes.append(Node(place + at if at < accepted else 900 + at, at - 1, sources[at % len(sources)], share, fate))
    if mode in ("sssd", "logitspec") and accepted:  # trees: another token beside the first
        nodes.append(Node(950, -1, sources[-1], None, "rejected"))
        texts.append(" a")
    kind: Kind = "correction" if refused else "bonus" if accepted else "target"
    emitted = (*(Emitted(at, "accepted") for at in good), Emitted(place + accepted, kind))
    ms, spans = _times(mode, len(nodes), pace)
    ahead, branches = _branches(mode, index, words, place + accepted, len(nodes), refused)
    why = "nothing like it was seen before" if mode != "ar" and not nodes else None
    step = Step(
        mode, index, 40 + place, clock + ms.wall, tuple(nodes), accepted, emitted, ms, spans, 8, why, ahead
    )  # fmt: skip
    return StepText(lane, step, tuple(texts), tuple(words[place : place + accepted + 1]), branches)


def _times(mode: str, drafted: int, pace: float) -> tuple[Times, tuple[Span, ...]]:
    draft, verify = DRAFT_MS.get(mode, 0.0) * drafted * pace, (7.4 + 0.12 * drafted) * pace
    beside = 0.6 * verify if mode == "specbranch" else 0.0
    wall = draft + verify + 0.25
    spans = [Span("draft", 0.0, draft)] if draft else []
    spans += [Span("verify", draft, draft + verify)]
    spans += [Span("draft", draft, draft + beside)] if beside else []
    return Times(draft + beside, verify, 0.15, 0.1, wall), tuple(spans)


def _branches(mode, index, words, place, drafted, refused):
    """Two branches beside the target's pass; every second time the second one wins."""
    if mode != "specbranch":
        return None, ()
    right, wrong = tuple(words[place : place + 3]), (WRONG[index % len(WRONG)], " much")
    texts = (wrong, right) if index % 2 else (right, wrong)
    won = None if refused else index % 2
    dropped = 0 if won == 0 else len(texts[0])
    tokens = tuple(tuple(range(700, 700 + len(text))) for text in texts)
    return Branches(drafted - 1, 0.62, tokens, won, dropped, len(texts[1])), texts
