"""Whether a draft speaks the target's language."""

from typing import Any

from ..system.errors import UserError


def check_pair(tokenizer: Any, target: Any, draft_tokenizer: Any, draft: Any, name: str) -> frozenset[int]:
    """Ids that must never be drafted because the two disagree about reserved tokens.

    Raises UserError if ordinary or end tokens differ: the draft would propose ids that mean something else.
    """
    mine, its = tokenizer.get_vocab(), draft_tokenizer.get_vocab()
    special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    special |= set(draft_tokenizer.all_special_ids) | set(draft_tokenizer.added_tokens_decoder)
    names, other_names = _by_id(mine), _by_id(its)
    rows = draft.get_input_embeddings().weight.shape[0]
    ids = range(max(max(names), max(other_names)) + 1)
    differing = {index for index in ids if names.get(index) != other_names.get(index) or index >= rows}
    ends = end_tokens(tokenizer, target)
    wrong = {index for index in differing if index in ends or index not in special}
    if wrong:
        raise UserError(
            f"{name} cannot draft for this model: {len(wrong)} of {len(names)} tokens differ; "
            "use a draft with the same tokenizer, or --draft none"
        )
    return frozenset(differing)


def _by_id(vocabulary: dict[str, int]) -> dict[int, str]:
    return {index: token for token, index in vocabulary.items()}


def end_tokens(tokenizer: Any, model: Any) -> frozenset[int]:
    """Every id that ends an answer, by the model's generation settings and its tokenizer."""
    listed = getattr(model.generation_config, "eos_token_id", None)
    listed = [] if listed is None else listed if isinstance(listed, list) else [listed]
    own = tokenizer.eos_token_id
    return frozenset(int(index) for index in [*listed, *([] if own is None else [own])])
