import pytest
import torch
from torch.nn import functional

from medtune.training.losses import CHUNK_LOGITS, linear_cross_entropy


@pytest.mark.parametrize("positions", [1, 7, CHUNK_LOGITS // 31 + 5])
@pytest.mark.parametrize("bias", [False, True])
def test_value_and_gradients_equal_cross_entropy(positions, bias):
    torch.manual_seed(0)
    hidden = torch.randn(positions, 12, requires_grad=True)
    weight = torch.randn(31, 12, requires_grad=True)
    offset = torch.randn(31, requires_grad=True) if bias else None
    targets = torch.randint(0, 31, (positions,))
    inputs = [hidden, weight, *([offset] if bias else [])]
    expected = functional.cross_entropy(functional.linear(hidden, weight, offset), targets, reduction="sum")
    wanted = torch.autograd.grad(expected, inputs)
    loss = linear_cross_entropy(hidden, weight, targets, offset)
    made = torch.autograd.grad(loss, inputs)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for left, right in zip(made, wanted, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-4)


def test_a_frozen_head_gets_no_gradient():
    hidden = torch.randn(3, 4, requires_grad=True)
    weight = torch.randn(5, 4)
    linear_cross_entropy(hidden, weight, torch.tensor([0, 1, 2])).backward()
    assert hidden.grad is not None
    assert weight.grad is None


def test_without_gradients_only_the_value_is_made():
    with torch.no_grad():
        loss = linear_cross_entropy(torch.zeros(2, 4), torch.zeros(8, 4, requires_grad=True), torch.tensor([1, 2]))
    assert loss.item() == pytest.approx(2 * torch.log(torch.tensor(8.0)).item())
