"""The forest plot: every figure to be seen, on an axis of its kind, with its difference in
words.
"""

import re

import pytest

from made_results import made_change, made_score
from medtune.report.evaluation_plots import SHARES, difference_text, forest_plot, panel_of
from medtune.report.figures import MetricRow
from medtune.report.plots import GREEN, GREY, RED

P_VALUES = {"better": 0.001, "worse": 0.001, "undecided": 0.4}


def row(title, before, after, decision="undecided", unit="", task="answers", spread=0.02):
    value = after - before
    low, high = (None, None) if spread is None else (value - spread, value + spread)
    better = "higher" if (value > 0) == (decision == "better") else "lower"
    facts = {"better": better, "title": title, "unit": unit}
    change = made_change(value, low, high, P_VALUES[decision], **facts)
    assert change.decision == decision
    return MetricRow(task, "metric", change, made_score(before, spread), made_score(after, spread))


ROWS = [
    row("Bits per byte", 1.5, 1.4, "better", "bits/byte"),
    row("Token perplexity", 85, 63, "better", spread=5),
    row("ROUGE-L", 0.3, 0.2, "worse"),
    row("Accuracy", 0.5, 0.52),
]


def test_units_shares_and_sizes_do_not_share_an_axis():
    assert [panel_of(own) for own in ROWS] == ["bits/byte", "figures up to 100", SHARES, SHARES]
    assert panel_of(row("BLEU", 12.0, 31.0)) == "figures up to 100"
    assert panel_of(row("Share at the edge", 1.0, 1.0, spread=0)) == SHARES


def test_colours_say_what_a_difference_means_and_titles_name_it(tmp_path):
    svg = forest_plot(ROWS, tmp_path)
    assert all(own.title in svg for own in ROWS)
    assert {colour for colour in (GREEN, RED, GREY) if f"fill: {colour}" in svg} == {
        GREEN,
        RED,
        GREY,
    }
    assert "−0.1 (−0.12 to −0.08)" in svg
    assert (tmp_path / "forest.png").exists()


def test_before_is_hollow_and_after_is_full(tmp_path):
    svg = forest_plot([row("Accuracy", 0.2, 0.8, "better")], tmp_path)
    marks = re.findall(r'<use [^>]*style="([^"]*)"', svg)
    assert "fill-opacity: 0; stroke: currentColor" in marks
    assert f"fill: {GREEN}; stroke: {GREEN}" in marks


def test_equal_titles_of_two_tasks_are_told_apart(tmp_path):
    svg = forest_plot(
        [row("Accuracy", 0.2, 0.3, task="medqa"), row("Accuracy", 0.2, 0.3, task="mmlu")], tmp_path
    )
    assert "Accuracy (medqa)" in svg
    assert "Accuracy (mmlu)" in svg


def test_a_figure_without_an_interval_is_drawn(tmp_path):
    own = row("Accuracy", 0.2, 0.3, spread=None)
    assert "+0.1" in forest_plot([own], tmp_path)
    assert difference_text(own.change) == "+0.1"


def test_twenty_five_figures_are_readable(tmp_path):
    rows = [row(f"Figure number {i} of many", 0.1 + i / 50, 0.12 + i / 50) for i in range(25)]
    svg = forest_plot(rows, tmp_path)
    height = float(re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', svg).group(1))
    assert height / 25 > 25  # points a line: labels of 9 points do not touch


def test_a_title_with_markup_is_text(tmp_path):
    assert "<script" not in forest_plot([row("<script>alert(1)</script>", 0.1, 0.2)], tmp_path)


@pytest.mark.parametrize("value", [0.0, -3e-9])
def test_figures_around_nothing_have_an_axis(tmp_path, value):
    assert forest_plot([row("Zero", value, value, spread=0, unit="")], tmp_path).startswith("<svg")
