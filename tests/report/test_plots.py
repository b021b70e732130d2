"""Plots: files that are whole pictures, and SVG that stands inline."""

import xml.etree.ElementTree as ElementTree

import pytest

from made_results import made_change, made_score
from medtune.evaluation.comparison.seed_variance import CurvePoint, LearningCurve
from medtune.report.evaluation_plots import forest_plot
from medtune.report.figures import MetricRow
from medtune.report.plots import INK, items_plot, learning_plot, loss_plot, smoothed

LOG = [{"step": n, "loss": 4 / n} for n in range(1, 9)] + [{"step": 8, "validation_loss": 0.9}]


CHANGES = [
    MetricRow("answers", "rouge_l", made_change(title="ROUGE-L"), made_score(0.2), made_score(0.3))
]
POINTS = [
    CurvePoint(fraction=rows / 1000, rows=rows, **made_score(value).as_json())
    for rows, value in ((500, 0.4), (1000, 0.5))
]
CURVE = LearningCurve.model_construct(title="Accuracy", before=made_score(0.2), points=POINTS)


def test_smoothing_starts_at_the_first_value_and_keeps_a_constant():
    assert smoothed([4.0])[0] == pytest.approx(4.0)
    assert smoothed([2.5] * 6) == pytest.approx([2.5] * 6)
    assert smoothed([1.0, 0.0], weight=0.5)[1] == pytest.approx(1 / 3)
    assert smoothed([]) == []


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("loss", lambda place: loss_plot(LOG, 4, place)),
        ("forest", lambda place: forest_plot(CHANGES, place)),
        ("learning_curve", lambda place: learning_plot(CURVE, place)),
        ("items", lambda place: items_plot([2.0, 3.0], [1.5, 3.1], place)),
    ],
)
def test_a_plot_is_png_and_svg_the_same_each_time(tmp_path, name, draw):
    inline = draw(tmp_path)
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    saved = (tmp_path / f"{name}.svg").read_text()
    assert ElementTree.fromstring(saved).tag.endswith("svg")
    assert inline.startswith("<svg")
    assert ElementTree.fromstring(inline).tag.endswith("svg")
    assert draw(tmp_path) == inline
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.png", f"{name}.svg"]


def test_inline_ink_takes_the_colour_of_the_page(tmp_path):
    inline = forest_plot(CHANGES, tmp_path)
    assert "currentColor" in inline
    assert INK not in inline
    assert "currentColor" not in (tmp_path / "forest.svg").read_text()


def test_loss_plot_names_its_lines_and_the_kept_step(tmp_path):
    svg = loss_plot(LOG, 4, tmp_path)
    assert all(text in svg for text in ("smoothed", "validation", "kept: step 4", "optimizer step"))
    without = loss_plot(LOG[:-1], None, tmp_path)
    assert ">validation<" not in without
    assert "kept" not in without
