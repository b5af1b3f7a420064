"""Attention of few rows over many keys on a GPU: as two products, or with the keys in parts (Flash-Decoding).

Torch's own kernels give a block of the device to each head and walk along the keys: for few rows most of it is idle.
"""

import torch
from torch import Tensor
from torch.nn import functional

PARTS = 8
"""Into how many parts keys are split: eight key heads make eight times as many blocks, for the 132 processors of an
H100 or H200. On an H200, 256 query rows over 8,192 keys took 0.15 ms in parts and 0.40 ms in one."""
FROM = 2048
"""Keys from which on they are split."""
PRODUCT_ROWS = 64
"""Query rows, heads of a group counted one by one, up to which attention is two products on CUDA. On an H200 a pass of
the shape of Llama 3 8B behind 1,000 tokens took 5.6 ms with products and 7.0 ms with torch's kernel; for 256 rows over
8,192 keys products took 0.25 ms and parts 0.15 ms."""
ROWS = 256
"""Query rows, heads of a group counted one by one, up to which they are split: more fill the device by themselves."""


def parts_for(device: torch.device, rows: int, width: int) -> int:
    """In how many parts ``rows`` query rows attend to ``width`` keys."""
    worth = device.type == "cuda" and width >= FROM and rows <= ROWS and width % (PARTS * 64) == 0
    return PARTS if worth else 1


def attend(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor, scale: float) -> Tensor:
    """Scaled dot-product attention [1, heads, rows, dimension] with an additive mask [1, 1, rows, width]."""
    if query.is_cuda and query.shape[-2] <= PRODUCT_ROWS:
        return in_products(query, keys, values, mask, scale)
    parts = parts_for(query.device, query.shape[-2], keys.shape[-2])
    if parts > 1:
        return in_parts(query, keys, values, mask, scale, parts)
    return functional.scaled_dot_product_attention(query, keys, values, attn_mask=mask, scale=scale)


def in_products(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor, scale: float) -> Tensor:
    """The same as two products of matrices: a kernel of torch for attention leaves most of a GPU idle for few rows."""
    if query.dtype == torch.float32:
        scores = torch.baddbmm(mask[0].expand(keys.shape[1], -1, -1), query[0], keys[0].mT, alpha=scale)
        return torch.bmm(scores.softmax(-1), values[0])[None]
    scores = torch.bmm(query[0], keys[0].mT, out_dtype=torch.float32)
    return torch.bmm(shares(scores, mask[0], scale), values[0])[None]


def shares(scores: Tensor, mask: Tensor, scale: float) -> Tensor:
    """Softmax of float32 scores [heads, rows, width] in the numbers of the mask."""
    return torch.add(mask, scores, alpha=scale).softmax(-1).to(mask.dtype)


def in_parts(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor, scale: float, parts: int) -> Tensor:
    """The same: each part of the keys by itself, with the logarithm of its sum of weights, by which they are merged.

    The parts are the batch of one call; keys and values are not copied. A part of which a row sees nothing has the
    lowest logarithm, and so no weight.
    """
    heads, width, dimension = keys.shape[1:]
    each = width // parts
    split = (parts, heads, each, dimension)
    strides = (each * keys.stride(2), keys.stride(1), keys.stride(2), 1)
    k, v = (buffer.as_strided(split, strides, buffer.storage_offset()) for buffer in (keys, values))
    rows = query.shape[2]
    bias = mask[0, 0].reshape(rows, parts, each).transpose(0, 1)[:, None]
    out, weight = _attended(query.expand(parts, -1, -1, -1), k, v, bias.expand(parts, heads, rows, each), scale)
    share = weight[:, :, :rows].float().softmax(0)[..., None]
    return (out.float() * share).sum(0, keepdim=True).to(query.dtype)


def _attended(query: Tensor, keys: Tensor, values: Tensor, bias: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """What attention gives, and the logarithm of each row's sum of weights [parts, heads, rows or more]."""
    if query.is_cuda:
        made = torch.ops.aten._scaled_dot_product_efficient_attention(query, keys, values, bias, True, scale=scale)
        return made[0], made[1]
    made = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(query, keys, values, attn_mask=bias, scale=scale)
    return made[0], made[1]
