"""What a recipe may name beyond what medtune brings along: an object of a Python module.

It is written ``module:NAME``, or by a short name that an ``extensions.toml`` below ``examples/``
gives it. Naming a module in a recipe runs its code.
"""

import importlib
import importlib.util
import re
import tomllib
from functools import cache
from pathlib import Path

from medtune.errors import RecipeError

_EXAMPLES = Path(__file__).parents[1] / "examples"
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@cache
def extension_names(key: str) -> dict[str, str]:
    """Short name → ``module:NAME`` of what the recipe's ``key`` may name."""
    names: dict[str, str] = {}
    for file in sorted(_EXAMPLES.glob("*/extensions.toml")):
        names |= tomllib.loads(file.read_text(encoding="utf-8")).get(key, {})
    return names


def check_extension(key: str, name: str) -> str:
    """The name, if it is a short one or names a module that is there; else ``ValueError``."""
    names = extension_names(key)
    if name in names:
        return name
    if not _TARGET.fullmatch(name):
        raise ValueError(f"Input should be {' or '.join(map(repr, names))}, or module:NAME")
    module = name.partition(":")[0]
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise ValueError(f"there is no module {module}")
    return name


def load_extension(key: str, name: str) -> object:
    """The object that the recipe's ``key`` names.

    Raises ``RecipeError`` where the module cannot be imported or does not hold it.
    """
    module, _, attribute = extension_names(key).get(name, name).partition(":")
    try:
        loaded: object = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise RecipeError(
            f"{name} cannot be loaded ({error})", where=key, fix="Write module:NAME."
        ) from error
    return loaded
