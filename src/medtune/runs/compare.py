"""Several runs and models in one table: `comparison.json`, `compare.html` and `all_models.png`
in one directory.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medtune import __version__
from medtune.conversation import read_conversations
from medtune.errors import MedtuneError, RecipeError
from medtune.evaluation.comparison.leaderboard import ModelSamples, compare_all
from medtune.evaluation.results import plain
from medtune.files import read_as, read_json, read_json_lines, sha256_json, write_json
from medtune.models.open import resolve_model
from medtune.progress import say
from medtune.recipe.published_names import distinct_names
from medtune.recipe.read import read_run_recipe
from medtune.recipe.schema import TaskSpec
from medtune.report.compare_page import Comparison, Contestant, write_page
from medtune.report.loss_plots import LossCurve
from medtune.run_paths import RunPaths
from medtune.runs.compared_models import (
    ComparedModel,
    EvalSet,
    RecordedSettings,
    Run,
    model_items,
    of_runs,
    with_distinct_names,
)
from medtune.runs.plan import Plan


def read_log(path: Path) -> list[Any]:
    """The lines of a training log; none where there is no log."""
    return read_json_lines(path) if path.exists() else []


def answer_tokens(model: ComparedModel) -> float | None:
    """Mean tokens of a generated answer, in the contestant's own tokens.

    None where it made none or they are unknown.
    """
    outputs = [
        s["output"]
        for samples in model.samples.values()
        for s in samples
        if s.get("output") is not None
    ]
    if model.vocabulary is None or not outputs:
        return None
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model.vocabulary))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encoded = tokenizer.encode_batch(outputs, add_special_tokens=False)
    return sum(len(one.ids) for one in encoded) / len(outputs)


def curve_of(run: Run, model: ComparedModel) -> LossCurve:
    """Losses of a run over its steps, and the tokens a byte of what it was validated on."""
    rows = read_log(run.paths.train / "metrics.jsonl")
    return LossCurve(
        name=run.name,
        tokenizer=model.tokenizer,
        loss_on=run.recipe.train.loss_on,
        loss=[(row["step"], row["loss"]) for row in rows if "loss" in row],
        validation=[
            (row["step"], row["validation_loss"]) for row in rows if "validation_loss" in row
        ],
        tokens_per_byte=_tokens_per_byte(run),
    )


def _tokens_per_byte(run: Run) -> float | None:
    """Learnt tokens of the validation rows, cut as in training, for each byte of their text.

    None for a remote model.

    A turn's terminator is a token without bytes: predicting the end counts, as it does in the loss.
    """
    items = read_conversations(run.paths.data / "validation.parquet")
    if run.recipe.model.endpoint or not items:
        return None
    try:
        encoder: Any = Plan(run.recipe, resolve_model(run.recipe.model), None).encoder()
    except MedtuneError as error:
        say(f"{run.name}: no loss a byte, its base is not to be had ({error.what})")
        return None
    tokens = size = 0
    for item in items:
        row = encoder.encode(item)
        ids = row.target if hasattr(row, "target") else row.ids[row.supervised]
        tokens += len(ids)
        size += len(str(encoder.tokenizer.decode(ids, skip_special_tokens=True)).encode())
    return tokens / size if size else None


def notes_on(models: Sequence[ComparedModel], runs: Sequence[Run], eval_set: EvalSet) -> list[str]:
    """What a reader must know before comparing."""
    notes = []
    for key in eval_set.tasks:
        missing = [c.name for c in models if not c.samples.get(key)]
        if missing:
            notes.append(f"{key}: not measured for {', '.join(missing)}.")
        ways = {
            sha256_json(_way(c.settings[key])): _way(c.settings[key])
            for c in models
            if key in c.settings
        }
        if len(ways) > 1:
            differing = sorted(
                {
                    n
                    for way in ways.values()
                    for n in way
                    if len({str(w.get(n)) for w in ways.values()}) > 1
                }
            )
            notes.append(
                f"{key}: measured with different settings ({', '.join(differing)}); "
                "--on measures all with one."
            )
    others = sorted({key for c in models for key in c.samples if key not in eval_set.tasks})
    if others:
        notes.append(
            f"Not compared, since {eval_set.recipe.name} does not have it: {', '.join(others)}."
        )
    if len({_hash_of(run.paths) for run in runs}) > 1:
        notes.append(
            "The runs were validated on different rows: "
            "their validation losses are not of the same items."
        )
    if len({run.recipe.train.loss_on for run in runs}) > 1:
        notes.append(
            "Some runs learn answers alone, others whole texts: "
            "their losses are not of the same tokens."
        )
    return notes


def _way(settings: RecordedSettings) -> dict[str, object]:
    """What answers depend on, beside the model: seeds are in the sampled ones, which are for
    reading.
    """
    decoding = {k: v for k, v in settings.decoding.items() if k not in ("temperature", "top_p")}
    spec = dict(TaskSpec.model_validate(settings.spec)) if settings.spec else {}
    return decoding | {k: v for k, v in spec.items() if k not in ("limit", "name")}


def _hash_of(paths: RunPaths) -> str:
    return sha256_json(
        [item.as_dict() for item in read_conversations(paths.data / "validation.parquet")]
    )


MADE_BY = "medtune compare"
FORMAT = 3  # of comparison.json: an older one is computed again


def compare_models(
    roots: Sequence[Path], models: Sequence[str], on: str | None, out: Path, data_dir: Path | None
) -> Comparison:
    """Compare runs (before and after) and ``models`` on the items of ``on`` (a recipe or a run)
    or of the first run.

    Writes to ``out`` and returns what `comparison.json` holds. Raises ``RecipeError`` where there
    is nothing to compare or somebody stands there twice, ``DataError`` where an item was a training
    row of a run.
    """
    _check_place(out)
    if not roots and not models:
        raise RecipeError(
            "nothing is named to be compared",
            fix="Name runs' directories, or --model NAME --on RECIPE.",
        )
    runs = with_distinct_names([Run.read(root) for root in roots])
    if len({run.paths.root.resolve() for run in runs}) < len(runs):
        raise RecipeError(
            "a run is named twice", where=", ".join(map(str, roots)), fix="Name every run once."
        )
    eval_set = _eval_set(runs, on, out, data_dir)
    models = [name for name in dict.fromkeys(models) if not _is_base(name, runs, eval_set)]
    compared = of_runs(runs, eval_set) + [
        model_items(name, shown, eval_set)
        for name, shown in zip(models, distinct_names(models), strict=True)
    ]
    if len({c.name for c in compared}) < len(compared) or len(compared) < 2:
        names = ", ".join(c.name for c in compared)
        raise RecipeError(
            "a comparison needs two models or more, of different names",
            where=names,
            fix="Name runs, or --model NAME.",
        )
    logs = [run.paths.train / "metrics.jsonl" for run in runs]
    key = sha256_json(
        [
            __version__,
            FORMAT,
            _facts(compared),
            [_plain_samples(c) for c in compared],
            [read_log(log) for log in logs],
            on,
            eval_set.recipe.evaluate.margin,
        ]
    )
    kept = out / "comparison.json"
    if kept.exists() and read_json(kept).get("key") == key:
        say("compared before, nothing has changed")
        comparison = read_as(kept, Comparison)
    else:
        comparison = _comparison(key, compared, runs, eval_set)
        write_json(kept, comparison.as_json())
    write_page(comparison, out)
    return comparison


def _check_place(out: Path) -> None:
    kept = out / "comparison.json"
    earlier = kept.exists() and read_json(kept).get("made_by") == MADE_BY
    others = (
        [path for path in out.glob("[!.]*") if path.name not in ("items", "measured")]
        if out.is_dir()
        else []
    )
    if out.is_file() or (others and not earlier):
        raise RecipeError(
            "this holds something that is no comparison",
            where=f"--out {out}",
            fix="Name a new directory.",
        )


def _eval_set(runs: Sequence[Run], on: str | None, out: Path, data_dir: Path | None) -> EvalSet:
    if on is None:
        if not runs:
            raise RecipeError(
                "models alone have no items to be measured on", fix="Say on which: --on RECIPE."
            )
        return EvalSet.of_run(runs[0].paths, runs[0].recipe, out)
    if Path(on).is_dir():
        run = Run.read(Path(on))
        return EvalSet.of_run(run.paths, run.recipe, out)
    return EvalSet.of_recipe(read_run_recipe(on), out, data_dir)


def _is_base(name: str, runs: Sequence[Run], eval_set: EvalSet) -> bool:
    """Whether a model is a run's base, which has its row already; a run is to be named as one."""
    if (Path(name) / "run.json").exists():
        raise RecipeError(
            "this is a run", where=f"--model {name}", fix=f"Name it without --model: {name}"
        )
    bases = {run.state.base.fingerprint for run in runs}
    reference = bool(bases) and resolve_model(
        eval_set.recipe.model.model_copy(update={"name": name, "endpoint": None, "revision": None})
    )
    if not reference or reference.fingerprint() not in bases:
        return False
    say(f"{name} is the base of a run: it has one row, as that run asks it")
    return True


