"""Cross-entropy straight from hidden states, chunk by chunk, so that logits are never held whole.

The head is applied only where a token is supervised; ``trained_head_loss`` is for a head that is
trained itself.
"""

from typing import Any

import torch
from torch.nn import functional

CHUNK_LOGITS = (
    2**24
)  # logits of one product: hundreds of positions, so that the head's matrix is read seldom
BLOCK_LOGITS = (
    2**20
)  # of these at a time in fp32: 4 MB, so that a block stays in the processor's cache


def _positions(vocabulary: int) -> int:
    """Positions of one chunk."""
    return max(64, CHUNK_LOGITS // vocabulary)


def _into_gradient(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Summed NLL of ``logits`` [positions, vocabulary], which become its gradient: probabilities
    less the targets' one.

    log Σ exp is taken as the largest logit less the logarithm of its probability, which is exact:
    that probability is never below 1 / vocabulary. Softmax is one pass, where log-sum-exp and
    exponentials would be several.
    """
    total = torch.zeros((), dtype=torch.float32, device=logits.device)
    size = max(
        1, (BLOCK_LOGITS if logits.device.type == "cpu" else logits.numel()) // logits.shape[1]
    )
    for block, ids in zip(logits.split(size), targets[:, None].split(size), strict=True):
        scores = block.float()
        chances = torch.softmax(scores, dim=-1)
        total += (
            scores.amax(dim=-1) - chances.amax(dim=-1).log() - scores.gather(1, ids).squeeze(1)
        ).sum()
        block.copy_(chances.scatter_add_(1, ids, chances.new_full(ids.shape, -1.0)))
    return total


class _LinearCrossEntropy(torch.autograd.Function):
    """Gradients are formed in the forward pass, so that no logits are kept and none are computed
    twice.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        targets: torch.Tensor,
        gradient: bool,
    ) -> torch.Tensor:
        grad_hidden = torch.empty_like(hidden) if gradient else None
        grad_weight = (
            torch.zeros_like(weight, dtype=torch.float32)
            if gradient and weight.requires_grad
            else None
        )
        needs_bias = gradient and bias is not None and bias.requires_grad
        grad_bias = (
            torch.zeros_like(bias, dtype=torch.float32) if needs_bias and bias is not None else None
        )
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        matrix, offset = weight.to(hidden.dtype), None if bias is None else bias.to(hidden.dtype)
        size = _positions(len(weight))
        for start in range(0, len(hidden), size):
            part = slice(start, start + size)
            delta = functional.linear(hidden[part], matrix, offset)
            total += _into_gradient(delta, targets[part])
            if grad_hidden is not None:
                torch.mm(delta, matrix, out=grad_hidden[part])
            if grad_weight is not None and grad_weight.dtype == delta.dtype:
                grad_weight.addmm_(delta.T, hidden[part])
            elif grad_weight is not None:
                grad_weight += torch.mm(delta.T, hidden[part])
            if grad_bias is not None:
                grad_bias += delta.float().sum(0)
        ctx.save_for_backward(
            grad_hidden,
            None if grad_weight is None else grad_weight.to(weight.dtype),
            None if grad_bias is None or bias is None else grad_bias.to(bias.dtype),
        )
        return total

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (grad,) = grads
        grad_hidden, grad_weight, grad_bias = ctx.saved_tensors
        return (
            grad_hidden * grad.to(grad_hidden.dtype),
            None if grad_weight is None else grad_weight * grad.to(grad_weight.dtype),
            None if grad_bias is None else grad_bias * grad.to(grad_bias.dtype),
            None,
            None,
        )


def linear_cross_entropy(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    targets: torch.Tensor,
    bias: torch.Tensor | None = None,
) -> torch.Tensor:
    """Summed negative log-likelihood (nats) of ``targets`` under a linear head.

    ``hidden`` is [positions, width], ``weight`` [vocabulary, width], ``targets`` [positions] of
    token ids. Equal to ``cross_entropy(hidden @ weight.T + bias, targets, reduction="sum")`` with
    logits and sums in fp32.
    """
    loss: torch.Tensor = _LinearCrossEntropy.apply(
        hidden, weight, bias, targets, torch.is_grad_enabled()
    )
    return loss


CHUNK = (
    512  # positions; about the width of a model, so that logits and the head's gradient weigh alike
)


class _TrainedHead(torch.autograd.Function):
    """Gradients are formed in the forward pass: no logits are kept and none are computed twice."""

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor:
        grad_hidden = torch.empty_like(hidden)
        grad_weight = torch.zeros_like(weight, dtype=torch.float32)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for start in range(0, len(hidden), CHUNK):
            part = slice(start, start + CHUNK)
            logits = functional.linear(hidden[part], weight).float()
            top = logits.amax(dim=-1)
            target_logits = logits.gather(1, targets[part, None]).squeeze(1)
            delta = torch.softmax(logits, dim=-1)
            del logits
            # log Σ exp = top − log of the likeliest token's probability, which is never below 1 /
            # vocabulary.
            total += (top - delta.amax(dim=-1).log() - target_logits).sum()
            delta.scatter_add_(1, targets[part, None], delta.new_full((len(top), 1), -1.0))
            delta = delta.to(hidden.dtype)
            torch.mm(delta, weight, out=grad_hidden[part])
            grad_weight += torch.mm(delta.T, hidden[part])
        ctx.save_for_backward(grad_hidden, grad_weight.to(weight.dtype))
        return total

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (grad,) = grads
        grad_hidden, grad_weight = ctx.saved_tensors
        return (
            grad_hidden * grad.to(grad_hidden.dtype),
            grad_weight * grad.to(grad_weight.dtype),
            None,
        )


def trained_head_loss(
    hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """Summed negative log-likelihood (nats) of ``targets`` [positions], as
    ``losses.linear_cross_entropy`` without bias.

    ``hidden`` is [positions, width], ``weight`` [vocabulary, width], of one number format.
    """
    loss: torch.Tensor = _TrainedHead.apply(hidden, weight, targets)
    return loss
