"""YAML as recipes and --set are read and written: the core schema of YAML 1.2, in bounded size.

PyYAML reads YAML 1.1, where ``yes``, ``no``, ``on`` and ``off`` are true or false, ``1:30`` is 90,
``017`` is 15 and ``2024-01-01`` is a date. Here these are texts (``017`` is 17), and ``1e3`` is a
number.
"""

import re
from typing import Any

import yaml

from medtune.errors import RecipeError

LONGEST = 2**20  # characters of a recipe
MOST_VALUES = 20_000  # of a recipe, with every alias written out
SIMPLER = "Write it without so many nested lists, mappings or aliases."

_KINDS = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "null": (r"~|null|Null|NULL|", "~nN\0"),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    "merge": ("<<", "<"),
}


class _Loader(yaml.SafeLoader):
    """Plain scalars by the core schema."""

    yaml_implicit_resolvers: Any = {}  # noqa: RUF012


class _Dumper(yaml.SafeDumper):
    """Quotes what either schema would take for something else than text."""


def _int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _float(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    text = str(loader.construct_scalar(node)).lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


for _kind, (_pattern, _first) in _KINDS.items():
    _whole = re.compile(rf"(?:{_pattern})\Z")
    for _class in (_Loader, _Dumper):
        _firsts = [sign if sign != "\0" else "" for sign in _first]
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", _whole, _firsts)
_Loader.add_constructor("tag:yaml.org,2002:int", _int)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)


def load_yaml(text: str, where: str = "recipe") -> Any:
    """The value of a YAML text.

    Raises ``yaml.YAMLError`` or ``ValueError`` where it is none, ``RecipeError`` where it is larger
    or nested deeper than any recipe.
    """
    node = compose_yaml(text, where)
    try:
        return None if node is None else _Loader("").construct_document(node)
    except RecursionError as error:
        raise RecipeError("nested too deeply", where=where, fix=SIMPLER) from error


def compose_yaml(text: str, where: str = "recipe") -> yaml.Node | None:
    """The nodes of a YAML text, with their lines; raises as ``load_yaml`` does."""
    if len(text) > LONGEST:
        raise RecipeError(f"a YAML text of {len(text):,} characters", where=where, fix=SIMPLER)
    try:
        node = yaml.compose(text, Loader=_Loader)
        if node is not None and _size(node, {}) > MOST_VALUES:
            what = f"more than {MOST_VALUES:,} values, aliases written out"
            raise RecipeError(what, where=where, fix=SIMPLER)
    except RecursionError as error:
        raise RecipeError("nested too deeply", where=where, fix=SIMPLER) from error
    return node


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Values at and below a node, each alias counted anew; a node within itself is without end."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = MOST_VALUES + 1  # as long as it is open
        pairs = (pair if isinstance(pair, tuple) else (pair,) for pair in node.value)
        known[id(node)] = 1 + sum(_size(part, known) for pair in pairs for part in pair)
    return known[id(node)]


def dump_yaml(value: Any) -> str:
    """YAML that ``load_yaml`` and readers of YAML 1.1 read as the same value."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
