"""The promise of the first page, with the embedded model: one command, a real and significant
effect, a report.
"""

import json

import pytest

from command_line import run_command

FEW = ["evaluate.limit=16", "evaluate.decoding.max_new_tokens=12"]


def quickstart(place, *options):
    words = [word for option in (*FEW, *options) for word in ("--set", option)]
    done = run_command("run", "quickstart", "--out", "run", *words, cwd=place)
    assert done.returncode == 0, done.stderr
    return place / "run", done.stdout


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return quickstart(
        tmp_path_factory.mktemp("quickstart"),
        "train.max_steps=6",
        "train.validate_every=6",
        "data.limit=200",
    )


@pytest.mark.long
def test_the_embedded_model_gets_significantly_better(tmp_path):
    figures = json.loads((quickstart(tmp_path, "train.epochs=1")[0] / "metrics.json").read_text())
    change = figures["change"]["perplexity"]["bits_per_byte"]
    assert figures["data"]["leaked"] == 0
    assert change["high"] < 0
    assert change["p_corrected"] < 0.01
    assert figures["before"]["perplexity"]["bits_per_byte"]["value"] < 2.2


def test_no_demonstration_subject_was_trained_on(finished):
    from medtune.conversation import read_conversations
    from medtune.recipe.schema import TOPICS

    trained = " ".join(
        c.question.lower() for c in read_conversations(finished[0] / "data" / "train.parquet")
    )
    assert len(TOPICS) == 5
    for subject in ("paracetamol", "adrenal hyperplasia", "anthrax", "cachexia", "botulism"):
        assert subject not in trained


def test_it_ends_with_the_verdict_and_the_report(finished):
    assert "Bits per byte of the held-out answers fell by" in finished[1]
    assert finished[1].strip().splitlines()[-1].startswith("Report: ")
    assert (finished[0] / "report.html").stat().st_size > 10_000


def test_choosing_a_task_does_not_change_the_test_items(finished, medtune):
    model = ("--model", finished[0])
    done = medtune(
        "evaluate",
        "quickstart",
        *model,
        "--task",
        "perplexity",
        "--json",
        "--set",
        "data.limit=200",
    )
    assert done.returncode == 0, done.stderr
    after = json.loads((finished[0] / "metrics.json").read_text())["after"]["perplexity"]
    assert json.loads(done.stdout)["perplexity"] == after


@pytest.mark.parametrize("place", [".", "model"])
def test_training_rows_are_known_by_the_run_s_directory_and_by_its_model_s(finished, place):
    from medtune.conversation import read_conversations
    from medtune.errors import DataError
    from medtune.runs.evaluate_model import refuse_training_rows

    trained, held_out = (
        read_conversations(finished[0] / "data" / f"{name}.parquet") for name in ("train", "test")
    )
    refuse_training_rows(str(finished[0] / place), held_out)
    with pytest.raises(DataError, match=f"3 of {len(held_out) + 3} test items were training rows"):
        refuse_training_rows(str(finished[0] / place), [*held_out, *trained[:3]])


def test_the_run_s_directory_stands_for_its_recipe(finished, medtune):
    done = medtune("run", finished[0])
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("done before") == 5
