"""Conversations that several tests show."""

from spectui.tui.widgets.transcript import Transcript

from .records import first, random_steps, step


def one_of_each(transcript: Transcript) -> None:
    """Each kind of token, its text the name of the kind."""
    transcript.begin_answer("Draft model")
    transcript.add_step(step(0, [], [("target", "target")]))
    drafted = [("accepted", -1, "accepted"), ("rejected", 0, "rejected"), ("unreached", 1, "unreached")]
    transcript.add_step(step(1, drafted, [("accepted", "accepted"), ("correction", "correction")]))
    transcript.add_step(step(2, [(" ", -1, "accepted")], [(" ", "accepted"), ("bonus", "bonus")]))
    transcript.seam("seam")
    transcript.add_step(step(3, [("cut", -1, "cut")]))


def conversation(transcript: Transcript, steps: int = 40) -> None:
    transcript.begin_question("Why?")
    transcript.begin_answer("Draft model")
    transcript.add_first(first("Well"))
    for record in random_steps(steps):
        transcript.add_step(record)
