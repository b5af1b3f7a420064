"""What the head learns from: states of the target, and what then became of the draft model's segment."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..engine.drafters.drafter import Context, Resources
from ..engine.drafters.hrad import ALL, NONE, SOME, features, last_layers
from ..engine.drafters.specbranch import SpecBranch
from ..engine.values.draft_tree import DraftTree
from ..engine.values.needs import Needs
from ..engine.values.options import Options
from ..engine.values.step import Step
from ..session.runtime import Runtime

Prompts = Sequence[Sequence[int]]


@dataclass(slots=True)
class Examples:
    """Rows of features, and for each the label: NONE, SOME (some) or ALL of the segment was accepted."""

    features: list[Tensor] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.labels)

    def tensors(self) -> tuple[Tensor, Tensor]:
        """Float32 [examples, in] and int64 [examples]."""
        return torch.stack(self.features).clone(), torch.tensor(self.labels)


class Recorder(SpecBranch):
    """SpecBranch that verifies every segment whole, so that what became of it can be seen."""

    def __init__(self, resources: Resources, layers: tuple[int, ...], embedding: Tensor, examples: Examples) -> None:
        super().__init__(replace(resources, head=None))
        self.examples = examples
        self._layers, self._embedding = layers, embedding
        self._looked_at: Tensor | None = None

    @property
    def needs(self) -> Needs:  # type: ignore[override]
        """The states that the head will look at."""
        return Needs(hidden=self._layers)

    def trusted(self, context: Context) -> int:
        """All of it."""
        return len(self.segment)

    def propose(self, context: Context, limit: int) -> DraftTree:
        """As always; what the head would have seen is kept."""
        tree = super().propose(context, limit)
        self._looked_at = None
        if len(tree) and self._hidden is not None:
            self._looked_at = features(self._hidden, self._embedding[context.tokens[-1]]).cpu()
        return tree

    def observe(self, step: Step, mine: bool) -> None:
        """Write down what became of the segment, unless the answer ended inside or had no room for it."""
        super().observe(step, mine)
        whole = step.nodes and not any(node.fate == "cut" for node in step.nodes)
        if mine and self._looked_at is not None and whole:
            self.examples.features.append(self._looked_at)
            self.examples.labels.append(label(step.accepted, len(step.nodes)))


def label(accepted: int, drafted: int) -> int:
    """What the head should have said."""
    return NONE if not accepted else ALL if accepted == drafted else SOME


def record(loaded: Runtime, prompts: Prompts, options: Options, done: Callable[[], None]) -> Examples:
    """Answer the prompts and gather the examples; ``done`` is called after each prompt."""
    examples = Examples()
    embedding = loaded.target.model.get_input_embeddings().weight.detach()
    decoder = loaded.decoder("ar", options)
    decoder.add_drafter("record", Recorder(loaded.resources, last_layers(loaded.target.layers), embedding, examples))
    decoder.set_mode("record")
    for prompt in prompts:
        decoder.rewind()
        decoder.prefill(prompt)
        while decoder.answer.end is None:
            decoder.step()
        done()
    decoder.close()
    return examples
