"""The cache itself: what keeps it in memory, and how large it grows."""

import gc
from weakref import ref

import pytest
import torch

from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.model.cuda_graphs import EagerCapturer
from spectui.engine.model.kv_cache import ALIGNED, KVCache
from spectui.engine.tuning.dry_run import DryRun

from ..toys import decoder_of, tiny_model

pytestmark = pytest.mark.oldest


@pytest.fixture
def no_collections():
    """Only what nobody holds goes."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("way", ["llama", "captured", "transformers"])
def test_forgetting_frees_keys_values_and_graphs_at_once(no_collections, way):
    target = CausalLM(
        tiny_model(), llama_forward=way != "transformers", capturer=EagerCapturer() if way == "captured" else None
    )
    decoder = decoder_of(target)
    decoder.prefill([1, 2, 3])
    decoder.step()
    kept = [decoder._cache, decoder._cache.keys, decoder._cache.values, *decoder._cache.graphs.values()]
    assert len(kept) > 3 or way != "captured"
    gone = [ref(each) for each in kept]
    del kept
    decoder.forget()
    assert [each() for each in gone] == [None] * len(gone)


@pytest.mark.parametrize("rows", [1, 63, 64, 65, 577, 1025])
def test_a_cache_grows_to_a_multiple_that_no_kernel_has_to_pad(rows):
    cache = KVCache(1, 8)
    cache.buffers(2, 4, torch.zeros(1))
    cache.reserve(8 + rows)
    assert cache.capacity % ALIGNED == 0
    assert cache.capacity >= 8 + rows
    assert cache.keys.shape[-2] == cache.capacity


def test_a_pass_that_is_only_timed_attends_to_as_many_rows_as_behind_a_prompt():
    target, attended = CausalLM(tiny_model()), []
    forward = target.backend.__call__

    class Watched:
        def __getattr__(self, name):
            return getattr(backend, name)

        def __call__(self, cache, inputs):
            attended.append((cache.length, len(inputs.token_ids)))
            made = forward(cache, inputs)
            assert torch.isfinite(made[0]).all()
            return made

    backend, target.backend = target.backend, Watched()
    dry_run = DryRun(target, 16, 200)
    dry_run(3)
    dry_run(1)
    assert attended == [(200, 3), (200, 1)]
    dry_run.close()
