"""A saved adapter on its base: every one of its weights has a place there, and every place its
weight.
"""

import json
import re
import subprocess
import sys
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

from medtune.errors import ModelError

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"


def require_adapter_weights(directory: Path, name: str) -> None:
    """Raises ``ModelError`` where an adapter's directory has no weights as safetensors.

    PEFT would read a pickle instead, or ask the hub for a repository of the directory's name.
    """
    if not (directory / ADAPTER_WEIGHTS).is_file():
        raise ModelError(
            f"this adapter has no weights ({ADAPTER_WEIGHTS})",
            where=name,
            fix="Copy the whole directory, or save the adapter as safetensors: "
            "medtune reads no pickled weights.",
        )


def attach_adapter(model: Any, directory: Path, name: str) -> Any:
    """The model with the adapter of ``directory``, in evaluation mode.

    Raises ``ModelError`` where a weight is missing, left over or of another shape, and where the
    adapter does more than change layers (prompt tuning, activated LoRA): scoring calls the layers
    alone, so such an adapter would be measured as its base.
    """
    from peft import PeftConfig, PeftModel, set_peft_model_state_dict
    from peft.utils import load_peft_weights

    require_adapter_weights(directory, name)
    mapping = getattr(model, "_checkpoint_conversion_mapping", None) or None
    try:
        config = PeftConfig.from_pretrained(str(directory))
        _require_layers_alone(config, name)
        _require_quick_patterns(config, [part for part, _ in model.named_modules()], name)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Found missing adapter keys")  # an error below
            adapted = PeftModel.from_pretrained(model, str(directory))
        weights = load_peft_weights(str(directory), device="cpu", key_mapping=mapping)
        # Once more, since only this says what was missing and what was left over.
        result = set_peft_model_state_dict(adapted, weights)
    except (ModelError, MemoryError):
        raise
    except Exception as error:  # of any type: safetensors has one of its own
        raise ModelError(
            f"the adapter cannot be put on its base ({_first_line(error)})",
            where=name,
            fix="Is it an adapter of this base? Fetch it again, or name its base.",
        ) from error
    missing = [key for key in result.missing_keys if ".default" in key]
    require_every_weight(missing, result.unexpected_keys, name)
    return adapted.eval()


def _require_layers_alone(config: Any, name: str) -> None:
    activated = getattr(config, "alora_invocation_tokens", None)
    if config.is_prompt_learning or config.is_adaption_prompt or activated:
        kind = "activated LoRA" if activated else str(config.peft_type.value)
        raise ModelError(
            f"this adapter is of a kind ({kind}) that medtune does not measure",
            where=name,
            fix="Use a LoRA adapter, or merge it into its base.",
        )


PATTERN_SECONDS = 20
_MATCHING = """
import json, re, sys
patterns, names = json.load(sys.stdin)
for pattern in patterns:
    for name in names:
        re.match(rf"(.*\\.)?({pattern})$", name)
        re.fullmatch(pattern, name)
"""


def _require_quick_patterns(config: Any, layers: list[str], name: str) -> None:
    """PEFT matches an adapter's regular expressions with every layer's name, and one that goes
    back and forth over a name never ends: they are tried in a process that can be stopped.
    """
    fields = (
        "target_modules",
        "exclude_modules",
        "layers_pattern",
        "rank_pattern",
        "alpha_pattern",
    )
    patterns: list[str] = []
    for field in fields:
        value = getattr(config, field, None)
        patterns += [value] if isinstance(value, str) else list(value or ())
    patterns = [text for text in patterns if not re.fullmatch(r"[\w.-]*", text)]
    if not patterns:
        return
    command = [sys.executable, "-c", _MATCHING]
    given = json.dumps([patterns, layers])
    try:
        done = subprocess.run(
            command,
            input=given,
            text=True,
            capture_output=True,
            timeout=PATTERN_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        what = f"a pattern of its layers' names takes more than {PATTERN_SECONDS} s to match"
        raise ModelError(what, where=name, fix=PLAIN_NAMES) from error
    if done.returncode:
        what = "a pattern of its layers' names is no regular expression"
        raise ModelError(what, where=name, fix=PLAIN_NAMES)


PLAIN_NAMES = f"Write the layers' names as a list in {ADAPTER_CONFIG}."


def require_every_weight(missing: Collection[str], unused: Collection[str], name: str) -> None:
    """Raises ``ModelError`` where files and architecture do not hold the same weights.

    Transformers and PEFT fill what is ``missing`` with random numbers or zeros, and drop what is
    ``unused``: neither is the model that was saved.
    """
    fix = "Fetch the model again, or save it whole: "
    if missing:
        raise ModelError(
            f"the weights lack {len(missing):,} of the model's parameters "
            f"({min(missing)} and so on)",
            where=name,
            fix=fix + "what is missing would be random.",
        )
    if unused:
        raise ModelError(
            f"the files hold {len(unused):,} weights that the model has no place for "
            f"({min(unused)} and so on)",
            where=name,
            fix=fix + "its configuration or its base is another one.",
        )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
