"""`medtune compare` and `medtune export` as commands."""

import json
import shutil

import pytest

from medtune.files import read_json


@pytest.fixture
def second(finished, tmp_path):
    """Another run on the same items: the first, its answers made a little worse."""
    run = tmp_path / "second"
    shutil.copytree(finished.root, run)
    samples = run / "eval" / "after" / "perplexity.samples.jsonl"
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    worse = [row | {"loglikelihoods": [row["loglikelihoods"][0] - 30]} for row in rows]
    samples.write_text("".join(json.dumps(row) + "\n" for row in worse))
    return run


def test_two_runs_in_one_table(medtune, finished, second, tmp_path):
    done = medtune("compare", finished.root, second, "--out", "out")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    assert lines[0] == f"{finished.metrics['data']['test']} items of quickstart, 3 models"
    rows = [line.split() for line in lines if "second" in line and line.strip()[0].isdigit()]
    ours = finished.metrics["after"]["perplexity"]["bits_per_byte"]["value"]
    assert float(rows[0][2]) > ours
    assert lines[-1] == f"Page: {(tmp_path / 'out' / 'compare.html').resolve()}"
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {
        "compare.html",
        "comparison.json",
        "all_models.png",
    }
    assert "comparing" in done.stderr


def test_json_is_alone_on_stdout(medtune, finished, second, tmp_path):
    done = medtune("compare", finished.root, second, "--out", "out", "--json", "--quiet")
    assert done.returncode == 0
    assert json.loads(done.stdout) == read_json(tmp_path / "out" / "comparison.json")
    assert done.stderr == ""


def test_the_runs_are_left_as_they_were(medtune, finished, second, hashes_of, tmp_path):
    before = hashes_of(second)
    assert medtune("compare", finished.root, second).returncode == 0
    assert hashes_of(second) == before
    assert hashes_of(finished.root) == finished.hashes
    assert (tmp_path / "runs" / "comparison" / "compare.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare"], "nothing is named"),
        (["compare", "no-such-run"], "this is no run"),
        (["compare", "--model", "medtune-base"], "--on RECIPE"),
        (["compare", "--model", "medtune-base", "--on", "no-such-recipe"], "no-such-recipe"),
        (["export", "no-such-run", "--to", "x", "--form", "merged"], "this is no run"),
        (["export", "run", "--to", "x", "--form", "awq"], "awq"),
        (["export", "run", "--to", "x", "--form", "merged", "--public"], "--push"),
    ],
)
def test_wrong_words_are_errors_of_two_lines(medtune, arguments, message):
    done = medtune(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) <= 2


def test_an_export_of_all_weights_answers_as_the_run(medtune, finished, tmp_path):
    done = medtune("export", finished.root, "--to", "out", "--form", "merged", "--dtype", "float32")
    assert done.returncode == 0, done.stderr
    answers = [medtune("ask", run, "What is gout?").stdout for run in (finished.root, "out")]
    assert answers[0] == answers[1] != ""
