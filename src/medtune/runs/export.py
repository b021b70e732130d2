"""A run's model as a directory for others: the adapter, the merged weights in 16 bits, or the
same in 4 bits.

Whatever is written is loaded again and compared on test questions of the run before it gets its
name; what fails leaves nothing behind. `push` uploads a directory to the model hub.
"""

import math
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medtune.conversation import Conversation, read_conversations
from medtune.errors import RecipeError, RunError
from medtune.evaluation.confidence.abstention import AbstentionPolicy
from medtune.files import read_json, whole_directory, write_json
from medtune.models.attach import ADAPTER_CONFIG
from medtune.models.load import LocalModelRef, load_tokenizer, locate
from medtune.progress import say
from medtune.recipe.published_names import published_name
from medtune.recipe.read import read_run_recipe
from medtune.recipe.schema import Recipe
from medtune.report.cards import ExportFacts, LogitAgreement, export_card
from medtune.run_paths import RunPaths
from medtune.runs.export_gguf import check_gguf, write_gguf_export

if TYPE_CHECKING:
    from medtune.models.adapters import Merged, Probe

FORMS = ("adapter", "merged", "merged-4bit", "gguf")
DTYPES = ("float32", "float16", "bfloat16")
PROBES = 8
DEFAULT_DTYPES = {"merged": "bfloat16", "merged-4bit": "bfloat16", "gguf": "float16"}


def export(root: Path, to: Path, form: str, dtype: str | None = None) -> ExportFacts:
    """Write the model of the run at ``root`` to ``to``.

    What was written and how near it is to what the run measured.

    ``dtype`` is of the merged weights (default bfloat16, of GGUF float16). Raises ``RecipeError``
    where run, form and directory do not fit together, ``RunError`` where what was made does not say
    what the run's model says.
    """
    run, recipe = RunPaths(root), _recipe(root)
    _check(run, recipe, to, form, dtype)
    located = locate(str(root))
    if form == "gguf":
        check_gguf(located, dtype)
    facts = ExportFacts(form=form, run=recipe.name, base=published_name(recipe.model.name))
    with whole_directory(to) as directory:
        if form == "adapter":
            _copy_adapter(run.model, directory)
        else:
            facts = _merged(run, recipe, located, directory, facts, dtype or DEFAULT_DTYPES[form])
        use = read_json(run.model / "medtune.json") | _confidence(root, form)
        if isinstance(use.get("base"), str):
            use["base"] = published_name(use["base"])
        if form != "adapter":
            use |= {
                "quantization": None
            }  # of the base while training; these weights are what they are
        write_json(directory / "medtune.json", use | {"export": facts.as_json()})
        (directory / "README.md").write_text(
            export_card(run.card.read_text(encoding="utf-8"), facts), encoding="utf-8"
        )
        written = {
            "files": sorted(path.name for path in directory.iterdir()),
            "bytes": sum(path.stat().st_size for path in directory.iterdir()),
            "directory": str(to.resolve()),
        }
    return facts.model_copy(update=written)


def _confidence(root: Path, form: str) -> dict[str, object]:
    """The threshold that validation set for these weights, so that ``ask`` and ``chat`` of the
    export hold back, too.
    """
    gate = AbstentionPolicy.read(root)
    if gate is None:
        return {}
    if form in ("merged-4bit", "gguf"):
        say(
            "The run's confidence threshold was set for other weights than these in fewer bits: "
            "it is left out."
        )
        return {}
    return {"confidence": asdict(gate)}


def _recipe(root: Path) -> Recipe:
    run = RunPaths(root)
    if not run.state_file.exists() or not run.recipe.exists():
        raise RecipeError(
            "this is no run",
            where=str(root),
            fix="Name a run's directory, such as runs/quickstart.",
        )
    return read_run_recipe(str(run.recipe))