def _facts(models: Sequence[ComparedModel]) -> list[Any]:
    return [[c.name, c.kind, plain(c.settings), c.tokenizer, c.cost.as_json()] for c in models]


def _plain_samples(model: ComparedModel) -> dict[str, list[Any]]:
    return plain(model.samples)


def _comparison(
    key: str, models: Sequence[ComparedModel], runs: Sequence[Run], eval_set: EvalSet
) -> Comparison:
    """Everything that the page shows."""
    recipe = eval_set.recipe
    measured = [ModelSamples(c.name, c.samples, c.tokenizer) for c in models]
    draws, margins = (recipe.evaluate.resamples, recipe.seed), recipe.evaluate.margin_of
    tables, family = compare_all(measured, eval_set.tasks, *draws, margins)
    tokenizers = list(dict.fromkeys(c.tokenizer for c in models))
    return Comparison(
        made_by=MADE_BY,
        key=key,
        on=recipe.name,
        items=len(eval_set.items),
        contestants=[
            Contestant(
                name=c.name,
                kind=c.kind,
                tokenizer=tokenizers.index(c.tokenizer) + 1,
                measured=c.measured,
                cost=c.cost,
                answer_tokens=answer_tokens(c),
            )
            for c in models
        ],
        tables=tables,
        family=family,
        curves=[curve_of(run, next(c for c in models if c.name == run.name)) for run in runs],
        notes=notes_on(models, runs, eval_set),
    )
