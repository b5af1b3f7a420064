"""Models of a registered shape, filled with random weights, and passes over them."""

from collections.abc import Callable
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from spectui.engine.model import transformers_attention as attention
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.model.cuda_graphs import EagerCapturer
from spectui.engine.model.forward import ForwardInput
from spectui.engine.model.load_check import EPSILONS
from spectui.models.registry import known_models

from .figure import Setting

GAIN, NARROW = 2.0, 1000
"""Random weights of narrow models are enlarged by so much, or what is wrong would hardly show in their logits."""


def random_model(setting: Setting, draft: bool = False, name: str = "", dtype: torch.dtype | None = None) -> Any:
    """A transformers model on the device of the report."""
    known = known_models()[name or setting.model]
    shape = dict(known.drafts_shape if draft else known.shape)
    config = AutoConfig.for_model(shape.pop("model_type"), **shape)
    torch.manual_seed(int(draft))
    with setting.device:
        model = AutoModelForCausalLM.from_config(config, dtype=dtype or setting.dtype).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1 and config.hidden_size < NARROW:
                parameter.mul_(GAIN)
    return model


def wrapped(model: Any, setting: Setting) -> CausalLM:
    """As the engine runs it; without a GPU the same code runs, with a stand-in for graphs."""
    return CausalLM(model, capturer=EagerCapturer() if setting.small else None)


def behind(target: CausalLM, length: int) -> tuple[Any, Callable[[int], Any]]:
    """A cache with so many tokens, and a pass over a number of rows behind them, which leaves no trace."""
    cache = target.new_cache()
    target.prefill(cache, [token % target.config.vocab_size for token in range(length)])

    def run(rows: int) -> Any:
        out = target.forward(cache, ForwardInput.chain(range(rows), length)).logits
        cache.truncate(length)
        return out

    return cache, run


@torch.inference_mode()
def own_noise(model: Any, setting: Setting, length: int = 200, rows: int = 8) -> float:
    """How far transformers' own logits are from themselves when the last rows are read one by one behind its cache."""
    attention.use(model, "sdpa")
    ids = torch.tensor([[7 * place % model.config.vocab_size for place in range(length + rows)]], device=setting.device)
    together = model(input_ids=ids, use_cache=False).logits[0, length:]
    made = model(input_ids=ids[:, :length], use_cache=True)
    alone = []
    for place in range(length, length + rows):
        made = model(input_ids=ids[:, place : place + 1], past_key_values=made.past_key_values, use_cache=True)
        alone.append(made.logits[0])
    attention.use(model, attention.NAME)
    return apart(torch.cat(alone), together)


def allowed(model: Any, setting: Setting) -> float:
    """How far logits may be apart, as a share of the largest: random weights of many layers enlarge every rounding."""
    dtype = next(model.parameters()).dtype
    if dtype == torch.float32:
        return 1e-4
    return max(EPSILONS * torch.finfo(dtype).eps, 2 * own_noise(model, setting))


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference, as a share of the largest number."""
    one, other = one.float(), other.float()
    return float((one - other).abs().max() / other.abs().max())
