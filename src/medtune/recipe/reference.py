"""The reference page of recipes, generated from their definition."""

from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from medtune.recipe.base import OneOf, keyed_fields
from medtune.recipe.extensions import extension_names
from medtune.recipe.schema import PretrainRecipe, Recipe


def _type_text(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in args)
    if origin in (list, tuple):
        return f"list of {_type_text(args[0])}"
    if args and origin is not None and hasattr(annotation, "__metadata__"):
        return _type_text(args[0])
    if args:
        return " or ".join(_type_text(arg) for arg in args)
    if annotation is NoneType or annotation is None:
        return "null"
    name = str(annotation.__name__)
    if issubclass(annotation, BaseModel):
        return "mapping"
    return {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}.get(
        name, name
    )


def _field_type(field: FieldInfo) -> str:
    marks = [mark for mark in field.metadata if isinstance(mark, OneOf)]
    return (
        ", ".join(f"`{name}`" for name in marks[0].names())
        if marks
        else _type_text(field.annotation)
    )


def _default_text(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if default is PydanticUndefined or isinstance(default, BaseModel):
        return ""
    if isinstance(default, list) and sum(len(str(v)) for v in default) > 60:
        return f"{len(default)} built-in values"
    text = (
        {True: "true", False: "false", None: "null"}.get(default, str(default))
        if isinstance(default, bool | NoneType)
        else str(default)
    )
    return f"`{text}`" if text else "empty"


def _names_beyond(key: str) -> str:
    """The names that examples add to a key."""
    names = ", ".join(f"`{name}`" for name in extension_names(key))
    return f" Names: {names}." if names else ""


def _section(model: type[BaseModel], prefix: str) -> list[str]:
    doc = " ".join((model.__doc__ or "").split())
    lines = [
        f"## `{prefix}`" if prefix else "## top level",
        "",
        doc,
        "",
        "| key | type | default | meaning |",
        "|---|---|---|---|",
    ]
    nested: list[tuple[str, type[BaseModel]]] = []
    for name, field in keyed_fields(model).items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            nested.append((f"{prefix}.{name}" if prefix else name, field.annotation))
            continue
        element = next(iter(get_args(field.annotation)), None)
        if isinstance(element, type) and issubclass(element, BaseModel):
            path = f"{prefix}.{name}" if prefix else name
            nested.append((f"{path}[…]" if get_origin(field.annotation) is list else path, element))
        cells = (
            f"`{name}`",
            _field_type(field),
            _default_text(field),
            (field.description or "") + _names_beyond(f"{prefix}.{name}"),
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines.append("")
    for path, section in nested:
        lines += _section(section, path)
    return lines


def reference_page() -> str:
    """Markdown: every key of both kinds of recipe."""
    head = (
        "<!-- Made by `medtune recipes reference`; a test keeps it so. -->\n\n"
        "# Recipe reference\n\n"
    )
    intro = (
        "An unknown key anywhere is an error that names the nearest valid one. Every key can be "
        "set on the command line: `--set train.epochs=2`. `medtune recipes show NAME` prints a "
        "recipe with every default written out.\n\n"
    )
    run = "\n".join(["# Runs (`medtune run`)", "", *_section(Recipe, "")])
    base = "\n".join(["# Pre-training (`medtune pretrain`)", "", *_section(PretrainRecipe, "")])
    return f"{head}{intro}{run}\n{base}"
