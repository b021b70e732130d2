"""The twelve versions of the data of system 4: {combined, combined short, medquad, wikidoc} ×
{gemma, llama, mistral}.

Done right: cleaned, deduplicated, split by group once for all versions, the short set drawn by
seed, and each prompt in the family's own turn markers with one BOS and the end of turn.
"""

import tempfile
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medtune.conversation import Conversation, read_conversations
from medtune.data.prepare import prepare
from medtune.data.splits import SPLITS
from medtune.files import whole_directory, write_text
from medtune.progress import say
from medtune.recipe.schema import Data
from medtune.report.dataset_card import dataset_card
from medtune.tokens.chat_templates import TEMPLATES

if TYPE_CHECKING:
    import jinja2

INSTRUCTION = "Answer the question truthfully, you are a medical professional."
# Family → its template, BOS and EOS.
FAMILIES = {
    "gemma": ("gemma", "<bos>", "<eos>"),
    "llama": ("llama-2", "<s>", "</s>"),
    "mistral": ("mistral", "<s>", "</s>"),
}
VERSIONS = ("combined", "combined_short", "medquad", "wikidoc")
ABOUT = (
    "Questions and answers of Medical Meadow WikiDoc and MedQuAD, alone and together, with the "
    "prompt that each of three\nmodel families was made for. `combined_short_*` holds {short:,} "
    "rows of each source, drawn by seed. All versions share one\ngroup-wise split: no question, "
    "answer or subject lies on two sides. `prompt` already holds BOS and end of turn: tokenize it\n"
    "with `add_special_tokens=False`."
)
COLUMNS = ("output", "input", "instruction", "prompt", "id", "group", "source")


@lru_cache
def _template(name: str) -> "jinja2.Template":
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(TEMPLATES[name])


def family_prompt(family: str, question: str, answer: str) -> str:
    """Question and answer in a family's turn markers, the instruction before the question."""
    name, bos, eos = FAMILIES[family]
    asked = f"{INSTRUCTION} This is the question: {question}"
    turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    return _template(name).render(
        messages=turns, bos_token=bos, eos_token=eos, add_generation_prompt=False
    )


def version_ids(
    splits: dict[str, Sequence[Conversation]], version: str, short: int, seed: int
) -> dict[str, set[str]]:
    """Split → ids of a version's rows.

    The short set takes ``short`` rows of each source, from each split its share.
    """
    rows = {
        name: [c for c in items if version in ("combined", "combined_short", c.source)]
        for name, items in splits.items()
    }
    if version != "combined_short":
        return {name: {c.id for c in items} for name, items in rows.items()}
    rng = np.random.default_rng(seed)
    picked: dict[str, set[str]] = {name: set() for name in rows}
    for source in sorted({c.source for items in rows.values() for c in items}):
        everywhere = [
            (name, c.id) for name, items in rows.items() for c in items if c.source == source
        ]
        for index in rng.permutation(len(everywhere))[:short]:
            name, identity = everywhere[index]
            picked[name].add(identity)
    return picked


def _rows(items: Sequence[Conversation], ids: set[str], family: str) -> Iterator[dict[str, str]]:
    for item in items:
        if item.id in ids:
            prompt = family_prompt(family, item.question, item.reference)
            values = (
                item.reference,
                item.question,
                INSTRUCTION,
                prompt,
                item.id,
                item.group,
                item.source,
            )
            yield dict(zip(COLUMNS, values, strict=True))


def write_versions(
    out: Path,
    data_dir: Path | None,
    wikidoc: str = "wikidoc",
    medquad: str = "medquad",
    short: int = 1_000,
    seed: int = 42,
) -> dict[str, dict[str, int]]:
    """Write all versions to ``out``, whole or not at all, with a card and the audit.

    Rows by version and split.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with whole_directory(out) as directory:
        with tempfile.TemporaryDirectory(dir=directory) as temporary:
            audit = prepare(
                Data(source=[wikidoc, medquad]), seed, [], data_dir, Path(temporary)
            ).audit
            splits = {
                name: read_conversations(Path(temporary) / f"{name}.parquet") for name in SPLITS
            }
        names = dict(
            zip(("wikidoc", "medquad"), (source.name for source in audit.sources), strict=True)
        )
        schema = pa.schema([(column, pa.string()) for column in COLUMNS])
        files: dict[str, dict[str, Path]] = {}
        for version in VERSIONS:
            ids = version_ids(splits, names.get(version, version), short, seed)
            for family in FAMILIES:
                files[f"{version}_{family}"] = written = {}
                for split, items in splits.items():
                    path = (
                        directory
                        / "data"
                        / f"{version}_{family}"
                        / f"{split}-00000-of-00001.parquet"
                    )
                    path.parent.mkdir(parents=True, exist_ok=True)
                    pq.write_table(
                        pa.Table.from_pylist(list(_rows(items, ids[split], family)), schema=schema),
                        path,
                    )
                    written[split] = path
            say(f"{version}: {', '.join(f'{split} {len(rows):,}' for split, rows in ids.items())}")
        audit.write(directory / "audit.json")
        title = "Medical questions and answers, twelve versions"
        write_text(
            directory / "README.md",
            dataset_card(audit, title, schema, files, ABOUT.format(short=short)),
        )
        return {
            name: {split: pq.read_metadata(path).num_rows for split, path in f.items()}
            for name, f in files.items()
        }
