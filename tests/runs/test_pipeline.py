"""Whole runs through the real command: killed and continued, under a launcher, with trackers, on
real data.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from medtune.files import sha256_file

LONG = [
    "--set",
    "train.max_steps=24",
    "--set",
    "train.save_every=1",
    "--set",
    "evaluate.tasks=[perplexity]",
]


def arguments(model, data, out, quick):
    return [
        "run",
        "quickstart",
        "--set",
        f"model.name={model}",
        "--set",
        f"data.source={data}",
        "--out",
        str(out),
        *quick,
        *LONG,
    ]


def test_killed_in_training_and_called_again_it_ends_with_the_same_weights(
    medtune, tiny_model, questions_csv, quick, tmp_path
):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert medtune(*arguments(tiny_model, questions_csv, whole, quick)).returncode == 0
    command = [sys.executable, "-m", "medtune", *arguments(tiny_model, questions_csv, parts, quick)]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=dict(os.environ), stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    log, deadline = parts / "train" / "metrics.jsonl", time.monotonic() + 120
    while (
        time.monotonic() < deadline
        and process.poll() is None
        and not (log.exists() and log.read_text().count("\n") > 3)
    ):
        time.sleep(0.005)
    time.sleep(random.uniform(0, 0.1))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (parts / "model").exists(), "it finished before it could be killed"
    again = medtune(*arguments(tiny_model, questions_csv, parts, quick))
    assert again.returncode == 0, again.stderr
    assert "[train] was interrupted: going on" in again.stderr
    assert sha256_file(whole / "model" / "model.safetensors") == sha256_file(
        parts / "model" / "model.safetensors"
    )
    figures = [json.loads((place / "metrics.json").read_text()) for place in (whole, parts)]
    assert figures[0]["change"] == figures[1]["change"]


def test_under_a_launcher_two_processes_make_one_run(tiny_model, questions_csv, quick, tmp_path):
    out = tmp_path / "two"
    launcher = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node=2",
        "--master-port=29512",
        "-m",
        "medtune",
    ]
    done = subprocess.run(
        [*launcher, *arguments(tiny_model, questions_csv, out, quick)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((out / "metrics.json").read_text())["status"] == "complete"
    assert done.stdout.count("Report:") == 1


def test_losses_go_to_tensorboard_when_asked(medtune, tiny_model, questions_csv, quick, tmp_path):
    pytest.importorskip("tensorboard")
    out = tmp_path / "tracked"
    done = medtune(
        *arguments(tiny_model, questions_csv, out, quick),
        "--set",
        "train.trackers=[tensorboard]",
        "--set",
        "train.max_steps=2",
    )
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
    medtune, tiny_model, questions_csv, quick, tmp_path
):
    out = tmp_path / "run"
    made = arguments(tiny_model, questions_csv, out, quick)
    assert medtune(*made).returncode == 0
    of_the_old_model = [
        out / "eval" / name for name in ("comparison.json", "confidence.json", "tables.json")
    ]
    for file in of_the_old_model[
        1:
    ]:  # this run measures neither: as a fuller one would have left them
        file.write_text("{}")
    assert medtune("train", *made[1:], "--set", "train.max_steps=3").returncode == 0
    assert not any(file.exists() for file in of_the_old_model)
    again = medtune("report", out, "--json")
    assert again.returncode == 0, again.stderr
    figures = json.loads(again.stdout)
    assert (figures["status"], figures["after"], figures["change"]) == ("partial", {}, {})
    assert "Not finished" in (out / "report.html").read_text()


def test_before_equals_an_evaluation_of_the_base_alone(
    medtune, tiny_model, questions_csv, quick, tmp_path
):
    out = tmp_path / "run"
    assert medtune(*arguments(tiny_model, questions_csv, out, quick)).returncode == 0
    verb = [
        "evaluate",
        "quickstart",
        "--set",
        f"model.name={tiny_model}",
        "--set",
        f"data.source={questions_csv}",
        *quick,
        *LONG,
        "--json",
    ]
    alone = json.loads(medtune(*verb).stdout)
    assert alone == json.loads((out / "metrics.json").read_text())["before"]


def test_lora_run_leaves_an_adapter_that_can_be_asked(
    medtune, tiny_model, questions_csv, quick, tmp_path
):
    out = tmp_path / "lora"
    done = medtune(*arguments(tiny_model, questions_csv, out, quick), "--set", "train.method=lora")
    assert done.returncode == 0, done.stderr
    assert {p.name for p in (out / "model").glob("*.safetensors")} == {"adapter_model.safetensors"}
    asked = medtune("ask", out, "What causes gout?", "--json", "--max-tokens", "4")
    assert asked.returncode == 0, asked.stderr
    assert "answer" in json.loads(asked.stdout)


def test_real_weights_on_real_medquad_improve(medtune, real_data, real_models, tmp_path):
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
    done = medtune(
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
