"""Conversations that several tests show."""

from spectui.tui.widgets.transcript import Transcript

from .records import first, random_steps, step


def one_of_each(transcript: Transcript) -> None:
    """Each kind of token, its text the name of the kind."""
    transcript.document.begin_answer("Draft model")
    transcript.document.add_step(step(0, [], [("target", "target")]))
    drafted = [("accepted", -1, "accepted"), ("rejected", 0, "rejected"), ("unreached", 1, "unreached")]
    transcript.document.add_step(step(1, drafted, [("accepted", "accepted"), ("correction", "correction")]))
    transcript.document.add_step(step(2, [(" ", -1, "accepted")], [(" ", "accepted"), ("bonus", "bonus")]))
    transcript.document.seam("seam")
    transcript.document.add_step(step(3, [("cut", -1, "cut")]))


def conversation(transcript: Transcript, steps: int = 40) -> None:
    transcript.document.begin_question("Why?")
    transcript.document.begin_answer("Draft model")
    transcript.document.add_first(first("Well"))
    for record in random_steps(steps):
        transcript.document.add_step(record)
