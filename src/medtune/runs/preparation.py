"""The first stage of a run: splits and audit, with token lengths under the recipe's model.

Nothing here loads torch, so that a prepared run is recognised at once.
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from medtune.conversation import iter_conversations
from medtune.data.audit import (
    RunAudit,
    SplitTextLoss,
    TokenAudit,
    read_audit,
)
from medtune.data.prepare import prepare
from medtune.data.splits import SPLITS
from medtune.data.text_loss import loss_sentences
from medtune.errors import DataError
from medtune.files import file_hash, whole_directory
from medtune.progress import say, track
from medtune.run_paths import RunPaths
from medtune.runs.plan import Plan
from medtune.runs.stage import RunDirectory, Stage

if TYPE_CHECKING:
    from medtune.tokens.control_tokens import ControlTokens
    from medtune.tokens.lengths import LengthTally, MeasuresLengths


def prepare_splits(plan: Plan, directory: Path) -> RunAudit:
    """Write the splits to ``directory``; the audit, completed with token lengths."""
    recipe = plan.recipe
    # The splits must not depend on which tasks are run: they are the same items for all of them.
    settings = recipe.data, recipe.seed, recipe.evaluate.topics, plan.data_dir
    audit = prepare(*settings, directory).audit
    rows = {name: split.rows for name, split in audit.splits.items()}
    measure = plan.measure()
    # The tokenizer of a service knows every byte.
    template = getattr(measure, "template", None)
    loss = text_loss(template.control, directory, rows) if template else {}
    for sentence in loss_sentences(loss):
        say(f"the model's tokenizer: {sentence}")
    lengths = _token_audit(plan, measure, rows, directory)
    return RunAudit.model_validate({**audit.as_json(), "tokens": lengths, "text_loss": loss})


def text_loss(
    control: "ControlTokens", directory: Path, splits: Iterable[str]
) -> dict[str, SplitTextLoss]:
    """What a tokenizer loses of the splits in ``directory``."""
    from medtune.tokens.lost_text import LossTally

    losses = {}
    for name in splits:
        tally = LossTally(control)
        for chunk in iter_conversations(directory / f"{name}.parquet"):
            tally.add(chunk)
        losses[name] = tally.summary()
    return losses


def _token_audit(
    plan: Plan, measure: "MeasuresLengths", rows: dict[str, int], directory: Path
) -> TokenAudit:
    """``rows`` by split. Raises ``DataError`` where no training row is left."""
    from medtune.tokens.lengths import length_summary

    overlong, limit = plan.recipe.data.overlong, plan.row_limit
    tallies = _tallies(plan, measure, rows, directory)
    # Question and answer of a sequence-to-sequence model have a limit each: no line in the
    # histogram is the limit.
    line = None if plan.is_seq2seq else limit
    audit = TokenAudit.model_validate(
        {
            "max_length": limit,
            "overlong": overlong,
            **tallies["train"].facts(),
            "splits": {
                name: length_summary(tally.lengths(), line) for name, tally in tallies.items()
            },
        }
    )
    lengths, cut = audit.splits["train"], audit.truncated_rows + audit.overlong_dropped
    say(
        f"tokens a row: median {lengths.median:.0f}, longest {lengths.max:,}; limit {limit}: "
        f"{cut:,} of {rows['train']:,} training rows {'left out' if overlong == 'drop' else 'cut'}"
    )
    if rows["train"] == audit.overlong_dropped:
        raise DataError(
            "every training row is overlong",
            where="data.overlong",
            fix="Raise train.max_length, or set truncate.",
        )
    return audit


def _tallies(
    plan: Plan, measure: "MeasuresLengths", rows: dict[str, int], directory: Path
) -> dict[str, "LengthTally"]:
    from medtune.tokens.lengths import LengthTally

    # Only training rows are cut or refused for their length.
    tallies = {
        name: LengthTally(measure, plan.recipe.data.overlong if name == "train" else "truncate")
        for name in SPLITS
    }
    with track("counting tokens", sum(rows.values()), "rows") as bar:
        for name, tally in tallies.items():
            for chunk in iter_conversations(directory / f"{name}.parquet"):
                tally.add(chunk)
                bar.advance(len(chunk))
    return tallies


def _stage(plan: Plan, paths: RunPaths) -> Stage:
    """data/: the splits as Parquet, and audit.json."""
    libraries = plan.base.libraries and ("transformers", "tokenizers")
    return Stage("prepare", plan.prepare_inputs(), (paths.data,), libraries)


def prepare_stage(plan: Plan, run: RunDirectory) -> None:
    """data/: the splits as Parquet, and audit.json."""

    def work() -> None:
        earlier = _split_hashes(run.data)
        with whole_directory(run.data) as directory:
            prepare_splits(plan, directory).write(directory / "audit.json")
            if _split_hashes(directory) != earlier:  # what was measured was of other rows
                shutil.rmtree(run.root / "eval", ignore_errors=True)

    run.perform(_stage(plan, run), work)


def _split_hashes(directory: Path) -> dict[str, str]:
    return {path.name: file_hash(path) for path in directory.glob("*.parquet")}


def audit_if_prepared(plan: Plan, root: Path) -> RunAudit | None:
    """The audit of a run whose data are there already, made from these very inputs; else None."""
    run = RunDirectory(root)
    if not run.state_file.exists() or not run.is_done(_stage(plan, run)):
        return None
    return read_audit(run.data / "audit.json")


@contextmanager
def prepared_data(plan: Plan, root: Path) -> Iterator[tuple[RunAudit, Path]]:
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
