"""Whole runs through the real command: killed and continued, under a launcher, with trackers, on
real data.
"""

import json
import shutil
import subprocess
import sys
import time

import pytest

from command_line import GENEROUS, StartedCommand, run_command
from medtune.files import sha256_file
from small_run import overrides

LONG = {"train.max_steps": 24, "train.save_every": 1, "evaluate.tasks": "[perplexity]"}


@pytest.fixture(scope="module")
def long(small):
    """The words of a run of 24 steps with a checkpoint after each."""
    return [*small, *overrides(LONG)]


@pytest.fixture(scope="module")
def whole(long, tmp_path_factory):
    """That run, uninterrupted."""
    home = tmp_path_factory.mktemp("whole")
    run_command("run", "quickstart", *long, "--out", "run", cwd=home, check=True)
    return home / "run"


def test_killed_in_training_and_called_again_it_ends_with_the_same_weights(
    medtune, long, whole, tmp_path
):
    parts = tmp_path / "parts"
    arguments = ["run", "quickstart", *long, "--out", parts]
    process = StartedCommand(*arguments, cwd=tmp_path)
    while process.poll() is None and not list((parts / "train" / "checkpoints").glob("step-*")):
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert not (parts / "model").exists(), "it finished before it could be killed"
    again = medtune(*arguments)
    assert again.returncode == 0, again.stderr
    assert "[train] was interrupted: going on" in again.stderr
    assert sha256_file(whole / "model" / "model.safetensors") == sha256_file(
        parts / "model" / "model.safetensors"
    )
    figures = [json.loads((place / "metrics.json").read_text()) for place in (whole, parts)]
    assert figures[0]["change"] == figures[1]["change"]


@pytest.mark.long
def test_under_a_launcher_two_processes_make_one_run(long, tmp_path):
    out = tmp_path / "two"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*launcher, "-m", "medtune", "run", "quickstart", *long, "--out", out],
        capture_output=True,
        text=True,
        timeout=GENEROUS,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((out / "metrics.json").read_text())["status"] == "complete"
    assert done.stdout.count("Report:") == 1


def test_losses_go_to_tensorboard_when_asked(medtune, long, tmp_path):
    pytest.importorskip("tensorboard")
    out = tmp_path / "tracked"
    tracked = overrides({"train.trackers": "[tensorboard]", "train.max_steps": 2})
    done = medtune("train", "quickstart", *long, *tracked, "--out", out)
    assert done.returncode == 0, done.stderr
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    files = list(out.rglob("events.out.tfevents.*"))
    logged = []
    for place in {file.parent for file in files}:
        accumulator = EventAccumulator(str(place))
        accumulator.Reload()
        if "loss" in accumulator.Tags()["scalars"]:
            logged += accumulator.Scalars("loss")
    assert [event.step for event in logged] == [1, 2]
    assert not any(
        "symptoms of anemia" in file.read_bytes().decode("utf-8", "ignore") for file in files
    )


def test_a_report_never_shows_an_older_model_beside_a_newer_training(
    medtune, long, whole, tmp_path
):
    out = shutil.copytree(whole, tmp_path / "run")
    of_the_old_model = [
        out / "eval" / name for name in ("comparison.json", "confidence.json", "tables.json")
    ]
    for file in of_the_old_model[
        1:
    ]:  # this run measures neither: as a fuller one would have left them
        file.write_text("{}")
    words = ["quickstart", *long, *overrides({"train.max_steps": 3}), "--out", out]
    assert medtune("train", *words).returncode == 0
    assert not any(file.exists() for file in of_the_old_model)
    again = medtune("report", out, "--json")
    assert again.returncode == 0, again.stderr
    figures = json.loads(again.stdout)
    assert (figures["status"], figures["after"], figures["change"]) == ("partial", {}, {})
    assert "Not finished" in (out / "report.html").read_text()


def test_before_equals_an_evaluation_of_the_base_alone(medtune, long, whole):
    alone = json.loads(medtune("evaluate", "quickstart", *long, "--json").stdout)
    assert alone == json.loads((whole / "metrics.json").read_text())["before"]


def test_lora_run_leaves_an_adapter_that_can_be_asked(medtune, small, tmp_path):
    out = tmp_path / "lora"
    done = medtune("run", "quickstart", *small, "--set", "train.method=lora", "--out", out)
    assert done.returncode == 0, done.stderr
    assert {p.name for p in (out / "model").glob("*.safetensors")} == {"adapter_model.safetensors"}
    asked = medtune("ask", out, "What causes gout?", "--json", "--max-tokens", "4")
    assert asked.returncode == 0, asked.stderr
    assert "answer" in json.loads(asked.stdout)


@pytest.mark.long
def test_real_weights_on_real_medquad_improve(medtune_process, real_data, real_models, tmp_path):
    out = tmp_path / "medquad"
    options = [
        "data.limit=150",
        "train.max_steps=10",
        "evaluate.tasks=[perplexity]",
        f"model.name={real_models / 'stories260k'}",
        "train.learning_rate=3e-3",
        "data.identifiers=off",
        "data.contamination.check=false",
    ]
    done = medtune_process(
        "run",
        "medquad",
        "--data-dir",
        real_data,
        "--out",
        out,
        *[part for o in options for part in ("--set", o)],
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads((out / "metrics.json").read_text())
    assert figures["data"]["leaked"] == 0
    assert figures["data"]["dropped"]["empty"] > 25_000
    change = figures["change"]["perplexity"]["bits_per_byte"]
    assert change["high"] < 0
    assert change["p_corrected"] < 0.01
