"""The recipes of MTSamples: what they keep, and whole runs through the real command on small
data.
"""

import csv
import json
import re
import shutil
from collections import Counter
from functools import partial

import pytest

from command_line import run_command
from medtune.conversation import read_conversations
from medtune.data.prepare import prepare
from medtune.evaluation.tasks import TASKS, TaskSettings
from medtune.recipe.read import read_run_recipe, shipped_recipes
from medtune.recipe.schema import Decoding

NAMES = (
    "mtsamples-specialty",
    "mtsamples-label-sets",
    "mtsamples-specialty-faithful",
    "mtsamples-specialty-hosted",
    "mtsamples-specialty-hosted-faithful",
)
SPLITS = ("train", "validation", "test")
PUBLISHED = (
    "Given a report description, classify medical specialty into Cardiovascular / Pulmonary, "
    "Gastroenterology, "
    "Neurology, Radiology, Surgery"
)

DRAWS = True


def prepared(name, place, data_dir, *options):
    recipe = read_run_recipe(
        name, ["data.identifiers=off", "data.contamination.check=false", *options]
    )
    return prepare(recipe.data, recipe.seed, [], data_dir, place)


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    """A file in MTSamples' published form: every specialty has words of its own.

    Each text is there under Surgery too.
    """
    place = tmp_path_factory.mktemp("data")
    labels = read_run_recipe("mtsamples-specialty").data.where.label
    header = ["", "description", "medical_specialty", "sample_name", "transcription", "keywords"]
    with open(place / "mtsamples.csv", "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(header)
        for number in range(8):
            for kind, label in enumerate(labels):
                text = (
                    f"Case {number} of organ{kind}, seen for trouble{kind}. "
                    f"The organ{kind} was found well in visit {number}{kind}."
                )
                for given in (label, "Surgery"):
                    writer.writerow(
                        [
                            number,
                            "d",
                            f" {given}",
                            f"sample {number}",
                            text,
                            f"{given.lower()}, organ{kind}",
                        ]
                    )
    return place


def on_tiny(medtune, name, data, model, out, *options):
    small = [
        "train.max_steps=3",
        "train.batch_size=2",
        "evaluate.resamples=200",
        "evaluate.decoding.max_new_tokens=6",
    ]
    chosen = [f"model.name={model}", *small, *options]
    done = medtune(
        *("run", name, "--data-dir", data, "--out", out),
        *[part for option in chosen for part in ("--set", option)],
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def finished(made_up, tiny_model, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "specialty"
    on_tiny(partial(run_command, cwd=out.parent), "mtsamples-specialty", made_up, tiny_model, out)
    return out


# The recipes


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_is_whole(name):
    assert name in shipped_recipes()
    recipe = read_run_recipe(name)
    assert recipe.description
    assert all(spec.task == "classification" for spec in recipe.evaluate.tasks)


def test_the_hosted_recipe_has_the_published_values_and_a_budget():
    recipe = read_run_recipe("mtsamples-specialty-hosted-faithful")
    hosted = recipe.train.hosted
    assert recipe.model.name == "gpt-3.5-turbo-0125"
    assert (hosted.n_epochs, hosted.batch_size, hosted.learning_rate_multiplier) == (1, 1, 2)
    assert hosted.budget_usd is not None
    assert 355_635 * hosted.usd_per_million_tokens / 1e6 < hosted.budget_usd
    assert recipe.data == read_run_recipe("mtsamples-specialty-faithful").data


def test_done_right_at_a_service_is_the_local_task_with_what_it_finds_of_patients_masked():
    hosted, local = (
        read_run_recipe(name) for name in ("mtsamples-specialty-hosted", "mtsamples-specialty")
    )
    assert (hosted.data.where, hosted.data.split, hosted.seed) == (
        local.data.where,
        local.data.split,
        local.seed,
    )
    assert all(label in hosted.data.system_prompt for label in hosted.data.where.label)
    assert hosted.data.identifiers == "mask"
    assert [spec.scoring for spec in hosted.evaluate.tasks] == ["generation"]


@pytest.mark.long
def test_the_faithful_split_has_the_published_sizes_and_its_leak(real_data, tmp_path):
    found = prepared("mtsamples-specialty-faithful", tmp_path, real_data)
    for name, each in zip(SPLITS, (100, 5, 5), strict=True):
        assert set(Counter(c.label for c in found.splits[name]).values()) == {each}
        assert sum(c.label is not None for c in found.splits[name]) == 5 * each
    known = {c.question for c in found.splits["train"]}
    assert 450 < len(known) < 490  # published: 467 texts in 500 rows
    assert (
        found.audit.as_json()["leaked"]
        >= sum(c.question in known for n in SPLITS[1:] for c in found.splits[n])
        > 0
    )
    one = found.splits["train"][0]
    assert [m.role for m in one.messages] == ["system", "user", "assistant"]
    assert (one.messages[0].content, one.reference) == (PUBLISHED, one.label)
    assert "Which medical specialty" not in one.question


def baselines(splits, labels):
    """Samples of each baseline on the test split."""
    settings = TaskSettings(0, Decoding(), (), None, labels=tuple(labels))
    return TASKS["classification"].baseline_samples(splits["train"], splits["test"], settings)


@pytest.mark.long
def test_done_right_nothing_leaks_and_word_counts_reach_what_is_known(real_data, tmp_path):
    """TRAPS: about 0.89 accuracy and 0.87 macro-F1 on 14 specialties, deduplicated and grouped."""
    from medtune.evaluation.evaluate import score

    found = prepared("mtsamples-specialty", tmp_path, real_data)
    assert found.audit.as_json()["leaked"] == 0
    assert found.audit.as_json()["labels"]["selected"]["classes"] == 14
    assert found.audit.as_json()["labels"]["selected"]["texts_with_several_labels"] == 0
    splits = found.splits
    labels = sorted({c.label for name in SPLITS for c in splits[name]})
    scores = score(TASKS["classification"], baselines(splits, labels)["tfidf_svm"], 200, 0)
    assert scores["accuracy"].value == pytest.approx(0.89, abs=0.03)
    assert scores["macro_f1"].value == pytest.approx(0.87, abs=0.04)


@pytest.mark.long
def test_label_sets_are_mostly_hit_by_word_counts(real_data, tmp_path):
    """TRAPS: hit@1 about 0.92."""
    from medtune.evaluation.evaluate import score
    from medtune.evaluation.tasks.classification import right_labels

    splits = prepared("mtsamples-label-sets", tmp_path, real_data).splits
    labels = sorted({label for c in splits["train"] + splits["test"] for label in right_labels(c)})
    assert len(labels) == 40
    scores = score(TASKS["classification"], baselines(splits, labels)["tfidf_svm"], 200, 0)
    assert scores["hit_at_1"].value == pytest.approx(0.92, abs=0.03)


# Baselines


def test_the_majority_is_trainings_not_tests(made_up, tmp_path):
    splits = prepared("mtsamples-specialty", tmp_path, made_up).splits
    train, test = splits["train"], splits["test"]
    always = Counter(c.label for c in train).most_common(1)[0][1]
    samples = baselines(splits, sorted({c.label for c in (*train, *test)}))["majority"]
    (named,) = {next(iter(sample["score"]["top"])) for sample in samples}
    assert sum(c.label == named for c in train) == always


# Whole runs


def test_a_run_measures_models_and_baselines_on_the_same_items(finished):
    metrics = json.loads((finished / "metrics.json").read_text())
    assert metrics["status"] == "complete"
    for task in ("by_likelihood", "by_generation"):
        n = metrics["after"][task]["accuracy"]["n"]
        assert n == metrics["data"]["test"]
        assert metrics["baselines"][task]["tfidf_svm"]["accuracy"] == {
            "value": 1.0,
            "n": n,
            "groups": n,
        } | {
            key: metrics["baselines"][task]["tfidf_svm"]["accuracy"][key] for key in ("low", "high")
        }
        assert metrics["baselines"][task]["majority"]["accuracy"]["value"] < 0.3
        assert metrics["change"][task]["accuracy"]["test"] == "exact McNemar"
        assert (
            set(metrics["before"][task])
            == set(metrics["after"][task])
            == set(metrics["change"][task])
        )
    assert "parse_rate" not in metrics["after"]["by_likelihood"]
    tables = json.loads((finished / "eval" / "tables.json").read_text())
    assert len(tables["by_likelihood"]["after"]["labels"]) == 14
    assert sum(map(sum, tables["by_generation"]["after"]["confusion"])) == pytest.approx(
        metrics["data"]["test"]
    )


def test_samples_hold_what_was_scored(finished):
    lines = (finished / "eval" / "after" / "by_likelihood.samples.jsonl").read_text().splitlines()
    items = {item.id: item for item in read_conversations(finished / "data" / "test.parquet")}
    for sample in map(json.loads, lines):
        best = max(sample["loglikelihoods"])
        named = [
            o
            for o, ll in zip(sample["options"], sample["loglikelihoods"], strict=True)
            if ll > best - 1e-5
        ]
        assert list(sample["score"]["top"]) == named
        assert [text.strip() for text in sample["continuations"]] == sample["options"]
        assert sample["labels"] == [items[sample["id"]].label]
        assert sample["prompt_cut"] or items[sample["id"]].question in sample["prompt"]


def test_the_report_shows_it_and_is_made_again_without_a_model(finished, medtune, tmp_path):
    out = shutil.copytree(finished, tmp_path / "copy")
    figures = json.loads((out / "metrics.json").read_text())
    for gone in ("model", "metrics.json", "report.html", "eval/tables.json"):
        shutil.rmtree(out / gone) if (out / gone).is_dir() else (out / gone).unlink()
    done = medtune("report", out)
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "metrics.json").read_text()) == figures
    page = (out / "report.html").read_text()
    for text in (
        "linear support vector machine",
        "Every class",
        "Confusion matrix as a table",
        "untouched model",
    ):
        assert text in page
    assert re.search(
        r"Yet a linear model on word counts, without any language model, reaches 1 ", page
    )
    for name in ("confusion_by_likelihood", "answered_by_generation"):
        assert (out / "plots" / f"{name}.png").exists()
        assert (out / "plots" / f"{name}.svg").exists()


def test_sets_of_labels_run_too(made_up, tiny_model, medtune, tmp_path):
    out = tmp_path / "sets"
    on_tiny(medtune, "mtsamples-label-sets", made_up, tiny_model, out)
    metrics = json.loads((out / "metrics.json").read_text())
    for task in ("by_likelihood", "by_generation"):
        assert {"hit_at_1", "macro_f1", "micro_f1"} <= set(metrics["after"][task])
        assert "accuracy" not in metrics["after"][task]
    assert (
        metrics["baselines"]["by_likelihood"]["majority"]["hit_at_1"]["value"] == 1.0
    )  # every text is Surgery too
    assert metrics["baselines"]["by_likelihood"]["majority"]["micro_f1"]["value"] == pytest.approx(
        2 / 3
    )
    assert all(len(c.labels) == 2 for c in read_conversations(out / "data" / "test.parquet"))
    assert "first label in the set" in (out / "report.html").read_text()


def test_a_recipe_that_classifies_questions_and_answers_is_told_so(
    medtune, tiny_model, questions_csv, quick, tmp_path
):
    done = medtune(
        *(
            "run",
            "quickstart",
            "--set",
            f"model.name={tiny_model}",
            "--set",
            f"data.source={questions_csv}",
        ),
        *quick,
        *("--set", "evaluate.tasks=[classification]", "--out", tmp_path / "none"),
    )
    assert done.returncode == 2
    assert "no test row has a label as its answer" in done.stderr
