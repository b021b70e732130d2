"""Recipe files into typed recipes: YAML, overrides, and errors that name line, key and the
nearest valid key.
"""

import difflib
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from medtune.errors import RecipeError, without_values
from medtune.recipe.base import keyed_fields
from medtune.recipe.extensions import beside
from medtune.recipe.schema import SHIPPED, AnyRecipe, Data, PretrainRecipe, Recipe
from medtune.recipe.yaml_core import compose_yaml, dump_yaml, load_yaml


def shipped_recipes() -> dict[str, Path]:
    """Names and files of the recipes in the package."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"), key=lambda path: path.stem)}


def find_recipe(name: str) -> Path:
    """The file of a shipped recipe's name, or of a path."""
    shipped = shipped_recipes()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if path.is_dir() and (path / "recipe.yaml").is_file():
        return path / "recipe.yaml"  # a run's directory stands for its recipe
    if path.is_file():
        return path
    near = difflib.get_close_matches(name, shipped, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise RecipeError(
        f"there is no recipe {name!r}",
        fix=f"{hint}Give a path, or one of: {', '.join(shipped)} (medtune recipes list).",
    )


def _key_lines(text: str, where: str) -> dict[str, int]:
    """Line numbers (from 1) of every dotted key in a YAML text; a key given twice is an error."""
    lines: dict[str, int] = {}

    def visit(node: yaml.Node | None, prefix: str) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                location, line = f"{prefix}{key.value}", key.start_mark.line + 1
                if location in lines:
                    raise RecipeError(
                        f"the key {location} is there twice",
                        where=f"{where}, line {line}",
                        fix=f"It is on line {lines[location]} too.",
                    )
                lines[location] = line
                visit(value, f"{location}.")

    visit(compose_yaml(text, where), "")
    return lines


def _parse_yaml(text: str, where: str) -> dict[str, Any]:
    try:
        value = load_yaml(text, where)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise RecipeError(
            f"not valid YAML: {error.problem or error.context}",
            where=f"{where}, line {line}",
            fix="Check the indentation, and a blank after every colon.",
        ) from error
    except RecipeError:
        raise
    except (yaml.YAMLError, ValueError) as error:
        raise RecipeError(
            f"not valid YAML: {without_values(error)}",
            where=where,
            fix="Put texts in quotes.",
        ) from error
    if not isinstance(value, dict):
        raise RecipeError(
            "a recipe is a mapping of keys to values",
            where=where,
            fix="See `medtune recipes show quickstart`.",
        )
    return value


def apply_overrides(values: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Set dotted keys: ``train.epochs=2``; the value is read as YAML.

    ``values`` itself stays as it is.

    A mapping is written ``{key: value}``: a sentence with a colon in it is text.
    """
    result = deepcopy(values)
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator or not key.strip():
            raise RecipeError(
                f"--set {override!r} is not of the form key=value",
                fix="Example: --set train.epochs=2",
            )
        section = result
        *parents, last = key.strip().split(".")
        for part in parents:
            if not isinstance(section.get(part), dict):
                section[part] = {}
            section = section[part]
        try:
            value = load_yaml(text, f"--set {key.strip()}")
            section[last] = (
                text if isinstance(value, dict) and not text.lstrip().startswith("{") else value
            )
        except RecipeError:
            raise
        except (yaml.YAMLError, ValueError) as error:
            raise RecipeError(
                f"--set {override!r}: the value is not valid YAML", fix="Put it in quotes."
            ) from error
    return result


def _model_at(model: type[BaseModel], location: Sequence[int | str]) -> type[BaseModel] | None:
    """The section of the definition at a dotted location."""
    for part in location:
        if isinstance(part, int):  # an element of a list
            continue
        field = keyed_fields(model).get(part)
        if field is None:
            return None
        kinds = [field.annotation, *get_args(field.annotation)]
        nested = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)
        if nested is None:
            return None
        model = nested
    return model


def _all_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    keys = []
    for name in keyed_fields(model):
        keys.append(f"{prefix}{name}")
        nested = _model_at(model, [name])
        if nested:
            keys += _all_keys(nested, f"{prefix}{name}.")
    return keys


def _nearest_key(model: type[BaseModel], location: Sequence[int | str]) -> str:
    """A hint for an unknown key: its nearest neighbour in the same section, or the same word
    anywhere.
    """
    dotted, last = ".".join(map(str, location)), str(location[-1])
    if "." in last:
        return "In a file, write the parts nested, one below the other; dots are for --set."
    section = _model_at(model, location[:-1])
    siblings = list(keyed_fields(section)) if section else []
    near = difflib.get_close_matches(last, siblings, n=1)
    if near:
        return f"Did you mean {'.'.join([*map(str, location[:-1]), near[0]])}?"
    everywhere = sorted(
        _all_keys(model), key=lambda key: key.count(".")
    )  # the shallower, the likelier
    exact = [key for key in everywhere if key.rsplit(".", 1)[-1] == last]
    near = exact[:2] or difflib.get_close_matches(dotted, everywhere, n=1)
    return f"Did you mean {' or '.join(near)}?" if near else f"Valid here: {', '.join(siblings)}."


def _location_in_model(model: type[BaseModel], location: Sequence[int | str]) -> list[int | str]:
    """The part of pydantic's location that names keys of a recipe: what follows the last key tells
    of types.
    """
    kept: list[int | str] = []
    for part in location:
        section = _model_at(model, kept)
        if section is None and not isinstance(part, int):
            break
        kept.append(part)
    return kept


def _explain(
    error: ValidationError,
    model: type[BaseModel],
    where: str,
    lines: dict[str, int],
    overridden: Sequence[str],
) -> RecipeError:
    # An unknown key explains a missing one.
    first = next((e for e in error.errors() if e["type"] == "extra_forbidden"), error.errors()[0])
    location = _location_in_model(model, first["loc"])
    dotted = ".".join(str(part) for part in location)
    blamed = next(
        (k for k in overridden if f"{k}.".startswith(f"{dotted}.") or dotted.startswith(f"{k}.")),
        None,
    )
    if blamed:
        spot = f"--set {blamed}"
    else:
        # A value is blamed on the nearest key above it; a rule about the whole recipe, on a key
        # that it names.
        above = [".".join(map(str, location[:depth])) for depth in range(len(location), 0, -1)]
        named = sorted(
            (key for key in lines if not location and key in first["msg"]), key=len, reverse=True
        )
        line = next((lines[key] for key in [*above, *named] if key in lines), None)
        spot = f"{where}, line {line}" if line else where
    if first["type"] == "extra_forbidden":
        return RecipeError(f"unknown key {dotted}", where=spot, fix=_nearest_key(model, location))
    if first["type"] == "missing":
        return RecipeError(
            f"{dotted} is missing", where=spot, fix=f"Add it to the recipe or give --set {dotted}=…"
        )
    message = first["msg"].removeprefix("Value error, ")
    value = first["input"]
    given = "" if isinstance(value, dict) else f" (given: {_short(value)})"
    plain = first["type"] == "string_type" and (value is None or isinstance(value, int | float))
    return RecipeError(
        f"{dotted}: {message}{given}" if dotted else message,
        where=spot,
        fix='Put it in quotes to have it as a text: "…".'
        if plain
        else "See `medtune recipes reference` for every key.",
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def parse_recipe(
    values: dict[str, Any],
    where: str = "recipe",
    lines: dict[str, int] | None = None,
    overridden: Sequence[str] = (),
) -> AnyRecipe:
    """Check plain values against the definition.

    ``lines`` and ``overridden`` keys are for the messages.
    """
    kind: type[AnyRecipe] = PretrainRecipe if values.get("kind") == "pretrain" else Recipe
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise _explain(error, kind, where, lines or {}, overridden) from error


def read_recipe(name: str, overrides: Sequence[str] = (), seed: int | None = None) -> AnyRecipe:
    """Read a shipped recipe or a file, apply ``--set`` overrides and ``--seed``, and check it
    whole.
    """
    path = find_recipe(name)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError(
            "not a UTF-8 text file", where=str(path), fix="A recipe is a YAML file."
        ) from error
    values = beside(apply_overrides(_parse_yaml(text, path.name), overrides), path.parent)
    if seed is not None:
        values["seed"] = seed
    overridden = [override.partition("=")[0].strip() for override in overrides]
    return parse_recipe(values, path.name, _key_lines(text, path.name), overridden)


def read_run_recipe(name: str, overrides: Sequence[str] = (), seed: int | None = None) -> Recipe:
    """Read a recipe that must be a run, not a pre-training."""
    recipe = read_recipe(name, overrides, seed)
    if isinstance(recipe, PretrainRecipe):
        raise RecipeError(
            f"{recipe.name} is a pre-training recipe", fix=f"Use: medtune pretrain {name}"
        )
    return recipe


def data_settings(source: str, overrides: Sequence[str] = ()) -> Data:
    """The data section for one source alone, with ``--set data.…`` overrides."""
    values = {"name": "audit", "data": {"source": source}, "model": {"name": "medtune-base"}}
    overridden = [override.partition("=")[0].strip() for override in overrides]
    recipe = parse_recipe(apply_overrides(values, overrides), "--set", None, overridden)
    assert isinstance(recipe, Recipe)
    return recipe.data


def to_yaml(recipe: AnyRecipe) -> str:
    """The resolved recipe, every default written out."""
    return dump_yaml(recipe.model_dump(mode="json"))
