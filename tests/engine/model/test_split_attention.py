"""Keys in parts give what all of them give at once."""

import pytest
import torch
from torch.nn import functional

from spectui.engine.model.split_attention import FROM, PARTS, ROWS, attend, in_parts, parts_for

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
    assert torch.equal(attend(query, keys, values, mask, 0.3), expected), "a CPU does not split"


def test_only_few_rows_over_many_keys_of_a_width_that_divides_are_split():
    assert parts_for(CUDA, 4, FROM) == PARTS
    assert parts_for(CUDA, ROWS, 8192) == PARTS
    assert parts_for(CUDA, 4, FROM - 64) == 1
    assert parts_for(CUDA, 4, 8192 + 64) == 1
    assert parts_for(CUDA, ROWS + 1, 8192) == 1
    assert parts_for(torch.device("cpu"), 4, 8192) == 1
