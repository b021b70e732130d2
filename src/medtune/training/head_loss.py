"""Cross-entropy through a head that is trained itself: larger chunks, since each one adds to the whole head's gradient.

`losses.linear_cross_entropy` cuts positions so finely that logits stay in the processor's cache. With a trained head every
chunk also reads and writes a gradient of the head's size, which then costs more than the logits do.
"""

from typing import Any

import torch
from torch.nn import functional

CHUNK = 512  # positions; about the width of a model, so that logits and the head's gradient weigh alike


class _TrainedHead(torch.autograd.Function):
    """Gradients are formed in the forward pass: no logits are kept and none are computed twice."""

    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        grad_hidden = torch.empty_like(hidden)
        grad_weight = torch.zeros_like(weight, dtype=torch.float32)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for start in range(0, len(hidden), CHUNK):
            part = slice(start, start + CHUNK)
            logits = functional.linear(hidden[part], weight).float()
            top, wanted = logits.amax(dim=-1), logits.gather(1, targets[part, None]).squeeze(1)
            delta = torch.softmax(logits, dim=-1)
            del logits
            # log Σ exp = top − log of the likeliest token's probability, which is never below 1 / vocabulary.
            total += (top - delta.amax(dim=-1).log() - wanted).sum()
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
        return grad_hidden * grad.to(grad_hidden.dtype), grad_weight * grad.to(grad_weight.dtype), None


def trained_head_loss(hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Summed negative log-likelihood (nats) of ``targets`` [positions], as ``losses.linear_cross_entropy`` without bias.

    ``hidden`` is [positions, width], ``weight`` [vocabulary, width], of one number format.
    """
    loss: torch.Tensor = _TrainedHead.apply(hidden, weight, targets)
    return loss
