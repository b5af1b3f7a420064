"""A model and its draft model by name, as every screen and report writes them."""

NO_DRAFT = "no draft model"


def pair_words(model: str, draft: str | None) -> str:
    """``qwen3-8b · draft qwen3-0.6b``, or ``qwen3-8b · no draft model``."""
    return f"{model} · {f'draft {draft}' if draft else NO_DRAFT}"
