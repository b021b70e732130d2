"""A case whose answer is known beforehand, and what came of it in this place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Figures = Sequence[float]


@dataclass(frozen=True)
class CaseResult:
    """What a case gave here: its figures, or the text of the error that came instead."""

    case: str
    expected: list[float]
    figures: list[float] | str
    ok: bool

    def as_dict(self) -> dict[str, object]:
        """The result as `medtune doctor --self-test --json` prints it."""
        figures = {"expected": self.expected, "found": self.figures}
        return {"case": self.case, **figures, "ok": self.ok}


@dataclass(frozen=True)
class KnownAnswer:
    """What is computed, what must come out, within which tolerance."""

    name: str
    expected: Figures
    compute: Callable[[], Figures]
    tolerance: float = 5e-5

    def run(self) -> CaseResult:
        """Whether the figures are the expected ones; an error is a result, too."""
        expected = list(self.expected)
        try:
            figures = [float(value) for value in self.compute()]
        except Exception as error:  # whatever is broken here is what the case is to show
            return CaseResult(self.name, expected, f"{type(error).__name__}: {error}", False)
        near = len(figures) == len(expected) and np.allclose(
            figures, expected, rtol=0, atol=self.tolerance
        )
        return CaseResult(self.name, expected, figures, bool(near))
