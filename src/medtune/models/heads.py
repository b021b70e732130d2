"""A causal language model taken apart: the body that makes hidden states, and the head that makes logits."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Head = Callable[[torch.Tensor], torch.Tensor]


def unwrapped(model: Any) -> Any:
    """The transformers model below a PEFT wrapper, its adapted layers in place."""
    from peft import PeftModel

    return model.get_base_model() if isinstance(model, PeftModel) else model


def split_head(model: Any) -> tuple[nn.Module, Head]:
    """The body (called for ``last_hidden_state``) and the head, soft-capped where the architecture caps its logits."""
    causal = unwrapped(model)
    body = getattr(causal, causal.base_model_prefix)
    linear = causal.get_output_embeddings()
    cap = getattr(causal.config.get_text_config(), "final_logit_softcapping", None)
    if cap is None:
        return body, linear
    return body, lambda hidden: torch.tanh(linear(hidden) / cap) * cap
