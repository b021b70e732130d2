"""From a GGUF file to a model's directory: safetensors, tokenizer, template, settings, card."""

import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medtune.files import write_json
from medtune.models.gguf.gguf_config import model_config
from medtune.models.gguf.gguf_file import GgufFile, read_gguf
from medtune.models.gguf.gguf_tokenizer import build_tokenizer
from medtune.models.gguf.gguf_weights import WeightSource, read_weights, weight_sources
from medtune.progress import track

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

# Raised when the same file becomes another directory.
CONVERTER_VERSION = 1
SHARD_BYTES = 2 * 10**9
UNQUANTIZED = ("F32", "BF16", "F16")


@dataclass(frozen=True)
class GgufFacts:
    """What a GGUF file is, as it says itself; ``kinds``: number format → numbers kept in it."""

    name: str
    architecture: str
    licence: str
    parameters: int
    context: int
    kinds: dict[str, int]

    @property
    def quantized(self) -> list[str]:
        """The formats of few bits that hold at least a hundredth of its numbers, most first."""
        least = self.parameters / 100
        kinds = [kind for kind, n in self.kinds.items() if kind not in UNQUANTIZED and n >= least]
        return sorted(kinds, key=lambda kind: -self.kinds[kind])

    @property
    def provenance(self) -> str:
        """What the weights were before, such as "from 4-bit weights (Q4_1, Q8_0)"."""
        if not self.quantized:
            return f"from weights in {max(self.kinds, key=lambda kind: self.kinds[kind])}"
        bits = min(next(int(c) for c in kind if c.isdigit()) for kind in self.quantized)
        return f"from {bits}-bit weights ({', '.join(self.quantized)})"


def gguf_facts(file: GgufFile) -> GgufFacts:
    """What the file says of itself. ``ModelError`` where it says no context length."""
    architecture = file.text("general.architecture")
    kinds: Counter[str] = Counter()
    for tensor in file.tensors.values():
        kinds[tensor.kind] += math.prod(tensor.shape)
    return GgufFacts(
        file.text("general.name", file.path.stem),
        architecture,
        file.text("general.license", "not stated in the file"),
        kinds.total(),
        file.integer(f"{architecture}.context_length"),
        dict(kinds),
    )


def convert_gguf(path: Path, directory: Path, *, exact: bool = False) -> GgufFacts:
    """Write the model of a GGUF file to an existing directory, and return what it is.

    Quantized weights are written in bfloat16, with ``exact`` all weights in float32.

    Raises ``ModelError`` where the file is damaged, or of a kind that is not read here.
    """
    file = read_gguf(path)
    config = model_config(file)
    sources = weight_sources(file, config, exact=exact)
    tokenizer = build_tokenizer(file, int(config.max_position_embeddings))
    _write_weights(file, config, sources, directory)
    tokenizer.save_pretrained(directory)
    _write_settings(file, config, sources, tokenizer, directory)
    return gguf_facts(file)


def _write_weights(
    file: GgufFile, config: Any, sources: list[WeightSource], directory: Path
) -> None:
    """The weights in files of at most ``SHARD_BYTES`` (or one weight), named as others do."""
    from safetensors.torch import save_file

    shards: list[list[WeightSource]] = [[]]
    for source in sources:
        if shards[-1] and sum(s.bytes for s in shards[-1]) + source.bytes > SHARD_BYTES:
            shards.append([])
        shards[-1].append(source)
    names = [
        f"model-{number:05}-of-{len(shards):05}.safetensors" if len(shards) > 1
        else "model.safetensors"
        for number in range(1, len(shards) + 1)
    ]  # fmt: skip
    numbers = sum(math.prod(source.tensor.shape) for source in sources)
    with track("converting weights", numbers / 1e6, "M numbers") as bar:
        for name, shard in zip(names, shards, strict=True):
            weights: dict[str, torch.Tensor] = {}
            for weight_name, weight in read_weights(file, config, shard):
                weights[weight_name] = weight
                bar.advance(weight.numel() / 1e6)
            save_file(weights, directory / name, metadata={"format": "pt"})
    if len(shards) > 1:
        index = {s.name: name for name, shard in zip(names, shards, strict=True) for s in shard}
        size = {"total_size": sum(source.bytes for source in sources)}
        write_json(
            directory / "model.safetensors.index.json", {"metadata": size, "weight_map": index}
        )


def _write_settings(
    file: GgufFile,
    config: Any,
    sources: list[WeightSource],
    tokenizer: "PreTrainedTokenizerFast",
    directory: Path,
) -> None:
    """config.json and generation_config.json, with the tokens that begin, end and fill texts."""
    from transformers import AutoModelForCausalLM, GenerationConfig

    largest = max(sources, key=lambda source: source.bytes)
    ids = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    values = {**ids, "dtype": largest.dtype, "pad_token_id": None}
    values["architectures"] = [AutoModelForCausalLM._model_mapping[type(config)].__name__]
    config.update(values)
    config.save_pretrained(directory)
    ends = [ids["eos_token_id"]]
    for key in ("eot", "eom"):
        number = file.integer(f"tokenizer.ggml.{key}_token_id", -1)
        if 0 <= number < config.vocab_size and number not in ends:
            ends.append(number)
    stops = ends if len(ends) > 1 else ends[0]
    GenerationConfig(**{**ids, "eos_token_id": stops}).save_pretrained(directory)


def card(facts: GgufFacts, source: str, sha256: str) -> str:
    """The card of a converted model: what it is, and what it was."""
    front = {"license": facts.licence, "base_model_relation": "quantized"}
    head = "\n".join(f"{key}: {json.dumps(value)}" for key, value in front.items())
    return (
        f"---\n{head}\n---\n# {facts.name}, {facts.provenance}\n\n"
        f"Converted by medtune from `{source}` (SHA-256 `{sha256}`): {facts.architecture}, "
        f"{facts.parameters:,} parameters, context {facts.context:,} tokens. "
        + (
            "The quantized weights were written out in bfloat16. They are not the weights "
            "that the authors published, and figures measured with them are of these weights. "
            if facts.quantized
            else ""
        )
        + f"Licence: {facts.licence}.\n"
    )
