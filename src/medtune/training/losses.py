"""Cross-entropy straight from hidden states: the head is applied only where a token is supervised, chunk by chunk."""

from typing import Any

import torch
from torch.nn import functional

CHUNK_LOGITS = 2**21  # logits at a time: 8 MB in fp32, so that a chunk stays in the processor's cache


class _LinearCrossEntropy(torch.autograd.Function):
    """Gradients are formed in the forward pass, so that no logits are kept and none are computed twice."""

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
        grad_weight = torch.zeros_like(weight, dtype=torch.float32) if gradient and weight.requires_grad else None
        needs_bias = gradient and bias is not None and bias.requires_grad
        grad_bias = torch.zeros_like(bias, dtype=torch.float32) if needs_bias and bias is not None else None
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        chunk = max(64, CHUNK_LOGITS // len(weight))
        for start in range(0, len(hidden), chunk):
            part = slice(start, start + chunk)
            logits = functional.linear(hidden[part], weight, bias).float()
            log_sum = torch.logsumexp(logits, dim=-1)
            total += (log_sum - logits.gather(1, targets[part, None]).squeeze(1)).sum()
            if grad_hidden is None:
                continue
            logits.sub_(log_sum[:, None]).exp_()
            logits.scatter_add_(1, targets[part, None], logits.new_full((len(log_sum), 1), -1.0))
            delta = logits.to(hidden.dtype)
            torch.mm(delta, weight.to(hidden.dtype), out=grad_hidden[part])
            if grad_weight is not None:
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
    hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """Summed negative log-likelihood (nats) of ``targets`` under a linear head.

    ``hidden`` is [positions, width], ``weight`` [vocabulary, width], ``targets`` [positions] of token ids. Equal to
    ``cross_entropy(hidden @ weight.T + bias, targets, reduction="sum")`` with logits and sums in fp32.
    """
    loss: torch.Tensor = _LinearCrossEntropy.apply(hidden, weight, bias, targets, torch.is_grad_enabled())
    return loss
