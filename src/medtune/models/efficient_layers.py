"""Cheaper ways to compute what a model computes anyway: activations in one kernel, no dropout
where nothing learns.
"""

from typing import Any

from torch import nn

# Both names are the tanh approximation of GELU (Hendrycks and Gimpel 2016, arXiv:1606.08415): the
# first are written out in eight elementwise operations that each keep their result for the backward
# pass, the second is one kernel.
ONE_KERNEL = {"gelu_new": "gelu_pytorch_tanh", "gelu_fast": "gelu_pytorch_tanh"}
ACTIVATION_FIELDS = ("activation_function", "hidden_act", "hidden_activation", "dense_act_fn")
DROPOUT_FIELDS = (
    "dropout",
    "attention_dropout",
    "activation_dropout",
)  # where modules hold a bare probability


def fuse_activations(config: Any) -> Any:
    """The configuration with its activation named by the kernel that computes the same function
    at once.
    """
    text = config.get_text_config()
    for field in ACTIVATION_FIELDS:
        name = getattr(text, field, None)
        if name in ONE_KERNEL:
            setattr(text, field, ONE_KERNEL[name])
    return config


def disable_dropout(model: nn.Module) -> None:
    """Switch off all dropout of ``model``, in place: frozen weights cannot overfit, and noise in
    them only costs.

    Adapters put on afterwards keep their own.
    """
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        for field in DROPOUT_FIELDS:
            if isinstance(getattr(module, field, None), float):
                setattr(module, field, 0.0)
