"""Chunks through several processes: the same results in the same order, errors as they were,
nothing read ahead of need.
"""

import os
import subprocess
import sys

import pytest

from command_line import GENEROUS
from medtune.data.workers import INLINE, ordered_map
from medtune.errors import DataError


def squared(context, chunk):
    return os.getpid(), context * chunk * chunk


def refusing(context, chunk):
    if chunk == context:
        raise DataError("identifiers found", where=f"table, row {chunk}", fix="Mask them.")
    return chunk


@pytest.mark.parametrize("count", [0, 1, INLINE, INLINE + 1, 40])
@pytest.mark.parametrize("processes", [1, 2])
def test_results_are_in_order_for_any_number_of_processes(count, processes):
    found = list(ordered_map(squared, 3, iter(range(count)), processes))
    assert [value for _, value in found] == [3 * i * i for i in range(count)]
    here = {pid for pid, _ in found} <= {os.getpid()}
    assert here == (processes == 1 or count <= INLINE)


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_keeps_its_kind_place_and_advice(processes):
    with pytest.raises(DataError) as caught:
        list(ordered_map(refusing, 7, range(20), processes))
    error = caught.value
    assert (error.what, error.where, error.fix) == (
        "identifiers found",
        "table, row 7",
        "Mask them.",
    )
    assert str(error) == "table, row 7: identifiers found\nMask them."


@pytest.mark.parametrize("processes", [1, 2])
def test_chunks_are_read_only_a_little_ahead(processes):
    taken = []
    stream = ordered_map(squared, 1, (taken.append(i) or i for i in range(1000)), processes)
    next(stream)
    stream.close()
    assert len(taken) <= INLINE + 2 + 2 * 2


def test_what_the_source_of_chunks_raises_is_raised():
    def broken():
        yield from range(10)
        raise DataError("row 11 is broken")

    with pytest.raises(DataError, match="row 11 is broken"):
        list(ordered_map(squared, 1, broken(), 2))


def test_a_script_without_a_main_guard_gets_its_results(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from operator import add\nfrom medtune.data.workers import ordered_map\n"
        "print(list(ordered_map(add, 1, range(9), 2)))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=GENEROUS
    )
    assert done.stdout == "[1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
