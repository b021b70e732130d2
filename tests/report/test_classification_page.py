"""Classification on the page: what stands beside a score, what a verdict owes its reader, and
figures as published.
"""

import json
import re

import pytest
import yaml

from made_results import made_change, made_score
from medtune.evaluation.class_tables import ClassRow
from medtune.report.evaluation_plots import answered_plot, confusion_plot
from medtune.report.run_metrics import DataFigures, Metrics
from medtune.report.task_tables import classifications
from medtune.report.verdict import verdict
from medtune.report.write import number, write_report

FIGURE = made_score(0.6, 0.1).as_json()
CHANGE = made_change(0.4, 0.3, 0.5, n=100, groups=100, test="exact McNemar")


def metrics_with(rivals, **others):
    return Metrics(
        recipe="r",
        status="complete",
        change={"by_likelihood": {"accuracy": CHANGE}},
        before={"by_likelihood": {"accuracy": made_score(0.2)}},
        after={"by_likelihood": {"accuracy": made_score(0.6)}},
        baselines={
            "by_likelihood": {name: {"accuracy": made_score(v)} for name, v in rivals.items()}
        },
        **others,
    )


def test_a_verdict_names_the_baseline_that_is_not_passed():
    said = verdict(metrics_with({"majority": 0.2, "tfidf_svm": 0.9}))
    assert said.startswith("Accuracy rose by 0.4 (from 0.2;")
    assert said.endswith(
        "Yet a linear model on word counts, without any language model, reaches 0.9 "
        "(trained model 0.6)."
    )
    assert verdict(metrics_with({"majority": 0.2, "tfidf_svm": 0.5})).endswith(
        "The best baseline (a linear model on word counts) reaches 0.5."
    )
    assert "baseline" not in verdict(metrics_with({}))


@pytest.mark.parametrize(
    ("rows", "told"), [(0, ""), (1, "1 held-out row shares"), (9, "9 held-out rows share")]
)
def test_a_verdict_on_a_test_that_leaks_says_so(rows, told):
    said = verdict(metrics_with({}, data=DataFigures(leaked=rows)))
    assert (told or "real on this test set.") in said
    assert ("Not a clean test" in said) == bool(rows)


TABLES = {
    "labels": ["Gut <b>", "Heart"],
    "classes": [
        {
            "label": "Gut <b>",
            "n": 3,
            "predicted": 2.0,
            "precision": 1.0,
            "recall": 2 / 3,
            "f1": 0.8,
        },
        {"label": "Heart", "n": 1, "predicted": 0.0, "precision": None, "recall": 0.0, "f1": 0.0},
    ],
    "confusion": [[2, 0, 1], [0, 0, 1]],
    "unparsed": 2,
    "unparsed_answers": [{"id": "i-1", "output": "<i>either</i>"}],
}


@pytest.fixture
def classified(finished):
    """A finished run with a classification of its own name among its tasks."""
    recipe = yaml.safe_load(finished.recipe.read_text())
    recipe["evaluate"]["tasks"].append({"task": "classification", "name": "mine"})
    finished.recipe.write_text(yaml.safe_dump(recipe))
    (finished.root / "eval" / "tables.json").write_text(
        json.dumps({"mine": {"before": TABLES, "after": TABLES}})
    )
    made = {"title": "word counts", "trained_on": 9, "scores": {"accuracy": FIGURE}}
    (finished.root / "eval" / "baselines.json").write_text(
        json.dumps({"mine": {"tfidf_svm": made}})
    )
    metrics = json.loads(finished.metrics.read_text())
    for side in ("before", "after"):
        metrics[side]["mine"] = {"accuracy": FIGURE, "macro_f1": FIGURE}
    metrics["change"]["mine"] = {
        name: CHANGE.as_json() | {"title": name} for name in ("accuracy", "macro_f1")
    }
    finished.metrics.write_text(json.dumps(metrics))
    return finished


def test_the_page_shows_classes_confusion_and_unparsed_answers_as_text(classified):
    write_report(classified)
    page = classified.page.read_text()
    assert "<h2>Classification: mine</h2>" in page
    assert "word counts" in page
    assert "2 answers after that name no label" in page
    assert "&lt;i&gt;either&lt;/i&gt;" in page
    assert "<i>either</i>" not in page
    assert re.search(r"<td>Heart</td><td>1</td><td>0</td><td>–</td><td>0</td><td>0</td>", page)
    assert (classified.plots / "confusion_mine.png").exists()


def test_models_and_baselines_stand_in_one_table(classified, figures_of):
    (section,) = classifications(figures_of(classified))
    assert [row.title for row in section.rows] == [
        "word counts",
        "untouched model",
        "trained model",
    ]
    assert list(section.columns) == ["accuracy", "macro_f1"]


def test_a_run_that_classifies_nothing_has_no_such_section(finished, figures_of):
    assert classifications(figures_of(finished)) == []
    assert "Classification:" not in finished.page.read_text()


def test_pictures_hold_every_label(tmp_path):
    confusion = confusion_plot(TABLES["labels"], TABLES["confusion"], tmp_path, "confusion")
    classes = [dict.fromkeys(("before", "after"), ClassRow(**row)) for row in TABLES["classes"]]
    answered = answered_plot(classes, {"before": 0, "after": 2}, tmp_path, "answered")
    for svg in (confusion, answered):
        assert "Gut &lt;b&gt;" in svg
        assert "unparsed" in svg
        assert "<image" not in svg


def test_a_figure_as_published_stands_in_a_box_beside_the_right_one(finished):
    metrics = json.loads(finished.metrics.read_text())
    assert metrics["published"] == {}
    entry = {
        "title": "Perplexity as published",
        "before": 27.81,
        "after": 4.79,
        "n": 100,
        "sentence": "Mean of row means.",
    }
    finished.metrics.write_text(json.dumps(metrics | {"published": {"row_mean_perplexity": entry}}))
    write_report(finished)
    page = finished.page.read_text()
    assert "As the published project computed it: Perplexity as published" in page
    right = metrics["before"]["perplexity"]["text_perplexity"]["value"]
    assert "Before 27.81, after 4.79 (100 rows)" in page
    assert f"The right figure: before {number(right)}" in page


def test_a_split_by_rows_is_called_one(finished):
    audit = json.loads((finished.data / "audit.json").read_text())
    audit["groups"]["group_by"], audit["leaked"] = [], 9
    (finished.data / "audit.json").write_text(json.dumps(audit))
    write_report(finished)
    page = finished.page.read_text()
    assert "Split row by row" in page
    assert "stay on one side. " not in page


def test_tasks_under_other_names_count_as_measured(finished, figures_of):
    recipe = finished.recipe.read_text()
    assert "- answers\n" in recipe
    finished.recipe.write_text(recipe.replace("- answers\n", "- {task: answers, name: short}\n"))
    metrics = json.loads(finished.metrics.read_text())
    for side in ("before", "after", "change"):
        metrics[side]["short"] = metrics[side].pop("answers")
    finished.metrics.write_text(json.dumps(metrics))
    assert not any("overlap of generated" in text for text in figures_of(finished).not_measured())
