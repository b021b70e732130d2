"""Splits as a dataset directory that model hubs read: Parquet files by split, and a card with
its metadata.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medtune import __version__
from medtune.data.audit import Audit, SourceAudit, counts_in_words
from medtune.files import whole_file, write_text
from medtune.report.markdown import markdown_line

if TYPE_CHECKING:
    import pyarrow as pa

# Licences by the hub's own identifiers; whatever else a source states is "other" there and in full
# in the card.
HUB_LICENCES = {
    "cc0",
    "cc0-1.0",
    "cc-by-2.0",
    "cc-by-2.5",
    "cc-by-3.0",
    "cc-by-4.0",
    "cc-by-sa-3.0",
    "cc-by-sa-4.0",
    "cc-by-nc-4.0",
    "cc-by-nc-sa-3.0",
    "cc-by-nc-sa-4.0",
    "cc-by-nc-nd-4.0",
    "mit",
    "apache-2.0",
    "odc-by",
}
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
MADE_BY = "Made with medtune"
CONVERSATIONS = "Conversations as `messages` (role, content); `group` never lies in two splits."


def write_hub_dataset(directory: Path, splits: Path, audit: Audit, name: str) -> dict[str, int]:
    """Write ``data/<split>-00000-of-00001.parquet`` and ``README.md`` below ``directory``.

    Returns rows by split.

    ``splits`` is the directory of the prepared Parquet files and ``audit`` what was found while
    preparing them. A split without rows is left out.
    """
    import pyarrow.parquet as pq

    files = {}
    for split, facts in audit.splits.items():
        if facts.rows:
            files[split] = directory / "data" / f"{split}-00000-of-00001.parquet"
            with whole_file(files[split]) as temporary:
                shutil.copyfile(splits / f"{split}.parquet", temporary)
    schema = pq.read_schema(next(iter(files.values())))
    write_text(
        directory / "README.md",
        dataset_card(audit, name, schema, {"default": files}, CONVERSATIONS),
    )
    return {split: audit.splits[split].rows for split in files}


def dataset_card(
    audit: Audit,
    name: str,
    schema: "pa.Schema",
    configs: dict[str, dict[str, Path]],
    about: str,
) -> str:
    """The card: metadata in YAML, then sources with licences, and every count of the audit.

    ``configs`` is configuration → split → its Parquet file; all files have the columns of
    ``schema``.
    """
    import pyarrow.parquet as pq
    import yaml

    rows = {
        c: {split: pq.read_metadata(path).num_rows for split, path in f.items()}
        for c, f in configs.items()
    }
    total = max(sum(splits.values()) for splits in rows.values())
    metadata = {
        "pretty_name": name,
        "language": ["en"],
        "license": _licences(audit.sources),
        "task_categories": ["question-answering", "text-generation"],
        "tags": ["medical", "medtune"],
        "size_categories": [next((word for most, word in SIZES if total < most), "n>1M")],
        "configs": [
            {"config_name": c, "data_files": _data_files(files)} for c, files in configs.items()
        ],
        "dataset_info": [
            {
                "config_name": c,
                "features": [_feature(field.name, field.type) for field in schema],
                "splits": [
                    {
                        "name": split,
                        "num_bytes": path.stat().st_size,
                        "num_examples": rows[c][split],
                    }
                    for split, path in files.items()
                ],
            }
            for c, files in configs.items()
        ],
    }
    head = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True)
    sections = [f"{about}\n\n{MADE_BY} {__version__}.", *_sections(audit, rows)]
    return f"---\n{head}---\n\n# {markdown_line(name)}\n\n" + "\n\n".join(sections) + "\n"


def _data_files(files: dict[str, Path]) -> list[dict[str, str]]:
    """Where each split lies below the card: data/…/SPLIT-*."""
    places = {split: path.parts[path.parts.index("data") :] for split, path in files.items()}
    return [
        {"split": split, "path": "/".join([*parts[:-1], f"{split}-*"])}
        for split, parts in places.items()
    ]


def _sections(audit: Audit, rows: dict[str, dict[str, int]]) -> list[str]:
    splits = [
        [config, split, f"{count:,}"]
        for config, counts in rows.items()
        for split, count in counts.items()
    ]
    sources = [
        [
            source.name,
            f"{sum(file.rows for file in source.files):,}",
            source.licence,
            source.published or "–",
        ]
        for source in audit.sources
    ]
    return [
        "## Splits\n\n" + _table(["configuration", "split", "rows"], splits),
        "## Sources and licences\n\n"
        + _table(["source", "rows read", "licence as stated", "published"], sources)
        + "\n\nEach row keeps the licence of its source (column `source`). Check them before you "
        "share this data set.",
        "## What was done\n\n"
        + "\n".join(f"- {markdown_line(line)}" for line in _what_was_done(audit)),
        "## Use\n\nFor training and measuring language models. Not medical advice; answers may be "
        "wrong or out of date.",
    ]


def _what_was_done(audit: Audit) -> Iterator[str]:
    repaired = {rule: entry.rows for rule, entry in audit.cleaning.rules.items()}
    repeats, identifiers = audit.duplicates.model_dump(), audit.identifiers
    yield f"Rows read: {audit.rows.read:,}; usable: {audit.rows.usable:,}."
    yield f"Left out: {counts_in_words(audit.dropped, 'none')}."
    yield f"Rows repaired: {counts_in_words(repaired, 'none')}."
    yield (
        "Duplicates and contradictions among usable rows: " + counts_in_words(repeats, "none") + "."
    )
    yield (
        "Held-out rows that share a question, answer or subject with training: "
        f"{audit.leaked} (a random split would have {audit.random_split.share:.1%})."
    )
    yield f"Rows drawn: {audit.rows.drawn:,}; the figures above are of all rows read."
    if identifiers.policy == "off":
        yield "Patients' identifiers: not scanned."
        return
    yield (
        f"Patients' identifiers seen by a scan (policy: {identifiers.policy}): "
        f"{counts_in_words(identifiers.counts, 'none')}. The scan is an aid, not a guarantee."
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def cells(line: Sequence[str]) -> list[str]:
        return [markdown_line(str(cell)) for cell in line]

    lines = [cells(head), ["---"] * len(head), *map(cells, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _licences(sources: Sequence[SourceAudit]) -> list[str]:
    stated = [re.sub(r"\s+", "-", source.licence.strip().lower()) for source in sources]
    return list(
        dict.fromkeys(licence if licence in HUB_LICENCES else "other" for licence in stated)
    )


def _feature(name: str, kind: "pa.DataType") -> dict[str, object]:
    import pyarrow as pa

    if not pa.types.is_list(kind):
        return {"name": name, "dtype": str(kind)}
    inner = kind.value_type
    if pa.types.is_struct(inner):
        return {"name": name, "list": [_feature(field.name, field.type) for field in inner]}
    return {"name": name, "list": str(inner)}
