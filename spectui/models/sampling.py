"""How a model samples where nobody has said how: as its makers advise."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ..engine.values.option import BadValue, with_values
from ..engine.values.options import Options
from .registry import known_models

NAMES = {"temperature": float, "top_p": float, "top_k": int, "repetition_penalty": float}
"""What is taken of a generation config."""


def advised(name: str, model: Any) -> dict[str, float]:
    """Sampling options of a model: by the registry, else by its own generation config; empty for no advice."""
    for known in known_models().values():
        if known.sampling and name in (known.name, known.target):
            return dict(known.sampling)
    config = getattr(model, "generation_config", None)
    samples = getattr(config, "do_sample", None)
    if samples is None:
        return {}
    found = {option: getattr(config, option, None) for option in NAMES}
    made = {option: value for option, value in found.items() if isinstance(value, int | float)}
    return made if samples else made | {"temperature": 0.0}


def with_advice(options: Options, given: Collection[str], name: str, model: Any) -> Options:
    """The options, those of sampling as the model's makers advise where they are not ``given``.

    Advice that no option can have is left out.
    """
    sampling = options.sampling
    for option, value in advised(name, model).items():
        if option not in given:
            with suppress(BadValue, ValueError, OverflowError):
                sampling = with_values(sampling, {option: NAMES[option](value)})
    return replace(options, sampling=sampling)
