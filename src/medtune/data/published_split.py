"""Published splits: the part of its data set that a row was published in, by a column or by the
name of its file.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medtune.data.field_use import is_empty, plain_field
from medtune.data.formats.tables import Table
from medtune.data.splits import SPLITS, Keys
from medtune.recipe.schema import Split

TRAIN, VALIDATION, TEST = range(len(SPLITS))
NONE, UNKNOWN = -1, len(SPLITS)  # no part is given; what is given is no part's name
# Any column of the first name holds parts; of the others, those whose every value names one.
COLUMNS = ("split", "data_split", "dataset_split", "subset", "partition", "fold", "set")
_WORDS = {
    **dict.fromkeys("train training".split(), TRAIN),
    **dict.fromkeys("validation valid val dev devel development tune tuning".split(), VALIDATION),
    **dict.fromkeys("test testing heldout eval evaluation".split(), TEST),
}
_HELD_OUT = re.compile(r"h[eo]ld[\W_]?out")
_WORD = re.compile(r"[^\W\d_]+")
_SHARD = re.compile(r"[-_.]?\d+([-_]of[-_]\d+)?$")
_MANY = 20  # different values; a column of more names no parts


def _part_of_word(word: str) -> int:
    return _WORDS.get(word.removesuffix("set"), NONE)


def part_number(value: str | None) -> int:
    """The part (index into SPLITS) that a name such as ``dev``, ``Held-out`` or ``test_2`` means.

    ``train_dev`` is for training: validation rows are still to be made of it. NONE where nothing is
    given, UNKNOWN where it is no part's name or several.
    """
    if value is None or not value.strip():
        return NONE
    words = _WORD.findall(_HELD_OUT.sub("heldout", value.lower()))
    parts = {_part_of_word(word) for word in words} - {NONE}
    if parts == {TRAIN, VALIDATION}:
        return TRAIN
    return parts.pop() if len(parts) == 1 else UNKNOWN


def split_column(table: Table, taken: Collection[str]) -> str | None:
    """The column that names the part each row was published in, if there is one.

    ``taken`` are columns that play another part.
    """
    plain = {plain_field(name): name for name in table.names if name not in taken}
    for name in COLUMNS:
        if name in plain and (name == COLUMNS[0] or _names_parts(table.column(plain[name]))):
            return plain[name]
    return None


def _names_parts(values: Iterable[Any]) -> bool:
    """Whether every value that is there names a part, and not all the same one."""
    seen: set[str] = set()
    for value in values:
        if is_empty(value):
            continue
        if not isinstance(value, str) or part_number(value) == UNKNOWN:
            return False
        seen.add(value)
        if len(seen) > _MANY:
            return False
    return len({part_number(value) for value in seen}) > 1


def part_of_file(path: Path) -> tuple[str | None, bool]:
    """The part that a file's name begins or ends with, else its directory's name, and whether it
    is the whole or the end of the name (``notes_test.csv``), which alone is telling.
    """
    stem = _SHARD.sub("", _HELD_OUT.sub("heldout", path.name.split(".")[0].lower()))
    words = _WORD.findall(stem)
    for word, telling in ((words[-1:], True), (words[:1], False)):
        part = _part_of_word(word[0]) if word else NONE
        if part != NONE:
            return SPLITS[part], telling
    part = _part_of_word(_HELD_OUT.sub("heldout", path.parent.name.lower()))
    return (SPLITS[part] if part != NONE else None), False


def parts_of_files(files: Sequence[Path | None]) -> list[str | None]:
    """The part of each of several files by its name.

    Where only one part is named, names that merely begin with it (``test_results.csv``) mean
    nothing. None stands for a source that is no single file; a file alone is no part.
    """
    named = [part_of_file(path) if path else (None, False) for path in files]
    several = len({part for part, _ in named if part}) > 1
    return [part if len(files) > 1 and (several or telling) else None for part, telling in named]


def shared_with_held_out(keys: Keys, parts: np.ndarray) -> np.ndarray:
    """Which rows [bool] share a key with a row that was published for a stricter use: a training
    row with one of validation or test, a validation row with one of test.

    ``parts`` [n] are indices into SPLITS, NONE counts as training. Once these rows are left out,
    no key lies in two parts.
    """
    numbers = keys.numbers()
    shared = np.zeros(len(parts), bool)
    for held_out in (TEST, VALIDATION):
        of_part = (parts == held_out) & ~shared
        held = np.zeros(int(numbers.max(initial=-1)) + 1, bool)
        held[numbers[of_part[keys.rows]]] = True
        rows = keys.rows[held[numbers]]
        shared[rows[parts[rows] < held_out]] = True
    return shared


def remaining_shares(split: Split, parts: np.ndarray) -> Split:
    """The shares in which rows without a held-out part are divided: parts that were published
    get nothing of them.
    """
    shares = {
        name: 0.0 if number > TRAIN and (parts == number).any() else getattr(split, name)
        for number, name in enumerate(SPLITS)
    }
    total = sum(shares.values())
    return split.model_copy(update={name: share / total for name, share in shares.items()})
