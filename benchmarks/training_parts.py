"""What each part of medtune's training is worth: the same forward and backward pass with one
part at a time undone.

    python benchmarks/training_parts.py --data-dir DIR --tokenizer DIR [--repeats 6] [--quick]
    [--json]

GPT-2 (124 M, random weights) with LoRA on c_attn, rows of MedQuAD as in training.py. One thread and
its processor time, so that others on the machine disturb little; variants take turns, and the best
of the repeats counts.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from medtune.models import packed_attention as attention
from medtune.models.adapters import add_lora
from medtune.models.load import load_weights, locate
from medtune.models.scoring import split_head
from medtune.recipe.schema import Lora
from medtune.tokens.encode import Encoded
from medtune.tokens.packing import PackedBatch, pack
from medtune.training import losses
from training import BATCH, make_model, make_rows

SDPA = "sdpa_by_row"


def sdpa_by_row(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: Any,
    *,
    cu_seq_lens_q: Any,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Each row by the fused kernel."""
    rows = zip(
        *(x.split(cu_seq_lens_q.diff().tolist(), dim=2) for x in (query, key, value)), strict=True
    )
    parts = [functional.scaled_dot_product_attention(*row, is_causal=True) for row in rows]
    return torch.cat(parts, dim=2).transpose(1, 2), None


def hidden_of(model: Any, batch: PackedBatch) -> tuple[torch.Tensor, Any]:
    """The body's output [tokens, width], and the head."""
    body, head = split_head(model)
    edges = attention.cumulative_lengths(batch.lengths)
    result = body(
        input_ids=batch.input_ids,
        position_ids=batch.position_ids,
        cu_seq_lens_q=edges,
        use_cache=False,
    )
    return result.last_hidden_state[0], head


def answers_only(model: Any, batch: PackedBatch) -> torch.Tensor:
    """The loss as medtune forms it."""
    hidden, head = hidden_of(model, batch)
    return losses.linear_cross_entropy(hidden[batch.predictors], head.weight, batch.targets)


def every_token(model: Any, batch: PackedBatch) -> torch.Tensor:
    """The loss by way of the logits of every token."""
    hidden, head = hidden_of(model, batch)
    labels = torch.full((batch.tokens,), -100)
    labels[batch.predictors] = batch.targets
    return functional.cross_entropy(head(hidden).float(), labels, reduction="sum")


def fine_chunks(model: Any, batch: PackedBatch) -> torch.Tensor:
    """The head on 64 positions at a time."""
    usual, losses.CHUNK_LOGITS = losses.CHUNK_LOGITS, 0
    try:
        return answers_only(model, batch)
    finally:
        losses.CHUNK_LOGITS = usual


def dropout_on(model: Any) -> None:
    """GPT-2's own dropout, also in frozen parts."""
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Dropout) and "lora" not in name:
            module.p = 0.1


def gelu_written_out(model: Any) -> None:
    """GPT-2's activation as eight operations."""
    from transformers.activations import ACT2FN

    for block in split_head(model)[0].h:
        block.mlp.act = ACT2FN["gelu_new"]


def adapters_in_fp32(model: Any) -> None:
    """As PEFT has them: activations are cast to fp32 on their way through an adapter."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def fused_attention(model: Any) -> None:
    """PyTorch's fused kernel, row by row."""
    from transformers import AttentionInterface

    AttentionInterface.register(SDPA, sdpa_by_row)
    model.set_attn_implementation(SDPA)


def nothing(model: Any) -> None:
    """All parts as they are."""


# Title → number format, what is undone in the model, the loss, and whether rows are padded to the
# longest.
VARIANTS: dict[
    str, tuple[torch.dtype, Callable[[Any], None], Callable[[Any, PackedBatch], torch.Tensor], bool]
] = {
    "as it is": (torch.bfloat16, nothing, answers_only, False),
    "GELU in eight operations": (torch.bfloat16, gelu_written_out, answers_only, False),
    "dropout in frozen parts": (torch.bfloat16, dropout_on, answers_only, False),
    "adapters in fp32": (torch.bfloat16, adapters_in_fp32, answers_only, False),
    "fused attention kernel": (torch.bfloat16, fused_attention, answers_only, False),
    "head on 64 positions at a time": (torch.bfloat16, nothing, fine_chunks, False),
    "logits of every token": (torch.bfloat16, nothing, every_token, False),
    "rows padded to the longest": (torch.bfloat16, nothing, answers_only, True),
    "fp32": (torch.float32, nothing, answers_only, False),
}


def make_batch(rows: Sequence[tuple[list[int], int]], padded: bool) -> PackedBatch:
    """The rows end to end; padded ones carry tokens that nobody learns."""
    longest = max(len(ids) for ids, _ in rows) if padded else 0
    encoded = []
    for ids, prompt in rows:
        more = max(0, longest - len(ids))
        supervised = np.r_[np.arange(len(ids)) >= prompt, np.zeros(more, dtype=bool)]
        encoded.append(Encoded("row", np.r_[ids, np.zeros(more, dtype=np.int64)], supervised))
    return pack(encoded)


def measure(
    model_place: str, rows: Sequence[tuple[list[int], int]], repeats: int
) -> dict[str, float]:
    """Title → processor seconds of the fastest pass."""
    models, batches = {}, {}
    for title, (dtype, undo, _, padded) in VARIANTS.items():
        model = add_lora(
            load_weights(locate(model_place), dtype, attention.PACKED_ATTENTION), Lora(), 0
        ).train()
        undo(model)
        models[title], batches[title] = model, make_batch(rows, padded)
    best = dict.fromkeys(VARIANTS, float("inf"))
    for number in range(repeats + 1):  # the first warms up
        for title, (_, _, loss, _) in VARIANTS.items():
            started = time.process_time()
            loss(models[title], batches[title]).backward()
            models[title].zero_grad()
            if number:
                best[title] = min(best[title], time.process_time() - started)
    return best


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data-dir", type=Path, default=os.environ.get("MEDTUNE_DATA"), help="where MedQuAD lies"
    )
    parser.add_argument(
        "--tokenizer",
        type=Path,
        required=True,
        help="directory of GPT-2's vocab.json and merges.txt",
    )
    parser.add_argument("--repeats", type=int, default=6)
    parser.add_argument("--quick", action="store_true", help="two repeats")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not arguments.data_dir:
        parser.error("name the directory of MedQuAD with --data-dir or MEDTUNE_DATA")
    torch.set_num_threads(1)
    attention.register_packed_attention()
    with tempfile.TemporaryDirectory() as directory:
        make_model(arguments.tokenizer, Path(directory))
        rows = make_rows(Path(arguments.data_dir), Path(directory), BATCH)
        seconds = measure(directory, rows, 2 if arguments.quick else arguments.repeats)
    tokens = sum(len(ids) for ids, _ in rows)
    if arguments.json:
        print(json.dumps({"tokens": tokens, "seconds": seconds}, indent=2))
        return
    print(f"{'one part undone':<34}{'tokens a CPU s':>15}{'costs':>8}")
    for title, value in seconds.items():
        print(f"{title:<34}{tokens / value:>15.0f}{value / seconds['as it is'] - 1:>8.0%}")


if __name__ == "__main__":
    main()
