"""One stage at a time: dry run, inspect, evaluate, report."""

import json
import shutil

DRAWS = True


def test_a_dry_run_prints_the_plan_and_writes_nothing(medtune, small, tmp_path):
    process = medtune("run", "quickstart", *small, "--dry-run")
    assert process.returncode == 0
    plan = {line.split()[0]: line for line in process.stdout.splitlines()}
    assert "train 28, validation 4, test 8" in plan["rows"]
    assert "4 steps" in plan["training"]
    assert "GiB" in plan["memory"]
    assert " to " in plan["time"]  # never one figure
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_has_its_figures_as_json(medtune, finished, tmp_path):
    process = medtune(*finished.arguments, "--dry-run", "--json")
    facts = json.loads(process.stdout)
    assert facts["rows"] == {
        name: finished.metrics["data"][name] for name in ("train", "validation", "test")
    }
    assert facts["parameters"] == finished.metrics["train"]["parameters"]
    assert facts["steps"] == 4
    assert facts["estimated_memory_bytes"] > 0
    assert facts["seconds"]["likely"] > 0
    assert list(tmp_path.iterdir()) == []


def test_prepare_alone_ends_with_a_status_that_is_not_running(medtune, finished, tmp_path):
    process = medtune("prepare", *finished.arguments[1:], "--out", "data only")
    assert process.returncode == 0
    assert "leaked: 0" in process.stdout
    state = json.loads((tmp_path / "data only" / "run.json").read_text(encoding="utf-8"))
    assert state["stages"]["prepare"]["status"] == "complete"
    assert state["status"] not in ("running", "complete")


def test_evaluation_alone_gives_the_figures_of_before(medtune, finished, tmp_path):
    process = medtune("evaluate", *finished.arguments[1:], "--task", "perplexity", "--json")
    assert process.returncode == 0
    assert json.loads(process.stdout) == {"perplexity": finished.metrics["before"]["perplexity"]}
    assert list(tmp_path.iterdir()) == []


def test_evaluation_with_seeds_samples_so_many_answers(medtune, finished):
    words = [*finished.arguments[1:], "--set", "evaluate.limit=3", "--seeds", "2", "--json"]
    process = medtune("evaluate", *words, "--task", "answers")
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout)["answers"]["sampled_rouge_l"]["n"] == 3
    refused = medtune("evaluate", *words, "--task", "perplexity")
    assert (refused.returncode, "no task samples answers" in refused.stderr) == (2, True)


def test_report_makes_figures_plots_page_and_card_again_from_the_samples(
    medtune, finished, tmp_path, hashes_of
):
    run = tmp_path / "copy"
    shutil.copytree(finished.root, run)
    for name in ("metrics.json", "report.html", "README.md", "eval/comparison.json"):
        (run / name).unlink()
    shutil.rmtree(run / "plots")
    shutil.rmtree(run / "model")
    process = medtune("report", run, "--json")
    assert process.returncode == 0, process.stderr
    printed = json.loads(process.stdout)
    assert printed.items() >= finished.metrics.items()
    assert printed["verdict"] in " ".join(finished.process.stdout.split())
    again = hashes_of(run)
    assert again.keys() == {name for name in finished.hashes if not name.startswith("model/")}
    assert again["metrics.json"] == finished.hashes["metrics.json"]


def test_report_of_a_directory_that_is_no_run_says_so(medtune, tmp_path):
    process = medtune("report", tmp_path)
    assert process.returncode in (1, 2)
    assert process.stderr.startswith(f"error: {tmp_path}: this is no run")
    assert list(tmp_path.iterdir()) == []
