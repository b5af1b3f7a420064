"""Keys in parts, and two products of matrices, give what torch's attention gives."""

import pytest
import torch
from torch.nn import functional

from spectui.engine.model.decode_attention import FROM, PARTS, ROWS, attend, in_parts, in_products, parts_for, shares

CUDA = torch.device("cuda")


@pytest.mark.parametrize("parts", [1, 2, 8])
@pytest.mark.parametrize("rows", [1, 5, 16])
def test_parts_are_merged_to_what_one_pass_gives(parts, rows):
    torch.manual_seed(parts * rows)
    capacity, width, seen = 640, 512, 70  # the buffer is longer than what is looked at, and most parts are not seen
    keys, values = torch.randn(2, 1, 3, capacity, 16).unbind()
    query = torch.randn(1, 3, rows, 16)
    mask = torch.zeros(1, 1, rows, width)
    mask[..., seen:] = torch.finfo(mask.dtype).min
    mask[..., seen : seen + rows].masked_fill_(torch.eye(rows, dtype=torch.bool), 0.0)
    keys, values = keys[:, :, :width], values[:, :, :width]
    expected = functional.scaled_dot_product_attention(query, keys, values, attn_mask=mask, scale=0.3)
    torch.testing.assert_close(in_parts(query, keys, values, mask, 0.3, parts), expected, atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(in_products(query, keys, values, mask, 0.3), expected, atol=2e-6, rtol=1e-5)
    assert torch.equal(attend(query, keys, values, mask, 0.3), expected), "a CPU does not split"


def test_shares_of_16_bits_come_from_scores_in_float32():
    scores = torch.randn(2, 3, 40) * 8
    mask = torch.zeros(1, 3, 40, dtype=torch.bfloat16)
    mask[..., 30:] = -1e30
    made = shares(scores, mask, 0.5)
    assert made.dtype == torch.bfloat16
    assert torch.equal(made, (0.5 * scores + mask.float()).softmax(-1).to(torch.bfloat16))
    assert not made[..., 30:].any()


def test_only_few_rows_over_many_keys_of_a_width_that_divides_are_split():
    assert parts_for(CUDA, 4, FROM) == PARTS
    assert parts_for(CUDA, ROWS, 8192) == PARTS
    assert parts_for(CUDA, 4, FROM - 64) == 1
    assert parts_for(CUDA, 4, 8192 + 64) == 1
    assert parts_for(CUDA, ROWS + 1, 8192) == 1
    assert parts_for(torch.device("cpu"), 4, 8192) == 1
