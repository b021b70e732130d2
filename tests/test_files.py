import os
import signal
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from safetensors.numpy import save_file

from medtune import files
from medtune.errors import DataError
from medtune.files import (
    file_hash,
    read_as,
    read_json,
    read_json_lines,
    remove_leftovers,
    sha256_file,
    sha256_json,
    sha256_paths,
    whole_directory,
    whole_file,
    write_json,
    write_json_lines,
    write_text,
)
from medtune.models.interface import InferenceSettings

KILL = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
# Kills the process just before its N-th rename, whichever function makes it.
KILL_AT_RENAME = """
import os, signal, sys
seen = 0
def watch(event, arguments):
    global seen
    if event == "os.rename":
        seen += 1
        if seen == {number}:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
"""


def child(program, *arguments):
    """Run a program in a process of its own; returns its exit status."""
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def old_directory(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "weights").write_text("old")
    (target / "config").write_text("old")
    return target


def contents(directory):
    return {path.name: path.read_text() for path in directory.iterdir()}


OLD, NEW = {"weights": "old", "config": "old"}, {"weights": "new"}


def test_a_file_appears_whole_with_its_parents(tmp_path):
    target = tmp_path / "a" / "b" / "file.txt"
    with whole_file(target) as temporary:
        temporary.write_text("new")
        assert not target.exists()
        assert temporary.parent == target.parent
    assert target.read_text() == "new"
    assert names(target.parent) == ["file.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path, error):
    target = tmp_path / "file.txt"
    target.write_text("old")

    def write():
        with whole_file(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


def test_a_block_that_writes_nothing_leaves_the_old_file(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(FileNotFoundError), whole_file(target):
        pass
    assert target.read_text() == "old"


def test_kill_in_the_middle_leaves_the_old_file_and_a_leftover_that_is_removed(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    program = f"""
import sys; from pathlib import Path; from medtune.files import whole_file
with whole_file(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    {KILL}
"""
    assert child(program, target) == -signal.SIGKILL
    assert target.read_text() == "old"
    assert len(names(tmp_path)) == 2
    remove_leftovers(tmp_path)
    assert contents(tmp_path) == {"file.txt": "old"}


def test_a_directory_takes_the_place_of_the_older_one(tmp_path):
    target = old_directory(tmp_path)
    with whole_directory(target) as temporary:
        (temporary / "weights").write_text("new")
        assert contents(target) == OLD
    assert contents(target) == NEW
    assert names(tmp_path) == ["model"]


def test_a_new_directory_with_directories_inside(tmp_path):
    target = tmp_path / "runs" / "model"
    with whole_directory(target) as temporary:
        (temporary / "deep").mkdir()
        (temporary / "deep" / "weights").write_text("new")
    assert (target / "deep" / "weights").read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_old_directory_and_nothing_else(tmp_path, error):
    target = old_directory(tmp_path)

    def write():
        with whole_directory(target) as temporary:
            (temporary / "weights").write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert contents(target) == OLD
    assert names(tmp_path) == ["model"]


def test_kill_in_the_middle_leaves_the_old_directory_and_a_leftover_that_is_removed(tmp_path):
    target = old_directory(tmp_path)
    program = f"""
import sys; from pathlib import Path; from medtune.files import whole_directory
with whole_directory(Path(sys.argv[1])) as temporary:
    (temporary / "weights").write_text("half")
    {KILL}
"""
    assert child(program, target) == -signal.SIGKILL
    assert contents(target) == OLD
    assert len(names(tmp_path)) == 2
    remove_leftovers(tmp_path)
    assert names(tmp_path) == ["model"]
    assert contents(target) == OLD


@pytest.mark.parametrize("number", [1, 2, 3])
def test_kill_at_any_rename_leaves_the_old_or_the_new_directory(tmp_path, number):
    target = old_directory(tmp_path)
    program = KILL_AT_RENAME.format(number=number) + (
        "from pathlib import Path; from medtune.files import whole_directory\n"
        "with whole_directory(Path(sys.argv[1])) as temporary:\n"
        "    (temporary / 'weights').write_text('new')\n"
    )
    child(program, target)
    remove_leftovers(tmp_path)
    assert names(tmp_path) == ["model"]
    assert contents(target) in (OLD, NEW)


def test_a_new_directory_that_vanished_leaves_the_old_one(tmp_path):
    target = old_directory(tmp_path)
    with pytest.raises(FileNotFoundError), whole_directory(target) as temporary:
        temporary.rmdir()
    assert contents(target) == OLD
    assert names(tmp_path) == ["model"]


def test_leftovers_are_removed_here_and_not_below(tmp_path):
    (tmp_path / ".partial-model-0000").mkdir()
    (tmp_path / ".partial-model-0000" / "weights").write_text("half")
    (tmp_path / ".partial-file-0000").write_text("half")
    (tmp_path / "kept.partial-").write_text("kept")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / ".partial-other-0000").write_text("another writer's")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == ["below", "kept.partial-"]
    assert names(tmp_path / "below") == [".partial-other-0000"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
def test_json_without_a_number_is_refused_and_the_old_file_stays(tmp_path, value):
    for write in (write_json, lambda path, row: write_json_lines(path, [{"fine": 1}, row])):
        target = tmp_path / "figures.json"
        target.write_text("old")
        with pytest.raises(ValueError, match="JSON compliant"):
            write(target, value)
        assert contents(tmp_path) == {"figures.json": "old"}


def test_json_and_text_are_plain_utf8(tmp_path):
    value = {"texts": ["naïve µg", "line\nbreak", "\u2028"], "none": None, "number": 0.1}
    write_json(tmp_path / "v.json", value)
    write_json_lines(tmp_path / "v.jsonl", [value, value])
    write_text(tmp_path / "v.txt", "naïve")
    assert read_json(tmp_path / "v.json") == value
    assert read_json_lines(tmp_path / "v.jsonl") == [value, value]
    assert "naïve µg".encode() in (tmp_path / "v.jsonl").read_bytes()
    assert (tmp_path / "v.txt").read_bytes() == "naïve".encode()


def test_hashes_with_known_values(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert (
        sha256_file(tmp_path / "abc")
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    assert sha256_json({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_the_hash_of_values_ignores_the_order_of_keys_only():
    assert sha256_json({"a": 1, "b": [1, 2]}) == sha256_json({"b": [1, 2], "a": 1})
    assert sha256_json({"a": 1, "b": [1, 2]}) != sha256_json({"a": 1, "b": [2, 1]})


@pytest.fixture
def reads(monkeypatch):
    """The files whose bytes are read for a hash, in order."""
    seen = []
    read = files.sha256_file
    monkeypatch.setattr(files, "sha256_file", lambda path: seen.append(path) or read(path))
    return seen


def aged(path, text, seconds=60):
    path.write_text(text)
    past = path.stat().st_mtime_ns - seconds * 10**9
    os.utime(path, ns=(past, past))
    return past


def test_a_settled_file_is_read_once_for_its_hash(tmp_path, reads):
    path = tmp_path / "weights"
    aged(path, "x")
    assert file_hash(path) == file_hash(path) == sha256_file(path)
    (tmp_path / "link").symlink_to(path)
    assert file_hash(tmp_path / "link") == file_hash(path)
    assert reads == [path]
    file_hash(path, reread=True)
    assert reads == [path, path]


def test_a_file_of_this_moment_is_read_each_time(tmp_path, reads):
    path = tmp_path / "weights"
    path.write_text("x")
    first = file_hash(path)
    path.write_text("y")  # the same size, and perhaps the same tick of a coarse clock
    assert file_hash(path) != first
    assert reads == [path, path]


@pytest.mark.parametrize("text", ["y", "longer"])
def test_a_changed_file_is_read_again_even_where_its_time_was_set_back(tmp_path, text):
    path = tmp_path / "weights"
    past = aged(path, "x")
    first = file_hash(path)
    other = tmp_path / "other"
    other.write_text(text)
    os.utime(other, ns=(past, past))
    other.replace(path)
    assert file_hash(path) == sha256_file(path) != first


def test_the_hash_of_files_sees_names_and_bytes(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("x")
    two.write_text("x")
    assert sha256_paths([one]) != sha256_paths([two])
    before = sha256_paths([one, two])
    two.write_text("y")
    assert sha256_paths([one, two]) != before


@pytest.mark.parametrize(
    "text", ["", "{", '{"a": 1', "\ud800", "[" * 100_000, '{"name": "Zqxsecret', "9" * 5000]
)
def test_a_cut_json_file_is_named_without_its_text(tmp_path, text):
    path = tmp_path / "run.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    for read in (read_json, read_json_lines, partial(read_as, kind=InferenceSettings)):
        if not text and read is read_json_lines:
            continue
        with pytest.raises(DataError, match=r"run\.json") as caught:
            read(path)
        assert "Zqxsecret" not in str(caught.value)


def test_files_are_as_the_umask_says_whoever_writes_them(tmp_path):
    for mask, mode in ((0o022, 0o644), (0o002, 0o664), (0o077, 0o600)):
        before = os.umask(mask)
        try:
            with whole_directory(tmp_path / "model") as directory:
                save_file({"a": np.zeros(2)}, directory / "model.safetensors")
                (directory / "config.json").write_text("{}")
            with whole_file(tmp_path / "one.safetensors") as temporary:
                save_file({"a": np.zeros(2)}, temporary)
        finally:
            os.umask(before)
        files = [*(tmp_path / "model").iterdir(), tmp_path / "one.safetensors"]
        assert {path.stat().st_mode & 0o777 for path in files} == {mode}