def _check(run: RunPaths, recipe: Recipe, to: Path, form: str, dtype: str | None) -> None:
    """Everything that can be known before weights are read."""
    if recipe.model.endpoint:
        raise RecipeError(
            "a hosted model stays with its service: there are no weights here", where=str(run.root)
        )
    if not run.card.exists() or not run.model.is_dir():
        raise RecipeError(
            "this run is not finished", where=str(run.root), fix=f"medtune run {run.root}"
        )
    adapter = (run.model / "adapter_config.json").exists()
    if form == "adapter" and not adapter:
        raise RecipeError(
            "all weights were trained: there is no adapter",
            where=f"--form {form}",
            fix="Use --form merged.",
        )
    if form == "adapter" and dtype:
        raise RecipeError(
            "an adapter is exported as it was trained",
            where=f"--dtype {dtype}",
            fix="Leave out --dtype.",
        )
    if form != "gguf" and dtype == "q8_0":
        raise RecipeError(
            "q8_0 is a number format of GGUF", where="--dtype q8_0", fix="Use it with --form gguf."
        )
    if form == "merged-4bit":
        from medtune.models.precision import require_bitsandbytes

        require_bitsandbytes(f"--form {form}")
    earlier = (to / "medtune.json").exists() and "export" in read_json(to / "medtune.json")
    if to.exists() and (not to.is_dir() or (any(to.iterdir()) and not earlier)):
        raise RecipeError(
            "this holds something that is no export",
            where=f"--to {to}",
            fix="Name a new directory.",
        )


def _copy_adapter(model: Path, directory: Path) -> None:
    for path in sorted(model.iterdir()):
        shutil.copyfile(path, directory / path.name)
    config = read_json(model / ADAPTER_CONFIG)
    base = config["base_model_name_or_path"]
    name = published_name(base)
    if name != base:
        write_json(directory / ADAPTER_CONFIG, config | {"base_model_name_or_path": name})
        say(
            f"The base is a directory of this machine, of which the export has the name alone "
            f"({name}): whoever uses the adapter must have the base, and write its place into "
            f"{ADAPTER_CONFIG} (base_model_name_or_path)."
        )


def _merged(
    run: RunPaths,
    recipe: Recipe,
    located: LocalModelRef,
    directory: Path,
    facts: ExportFacts,
    dtype: str,
) -> ExportFacts:
    """Merge, write, load again, compare; the figures."""
    import torch

    from medtune.models.adapters import (
        agreement,
        load_exactly,
        logit_bound,
        logits_on,
        merge,
        probes,
        save_in_four_bits,
    )

    _check_base(run, located)
    _check_memory(located)
    tokenizer, items = load_tokenizer(located), _questions(run, recipe)
    rows: list[Probe] = probes(tokenizer, items)
    say(f"merging in float32, compared on {len(rows)} questions of the run")
    merged = merge(located, rows)
    reference = merged.reference
    whole = directory / "whole" if facts.form == "merged-4bit" else directory
    facts = facts.model_copy(update=_exactness(merged))
    if facts.form == "gguf":
        stops = read_json(run.model / "generation_config.json").get("eos_token_id", [])
        ids = stops if isinstance(stops, list) else [stops]
        return write_gguf_export(merged.model, tokenizer, ids, items, rows, directory, facts, dtype)
    merged.model.to(getattr(torch, dtype)).save_pretrained(whole)
    del merged
    rounded = agreement(reference, logits_on(load_exactly(LocalModelRef(str(whole), whole)), rows))
    if dtype == "float32" and rounded.largest > max(
        logit_bound(reference), facts.merge.largest if facts.merge else 0.0
    ):
        raise RunError(
            f"the written weights differ by {rounded.largest:.2g} in a logit", where=str(directory)
        )
    facts = facts.model_copy(
        update={
            "dtype": dtype,
            "questions": len(rows),
            "rounding": LogitAgreement(**asdict(rounded)),
        }
    )
    if facts.form == "merged-4bit":
        save_in_four_bits(whole, directory, getattr(torch, dtype))
        shutil.rmtree(whole)
        quantized = agreement(
            reference, logits_on(load_exactly(LocalModelRef(str(directory), directory)), rows)
        )
        facts = facts.model_copy(update={"four_bits": LogitAgreement(**asdict(quantized))})
    for path in sorted(run.model.iterdir()):  # tokenizer, chat template, generation settings
        if (
            not (directory / path.name).exists()
            and not path.name.startswith("adapter_")
            and path.suffix != ".safetensors"
        ):
            shutil.copyfile(path, directory / path.name)
    shutil.copyfile(run.model / "generation_config.json", directory / "generation_config.json")
    return facts


