"""(i) Training a head for a minute, or for seconds where a CPU only shows that it works: tokens a second."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.prompts import prompts
from spectui.config.choice import ModelChoice
from spectui.train.command import Order, train_drafter
from spectui.train.drafter_training import LEARNING, Status

from .figure import Figure, Setting

QUESTIONS = 400
SECONDS, SMALL_SECONDS = 60.0, 15.0
EARLY = "the time was over before it began to learn"


def figures(setting: Setting) -> Iterator[Figure]:
    """Tokens of answers that were learnt from, each second of learning, making the text included."""
    learnt: list[tuple[float, int]] = []

    def told(status: Status) -> None:
        if status.doing == LEARNING:
            learnt.append((perf_counter(), status.tokens))

    questions = [text for _, text in prompts(QUESTIONS)]  # random weights never end one that they invent
    wanted = SMALL_SECONDS if setting.small else SECONDS
    minutes = min(wanted, 0.8 * setting.seconds) / 60
    name = setting.model if setting.small else f"random:{setting.model}"
    choice = ModelChoice(name, "none", device=str(setting.device))
    with TemporaryDirectory() as folder:
        train_drafter(choice, questions, Order(minutes=minutes, output=Path(folder) / "head"), told)
    seconds = learnt[-1][0] - learnt[0][0] if learnt else 0.0
    speed = (learnt[-1][1] - learnt[0][1]) / seconds if seconds > 0 else EARLY
    yield Figure("training a head", speed, "tokens/s" if seconds > 0 else "")
