"""(c) The lean forward against transformers' own: the largest difference of logits over the largest logit."""

from collections.abc import Iterator

import torch

from spectui.engine.model import transformers_attention as attention
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.model.forward import ForwardInput

from .figure import Figure, Setting
from .models import allowed, apart, random_model, wrapped


def figures(setting: Setting) -> Iterator[Figure]:
    """As the heading says."""
    small = "demo" if setting.small else "smollm2-135m"
    for name, dtype in ((small, torch.float32), (small, torch.bfloat16), (setting.model, setting.dtype)):
        model = random_model(setting, name=name, dtype=dtype)
        target = wrapped(model, setting)
        word = f"{name}, {str(dtype).removeprefix('torch.')}"
        taken = "lean" if target.uses_llama_forward else "transformers' own"
        yield Figure(f"{word}: forward", taken, "", "lean", target.uses_llama_forward)
        why = target.why_not_captured
        yield Figure(
            f"{word}: graphs", "captured" if why is None else f"not captured: {why}", "", "captured", why is None
        )
        limit = allowed(model, setting)
        for rows in (1, 8, 64):
            if not setting.has_time():
                yield Figure("the rest", "left out: no time")
                return
            off = difference(target, model, setting, rows)
            yield Figure(f"{word}: {rows} rows", off, "of the largest logit", f"at most {limit:.3g}", off <= limit)
        del model, target


@torch.inference_mode()
def difference(target: CausalLM, model: torch.nn.Module, setting: Setting, rows: int) -> float:
    """Of the last rows of a text: ours behind a cache, transformers' without one and with its own attention."""
    length = setting.lengths[0]
    ids = [7 * place % target.config.vocab_size for place in range(length + rows)]
    cache = target.new_cache()
    target.prefill(cache, ids[:length])
    ours = target.forward(cache, ForwardInput.chain(ids[length:], length)).logits
    attention.use(model, "sdpa")
    theirs = model(input_ids=torch.tensor([ids], device=setting.device), use_cache=False).logits[0, length:]
    attention.use(model, attention.NAME)
    return apart(ours, theirs)
