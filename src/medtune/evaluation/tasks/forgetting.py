"""Forgetting: how well a model still predicts general text, which the fine-tuning was not about."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from medtune.conversation import Conversation
from medtune.data.audit import IdentifierAudit
from medtune.data.identifier_policy import require_items, scan_items, scan_texts
from medtune.errors import DataError, ModelError
from medtune.evaluation.results import Sample
from medtune.evaluation.tasks.perplexity import (
    LikelihoodSample,
    bits_per_byte,
    say_left_out,
    text_score,
)
from medtune.evaluation.tasks.task import Metric, Task, TaskSettings
from medtune.files import read_json_lines, sha256_file
from medtune.models.interface import LanguageModel, Likelihood
from medtune.progress import say, track
from medtune.recipe.extensions import Need
from medtune.recipe.schema import TaskSpec

HERE = Path(__file__).parents[1] / "forgetting"
COLUMN = "text"


class ForgettingSample(LikelihoodSample):
    """A passage and its ``kind``, such as news or fiction."""

    kind: str = ""


@dataclass(frozen=True)
class Passage:
    """One text; ``group`` is what it must not be taken apart from when items are drawn."""

    id: str
    kind: str
    text: str
    group: str


def packaged_passages() -> list[Passage]:
    """Those written for medtune (``README.md`` beside them says how)."""
    return [Passage(**row, group=row["id"]) for row in read_json_lines(HERE / "passages.jsonl")]


def read_passages(path: Path, split: str | None = None) -> list[Passage]:
    """Texts of a ``.txt`` file, divided by blank lines, or of the column ``text`` of a table.

    ``split`` names a part where the table has a column of that name; empty texts are left out.
    Raises ``DataError`` where there is no text.
    """
    if not path.is_file():
        raise DataError(
            f"there is no file {path}",
            where="evaluate.tasks: source of forgetting",
            fix="Give the path of a .txt, .jsonl, .csv or .parquet file, or leave source out.",
        )
    rows = list(_of_text(path, split) if path.suffix.lower() == ".txt" else _of_table(path, split))
    passages = [passage for passage in rows if passage.text]
    if not passages:
        part = f" in the part {split!r}" if split else ""
        raise DataError(
            f"there is no text{part}", where=str(path), fix=f"Texts stand in a column {COLUMN!r}."
        )
    if len(passages) < len(rows):
        say(f"forgetting: {len(rows) - len(passages)} empty texts of {path.name} left out")
    return passages


def scanned_passages(
    path: Path, split: str | None, policy: str
) -> tuple[list[Passage], IdentifierAudit]:
    """The passages of a file after the policy ``data.identifiers``, and what the scan saw.

    Masked ones keep no name of a group. Raises ``DataError`` as ``read_passages`` and ``scan_row``.
    """
    passages = read_passages(path, split)
    first: dict[str, str] = {}
    for passage in passages:
        first.setdefault(passage.group, passage.id)

    def scan(passage: Passage) -> tuple[Passage | None, Counter[str]]:
        texts = [passage.text, passage.kind]
        scanned, counts = scan_texts(texts, policy, f"{path}, {passage.id.replace('-', ' ')}")
        if scanned is None or policy != "mask":
            return (None if scanned is None else passage), counts
        group = first[passage.group]
        return replace(passage, text=scanned[0], kind=scanned[1], group=group), counts

    pairs, seen = scan_items(passages, scan, policy, path.name, "texts")
    require_items(pairs, len(passages), policy, str(path))
    return [after for _, after in pairs], seen


def _of_text(path: Path, split: str | None) -> Iterator[Passage]:
    from medtune.data.formats.delimited import text_lines

    if split:
        raise DataError(
            f"a text file has no part {split!r}", where=str(path), fix="Leave split out."
        )
    whole = "\n".join(line.rstrip("\n") for line in text_lines(path))
    for number, part in enumerate(re.split(r"\n[^\S\n]*\n\s*", whole.strip()), 1):
        yield Passage(f"text-{number}", "text", part.strip(), f"text-{number}")


def _of_table(path: Path, split: str | None) -> Iterator[Passage]:
    from medtune.data.column_names import shown_columns
    from medtune.data.formats.tables import open_table

    table = open_table(path)
    for column in (COLUMN, *(["split"] if split else [])):
        if column not in table.names:
            raise DataError(
                f"there is no column {column!r}",
                where=str(path),
                fix=f"Its columns: {shown_columns(table.names)}.",
            )
    for number, row in enumerate(table.rows(), 1):
        if split is None or str(row.get("split")) == split:
            name = f"row-{number}"
            kind, group = str(row.get("kind") or "text"), str(row.get("group") or name)
            yield Passage(name, kind, str(row.get(COLUMN) or "").strip(), group)


class Forgetting(Task):
    """Bits per byte of texts from their beginning, summed over all; what rises was forgotten."""

    version = "2"
    name = "forgetting"
    title = "General text"
    missing = "what was forgotten: general language after training"
    settings = ("limit", "source", "split")
    own_items = "passages that come with medtune"
    source_holds = "file"
    always_whole = True
    benefit = False
    in_variants = False
    section = "forgetting"
    sample = ForgettingSample
    metrics: ClassVar[Sequence[Metric]] = (bits_per_byte("Bits per byte, general text"),)

    def needs(self, spec: TaskSpec) -> Need:
        """Of text that answers nothing."""
        return "text likelihood"

    def scan_source(self, spec: TaskSpec, policy: str) -> IdentifierAudit | None:
        """What is seen in the texts of the file; None for the packaged passages."""
        source = spec.source and Path(spec.source)
        return scanned_passages(source, spec.split, policy)[1] if source else None

    def depends_on(self, spec: TaskSpec) -> Sequence[str]:
        """SHA-256 of the packaged passages."""
        return [sha256_file(HERE / "passages.jsonl")]

    def run(
        self, model: LanguageModel, items: Sequence[Conversation], settings: TaskSettings
    ) -> list[Sample]:
        """Score every passage; ``items``, the run's own rows, are not looked at.

        Raises ``ModelError`` where the model gives no likelihood of plain text, ``DataError`` where
        a file holds none.
        """
        chosen = settings.draw(_passages(settings))
        with track("forgetting", len(chosen), "texts") as bar:
            scores = model.text_loglikelihoods([passage.text for passage in chosen], bar.advance)
        if len(scores) < len(chosen):
            raise ModelError(
                "forgetting needs the likelihood of plain text, and an encoder-decoder gives none",
                where=model.name,
                fix="Leave the task forgetting out.",
            )
        say_left_out("forgetting", scores, "texts")
        return [_sample(passage, score) for passage, score in zip(chosen, scores, strict=True)]


def _passages(settings: TaskSettings) -> list[Passage]:
    spec = settings.spec
    return (
        scanned_passages(Path(spec.source), spec.split, settings.identifiers)[0]
        if spec and spec.source
        else packaged_passages()
    )


def _sample(passage: Passage, likelihood: Likelihood) -> Sample:
    sample = ForgettingSample(
        id=passage.id,
        group=passage.group,
        kind=passage.kind,
        prompt=likelihood.prompt,
        reference=passage.text,
        continuations=[passage.text],
        loglikelihoods=[likelihood.loglikelihood],
        tokens=likelihood.tokens,
        bytes=likelihood.bytes,
        score=text_score(likelihood),
    )
    if not likelihood.unknown:
        return sample
    return sample.model_copy(update={"unknown": likelihood.unknown})
