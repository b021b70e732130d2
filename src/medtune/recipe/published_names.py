"""Names as pages, cards and exports show them: of a path on this machine its last part.

A path names people, wards and projects, and nobody else's machine has it.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from medtune.recipe.evaluate import TaskSpec
from medtune.recipe.schema import Recipe


def published_name(name: str) -> str:
    """The last part of a path; the name of a known source or model, or of the hub, as it is."""
    if not _is_path(name):
        return name
    parts = PureWindowsPath(name) if "\\" in name else PurePosixPath(name)
    return parts.name if parts.name not in ("", "..") else Path(name).resolve().name


def _is_path(name: str) -> bool:
    rooted = name.startswith((".", "~")) or "\\" in name or PurePosixPath(name).is_absolute()
    return rooted or name.count("/") > 1 or ("/" in name and Path(name).exists())


def distinct_names(names: Sequence[str]) -> list[str]:
    """The published names, with as many of the parts before as tell them apart; equal names stay
    equal.
    """
    parts = [[*Path(name).parts[:-1], published_name(name)] for name in names]
    for count in range(1, max(map(len, parts), default=0) + 1):
        shown = ["/".join(of_name[-count:]) for of_name in parts]
        if len(set(shown)) == len(set(names)):
            return shown
    return list(names)


def published_recipe(recipe: Recipe, *, extensions: bool = False) -> Recipe:
    """The recipe with published names for files and models.

    It is for reading; with ``extensions`` also modules of the user's own, by which they cannot be
    loaded any more.
    """
    against = recipe.data.contamination.against
    data = recipe.data.model_copy(
        update={
            "source": [
                source.model_copy(update={"name": published_name(source.name)})
                for source in recipe.data.source
            ],
            "contamination": recipe.data.contamination.model_copy(
                update={"against": against and [published_name(name) for name in against]}
            ),
        }
    )
    model = {"name": published_name(recipe.model.name)}
    evaluate: dict[str, object] = {
        "tasks": [_published_task(spec, extensions=extensions) for spec in recipe.evaluate.tasks]
    }
    if extensions:
        model["chat_template"] = published_name(recipe.model.chat_template)
        evaluate["published"] = [published_name(name) for name in recipe.evaluate.published]
    return recipe.model_copy(
        update={
            "data": data,
            "model": recipe.model.model_copy(update=model),
            "evaluate": recipe.evaluate.model_copy(update=evaluate),
        }
    )


def _published_task(spec: TaskSpec, *, extensions: bool) -> TaskSpec:
    judge = spec.judge
    values: dict[str, object] = {
        "source": spec.source and published_name(spec.source),
        "encoder": published_name(spec.encoder),
        "judge": judge and judge.model_copy(update={"name": published_name(judge.name)}),
    }
    if extensions:
        values["task"] = published_name(spec.task)
    return spec.model_copy(update=values)
