"""The kinds of drafters that can be trained: each is an entry here."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ..models.resolve import DRAFT
from .draft_training import DraftTraining
from .head_training import HeadTraining
from .learner import Learner
from .target import Target, aux_layers


@dataclass(frozen=True, slots=True)
class Kind:
    """What is trained, and what it needs of the target."""

    title: str
    """As people read it, with its article."""
    aux: Callable[[int], tuple[int, ...]]
    """Which of a target's so many layers have states that it learns from."""
    learner: Callable[[Target, Tensor, int], Learner]
    """Begins one: for a target, with its frequent tokens, of so many layers."""
    option: str
    """By which it is chosen once it is trained."""
    suffix: str = ""
    """Behind the model's name in the name of the folder."""
    sized: bool = False
    """Whether it has as many layers as were asked for."""
    exact: bool = False
    """Whether the target is read in the numbers that it came with, as its weights become the drafter's."""

    def titled(self, layers: int) -> str:
        """Its title, with the number of layers where that is a choice."""
        return f"{self.title} of {layers} layer{'s' if layers > 1 else ''}" if self.sized else self.title


def _no_layers(layers: int) -> tuple[int, ...]:
    return ()


KINDS = {
    "eagle": Kind("an EAGLE-3 head", aux_layers, lambda target, ids, _: HeadTraining(target, ids), "--head"),
    "lm": Kind("a draft model", _no_layers, DraftTraining, "--draft", suffix=DRAFT, sized=True, exact=True),
}
