"""`medtune run` from a table to a report, again, and changed."""

import json
import shutil

import pyarrow.parquet as pq

from command_line import StartedCommand

TIMING = {"seconds", "tokens_per_second", "peak_memory_bytes"}


def stages_run(stderr):
    """Stage → whether it was done (and not kept from before)."""
    lines = [line for line in stderr.splitlines() if line.startswith("[")]
    return {line[1:].partition("]")[0]: "done before" not in line for line in lines}


def without_timing(metrics):
    return metrics | {
        "train": {key: value for key, value in metrics["train"].items() if key not in TIMING}
    }


def items(run, split):
    return pq.read_table(run / "data" / f"{split}.parquet").column("id").to_pylist()


def test_the_run_directory_holds_every_file_of_the_contract(finished, tasks):
    expected = {
        "recipe.yaml",
        "run.json",
        "metrics.json",
        "report.html",
        "README.md",
        "eval/comparison.json",
    }
    expected |= {
        f"data/{name}"
        for name in ("train.parquet", "validation.parquet", "test.parquet", "audit.json")
    }
    expected |= {f"train/{name}" for name in ("metrics.jsonl", "loss.csv", "trainer_stats.json")}
    expected |= {
        f"eval/{side}/{task}.{end}"
        for side in ("before", "after")
        for task in tasks
        for end in ("json", "samples.jsonl")
    }
    expected |= {
        f"model/{name}"
        for name in (
            "model.safetensors",
            "tokenizer.json",
            "chat_template.jinja",
            "generation_config.json",
        )
    }
    assert expected - set(finished.hashes) == set()
    plots = [name for name in finished.hashes if name.startswith("plots/")]
    assert {name.rpartition(".")[2] for name in plots} == {"png", "svg"}


def test_nothing_pickled_and_nothing_half_written_is_left(finished):
    suffixes = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
    assert not [name for name in finished.hashes if name.endswith(suffixes) or ".partial" in name]


def test_metrics_have_the_keys_of_the_contract(finished, tasks):
    metrics = finished.metrics
    assert (metrics["recipe"], metrics["status"]) == ("quickstart", "complete")
    assert {"train", "validation", "test", "dropped", "leaked", "truncated_rows"} <= set(
        metrics["data"]
    )
    assert metrics["data"]["leaked"] == 0
    assert sum(metrics["data"][name] for name in ("train", "validation", "test")) == 40
    expected = {
        "steps",
        "tokens",
        "supervised_tokens",
        "trainable_parameters",
        "parameters",
    } | TIMING
    assert expected <= set(metrics["train"])
    assert metrics["train"]["steps"] == 4
    assert 0 < metrics["train"]["supervised_tokens"] < metrics["train"]["tokens"]
    shapes = [
        {task: set(scores) for task, scores in metrics[side].items()}
        for side in ("before", "after", "change")
    ]
    assert shapes[0] == shapes[1] == shapes[2]
    assert set(shapes[0]) == set(tasks)
    for task, scores in metrics["change"].items():
        for name, change in scores.items():
            before, after = metrics["before"][task][name], metrics["after"][task][name]
            assert {"value", "low", "high", "n"} <= set(before) & set(after)
            assert {"value", "low", "high", "p", "p_corrected", "test"} <= set(change)
            assert abs(after["value"] - before["value"] - change["value"]) < 1e-9


def test_standard_output_is_a_table_a_verdict_and_the_report_s_path(finished):
    out = finished.process.stdout.rstrip("\n")
    assert not out.splitlines()[0]
    table, verdict, report = out.strip("\n").split("\n\n")
    assert all(len(line) <= 80 for line in table.splitlines())
    entries = [entry for scores in finished.metrics["change"].values() for entry in scores.values()]
    tested = sum(entry["better"] is not None for entry in entries)
    assert len(table.splitlines()) == 2 + tested + 1
    assert table.splitlines()[-1].startswith(f"{len(entries) - tested} further figures")
    assert verdict.startswith("Bits per byte of the held-out answers fell by")
    assert "95 %" in verdict
    assert max(map(len, verdict.splitlines())) <= 80
    assert " ".join(verdict.split()) in (finished.root / "report.html").read_text(encoding="utf-8")
    assert report == f"Report: {finished.root / 'report.html'}"


def test_progress_goes_to_standard_error_with_the_columns_taken(finished):
    assert all(
        stages_run(finished.process.stderr)[name]
        for name in ("prepare", "evaluate_before", "train", "evaluate_after")
    )
    assert "question = question, answer = answer" in finished.process.stderr
    assert "Traceback" not in finished.process.stderr


