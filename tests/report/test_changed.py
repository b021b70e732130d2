"""Items that changed: sorted into right → wrong and back, embedded safely, browsable in a real
browser.
"""

import json
import re
import shutil
import subprocess

import pytest

from command_line import GENEROUS
from medtune.evaluation.results import Sample
from medtune.files import read_json, read_json_lines, write_json, write_json_lines
from medtune.report.changed_items import ChangedTask, as_json, changed_items, value_of
from medtune.report.write import write_report

FIGURE = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 6, "groups": 6}


def choice(number, right, text="B"):
    return {
        "id": f"q{number}",
        "group": f"q{number}",
        "question": f"Question {number}?",
        "prompt": f"Question {number}? A or B",
        "reference": "A",
        "score": {"correct": float(right), "top": {"A" if right else text: 1.0}},
    }


@pytest.fixture
def measured(finished):
    """A finished run with a task of questions of which two were lost, one was gained, two
    stayed, one was never right.
    """
    rights = [(1, 0), (1, 0), (0, 1), (1, 1), (1, 1), (0, 0.5)]
    for place, side in enumerate((finished.before, finished.after)):
        write_json_lines(
            side / "medqa.samples.jsonl",
            [choice(number, pair[place]) for number, pair in enumerate(rights)],
        )
    metrics = read_json(finished.metrics)
    for side in ("before", "after"):
        metrics[side]["medqa"] = {"accuracy": FIGURE}
    metrics["change"]["medqa"] = {
        "accuracy": {
            "value": -0.1,
            "low": -0.2,
            "high": 0.1,
            "p": 1.0,
            "p_corrected": 1.0,
            "better": "higher",
        }
        | {"test": "exact McNemar", "title": "Accuracy", "unit": "", "n": 6, "groups": 6}
    }
    write_json(finished.metrics, metrics)
    return finished


def found(run, figures_of):
    return {task.task: task for task in changed_items(figures_of(run))}


def test_right_and_wrong_are_counted_both_ways(measured, figures_of):
    task = found(measured, figures_of)["medqa"]
    assert task.kinds == [
        "right → wrong",
        "wrong → right",
        "right both times",
        "wrong both times",
    ]
    assert task.counts == [2, 1, 2, 1]
    assert [row[0] for row in task.rows if row[1] == 0] == ["q0", "q1"]
    lost = task.rows[0]
    assert lost[4:] == ["Question 0?", "A", "B", "A"]


def test_figures_by_degrees_put_the_largest_change_first(measured, figures_of):
    task = found(measured, figures_of)["answers"]
    assert task.kinds == ["worse", "better", "same"]
    for kind in range(3):
        moves = [abs(row[3] - row[2]) for row in task.rows if row[1] == kind]
        assert moves == sorted(moves, reverse=True)
    assert sum(task.counts) == len(read_json_lines(measured.after / "answers.samples.jsonl"))


def test_lower_is_better_for_bits(measured, figures_of):
    task = found(measured, figures_of)["perplexity"]
    for row in task.rows:
        assert row[1] == (2 if abs(row[3] - row[2]) < 1e-9 else 1 if row[3] < row[2] else 0)


def test_harm_is_lost_where_it_appears(measured, figures_of):
    for place, side in enumerate((measured.before, measured.after)):
        harmful = [(0, 1), (1, 0), (0, 0)]
        write_json_lines(
            side / "medqa.samples.jsonl",
            [choice(n, 1) | {"score": {"critical": pair[place]}} for n, pair in enumerate(harmful)],
        )
    metrics = read_json(measured.metrics)
    metrics["change"]["medqa"] = {
        "critical_violations": metrics["change"]["medqa"]["accuracy"] | {"better": "lower"}
    }
    for side in ("before", "after"):
        metrics[side]["medqa"] = {"critical_violations": FIGURE}
    write_json(measured.metrics, metrics)
    task = found(measured, figures_of)["medqa"]
    assert task.kinds[0] == "harmless → harmful"
    assert task.counts == [1, 1, 1, 0]


def test_a_value_that_is_missing_is_counted_and_not_zero(measured, figures_of):
    path = measured.after / "medqa.samples.jsonl"
    rows = read_json_lines(path)
    rows[3]["score"]["correct"] = None
    write_json_lines(path, rows)
    task = found(measured, figures_of)["medqa"]
    assert (sum(task.counts), task.without) == (5, 1)


def test_values_are_those_that_the_metrics_count():
    assert value_of(Sample(id="i", group="g", score={"correct": 0.5}), "accuracy") == 0.5
    assert value_of(Sample(id="i", group="g", score={"rouge_l": 0.25}), "rouge_l") == 0.25
    assert value_of(Sample(id="i", group="g", score=1.5), "bits_per_byte") == 1.5
    assert value_of(Sample(id="i", group="g", score=1.5), "perplexity") is None
    assert value_of(Sample(id="i", group="g", score={"met": [1, 0]}), "expectations_met") is None


def test_json_cannot_end_its_element():
    hostile = ["</script><script>alert(1)</script>", "<!--", "\u2028"]
    text = as_json([ChangedTask("t", "T", None, (), (), 0, [hostile])])
    assert "<" not in text
    assert "\u2028" not in text
    assert json.loads(text)[0]["rows"] == [hostile]


CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
HOSTILE = "</script><img src=x onerror=document.title='hit'>"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_shows_the_lost_items_as_text_under_the_pages_policy(measured, tmp_path):
    for side in (measured.before, measured.after):
        path = side / "medqa.samples.jsonl"
        rows = read_json_lines(path)
        rows[0]["question"] = HOSTILE
        write_json_lines(path, rows)
        for task in ("perplexity", "answers"):
            (side / f"{task}.samples.jsonl").unlink()
    write_report(measured)
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    place = [
        f"--user-data-dir={tmp_path / 'profile'}",
        "--disable-background-networking",
        "--dump-dom",
    ]
    done = subprocess.run(
        [CHROMIUM, *flags, *place, measured.page.as_uri()],
        capture_output=True,
        text=True,
        timeout=GENEROUS,
        check=False,
    )
    shown = done.stdout[
        done.stdout.index('<div id="browser"') : done.stdout.index(
            '<script type="application/json"'
        )
    ]
    assert "hidden" not in shown[:40]
    assert "right → wrong (2)" in shown
    assert len(re.findall('<article class="item">', shown)) == 2
    assert "&lt;/script&gt;&lt;img src=x onerror=" in shown
    assert "<img" not in shown
    assert "<title>hit" not in done.stdout
