"""The first stage of a run: splits and audit, with token lengths under the recipe's model.

Nothing here loads torch, so that a prepared run is recognised at once.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medtune.conversation import iter_conversations
from medtune.data.prepare import prepare
from medtune.data.splits import SPLITS
from medtune.errors import DataError
from medtune.files import read_json, whole_directory, write_json
from medtune.progress import say, track
from medtune.run_paths import RunPaths
from medtune.runs.plan import Plan
from medtune.runs.stage import RunDirectory

if TYPE_CHECKING:
    from medtune.tokens.lengths import LengthTally


def prepare_splits(plan: Plan, place: Path) -> dict[str, Any]:
    """Write the splits to ``place``; the audit, completed with token lengths."""
    recipe = plan.recipe
    # The splits must not depend on which tasks are run: they are the same items for all of them.
    audit = prepare(recipe.data, recipe.seed, recipe.evaluate.topics, plan.data_dir, place).audit
    audit["tokens"] = _token_facts(plan, audit["splits"], place)
    return audit


def _token_facts(plan: Plan, splits: dict[str, Any], place: Path) -> dict[str, Any]:
    from medtune.tokens.lengths import length_summary

    overlong, limit = plan.recipe.data.overlong, plan.row_limit
    tallies = _tallies(plan, splits, place)
    facts = tallies["train"].facts()
    # Question and answer of a sequence-to-sequence model have a limit each: no line in the
    # histogram is the limit.
    line = None if plan.is_seq2seq else limit
    lengths = {name: length_summary(tally.lengths(), line) for name, tally in tallies.items()}
    cut, rows = facts["truncated_rows"] + facts["overlong_dropped"], splits["train"]["rows"]
    say(
        f"tokens a row: median {lengths['train']['median']:.0f}, longest {lengths['train']['max']:,}; limit {limit}: "
        f"{cut:,} of {rows:,} training rows {'left out' if overlong == 'drop' else 'cut'}"
    )
    if rows == facts["overlong_dropped"]:
        raise DataError(
            "every training row is overlong",
            where="data.overlong",
            fix="Raise train.max_length, or set truncate.",
        )
    return {"max_length": limit, "overlong": overlong, **facts, "splits": lengths}


def _tallies(plan: Plan, splits: dict[str, Any], place: Path) -> dict[str, "LengthTally"]:
    from medtune.tokens.lengths import LengthTally

    measure = plan.measure()
    # Only training rows are cut or refused for their length.
    tallies = {
        name: LengthTally(measure, plan.recipe.data.overlong if name == "train" else "truncate")
        for name in SPLITS
    }
    with track("counting tokens", sum(facts["rows"] for facts in splits.values()), "rows") as bar:
        for name, tally in tallies.items():
            for chunk in iter_conversations(place / f"{name}.parquet"):
                tally.add(chunk)
                bar.advance(len(chunk))
    return tallies


def prepare_stage(plan: Plan, run: RunDirectory) -> None:
    """data/: the splits as Parquet, and audit.json."""
    with run.stage("prepare", plan.prepare_inputs(), [run.data]) as needed:
        if not needed:
            return
        # Whatever was measured before was measured on other data or another base.
        shutil.rmtree(run.root / "eval", ignore_errors=True)
        with whole_directory(run.data) as place:
            write_json(place / "audit.json", prepare_splits(plan, place))


def audit_if_prepared(plan: Plan, root: Path) -> dict[str, Any] | None:
    """The audit of a run whose data are there already, made from these very inputs; else None."""
    paths = RunPaths(root)
    if not paths.state_file.exists() or not RunDirectory(root).is_done(
        "prepare", plan.prepare_inputs()
    ):
        return None
    audit: dict[str, Any] = read_json(paths.data / "audit.json")
    return audit


@contextmanager
def prepared_data(plan: Plan, root: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """The audit and the splits' directory: of the run at ``root`` where it is prepared, else
    made for this block.
    """
    audit = audit_if_prepared(plan, root)
    if audit is not None:
        say(f"data: as prepared in {root}")
        yield audit, RunPaths(root).data
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield prepare_splits(plan, Path(temporary)), Path(temporary)