def _exactness(merged: "Merged") -> dict[str, object]:
    """How exact a merge is, as ``ExportFacts`` has it."""
    exact = merged.in_float64
    return {
        "bound": merged.bound,
        "merge": LogitAgreement(**asdict(merged.difference)),
        "merge_in_float64": LogitAgreement(**asdict(exact)) if exact else None,
    }


def _check_base(run: RunPaths, located: LocalModelRef) -> None:
    """An adapter fits the base weights that it was trained on, and no others."""
    trained_on = read_json(run.model / "medtune.json").get("base_weights_sha256")
    if (
        located.adapter
        and trained_on
        and LocalModelRef(located.name, located.base).weights_hash() != trained_on
    ):
        raise RunError(
            "the base's weights are not those that this adapter was trained on",
            where=str(located.base),
            fix="Fetch the base again, at the revision of the recipe.",
        )


def _check_memory(located: LocalModelRef) -> None:
    """Merging is exact only in float32.

    Of a quantized base the dequantized weights lie beside the packed ones.
    """
    from safetensors import safe_open

    from medtune.training.memory_estimate import available_bytes

    numbers = 0
    for file in located.weight_files():
        with safe_open(file, "numpy") as tensors:
            numbers += sum(
                math.prod(tensors.get_slice(name).get_shape())
                for name in tensors.keys()  # noqa: SIM118
            )
    needed, free = int(numbers * (5 if located.quantization else 4)), available_bytes()
    if needed > free:
        raise RunError(
            f"merging is done in float32: about {needed / 2**30:.1f} GiB of memory, "
            f"and {free / 2**30:.1f} GiB are to be had",
            where=located.name,
            fix="Export the adapter (--form adapter), or use a machine with more memory.",
        )


def _questions(run: RunPaths, recipe: Recipe) -> list[Conversation]:
    """Held-out items, drawn by seed; validation rows where there is no test split."""
    splits = (
        read_conversations(run.data / f"{name}.parquet") for name in ("test", "validation", "train")
    )
    items = next((split for split in splits if split), [])
    chosen = np.random.default_rng(recipe.seed).permutation(len(items))[:PROBES]
    return [items[i] for i in sorted(chosen)]


def push(directory: Path, name: str, *, public: bool = False, api: Any = None) -> str:
    """Upload an exported directory to the hub under ``name``; its address.

    Private unless ``public``.

    ``api`` stands for ``huggingface_hub.HfApi()``, which takes its token from ``hf auth login`` or
    HF_TOKEN. Raises ``RunError`` where the hub refuses, or where the name is a public repository
    and ``public`` was not said.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = api or HfApi()
    try:
        address = api.create_repo(name, private=not public, exist_ok=True, repo_type="model")
        if not public and not api.repo_info(name, repo_type="model").private:
            raise RunError(
                "this repository exists and is public: nothing was uploaded",
                where=name,
                fix="Use another name, or say --public.",
            )
        api.upload_folder(
            repo_id=name,
            folder_path=directory,
            commit_message="Export of medtune",
            repo_type="model",
        )
    except (HfHubHTTPError, ValueError, OSError) as error:
        why = (
            str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        )
        raise RunError(
            f"the hub does not take it ({why})",
            where=name,
            fix=f"{directory} is whole. Check the network and the token (hf auth login).",
        ) from error
    return str(address)
