"""Figures computed the way a published project computed them, to stand beside the right ones.

The recipe names them (``evaluate.published``); they live outside the package's core.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from medtune.conversation import Conversation
from medtune.errors import RecipeError
from medtune.evaluation.tasks import Sample, TaskSettings
from medtune.recipe.extensions import load_extension
from medtune.recipe.schema import Recipe

if TYPE_CHECKING:
    from medtune.models.causal import CausalModel

KEY = "evaluate.published"


class PublishedFigure:
    """One figure. ``directory`` is where it keeps files in a run (eval/published/)."""

    needs_trained_model: ClassVar[bool] = False
    plot_label: ClassVar[str | None] = None  # beside the perplexities; None: not drawn

    def measure(
        self,
        trained: "CausalModel",
        rows: Sequence[Conversation],
        settings: TaskSettings,
        directory: Path,
    ) -> None:
        """Ask the trained model, once it has been measured; asked where it is needed only."""

    def compute(
        self,
        recipe: Recipe,
        before: Mapping[str, Sequence[Sample]],
        after: Mapping[str, Sequence[Sample]],
        directory: Path,
    ) -> dict[str, object] | None:
        """A ``title``, a ``sentence``, and what stands between them; None where there is none.

        ``before`` and ``after`` hold task → saved samples. ``before``, ``after`` and ``n`` of the
        result are numbers; ``answers`` holds texts (question, published, untouched).
        """
        raise NotImplementedError


def figure_named(name: str) -> PublishedFigure:
    """The figure of a recipe's name. Raises ``RecipeError`` where it is none."""
    figure = load_extension(KEY, name)
    if not isinstance(figure, PublishedFigure):
        raise RecipeError(
            f"{name} is no PublishedFigure", where=KEY, fix="See medtune.evaluation.published."
        )
    return figure


def published_figures(
    recipe: Recipe,
    before: Mapping[str, Sequence[Sample]],
    after: Mapping[str, Sequence[Sample]],
    directory: Path,
) -> dict[str, dict[str, object]]:
    """The figures that the recipe names, by name, from saved samples."""
    figures = {
        name: figure_named(name).compute(recipe, before, after, directory)
        for name in recipe.evaluate.published
    }
    return {name: figure for name, figure in figures.items() if figure is not None}
