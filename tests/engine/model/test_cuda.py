"""What can be seen without a GPU of what is done for one: settings, shapes on a device without numbers, streams."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from spectui.engine.drafters.drafter import Context, Resources
from spectui.engine.drafters.ranking import Ranking, likeliest
from spectui.engine.model import cuda
from spectui.engine.model.attention import STEP, AttentionMasks, FullAttention
from spectui.engine.model.cuda_graphs import CudaCapturer
from spectui.engine.model.forward import ForwardInput
from spectui.engine.model.kv_cache import KVCache
from spectui.engine.model.linear import Linear
from spectui.engine.model.torchscript import scripted
from spectui.engine.policy.acceptance import AcceptanceModel
from spectui.engine.policy.latency import LatencyModel
from spectui.engine.tuning import background_worker
from spectui.engine.tuning.background_worker import BackgroundWorker, ThreadSplit
from spectui.engine.values.options import Sampling, Speculation
from spectui.engine.verification.sampler import Sampler

META, CUDA = torch.device("meta"), torch.device("cuda", 0)
VOCABULARY = 61


@pytest.fixture
def settings():
    """As they were, again behind the test."""
    matmul = torch.backends.cuda.matmul
    names = ("allow_bf16_reduced_precision_reduction", "allow_fp16_reduced_precision_reduction")
    before = torch.backends.cuda.cudnn_sdp_enabled(), [getattr(matmul, name) for name in names]
    yield lambda: (torch.backends.cuda.cudnn_sdp_enabled(), [getattr(matmul, name) for name in names])
    torch.backends.cuda.enable_cudnn_sdp(before[0])
    for name, value in zip(names, before[1], strict=True):
        setattr(matmul, name, value)


def test_a_cuda_device_gets_no_cudnn_attention_and_no_rounded_partial_sums(settings):
    torch.backends.cuda.enable_cudnn_sdp(True)
    before = settings()
    cuda.settle(torch.device("cpu"))
    assert settings() == before
    cuda.settle(CUDA)
    assert settings() == (False, [False, False])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_logits_leave_the_last_layer_in_float32(dtype):
    weight = torch.zeros(VOCABULARY, 8, dtype=dtype)
    made = cuda.wide_product(torch.zeros(3, 8, dtype=dtype, device=META), Linear(weight.to(META), None))
    assert (made.dtype, made.shape) == (torch.float32, (3, VOCABULARY))
    assert cuda.wide_product(torch.zeros(3, 8, dtype=dtype), Linear(weight, None)).dtype == dtype, "as ever on a CPU"


class Copies(TorchDispatchMode):
    """Numbers that go from one device to another."""

    def __init__(self):
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if "copy" in str(function) and isinstance(args[0], torch.Tensor) and args[0].device.type == "cpu":
            self.numbers += args[0].numel()
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("before", [0, 3, 8192])
def test_the_mask_of_a_prefill_is_made_where_it_is_read(before):
    cache = KVCache(1)
    cache.length = before
    masks = AttentionMasks({"full_attention": FullAttention()}, torch.bfloat16, META, 4)
    with Copies() as copies:
        made = masks(cache, ForwardInput.chain(range(512), before))
    assert copies.numbers == 0
    assert made.shape == (1, 1, 4 * 512, before + 512)
    with Copies() as copies:
        masks(cache, ForwardInput([1, 2], (before, before), torch.eye(2, dtype=torch.bool)))
    assert copies.numbers == 4, "the mask of a tree cannot be guessed"


@pytest.mark.parametrize("before", [1, 7, 8, 100])
def test_masks_of_odd_width_need_no_padding_in_a_kernel(before):
    cache = KVCache(1)
    cache.length = before
    made = AttentionMasks({"full_attention": FullAttention()}, torch.bfloat16, META, 4)(
        cache, ForwardInput.chain(range(5), before)
    )
    assert made.shape == (1, 1, 20, before + 5)
    assert made.stride(-2) % STEP == 0
    plain = AttentionMasks({"full_attention": FullAttention()}, torch.float32, torch.device("cpu"), 4)(
        cache, ForwardInput.chain(range(5), before)
    )
    assert plain.is_contiguous(), "a CPU reads it as it is"


def test_only_a_cpu_runs_torchscript():
    assert scripted(likeliest, CUDA) is likeliest
    assert scripted(likeliest, torch.device("cpu")) is not likeliest


def context_on(device):
    sampler = Sampler(Sampling(temperature=1.0, seed=5), VOCABULARY, device)
    return Context([1], 9, Speculation(), sampler, True, LatencyModel(), AcceptanceModel())


def test_a_thread_beside_the_target_has_noise_of_its_own_on_a_device_with_streams():
    context = context_on(META)
    shared, own = (Ranking(Resources(VOCABULARY), META, beside)._sampler_for(context) for beside in (False, True))
    assert shared is context.sampler, "one thread, one stream"
    assert own.noise is not context.sampler.noise
    assert own.sampling == context.sampler.sampling
    assert own.noise._recent == {}
    own.noise(7)
    assert context.sampler.noise._recent == {}


def test_on_a_cpu_both_threads_share_the_noise_that_one_of_them_has_made():
    context = context_on(torch.device("cpu"))
    assert Ranking(Resources(VOCABULARY), torch.device("cpu"), True)._sampler_for(context) is context.sampler


class FakeCuda:
    """Streams, and which of them each device has at the moment; ``fails`` says where a capture breaks."""

    def __init__(self, monkeypatch, fails=None):
        self.current = dict.fromkeys(range(2), "default")
        self.entered, self.fails, self.freed, self.pools = [], fails, [], 0
        fake = SimpleNamespace(
            Stream=self.new_stream, stream=self.stream, current_stream=lambda _: self, graph=self.graph,
            CUDAGraph=lambda: SimpleNamespace(replay=None), graph_pool_handle=self.pool,
        )  # fmt: skip
        monkeypatch.setattr(background_worker.torch, "cuda", fake)
        for name in ("_cuda_endAllocateToPool", "_cuda_releasePool"):
            monkeypatch.setattr(
                torch._C, name, lambda *where, name=name: self.freed.append((name, *where)), raising=False
            )

    def pool(self):
        self.pools += 1
        return (0, self.pools)

    def new_stream(self, device):
        return SimpleNamespace(device=device, wait_stream=lambda _: None)

    def wait_stream(self, _):
        """The default stream."""

    @contextmanager
    def stream(self, stream):
        before = self.current[stream.device.index]
        self.current[stream.device.index] = stream
        self.entered.append(stream.device)
        try:
            yield
        finally:
            self.current[stream.device.index] = before

    @contextmanager
    def graph(self, graph, pool, stream, capture_error_mode):
        assert capture_error_mode == "thread_local"
        self.current[stream.device.index] = stream
        yield
        if self.fails:
            raise RuntimeError(self.fails)
        self.current[stream.device.index] = "default"


def test_work_beside_the_target_has_a_stream_on_each_device_that_it_touches(monkeypatch):
    fake = FakeCuda(monkeypatch)
    draft, head = torch.device("cuda", 1), torch.device("cuda", 0)
    worker = BackgroundWorker(draft, head)
    for _ in range(2):
        seen, _ = worker.start(lambda: dict(fake.current), ThreadSplit()).wait()
        assert [seen[index].device for index in range(2)] == [head, draft]
    assert fake.entered == [head, draft] * 2, "the draft's device is the one that is allocated on"
    assert len({id(stream) for stream in worker._streams}) == 2
    worker.close()
    one = BackgroundWorker(draft, draft, torch.device("cpu"))
    assert one._devices == [draft]


def test_a_capture_whose_end_fails_leaves_stream_and_allocator_as_they_were(monkeypatch):
    fake = FakeCuda(monkeypatch, fails="operation failed due to a previous error during capture")
    capturer = CudaCapturer(torch.device("cuda", 0))
    with pytest.raises(RuntimeError, match="previous error"):
        capturer.capture(list)
    assert fake.current[0] == "default"
    assert fake.freed == [("_cuda_endAllocateToPool", 0, (0, 1)), ("_cuda_releasePool", 0, (0, 1))]
    fake.fails = None
    made, _ = capturer.capture(lambda: ["logits"])
    assert made == ["logits"]
    assert fake.pools == 2
    assert len(fake.freed) == 2
