"""H-RAD: a small head that foresees how much of the draft model's segment the target will accept."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

NONE, SOME, ALL = 0, 1, 2
"""How much of a segment the head expects the target to accept; SOME means to go by the draft model's confidence."""
CERTAIN = (0.9, 0.6, 0.99)
"""From which probability on each of them is believed: a false alarm costs a segment, false comfort what lies behind."""
LAYERS = 4
"""The states after how many of the target's last layers the head looks at."""


def last_layers(count: int) -> tuple[int, ...]:
    """Which states a target of ``count`` layers has to hand out, ascending."""
    return tuple(range(max(0, count - LAYERS + 1), count + 1))


@dataclass(frozen=True, slots=True)
class Head:
    """A three-layer perceptron on the target's states at the last verified token and the new token's embedding.

    ReLU between the layers (Shen et al., 2506.01979, section 4.2: 256, 64 and 3 units).
    """

    weights: Sequence[tuple[Tensor, Tensor]]
    """(matrix [out, in], bias [out]) of each layer, float32."""
    mean: Tensor
    """[in], of the features it was trained on."""
    scale: Tensor
    """[in], their standard deviation."""
    embedding: Tensor
    """The target's [vocabulary, width]."""
    layers: tuple[int, ...]

    @torch.inference_mode()
    def foresees(self, hidden: Tensor, token: int) -> int | None:
        """NONE, SOME or ALL for the segment behind ``token``, None if it is not certain; hidden [layers, width]."""
        x = features(hidden, self.embedding[token])
        likely, what = self.scores(x.to(self.mean.device)).softmax(-1).max(-1)
        return int(what) if float(likely) >= CERTAIN[int(what)] else None

    def scores(self, x: Tensor) -> Tensor:
        """Logits [..., 3] of features [..., in]."""
        x = (x - self.mean) / self.scale
        for index, (matrix, bias) in enumerate(self.weights):
            x = functional.linear(functional.relu(x) if index else x, matrix, bias)
        return x


def features(hidden: Tensor, embedding: Tensor) -> Tensor:
    """What the head looks at: states [layers, width] and an embedding [width] in one float32 row."""
    return torch.cat([hidden.float().flatten(), embedding.float()])
