"""Records as the decode thread would send them, made by hand."""

from random import Random

from spectui.engine.values.events import End, Prefill, Reason
from spectui.engine.values.step import Emitted, Kind, Node, Source, Step, Times
from spectui.record.events import EndText, PrefillText, StepText

TIMES = Times(draft=0.3, verify=7.9, commit=0.1, other=0.2, wall=8.5)
DRAFT = Source("draft")
Drafted = tuple[str, int, str]
"""Text, parent, fate."""


def first(text: str) -> PrefillText:
    return PrefillText("chat", Prefill(ms=10.0, reused=0, token=1, time_ms=12.0), text)


def end(reason: Reason = "eos", message: str | None = None, tail: str = "") -> EndText:
    return EndText("chat", End(reason, message), tail)


def step(
    index: int = 0,
    drafted: list[Drafted] | None = None,
    emitted: list[tuple[str, Kind]] | None = None,
    why: str | None = None,
) -> StepText:
    drafted, emitted = drafted or [], emitted or []
    nodes = tuple(Node(7, parent, DRAFT, 0.5, fate) for _, parent, fate in drafted)  # type: ignore[arg-type]
    made = Step(
        mode="draft",
        index=index,
        position=10 + index,
        time_ms=8.5 * index,
        nodes=nodes,
        accepted=sum(node.fate == "accepted" for node in nodes),
        emitted=tuple(Emitted(7, kind) for _, kind in emitted),
        ms=TIMES,
        spans=(),
        limit=5,
        why_no_draft=why,
    )
    return StepText("chat", made, tuple(text for text, _, _ in drafted), tuple(text for text, _ in emitted))


def chain(index: int, accepted: list[str], refused: list[str], last: str) -> StepText:
    """A drafted chain: some tokens accepted, the first of the others rejected, then the target's own token."""
    drafted = [(text, at - 1, "accepted") for at, text in enumerate(accepted)]
    for text in refused:
        drafted.append((text, len(drafted) - 1, "unreached" if len(drafted) > len(accepted) else "rejected"))
    kind: Kind = "correction" if refused else "bonus" if accepted else "target"
    return step(index, drafted, [*((text, "accepted") for text in accepted), (last, kind)])


def random_steps(
    count: int, seed: int = 0, words: str = "the sum of all log terms is called entropy"
) -> list[StepText]:
    """Steps of every kind, with line breaks."""
    random = Random(seed)

    def word() -> str:
        return " " + random.choice(words.split()) if random.random() > 0.06 else random.choice([".\n\n", "\n", ","])

    def words_up_to(most: int) -> list[str]:
        return [word() for _ in range(random.randint(0, most))]

    return [chain(index, words_up_to(4), words_up_to(3), word()) for index in range(count)]


def text_of(steps: list[StepText]) -> str:
    return "".join(text for record in steps for text in record.emitted)
