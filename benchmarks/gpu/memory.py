"""(h) Memory before and after a sequence is forgotten, three times."""

import gc
from collections.abc import Iterator

import torch

from spectui.engine.decoder import Decoder
from spectui.engine.drafters.drafter import Resources
from spectui.engine.values.answer import Limits
from spectui.engine.values.options import Options

from .figure import Figure, Setting
from .models import random_model, wrapped

SLACK = 1.02


def held(setting: Setting) -> float:
    """Megabytes that tensors hold."""
    if not setting.small:
        return torch.cuda.memory_allocated(setting.device) / 1e6
    return sum(each.nbytes for each in gc.get_objects() if isinstance(each, torch.Tensor)) / 1e6


def figures(setting: Setting) -> Iterator[Figure]:
    """As the heading says."""
    target, draft = (wrapped(random_model(setting, draft), setting) for draft in (False, True))
    vocabulary = target.config.vocab_size
    decoder = Decoder(target, Resources(vocabulary, draft), Limits(2 * setting.lengths[-1], frozenset()))
    decoder.set_options(Options(max_new_tokens=16))
    decoder.set_mode("ar")
    gc.collect()
    before, empty = held(setting), 0.0
    yield Figure("before the first answer", before, "MB")
    gc.disable()  # what only a collection frees shall show
    for turn in range(1, 4):
        decoder.prefill([token % vocabulary for token in range(setting.lengths[-1])])
        while decoder.answer.end is None:
            decoder.step()
        yield Figure(f"answer {turn}: before forget()", held(setting), "MB")
        decoder.forget()
        after = held(setting)
        empty = empty or after
        yield Figure(f"answer {turn}: after forget()", after, "MB", f"about {before:.0f}", after <= SLACK * empty)
    decoder.close()
