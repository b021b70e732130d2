"""Row attention against attention written out, row by row: values, gradients, windows, caps,
grouped heads, long rows.
"""

import pytest
import torch

from medtune.models import packed_attention as attention
from medtune.models.packed_attention import BLOCK, cumulative_lengths, packed_attention

HEADS, WIDTH = 4, 8


def written_out(query, key, value, scale, window=None, softcap=None):
    """One row by the formula, in float64; all [heads, tokens, width]."""
    key, value = (x.repeat_interleave(HEADS // x.shape[0], dim=0) for x in (key, value))
    scores = query @ key.mT * scale
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    directory = torch.arange(query.shape[1])
    seen = directory[None, :] <= directory[:, None]
    if window is not None:
        seen &= directory[None, :] > directory[:, None] - window
    return torch.softmax(scores.masked_fill(~seen, float("-inf")), dim=-1) @ value


def tensors(tokens, groups=HEADS, dtype=torch.float32):
    torch.manual_seed(tokens)
    result = [
        torch.randn(1, tokens, heads, WIDTH).transpose(1, 2) for heads in (HEADS, groups, groups)
    ]
    return [x.to(dtype).requires_grad_() for x in result]


def both_ways(lengths, groups=HEADS, dtype=torch.float32, **options):
    """Value and gradients as made and as expected, the latter in float64."""
    inputs = tensors(sum(lengths), groups, dtype)
    result = packed_attention(
        torch.nn.Module(),
        *inputs,
        None,
        cu_seq_lens_q=cumulative_lengths(lengths),
        scaling=0.3,
        **options,
    )[0]
    push = torch.randn(result.shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    gradients = torch.autograd.grad(result, inputs, push)
    exact = [x.detach().double().requires_grad_() for x in inputs]
    options = {"window": options.get("sliding_window"), "softcap": options.get("softcap")}
    rows = zip(*(x[0].split(lengths, dim=1) for x in exact), strict=True)
    expected = torch.cat([written_out(*row, 0.3, **options) for row in rows], dim=1).transpose(
        0, 1
    )[None]
    return [result, *gradients], [expected, *torch.autograd.grad(expected, exact, push.double())]


@pytest.mark.parametrize(
    "lengths",
    [(1,), (5, 1, 9), (BLOCK, BLOCK + 1), (2 * BLOCK + 7, 3), (attention.LONG_ROW + 1, 4)],
)
@pytest.mark.parametrize("groups", [HEADS, 2])
def test_value_and_gradients_are_those_of_the_formula(lengths, groups):
    for left, right in zip(*both_ways(lengths, groups), strict=True):
        torch.testing.assert_close(left, right.float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("window", [1, 3, BLOCK - 1, BLOCK + 10, 10**6])
@pytest.mark.parametrize("softcap", [None, 2.0])
def test_windows_and_caps(window, softcap):
    result, expected = both_ways((7, 2 * BLOCK + 30), sliding_window=window, softcap=softcap)
    for left, right in zip(result, expected, strict=True):
        torch.testing.assert_close(left, right.float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("window", [None, 3])
def test_without_a_scale_it_is_one_over_the_root_of_the_width(window):
    inputs = tensors(9)
    options = {"cu_seq_lens_q": cumulative_lengths((9,)), "sliding_window": window}
    plain, scaled = (
        packed_attention(torch.nn.Module(), *inputs, None, scaling=scale, **options)[0]
        for scale in (None, WIDTH**-0.5)
    )
    torch.testing.assert_close(plain, scaled)


@pytest.mark.parametrize("lengths", [(60, 40), (BLOCK + 44,)])
def test_bf16_is_near_the_formula(lengths):
    for left, right in zip(*both_ways(lengths, dtype=torch.bfloat16), strict=True):
        assert float((left.double() - right).detach().norm() / right.detach().norm()) < 0.01


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_with_and_without_gradients_the_same(dtype):
    lengths, inputs = (BLOCK + 9, 33), tensors(BLOCK + 42, dtype=dtype)
    options = {"cu_seq_lens_q": cumulative_lengths(lengths), "scaling": 0.3}
    result = packed_attention(torch.nn.Module(), *inputs, None, **options)[0]
    with torch.no_grad():
        alone = packed_attention(torch.nn.Module(), *inputs, None, **options)[0]
    torch.testing.assert_close(alone, result, rtol=0, atol=1e-5 if dtype == torch.float32 else 2e-2)


def test_another_row_cannot_be_seen():
    query, key, value = tensors(20)
    edges = cumulative_lengths((12, 8))
    before = packed_attention(torch.nn.Module(), query, key, value, None, cu_seq_lens_q=edges)[0]
    value = value.detach().clone()
    value[:, :, :12] = 1e9
    after = packed_attention(torch.nn.Module(), query, key, value, None, cu_seq_lens_q=edges)[0]
    assert torch.equal(before[:, 12:], after[:, 12:])


def test_dropout_drops_the_wanted_share_and_keeps_the_mean():
    query, key, value = tensors(200)
    ones = torch.ones_like(value)
    torch.manual_seed(0)
    kept = packed_attention(
        torch.nn.Module(),
        query,
        key,
        ones,
        None,
        cu_seq_lens_q=cumulative_lengths((200,)),
        dropout=0.5,
    )[0]
    assert float(kept.mean()) == pytest.approx(1.0, abs=0.05)
    assert float(kept.std()) > 0.05
    plain = packed_attention(
        torch.nn.Module(), query, key, ones, None, cu_seq_lens_q=cumulative_lengths((200,))
    )[0]
    torch.testing.assert_close(plain, torch.ones_like(plain))


def test_without_boundaries_it_refuses():
    with pytest.raises(ValueError, match="boundaries"):
        packed_attention(torch.nn.Module(), *tensors(4), None)
