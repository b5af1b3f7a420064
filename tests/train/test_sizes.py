"""How much is done at once on which device."""

import torch

from spectui.train.sizes import CPU, GPU, SHARE, rows_with_room, sizes

CUDA = torch.device("cuda", 0)


def test_a_gpu_does_more_at_once_than_a_cpu():
    assert sizes(torch.device("cpu")) == CPU
    assert sizes(CUDA) == GPU
    assert all(more >= less for more, less in zip(GPU, CPU, strict=True))


def test_conversations_take_a_share_of_a_gpus_free_memory_at_most(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1_000_000, 2_000_000))
    assert rows_with_room(CUDA, 10_000) == int(SHARE * 100)
    assert rows_with_room(CUDA, 1) == GPU.rows
    assert rows_with_room(CUDA, 10**9) == 1


def test_a_cpu_has_as_many_rows_as_pay(monkeypatch):
    assert rows_with_room(torch.device("cpu"), 10**9) == CPU.rows
