"""Low-rank adapters (PEFT's): added to a loaded model, saved, and merged into their base.

Adapters begin from the seed. Merging writes 16 or 4 bits and is proven on real prompts
(``Agreement``): the largest difference of the logits, in float32.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from medtune.conversation import Conversation
from medtune.errors import ModelError, RecipeError, RunError
from medtune.files import write_json
from medtune.models.attach import attach_adapter
from medtune.models.causal import CausalModel
from medtune.models.encoder_decoder import Seq2SeqModel
from medtune.models.interface import SETTINGS_FILE, InferenceSettings
from medtune.models.load import LocalModelRef, load_weights
from medtune.models.onednn_linear import disable_dropout
from medtune.models.scoring import has_adapter
from medtune.recipe.schema import Lora
from medtune.tokens.render import ChatTemplate

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# GPT-2's adapters sit where the published recipes put them; other kinds get every linear layer of
# the body.
AUTO_TARGETS: dict[str, str | list[str]] = {"gpt2": ["c_attn"]}


def add_lora(model: "PreTrainedModel", settings: Lora, seed: int) -> "PreTrainedModel":
    """The model with trainable adapters in its own number format, all else frozen and without
    dropout.
    """
    from peft import LoraConfig, get_peft_model

    auto = AUTO_TARGETS.get(model.config.model_type, "all-linear")
    targets = auto if settings.targets == "auto" else settings.targets
    torch.manual_seed(seed)
    disable_dropout(model)
    config = LoraConfig(
        fan_in_fan_out=model.config.model_type
        == "gpt2",  # its layers keep their matrices transposed
        task_type="SEQ_2_SEQ_LM" if model.config.is_encoder_decoder else "CAUSAL_LM",
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets,
        use_rslora=settings.rslora,
        use_dora=settings.dora,
    )
    if isinstance(targets, list):
        _refuse_embeddings(model, targets)
        _require_targets(model, targets)
    # In the number format of the model: the trainer keeps fp32 masters, and casting whole
    # activations costs a tenth.
    return get_peft_model(model, config, autocast_adapter_dtype=False)


def _refuse_embeddings(model: "PreTrainedModel", targets: list[str]) -> None:
    """Raises ``RecipeError`` where a target is the table of embeddings, or a head that shares it.

    Such an adapter changes one use of weights that have two, so no merged model says the same.
    """
    inputs, outputs = model.get_input_embeddings(), model.get_output_embeddings()
    tied = bool(getattr(model.config.get_text_config(), "tie_word_embeddings", False)) or (
        outputs is not None and outputs.weight is inputs.weight
    )
    for name, module in model.named_modules():
        target = next((target for target in targets if f".{name}".endswith(f".{target}")), None)
        if target is None:
            continue
        if tied and module is outputs:
            raise RecipeError(
                f"{target} shares its weights with the embeddings (tie_word_embeddings): an "
                "adapter on it could not be merged",
                where="train.lora.targets",
                fix=f"Leave {target} out, or use auto: every linear layer of the body.",
            )
        if isinstance(module, torch.nn.Embedding):
            raise RecipeError(
                f"{target} is a table of embeddings, and adapters are for linear layers",
                where="train.lora.targets",
                fix=f"Leave {target} out, or use auto: every linear layer of the body.",
            )


def _require_targets(model: "PreTrainedModel", targets: list[str]) -> None:
    """Every target names a layer of the model: PEFT leaves out silently what matches nothing, as
    long as one matches.
    """
    from transformers.pytorch_utils import Conv1D

    layers = [
        name
        for name, module in model.named_modules()
        if isinstance(module, (torch.nn.Linear, Conv1D))
    ]
    missing = [
        target
        for target in targets
        if not any(f".{name}".endswith(f".{target}") for name in layers)
    ]
    if missing:
        known = sorted({name.rsplit(".", 1)[-1] for name in layers} - {"lm_head"})
        raise RecipeError(
            f"{model.config.model_type} has no layer {', '.join(missing)}",
            where="train.lora.targets",
            fix=f"Use auto, or some of: {', '.join(known)}.",
        )


def frozen_hash(model: nn.Module) -> str:
    """SHA-256 over names and bytes of all parameters that are not trained."""
    digest = hashlib.sha256()
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            digest.update(name.encode())
            digest.update(parameter.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Merged and base + adapter may differ by so much in a logit, or by this share of the largest one:
# float32 itself keeps logits of 36 to about 5e-5, in base + adapter as well.
BOUND, RELATIVE_BOUND = 1e-4, 1e-5
ROUNDING = 100  # times the bound: what is above it is no rounding of float32
PROBE_TOKENS = 128
ATTENTION = "sdpa"


@dataclass(frozen=True)
class Probe:
    """A real question with its answer as token ids.

    An encoder-decoder reads the one and says the other.
    """

    question: list[int]
    answer: list[int]


@dataclass(frozen=True)
class Agreement:
    """How near the logits of two models are, over ``tokens`` positions.

    ``largest`` absolute difference of a logit; ``kl`` mean Kullback-Leibler divergence of the
    second from the first in nats a token; ``same_best`` share of positions where both find the same
    token likeliest.
    """

    largest: float
    kl: float
    same_best: float
    tokens: int


def probes(
    tokenizer: "PreTrainedTokenizerBase", items: Sequence[Conversation], limit: int = PROBE_TOKENS
) -> list[Probe]:
    """Each item as the model is asked it, question and answer cut to ``limit`` tokens together
    (the question's end stays).
    """
    template = ChatTemplate(tokenizer)
    control, rows = template.control, []
    for item in items:
        question = control.ids(template.prompt(item.prompt))[-limit // 2 :]
        answer = control.ids(control.mask(item.reference))
        rows.append(Probe(question, answer[: max(1, limit - len(question))]))
    return rows


@torch.no_grad()
def logits_on(model: Any, rows: Sequence[Probe]) -> list[torch.Tensor]:
    """Logits on the CPU, one tensor [positions, vocabulary] a probe: in float32, those of a
    model in float64 in float64.
    """
    model.eval()

    def tensor(ids: list[int]) -> torch.Tensor:
        return torch.tensor([ids], device=model.device)

    def run(row: Probe) -> torch.Tensor:
        if model.config.is_encoder_decoder:
            output = model(input_ids=tensor(row.question), labels=tensor(row.answer))
        else:
            output = model(input_ids=tensor(row.question + row.answer), use_cache=False)
        logits = torch.as_tensor(output.logits[0].cpu())
        return logits if logits.dtype == torch.float64 else logits.float()

    return [run(row) for row in rows]


def agreement(reference: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> Agreement:
    """How near ``other`` is to ``reference``.

    Raises ``RunError`` where a logit is not a number or not finite.
    """
    if not all(bool(torch.isfinite(logits).all()) for logits in [*reference, *other]):
        raise RunError(
            "the model's logits are not finite", fix="Use another number format: --dtype bfloat16."
        )
    pairs = list(zip(reference, other, strict=True))
    tokens = sum(len(left) for left, _ in pairs)
    return Agreement(
        largest=max(float((left - right).abs().max()) for left, right in pairs),
        kl=sum(_divergence(left, right) for left, right in pairs) / tokens,
        same_best=sum(int((left.argmax(-1) == right.argmax(-1)).sum()) for left, right in pairs)
        / tokens,
        tokens=tokens,
    )


def _divergence(left: torch.Tensor, right: torch.Tensor) -> float:
    """Summed over positions, in double precision: differences of 1e-9 are to be seen."""
    p, q = left.double().log_softmax(-1), right.double().log_softmax(-1)
    return max(0.0, float((p.exp() * (p - q)).sum()))


def load_exactly(ref: LocalModelRef, dtype: torch.dtype = torch.float32) -> Any:
    """The model with its 4-bit layers, if it has any, computing as they are.

    On a CPU with bf16 instructions bitsandbytes would repack them at the first pass and round their
    scales to bf16.
    """
    model: Any = load_weights(ref, dtype, ATTENTION)
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return model


def logit_bound(reference: Sequence[torch.Tensor]) -> float:
    """By how much a logit may differ from these logits, since their size decides how exactly
    float32 holds them.
    """
    largest = max((float(logits.abs().max()) for logits in reference), default=0.0)
    return max(BOUND, RELATIVE_BOUND * largest)


@dataclass(frozen=True)
class Merged:
    """A merged ``model`` in float32, the ``reference`` logits of base + adapter on the probes, and
    how near the model is to them.

    ``in_float64`` is the same agreement with all weights in float64, measured where float32 missed
    the ``bound``.
    """

    model: "PreTrainedModel"
    reference: list[torch.Tensor]
    difference: Agreement
    bound: float
    in_float64: Agreement | None = None


def merge(ref: LocalModelRef, rows: Sequence[Probe]) -> Merged:
    """The merged model, compared with base + adapter on ``rows``.

    A base that was held in NF4 gives its dequantized weights: those that the adapter was trained
    on. A model without an adapter is returned as it is. Raises ``RunError`` where the difference is
    above ``logit_bound`` in float32 and in float64.
    """
    if ref.quantization not in (None, "nf4"):
        raise ModelError(
            f"a base in {ref.quantization} also rounds its activations, "
            "so no merged copy says the same",
            where=ref.name,
            fix="Export the adapter (--form adapter), or train on nf4.",
        )
    model = load_exactly(ref)
    reference = logits_on(model, rows)
    if ref.quantization:
        model = _on_dequantized(ref, model)
    merged = model.merge_and_unload(safe_merge=True) if ref.adapter else model
    difference = agreement(reference, logits_on(merged, rows))
    bound = logit_bound(reference)
    if difference.largest <= bound:
        return Merged(merged, reference, difference, bound)
    exact = None
    if difference.largest <= ROUNDING * bound:
        exact = _agreement_in_float64(ref, merged, rows)
        if exact.largest <= bound:
            return Merged(merged, reference, difference, bound, exact)
    figures = f"{difference.largest:.2g} in a logit"
    figures += f", by {exact.largest:.2g} in float64" if exact else ""
    raise RunError(
        f"merged and base + adapter differ by {figures} (bound {bound:.2g}): not exported",
        where=ref.name,
        fix="Export the adapter (--form adapter); it is exact.",
    )


def _agreement_in_float64(ref: LocalModelRef, merged: Any, rows: Sequence[Probe]) -> Agreement:
    """How near the weights as they were merged are to base + adapter, without the rounding of
    float32 in the passes.
    """
    model = load_exactly(ref)
    if ref.quantization:
        model = _on_dequantized(ref, model)
    reference = logits_on(model.double(), rows)
    del model
    result = agreement(reference, logits_on(merged.double(), rows))
    merged.float()
    return result


def _on_dequantized(ref: LocalModelRef, quantized: Any) -> Any:
    """Base and adapter in float32, the base's weights as the quantized ones stand for them."""
    from bitsandbytes.functional import dequantize_4bit
    from transformers.pytorch_utils import Conv1D

    inner = quantized.get_base_model() if ref.adapter else quantized
    plain = load_exactly(replace(ref, adapter=None, quantization=None))
    for name, module in inner.named_modules():
        packed: Any = getattr(module, "weight", None)
        if hasattr(packed, "quant_state"):
            target = plain.get_submodule(name.replace(".base_layer", ""))
            weight = dequantize_4bit(packed.data, packed.quant_state).float()
            # GPT-2 keeps its matrices transposed.
            target.weight.data.copy_(weight.T if isinstance(target, Conv1D) else weight)
    return attach_adapter(plain, ref.adapter, ref.name) if ref.adapter else plain


def save_in_four_bits(source: Path, directory: Path, dtype: torch.dtype) -> None:
    """Quantize a merged model's linear layers to NF4 with double quantization.

    Safetensors that transformers loads.

    Products are computed in ``dtype``. Raises ``RecipeError`` where bitsandbytes is not installed.
    """
    ref = LocalModelRef(str(source), source, quantization="nf4")
    load_exactly(ref, dtype).save_pretrained(directory)


if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def save_model(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    directory: Path,
    base_name: str,
    settings: InferenceSettings,
) -> None:
    """Write weights (or the adapter alone), tokenizer with its chat template, generation settings
    and ``medtune.json``.

    ``base_name`` is how the adapter finds its base again.
    """
    kind = Seq2SeqModel if model.config.is_encoder_decoder else CausalModel
    local = kind(model, tokenizer, base_name, "")
    generation = local.generation_config(settings.decoding_settings())
    if has_adapter(model):
        adapter = model.peft_config["default"]
        adapter.base_model_name_or_path, adapter.revision = base_name, settings.revision
        model.save_pretrained(str(directory), safe_serialization=True, save_embedding_layers=False)
        # PEFT's form to fill in; the run's own card says more
        (directory / "README.md").unlink(missing_ok=True)
    else:
        model.generation_config = generation
        model.save_pretrained(directory)
    generation.save_pretrained(directory)
    tokenizer.chat_template = local.template.source
    tokenizer.save_pretrained(directory)
    write_json(directory / SETTINGS_FILE, settings.as_json() | {"base": base_name})
