"""The index of many chunks is the index of all rows at once.

Its signatures lie in a file and select the same rows.
"""

from dataclasses import fields

import numpy as np
import pytest

from medtune.conversation import Message
from medtune.data.dedup import similar_pairs
from medtune.data.index import Index, IndexFile, index_rows
from medtune.data.rows import Row
from medtune.data.selection import select
from medtune.recipe.schema import Data

LONG = "it is known that this rather long text says the same thing again and again about"


def rows(count):
    return [
        Row(
            (
                Message("user", f"What is {i // 2}? {LONG} {i // 3}"),
                Message("assistant", f"{LONG} {i // 5} {i}"),
            ),
            "mine",
            "p",
        )
        for i in range(count)
    ]


def gathered(place, whole, size, min_words=12):
    with IndexFile(place / "signatures") as file:
        for start in range(0, len(whole), size):
            file.add(index_rows(whole[start : start + size], [], min_words))
    return file.whole()


def equal(a, b):
    assert len(a) == len(b)
    for field in fields(type(a)):
        x, y = getattr(a, field.name), getattr(b, field.name)
        if isinstance(x, np.ndarray):
            assert x.dtype == y.dtype
            assert np.array_equal(x, y), field.name
        else:
            for inner in fields(type(x)):
                assert np.array_equal(getattr(x, inner.name), getattr(y, inner.name)), (
                    f"{field.name}.{inner.name}"
                )


@pytest.mark.parametrize("size", [1, 7, 100])
def test_chunks_give_the_index_of_all_rows(tmp_path, size):
    whole = rows(40)
    found = gathered(tmp_path, whole, size)
    equal(found, index_rows(whole, [], 12))
    assert isinstance(found.near.signatures, np.memmap)
    assert (tmp_path / "signatures").stat().st_size == len(found.near.rows) * 128 * 2


@pytest.mark.parametrize("count", [0, 3])
def test_without_signatures_there_is_nothing_to_map(tmp_path, count):
    found = gathered(tmp_path, rows(count), 2, min_words=None)
    assert isinstance(found, Index)
    assert found.near.signatures.shape == (0, 128)
    assert len(found) == count


@pytest.mark.parametrize("policy", ["group", "drop"])
def test_the_file_selects_what_memory_selects(tmp_path, policy):
    whole, settings = (
        rows(60),
        Data(source="mine", near_duplicates={"policy": policy, "threshold": 0.6}),
    )
    of_file = select(gathered(tmp_path, whole, 9), settings, ["mine"], 0)
    in_memory = select(index_rows(whole, [], 12), settings, ["mine"], 0)
    assert np.array_equal(of_file.split, in_memory.split)
    assert np.array_equal(of_file.group, in_memory.group)
    assert of_file.near["answer"] > 0


def test_pairs_of_chosen_rows_are_pairs_of_their_part():
    rng = np.random.default_rng(0)
    signature = rng.integers(0, 2**16, (30, 128), dtype=np.uint16)
    signature[[4, 20]] = signature[11]
    chosen = np.array([1, 4, 7, 11, 29])
    assert similar_pairs(signature, 0.8, chosen).tolist() == [[1, 3]]
    assert similar_pairs(signature, 0.8).tolist() == [[4, 11], [4, 20], [11, 20]]
