"""One model measured on the test split of a recipe, outside of any run."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from medtune.conversation import Conversation, read_conversations
from medtune.data.dedup import normalize
from medtune.errors import DataError, RecipeError
from medtune.evaluation.evaluate import evaluate
from medtune.evaluation.results import Scores
from medtune.files import sha256_json
from medtune.models.open import (
    EndpointRef,
    ModelRef,
    check_endpoint_tasks,
    open_model,
    resolve_model,
)
from medtune.progress import say
from medtune.recipe.schema import Endpoint, Recipe
from medtune.runs.plan import Plan
from medtune.runs.preflight import check_labels
from medtune.runs.preparation import prepare_splits
from medtune.runs.task_items import TaskItems, needs_splits
from medtune.tokens.chat_templates import template_names

TRAIN = Path("data") / "train.parquet"


def refuse_training_rows(model: str, items: Sequence[Conversation]) -> None:
    """A trained run must not be measured on what it was trained on, be it named by its own
    directory or its model's.
    """
    places = (Path(model), Path(model).resolve().parent)
    trained = next(
        (p / TRAIN for p in places if (p / TRAIN).exists() and (p / "run.json").exists()), None
    )
    if trained is None:
        return
    known = {normalize(c.question) for c in read_conversations(trained)}
    shared = sum(normalize(item.question) in known for item in items)
    if shared:
        raise DataError(
            f"{shared} of {len(items)} test items were training rows of this run",
            where=model,
            fix="Use the recipe and the seed that it was trained with, or other data.",
        )


def with_decodings(recipe: Recipe, seeds: int) -> Recipe:
    """The recipe with so many sampled answers to each question of its tasks ``answers``, each
    with a seed of its own.
    """
    specs = recipe.evaluate.tasks
    if not any("samples" in spec.declared.settings for spec in specs):
        raise RecipeError(
            "no task samples answers",
            where="--seeds",
            fix="Add the task answers; several trainings: medtune run --seeds.",
        )
    tasks = [
        spec.model_copy(update={"samples": seeds}) if "samples" in spec.declared.settings else spec
        for spec in specs
    ]
    return recipe.model_copy(
        update={"evaluate": recipe.evaluate.model_copy(update={"tasks": tasks})}
    )


def served_at(url: str | None, model: str | None, echo: str | None) -> Endpoint | None:
    """The endpoint that the command line names.

    With a chat template ``echo`` it gives likelihoods, too.
    """
    if url is None and echo is None:
        return None
    if echo and echo not in template_names():
        what = f"there is no chat template {echo}"
        raise RecipeError(what, where="--echo", fix=f"One of: {', '.join(template_names())}.")
    if url is None or model is None:
        what = "a served model needs its name and its address"
        raise RecipeError(what, where="--endpoint", fix="--model NAME --endpoint URL")
    return Endpoint(base_url=url, likelihoods="echo" if echo else "none")


def evaluate_model(
    recipe: Recipe,
    model: str,
    data_dir: Path | None,
    out: Path | None,
    endpoint: Endpoint | None = None,
    chat_template: str | None = None,
) -> dict[str, Scores]:
    """Scores by task and metric of a model on this machine or behind ``endpoint``, asked in
    ``chat_template``.

    In ``out`` samples and scores are kept and found again; without it they are kept only where
    answers cost money.
    """
    is_base = model == recipe.model.name and endpoint is None
    facts = {"name": model, "revision": None, "endpoint": endpoint}
    named = recipe.model.model_copy(
        update=facts | ({"chat_template": chat_template} if chat_template else {})
    )
    reference = resolve_model(recipe.model if is_base else named)
    out = out or _kept_unasked(recipe, reference)
    with tempfile.TemporaryDirectory() as temporary:
        splits = Path(temporary) if needs_splits(recipe) else None
        if splits:
            prepare_splits(Plan.make(recipe, data_dir), splits)
        jobs = TaskItems(recipe, splits, data_dir, out and out / "judge").jobs()
    refuse_training_rows(model, [item for job in jobs for item in job.items])
    check_labels(Plan(recipe.model_copy(update={"model": named}), reference, data_dir), jobs)
    evaluation = recipe.evaluate
    if isinstance(reference, EndpointRef):
        check_endpoint_tasks(evaluation, reference)
        asked = sum(len(job.settings.draw(job.items)) for job in jobs)
        say(f"the prompts of {asked:,} items are sent to {reference.endpoint.base_url}")
    loaded = open_model(
        reference,
        recipe.model,
        batch_size=evaluation.batch_size,
        dtype=evaluation.dtype,
        trained=not is_base,
        cache=out,
    )
    with tempfile.TemporaryDirectory() as temporary:
        return evaluate(loaded, jobs, evaluation.resamples, out or Path(temporary))


def _kept_unasked(recipe: Recipe, reference: ModelRef) -> Path | None:
    """Where the answers of a service are kept that nobody gave a place: an interruption must not
    cost them twice.
    """
    judges = [spec.judge.endpoint for spec in recipe.evaluate.tasks if spec.judge]
    if not isinstance(reference, EndpointRef) and not any(judges):
        return None
    key = sha256_json([reference.fingerprint(), recipe.model_dump(mode="json")])
    directory = Path("runs") / "evaluations" / f"{recipe.name}-{key[:8]}"
    say(
        f"answers of the service are kept in {directory}: "
        "the same command asks only for what is missing"
    )
    return directory
