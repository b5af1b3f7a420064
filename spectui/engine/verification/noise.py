"""Counter-based noise: a hash of (seed, index, token id), the same integers on every device."""

from collections import OrderedDict

import torch
from torch import Tensor

_WORD = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB


def _signed(value: int) -> int:
    value &= _WORD
    return value - (1 << 64) if value >> 63 else value


def _mix(value: int) -> int:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014) on one 64-bit word."""
    value = ((value ^ (value >> 30)) * _MIX_1) & _WORD
    value = ((value ^ (value >> 27)) * _MIX_2) & _WORD
    return value ^ (value >> 31)


def key(*parts: int) -> int:
    """One 64-bit word from several integers; any change of any part gives an unrelated word."""
    word = 0
    for part in parts:
        word = _mix((word + _GOLDEN + (part & _WORD)) & _WORD)
    return word


def _shift(values: Tensor, bits: int) -> Tensor:
    """Logical right shift of int64, whose own shift repeats the sign."""
    return (values >> bits) & ((1 << (64 - bits)) - 1)


def uniforms(word: int, size: int, device: torch.device | str = "cpu") -> Tensor:
    """Uniform numbers strictly inside (0, 1), float64 [size], for the tokens 0..size-1."""
    bits = torch.arange(size, dtype=torch.int64, device=device) * _signed(_GOLDEN) + _signed(word)
    bits = (bits ^ _shift(bits, 30)) * _signed(_MIX_1)
    bits = (bits ^ _shift(bits, 27)) * _signed(_MIX_2)
    bits = _shift(bits ^ _shift(bits, 31), 12)
    return (bits.double() + 0.5) * 2.0**-52


def gumbel(word: int, size: int, device: torch.device | str = "cpu") -> Tensor:
    """Standard Gumbel noise -log(E), E standard exponential and never 0; float64 [size]."""
    return -torch.log(-torch.log(uniforms(word, size, device)))


class PositionNoise:
    """The noise vector of each index of the sequence, the same whoever asks and however often, from any thread.

    ``stream`` separates uses that must be independent of each other; the coupled rule uses stream 0 for target and
    draft alike (Daliri, Musco, Suresh, arXiv 2408.07978).
    """

    def __init__(self, seed: int, size: int, device: torch.device | str = "cpu", stream: int = 0) -> None:
        self.device = torch.device(device)
        self._seed, self._size, self._stream = seed, size, stream
        self._recent: OrderedDict[tuple[int, torch.dtype], Tensor] = OrderedDict()

    def __call__(self, index: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Gumbel noise [size] for choosing the token at ``index`` of the sequence."""
        wanted = (index, dtype)
        noise = self._recent.get(wanted)
        if noise is None:
            word = key(self._seed, index, self._stream)
            noise = self._recent[wanted] = gumbel(word, self._size, self.device).to(dtype)
            if len(self._recent) > 96:
                self._recent.popitem(last=False)
        return noise
