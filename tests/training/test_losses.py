import pytest
import torch
from torch.nn import functional

from medtune.training import losses
from medtune.training.losses import linear_cross_entropy


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Chunks of 64 positions in blocks of 10, so that few positions are many of both."""
    monkeypatch.setattr(losses, "CHUNK_LOGITS", 64 * 31)
    monkeypatch.setattr(losses, "BLOCK_LOGITS", 10 * 31)


@pytest.mark.parametrize("positions", [1, 7, 64, 150])
@pytest.mark.parametrize("bias", [False, True])
def test_value_and_gradients_equal_cross_entropy(positions, bias):
    torch.manual_seed(0)
    hidden = torch.randn(positions, 12, requires_grad=True)
    weight = torch.randn(31, 12, requires_grad=True)
    offset = torch.randn(31, requires_grad=True) if bias else None
    targets = torch.randint(0, 31, (positions,))
    inputs = [hidden, weight, *([offset] if bias else [])]
    expected = functional.cross_entropy(
        functional.linear(hidden, weight, offset), targets, reduction="sum"
    )
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
        loss = linear_cross_entropy(
            torch.zeros(2, 4), torch.zeros(8, 4, requires_grad=True), torch.tensor([1, 2])
        )
    assert loss.item() == pytest.approx(2 * torch.log(torch.tensor(8.0)).item())


def test_a_far_too_sure_model_has_a_finite_loss_of_the_right_size():
    hidden = torch.zeros(1, 4)
    hidden[0, 0] = 1.0
    weight = torch.zeros(8, 4)
    weight[3, 0] = 500.0  # the target's probability is exp(-500), which is nought in float32
    hidden.requires_grad_()
    loss = linear_cross_entropy(hidden, weight, torch.tensor([1]))
    loss.backward()
    assert loss.item() == pytest.approx(500.0)
    assert torch.isfinite(hidden.grad).all()


def test_bf16_is_summed_in_float32():
    torch.manual_seed(0)
    hidden, weight = torch.randn(150, 16).bfloat16(), torch.randn(31, 16).bfloat16()
    targets = torch.randint(0, 31, (150,))
    logits = functional.linear(hidden, weight).float()
    expected = functional.cross_entropy(logits, targets, reduction="sum")
    made = linear_cross_entropy(hidden.requires_grad_(), weight, targets)
    assert made.dtype == torch.float32
    assert made.item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_trained_bf16_head_gets_its_gradient_of_all_chunks():
    torch.manual_seed(0)
    hidden, weight = (
        torch.randn(150, 16).bfloat16(),
        torch.randn(31, 16).bfloat16().requires_grad_(),
    )
    targets = torch.randint(0, 31, (150,))
    exact = weight.detach().float().requires_grad_()
    functional.cross_entropy(hidden.float() @ exact.T, targets, reduction="sum").backward()
    linear_cross_entropy(hidden, weight, targets).backward()
    assert weight.grad.dtype == torch.bfloat16
    assert float((weight.grad.float() - exact.grad).norm() / exact.grad.norm()) < 0.02


def test_a_loss_that_is_no_number_stays_none():
    weight = torch.zeros(8, 4)
    weight[0, 0] = float("nan")
    assert not torch.isfinite(
        linear_cross_entropy(torch.ones(2, 4, requires_grad=True), weight, torch.tensor([1, 2]))
    )
