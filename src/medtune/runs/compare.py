"""Several runs and models in one table: `comparison.json`, `compare.html` and `all_models.png` in one directory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medtune import __version__
from medtune.errors import RecipeError
from medtune.evaluation.ranking import Measured, compare_all
from medtune.files import read_json, sha256_json, write_json
from medtune.models.opening import find
from medtune.progress import say
from medtune.recipe.reading import read_run_recipe
from medtune.report.compare_page import write_page
from medtune.runs.compare_facts import answer_tokens, curve_of, notes_on, read_log
from medtune.runs.contestants import Contestant, Run, of_model, of_runs, with_distinct_names
from medtune.runs.ground import Ground

MADE_BY = "medtune compare"


def compare(
    roots: Sequence[Path], models: Sequence[str], on: str | None, out: Path, data_dir: Path | None
) -> dict[str, Any]:
    """Compare runs (before and after) and ``models`` on the items of ``on`` (a recipe or a run) or of the first run.

    Writes to ``out`` and returns what `comparison.json` holds. Raises ``RecipeError`` where there is nothing to compare
    or somebody stands there twice, ``DataError`` where an item was a training row of a run.
    """
    _check_place(out)
    if not roots and not models:
        raise RecipeError("nothing is named to be compared", fix="Name runs' directories, or --model NAME --on RECIPE.")
    runs = with_distinct_names([Run.read(root) for root in roots])
    if len({run.paths.root.resolve() for run in runs}) < len(runs):
        raise RecipeError("a run is named twice", where=", ".join(map(str, roots)), fix="Name every run once.")
    ground = _ground(runs, on, out, data_dir)
    models = [name for name in dict.fromkeys(models) if not _is_base(name, runs, ground)]
    there = of_runs(runs, ground) + [of_model(name, ground) for name in models]
    if len({c.name for c in there}) < len(there) or len(there) < 2:
        names = ", ".join(c.name for c in there)
        raise RecipeError(
            "a comparison needs two models or more, of different names", where=names, fix="Name runs, or --model NAME."
        )
    logs = [run.paths.train / "metrics.jsonl" for run in runs]
    key = sha256_json([__version__, _facts(there), [c.samples for c in there], [read_log(log) for log in logs], on])
    kept = out / "comparison.json"
    found: dict[str, Any] = read_json(kept) if kept.exists() else {}
    if found.get("key") == key:
        say("compared before, nothing has changed")
    else:
        found = {"made_by": MADE_BY, "key": key} | _figures(there, runs, ground)
        write_json(kept, found)
    write_page(found, out)
    return found


def _check_place(out: Path) -> None:
    kept = out / "comparison.json"
    earlier = kept.exists() and read_json(kept).get("made_by") == MADE_BY
    others = [path for path in out.glob("[!.]*") if path.name not in ("items", "measured")] if out.is_dir() else []
    if out.is_file() or (others and not earlier):
        raise RecipeError(
            "this holds something that is no comparison", where=f"--out {out}", fix="Name a new directory."
        )


def _ground(runs: Sequence[Run], on: str | None, out: Path, data_dir: Path | None) -> Ground:
    if on is None:
        if not runs:
            raise RecipeError("models alone have no items to be measured on", fix="Say on which: --on RECIPE.")
        return Ground.of_run(runs[0].paths, runs[0].recipe, out)
    if Path(on).is_dir():
        run = Run.read(Path(on))
        return Ground.of_run(run.paths, run.recipe, out)
    return Ground.of_recipe(read_run_recipe(on), out, data_dir)


def _is_base(name: str, runs: Sequence[Run], ground: Ground) -> bool:
    """Whether a model is a run's base, which has its row already; a run is to be named as one."""
    if (Path(name) / "run.json").exists():
        raise RecipeError("this is a run", where=f"--model {name}", fix=f"Name it without --model: {name}")
    bases = {run.state["base"]["fingerprint"] for run in runs}
    found = bool(bases) and find(
        ground.recipe.model.model_copy(update={"name": name, "endpoint": None, "revision": None})
    )
    if not found or found.fingerprint() not in bases:
        return False
    say(f"{name} is the base of a run: it has one row, as that run asks it")
    return True


def _facts(there: Sequence[Contestant]) -> list[Any]:
    return [[c.name, c.kind, c.settings, c.tokenizer, c.cost] for c in there]


def _figures(there: Sequence[Contestant], runs: Sequence[Run], ground: Ground) -> dict[str, Any]:
    """Everything that the page shows."""
    recipe = ground.recipe
    measured = [Measured(c.name, c.samples, c.tokenizer) for c in there]
    tables, family = compare_all(measured, ground.tasks, recipe.evaluate.resamples, recipe.seed)
    tokenizers = list(dict.fromkeys(c.tokenizer for c in there))
    return {
        "on": recipe.name,
        "items": len(ground.items),
        "contestants": [
            {"name": c.name, "kind": c.kind, "tokenizer": tokenizers.index(c.tokenizer) + 1, "measured": c.measured}
            | {"cost": c.cost, "answer_tokens": answer_tokens(c)}
            for c in there
        ],
        "tables": tables,
        "family": family,
        "curves": [curve_of(run, next(c for c in there if c.name == run.name)) for run in runs],
        "notes": notes_on(there, runs, ground),
    }