def test_a_pipe_gets_no_escape_codes_and_no_bars(finished):
    text = finished.process.stdout + finished.process.stderr
    assert "\x1b" not in text
    assert "\r" not in text
    assert "it/s]" not in text


def test_run_json_names_what_the_figures_come_from(finished, hashes_of):
    state = json.loads((finished.root / "run.json").read_text(encoding="utf-8"))
    assert state["status"] == "complete"
    assert {"versions", "hardware", "seed", "base", "result"} <= set(state)
    for name in ("prepare", "evaluate_before", "train", "evaluate_after"):
        stage = state["stages"][name]
        assert stage["status"] == "complete"
        assert stage["start"] <= stage["end"]
        assert stage["outputs"].items() <= hashes_of(finished.root).items()


def test_the_base_model_s_files_are_untouched(finished, tiny_model, hashes_of):
    assert hashes_of(tiny_model) == finished.model_before
    assert finished.hashes["model/model.safetensors"] != finished.model_before["model.safetensors"]


def test_the_resolved_recipe_reads_back_as_itself(finished, medtune):
    text = (finished.root / "recipe.yaml").read_text(encoding="utf-8")
    assert "max_grad_norm" in text
    assert medtune("recipes", "show", finished.root / "recipe.yaml").stdout == text


def test_a_second_call_does_nothing_again(finished, medtune, tmp_path, hashes_of):
    run = shutil.copytree(finished.root, tmp_path / "runs" / "quickstart")
    stages = json.loads((run / "run.json").read_text(encoding="utf-8"))["stages"]
    process = medtune(*finished.arguments)
    assert process.returncode == 0
    printed = process.stdout.replace(str(run), str(finished.root))
    assert printed == finished.process.stdout
    assert not any(stages_run(process.stderr).values())
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))["stages"] == stages
    after = hashes_of(run)
    changed = {
        name
        for name in after.keys() | finished.hashes.keys()
        if after.get(name) != finished.hashes.get(name)
    }
    assert changed <= {"run.json"}


def test_other_epochs_redo_the_training_but_neither_the_data_nor_the_base(
    finished, medtune, tmp_path, hashes_of
):
    run = tmp_path / "copy"
    shutil.copytree(finished.root, run)
    changes = ["--set", "train.epochs=0.5", "--set", "train.max_steps=null"]
    process = medtune(*finished.arguments, *changes, "--out", run)
    assert process.returncode == 0, process.stderr
    done = stages_run(process.stderr)
    assert (done["prepare"], done["evaluate_before"]) == (False, False)
    assert (done["train"], done["evaluate_after"]) == (True, True)
    after = hashes_of(run)
    kept = [name for name in finished.hashes if name.startswith(("data/", "eval/before/"))]
    assert kept
    assert all(after[name] == finished.hashes[name] for name in kept)
    assert after["model/model.safetensors"] != finished.hashes["model/model.safetensors"]
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["train"]["steps"] == 7
    assert metrics["before"] == finished.metrics["before"]


def test_the_same_seed_gives_the_same_figures_and_json_is_alone_on_standard_output(
    finished, tmp_path, hashes_of
):
    words = [*finished.arguments, "--out", "again", "--json", "--quiet"]
    process = StartedCommand(*words, cwd=tmp_path)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    printed = json.loads(out)
    metrics = json.loads((tmp_path / "again" / "metrics.json").read_text(encoding="utf-8"))
    assert printed.items() >= metrics.items()
    assert printed["verdict"] in " ".join(finished.process.stdout.split())
    assert without_timing(metrics) == without_timing(finished.metrics)
    again = hashes_of(tmp_path / "again")
    same = [
        name
        for name in finished.hashes
        if name.startswith(("model/", "data/")) or name.endswith("samples.jsonl")
    ]
    assert {name: again[name] for name in same} == {name: finished.hashes[name] for name in same}


def test_another_seed_draws_other_splits(finished, medtune, tmp_path):
    process = medtune("prepare", *finished.arguments[1:], "--seed", "7", "--out", "other", "--json")
    assert process.returncode == 0
    assert json.loads(process.stdout)["leaked"] == 0
    everything = [
        sorted(items(run, "train") + items(run, "validation") + items(run, "test"))
        for run in (tmp_path / "other", finished.root)
    ]
    assert everything[0] == everything[1]
    assert set(items(tmp_path / "other", "test")) != set(items(finished.root, "test"))
    assert not (tmp_path / "other" / "model").exists()
