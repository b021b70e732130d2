"""What all sections share: strictness, and the kinds of values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A part of a recipe: unknown keys are errors, values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class OneOf:
    """Marks a text that is one of ``names``, which are known only when a recipe is read."""

    names: Callable[[], list[str]]


Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
Schedule = Literal["linear", "cosine", "constant", "wsd"]


def as_list(value: Any) -> Any:
    """One value stands for a list of one."""
    return value if isinstance(value, list) or value is None else [value]


def off(value: Any) -> Any:
    """YAML reads a bare ``off`` as false."""
    return "off" if value is False else value
