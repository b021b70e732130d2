"""Ctrl-C, termination and a full disk: what is done is kept, and the same command finishes."""

import json
import shutil
import signal
import subprocess
import time

import pytest

from command_line import COMMAND, StartedCommand

STEPS = 200


def steps_logged(log):
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return len(lines)


@pytest.fixture(scope="module")
def long(small):
    """A training of a few seconds without a checkpoint on its way."""
    changes = {
        "train.max_steps": STEPS,
        "train.epochs": 100,
        "train.batch_size": 1,
        "train.save_every": 1000,
    }
    tasks = ["--set", "evaluate.tasks=[perplexity]"]
    return [
        "quickstart",
        *small,
        *tasks,
        *(word for k, v in changes.items() for word in ("--set", f"{k}={v}")),
    ]


@pytest.fixture(scope="module")
def interrupted(long, tmp_path_factory):
    """A run that met SIGTERM at step 20 or so and Ctrl-C at step 60 or so, and its third, whole
    call.
    """
    home = tmp_path_factory.mktemp("interrupted")
    log = home / "out" / "train" / "metrics.jsonl"
    calls = {}
    for number, step in ((signal.SIGTERM, 20), (signal.SIGINT, 60)):
        process = StartedCommand("run", *long, "--out", "out", cwd=home)
        while process.poll() is None and steps_logged(log) < step:
            time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate()
        state = json.loads((home / "out" / "run.json").read_text(encoding="utf-8"))
        calls[number] = process.returncode, out, err, state
    process = StartedCommand("run", *long, "--out", "out", cwd=home)
    out, err = process.communicate()
    calls["last"] = (
        process.returncode,
        out,
        err,
        json.loads((home / "out" / "run.json").read_text(encoding="utf-8")),
    )
    return home / "out", calls


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_during_training_ends_the_run_with_its_code_and_a_message(
    interrupted, number, code, word
):
    _, calls = interrupted
    returned, out, err, state = calls[number]
    assert returned == code, err
    assert state["status"] == "interrupted"
    assert state["stages"]["train"]["status"] == "running"
    assert out == ""
    assert "Traceback" not in err
    last = err.splitlines()[-1]
    assert last.startswith(f"error: {word} in training, step ")
    assert f" of {STEPS} is saved. `medtune run quickstart --set " in last
    assert last.endswith(" --out out` goes on from there.")


def test_the_same_command_goes_on_and_finishes(interrupted):
    run, calls = interrupted
    code, out, err, state = calls["last"]
    assert code == 0, err
    assert state["status"] == "complete"
    assert "[prepare] done before" in err
    assert "[evaluate_before] done before" in err
    resumed = int(err.partition("resuming at step ")[2].split()[0])
    _, _, stopped, _ = calls[signal.SIGINT]
    assert resumed == int(stopped.rpartition("in training, step ")[2].split()[0]) >= 60
    log = [
        json.loads(line)
        for line in (run / "train" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [row["step"] for row in log] == list(range(1, STEPS + 1))
    assert out.rstrip().endswith("report.html")


def test_two_interruptions_leave_the_weights_of_an_uninterrupted_training(
    interrupted, medtune, long, tmp_path, hashes_of
):
    run, _ = interrupted
    process = medtune("train", *long, "--out", "whole", "--json")
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout)["steps"] == STEPS
    assert not (tmp_path / "whole" / "eval").exists()
    assert hashes_of(tmp_path / "whole" / "model") == hashes_of(run / "model")


def assert_no_room(code, out, err):
    assert code == 1, err
    assert "Traceback" not in err
    assert "SafetensorError" not in err
    message = err[err.index("error: ") :].splitlines()
    assert 1 <= len(message) <= 2
    assert "the same command" in message[-1]
    assert "Report:" not in out


def test_a_file_that_cannot_grow_stops_the_run_and_loses_nothing(
    finished, hashes_of, medtune, tmp_path
):
    run = tmp_path / "out"
    arguments = [*finished.arguments, "--out", "out"]
    process = StartedCommand(*arguments, cwd=tmp_path, largest=50 * 1024)
    out, err = process.communicate()
    assert (run / "data" / "test.parquet").exists()
    assert (run / "eval" / "before" / "perplexity.json").exists()
    assert not (run / "model").exists()
    assert not (run / "metrics.json").exists()
    assert list(run.rglob(".partial*")) == []
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))["status"] == "failed"

    again = medtune(*arguments)
    assert again.returncode == 0, again.stderr
    assert "[evaluate_before] done before" in again.stderr
    assert hashes_of(run / "model") == hashes_of(finished.root / "model")
    assert_no_room(process.returncode, out, err)


@pytest.fixture
def on_a_full_disk(tmp_path):
    """Run the command beside a file system of 64 KiB that is full.

    Says what is on it afterwards.
    """
    script = """
        mount -t tmpfs -o size=64k none disk && (cat /dev/zero > disk/ballast 2> /dev/null; "$@")
        code=$?; ls -A disk; exit $code
    """
    prefix = ["unshare", "-rm", "bash", "-c", script, "bash"]
    (tmp_path / "disk").mkdir()
    if (
        not shutil.which("unshare")
        or subprocess.run([*prefix, "true"], cwd=tmp_path, capture_output=True).returncode
    ):
        pytest.skip("no right to mount a small disk here")

    def run(*arguments):
        return subprocess.run(
            [*prefix, *COMMAND, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    "arguments",
    [
        ("recipes", "copy", "quickstart", "disk/mine.yaml"),
        ("prepare", "quickstart", "--out", "disk/run"),
    ],
)
def test_a_full_disk_is_named_as_such_and_holds_nothing_half_written(
    on_a_full_disk, small, arguments
):
    process = on_a_full_disk(*arguments, *(small if arguments[0] == "prepare" else []))
    assert_no_room(process.returncode, process.stdout, process.stderr)
    assert "disk is full" in process.stderr
    assert set(process.stdout.split()) <= {"ballast", "run"}
