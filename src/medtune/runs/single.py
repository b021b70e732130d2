"""One model measured on the test split of a recipe, outside of any run."""

import tempfile
from pathlib import Path
from typing import Any

from medtune.evaluation.evaluate import evaluate
from medtune.evaluation.tasks import TaskSettings
from medtune.models.loading import locate
from medtune.models.local import LocalModel
from medtune.models.precision import evaluation_dtype
from medtune.recipe.schema import Recipe
from medtune.runs.plan import Plan
from medtune.runs.stages import prepare_splits


def evaluate_model(recipe: Recipe, model: str, data_dir: Path | None, out: Path | None) -> dict[str, Any]:
    """Scores by task and metric. With ``out``, samples and scores are kept there, and found again."""
    located = locate(model)
    items = prepare_splits(Plan.make(recipe, data_dir)).splits["test"]
    dtype = evaluation_dtype(located, recipe.evaluate.dtype)
    template = recipe.model.chat_template if model == recipe.model.name else "auto"
    loaded = LocalModel.load(located, dtype, recipe.evaluate.batch_size, template)
    settings = TaskSettings.of(recipe)
    with tempfile.TemporaryDirectory() as temporary:
        return evaluate(
            loaded, recipe.evaluate.tasks, items, settings, recipe.evaluate.resamples, out or Path(temporary)
        )
