"""(e) What a pass takes, by the device's events and by the clock on the wall, against the memory's bandwidth."""

from collections.abc import Iterator
from typing import Any

import torch

from spectui.engine.model import transformers_attention as attention
from spectui.session.runtime import cache_bytes

from .figure import Figure, Setting
from .machine import bandwidth
from .models import behind, random_model, wrapped
from .stopwatch import device_ms, usual, wall_ms

NEEDED, GROWTH = 0.8, 1.15
"""Of the bandwidth's bound, and T(16) / T(1): the budgets of the design."""
GENERATED = 32


def weight_bytes(model: Any) -> int:
    """Bytes of weights that a pass reads: of an embedding of its own only the rows of its tokens."""
    embedding, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    tied = embedding.data_ptr() == head.data_ptr()
    every = sum(int(parameter.nbytes) for parameter in model.parameters())
    return every if tied else every - int(embedding.nbytes)


def figures(setting: Setting) -> Iterator[Figure]:
    """As the heading says."""
    speed = bandwidth(setting)
    for draft in (False, True):
        model = random_model(setting, draft)
        target = wrapped(model, setting)
        name = f"{setting.model}, draft" if draft else setting.model
        for length in setting.lengths:
            bound = (weight_bytes(model) + cache_bytes(target) * length) / speed / 1e6
            taken: dict[int, float] = {}
            _, run = behind(target, length)
            for rows in setting.rows:
                if not setting.has_time():
                    yield Figure("the rest", "left out: no time")
                    return
                what = f"{name}, {rows} rows behind {length} tokens"
                taken[rows] = usual(lambda: device_ms(lambda: run(rows), setting.device), setting.rounds)  # noqa: B023
                yield Figure(f"{what}: by events", taken[rows], "ms", f"at least {bound:.2f} (bandwidth)")
                wall = usual(lambda: wall_ms(lambda: run(rows).argmax(-1).tolist(), setting.device), setting.rounds)  # noqa: B023
                yield Figure(
                    f"{what}: until it is fetched",
                    wall,
                    "ms",
                    "at most 0.3 more",
                    None if setting.small else wall < taken[rows] + 0.3,
                )
            reached = bound / taken[1]
            yield Figure(f"{name} behind {length}: AR of the bandwidth's bound", reached, "", f"at least {NEEDED}",
                         None if setting.small else reached >= NEEDED)  # fmt: skip
            if 16 in taken:
                growth = taken[16] / taken[1]
                yield Figure(f"{name} behind {length}: T(16) / T(1)", growth, "", f"at most {GROWTH}", growth <= GROWTH)
        yield from generate(setting, model, name)
        del model, target


@torch.inference_mode()
def generate(setting: Setting, model: Any, name: str) -> Iterator[Figure]:
    """What transformers' own loop takes for a token."""
    attention.use(model, "sdpa")
    length = setting.lengths[0]
    ids = (torch.arange(length, device=setting.device) % model.config.vocab_size)[None]
    asked = {"do_sample": False, "pad_token_id": 0, "attention_mask": torch.ones_like(ids)}

    def answer(tokens: int) -> object:
        return model.generate(ids, max_new_tokens=tokens, min_new_tokens=tokens, **asked)

    answer(2)
    one, all_of_them = (wall_ms(lambda: answer(tokens), setting.device) for tokens in (1, 1 + GENERATED))  # noqa: B023
    per_token = (all_of_them - one) / GENERATED
    yield Figure(
        f"{name} behind {length}: transformers' generate, a token", per_token, "ms", "more than a pass of ours"
    )
