"""Before a model is used: rows laid end to end must score exactly as each row does alone.

Some architectures carry state across rows (Mamba), add terms to attention (sinks, position biases)
or scale their logits in ways that the row-wise path does not know. They are refused here, by
measurement instead of a list of names: for training; `unpacked` measures them text by text.
"""

from typing import Any

import torch

from medtune.errors import ModelError
from medtune.models.packed_attention import PACKED_ATTENTION, cumulative_lengths
from medtune.models.scoring import split_head

ROW = 12
TOLERANCE = {torch.float32: 2e-4, torch.bfloat16: 5e-2}  # of the largest logit


class PackingUnsupportedError(ModelError):
    """The architecture cannot be run on rows laid end to end."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(
            f"the architecture {kind} does not give the same result for rows laid end to end",
            where=name,
            fix="It can be measured and asked, not trained. "
            "Train a GPT-2, Llama, Mistral, Gemma, Qwen, Phi-3 or OLMo kind.",
        )


@torch.no_grad()
def check_packing(model: Any, name: str) -> None:
    """Compare the second of two packed rows with the same row alone in the model's own eager path.

    Raises ``PackingUnsupportedError`` where they differ or the architecture cannot be run row by
    row.
    """
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(
        0, model.config.get_text_config().vocab_size, (2, ROW), generator=generator
    ).to(model.device)
    refusal = PackingUnsupportedError(model.config.model_type, name)
    calls: list[str] = []
    try:
        model.set_attn_implementation("eager")
        alone = model(rows[1:], use_cache=False).logits[0].float()
        model.set_attn_implementation(PACKED_ATTENTION)
        body, head = split_head(model)
        hidden = body(
            input_ids=rows.reshape(1, -1),
            position_ids=torch.arange(ROW, device=model.device).repeat(2)[None],
            cu_seq_lens_q=cumulative_lengths((ROW, ROW), model.device),
            calls=calls,
            use_cache=False,
        ).last_hidden_state[0, ROW:]
        packed = head(hidden).float()
    except torch.OutOfMemoryError:
        raise  # no fault of the architecture
    except (KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise refusal from error
    scale = float(alone.abs().max().clamp_min(1e-6))
    if not calls or float((packed - alone).abs().max()) > TOLERANCE.get(model.dtype, 5e-2) * scale:
        raise refusal
