"""What a trained head would cost beside a target that has none."""

from ..engine.drafters.eagle.build import build_head
from ..engine.measurement import head_pass_ms
from ..models.head_files import stand_in
from .runtime import Runtime

VOCABULARY = 8192
"""Tokens of a head's own vocabulary: as many as ``spectui train-head`` gives it at least."""


def pass_of_a_head(loaded: Runtime) -> float:
    """Milliseconds of a pass over one token of a head that is built like a layer of the target."""
    embedding = loaded.pair.target.get_input_embeddings().weight.detach()
    file = stand_in(loaded.target.config, min(VOCABULARY, len(embedding)))
    head = build_head(file, embedding, loaded.pair.quantised_to, loaded.target.is_packed)
    return head_pass_ms(head)
