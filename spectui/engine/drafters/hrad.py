"""H-RAD: a small head that foresees how much of the draft model's segment the target will accept."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ..model.torchscript import scripted

NONE, SOME, ALL = 0, 1, 2
"""How much of a segment the head expects the target to accept; SOME means to go by the draft model's confidence."""
CERTAIN = 0.8
"""From which probability on a warning of the head is believed (``benchmarks.constants``)."""
LAYERS = 4
"""The states after how many of the target's last layers the head looks at (Shen et al., 2506.01979: K = 4)."""


def last_layers(count: int) -> tuple[int, ...]:
    """Which states a target of ``count`` layers has to hand out, ascending."""
    return tuple(range(max(0, count - LAYERS + 1), count + 1))


def features(hidden: Tensor, embedding: Tensor) -> Tensor:
    """What the head looks at: states [layers, width] and an embedding [width] in one float32 row."""
    return torch.cat([hidden.float().flatten(), embedding.float()])


def perceive(x: Tensor, weights: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Logits [..., 3] of features [..., in]."""
    for index in range(len(weights)):
        matrix, bias = weights[index]
        x = functional.linear(x.relu() if index else x, matrix, bias)
    return x


def judge(hidden: Tensor, embedding: Tensor, token: int, weights: list[tuple[Tensor, Tensor]]) -> tuple[int, float]:
    """What the head says, and how probable it thinks that is."""
    likely, what = perceive(features(hidden, embedding[token]), weights).softmax(-1).max(-1)
    return int(what), float(likely)


class Head:
    """A three-layer perceptron on the target's states at the last verified token and the new token's embedding.

    ReLU between the layers (Shen et al., 2506.01979, section 4.2: 256, 64 and 3 units; fewer beside a small target).
    ``weights`` are (matrix [out, in], bias [out]) of each layer in float32; ``mean`` and ``scale`` [in] are those of
    the features that it was trained on, ``embedding`` is the target's [vocabulary, width], ``layers`` the states to
    look at.
    """

    def __init__(
        self,
        weights: Sequence[tuple[Tensor, Tensor]],
        mean: Tensor,
        scale: Tensor,
        embedding: Tensor,
        layers: tuple[int, ...],
    ) -> None:
        self.weights, self.mean, self.scale = weights, mean, scale
        self.embedding, self.layers = embedding, layers
        matrix, bias = weights[0]
        folded = matrix / scale
        self._ready = [(folded, bias - folded @ mean), *weights[1:]]
        self._judge = scripted(judge, embedding.device)

    @torch.inference_mode()
    def foresees(self, hidden: Tensor, token: int) -> int | None:
        """NONE or SOME if the head warns of the segment behind ``token``, else None; hidden [layers, width].

        That it expects ALL of it to stand changes nothing: the draft model's own confidence is the better judge of
        where to stop, and false comfort costs everything behind it (measured).
        """
        what, likely = self._judge(hidden, self.embedding, token, self._ready)
        return what if what != ALL and likely >= CERTAIN else None

    def scores(self, x: Tensor) -> Tensor:
        """Logits [..., 3] of features [..., in], in float32."""
        return perceive(x, self._ready)
