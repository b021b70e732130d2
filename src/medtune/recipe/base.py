"""What all sections share: strictness, and the kinds of values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

# Logits divided by less than the coldest leave the number formats; 0 is greedy.
COLDEST, HOTTEST = 0.01, 100.0


class Section(BaseModel):
    """A part of a recipe: unknown keys are errors, values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def keyed_fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Fields by the key that a recipe writes, which is no Python word where that is reserved."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


@dataclass(frozen=True)
class OneOf:
    """Marks a text that is one of ``names``, which are known only when a recipe is read."""

    names: Callable[[], list[str]]


def check_temperature(value: float) -> float:
    """A temperature that can be sampled with. Raises ``ValueError`` for any other."""
    if value == 0 or COLDEST <= value <= HOTTEST:
        return value
    raise ValueError(f"a temperature is 0 (greedy), or from {COLDEST} to {HOTTEST}")


Share = Annotated[float, Field(ge=0, le=1)]
LARGEST = 2**31 - 1  # of a number of rows, tokens or steps
Positive = Annotated[int, Field(gt=0, le=LARGEST)]
Seed = Annotated[int, Field(ge=0, le=2**63)]  # as far as PyTorch goes
Temperature = Annotated[float, Field(ge=0), AfterValidator(check_temperature)]
Schedule = Literal["linear", "cosine", "constant", "wsd"]


def as_list(value: Any) -> Any:
    """One value stands for a list of one."""
    return value if isinstance(value, list) or value is None else [value]


def off(value: Any) -> Any:
    """YAML reads a bare ``off`` as false."""
    return "off" if value is False else value
