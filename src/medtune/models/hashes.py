"""A hash of weights in memory: proof that what was to stay frozen did."""

import hashlib

import torch
from torch import nn


def frozen_hash(model: nn.Module) -> str:
    """SHA-256 over names and bytes of all parameters that are not trained."""
    digest = hashlib.sha256()
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            digest.update(name.encode())
            digest.update(parameter.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
