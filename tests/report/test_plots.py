"""Plots: files that are whole pictures, and SVG that stands inline."""

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from made_results import made_change, made_score
from medtune.evaluation.class_tables import ClassRow
from medtune.evaluation.comparison.seed_variance import CurvePoint, LearningCurve
from medtune.report.evaluation_plots import answered_plot, confusion_plot, forest_plot
from medtune.report.figures import MetricRow
from medtune.report.loss_plots import LossCurve, all_models_plot
from medtune.report.plots import (
    INK,
    figure,
    items_plot,
    learning_plot,
    loss_plot,
    perplexity_plot,
    save,
    smoothed,
)
from medtune.report.write import pictures_of

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


LABELS = (
    "$", "$a_b^2$", "x^2_", "\\frac{1}", "50 %", "_hidden", "  ", "\u200b", "a\nb", "\x1b[31mred",
    "<b>&amp;", "سكري", "😀 fever", "x" * 4000, "糖尿病", "{}", "%(x)s", "#", "&", "~",
)  # fmt: skip


def drawn_texts(path):
    return [
        "".join(node.itertext()) for node in ElementTree.parse(path).iter() if "text" in node.tag
    ]


def test_labels_are_texts_in_every_picture(tmp_path):
    count = len(LABELS)
    matrix = [[float(row == column) for column in range(count + 1)] for row in range(count)]
    confusion_plot(LABELS, matrix, tmp_path, "confusion")
    classes = [
        {"after": ClassRow.model_construct(label=label, n=1, predicted=1)} for label in LABELS
    ]
    answered_plot(classes, {"after": 0}, tmp_path, "answered")
    rows = [
        MetricRow(str(number), label, made_change(title=label), made_score(0.2), made_score(0.3))
        for number, label in enumerate(LABELS)
    ]
    forest_plot(rows, tmp_path)
    learning_plot(CURVE.model_copy(update={"title": "$"}), tmp_path)
    perplexity_plot([(label, 2.0, 3.0) for label in LABELS], tmp_path)
    curve = {"tokenizer": "t", "loss": [(1, 2.0)], "validation": [], "tokens_per_byte": None}
    all_models_plot([LossCurve(name=label, **curve) for label in LABELS], tmp_path)
    for name in ("confusion", "answered", "forest", "perplexity", "all_models"):
        texts = " ".join(" ".join(drawn_texts(tmp_path / f"{name}.svg")).split())
        shown = ("$a_b^2$", "\\frac{1}", "_hidden", "(blank)", "a b", "\\u001b[31mred", "<b>&amp;")
        assert [label for label in shown if label not in texts] == [], name


def test_many_classes_are_still_a_picture(tmp_path):
    count = 700
    with figure((1.8 + 0.36 * count, 2)) as (drawing, axes):
        axes.plot([0, 1], [0, 1])
        save(drawing, tmp_path, "wide")
    assert (tmp_path / "wide.png").stat().st_size > 0


def test_a_picture_that_cannot_be_drawn_is_left_out_with_a_note(figures_of, finished, capsys):
    figures = figures_of(finished)
    broken = [{"step": 1, "loss": "no number"}]
    pictures = pictures_of(replace(figures, log=broken), finished)
    assert "loss" not in pictures
    assert "flow" in pictures
    assert "the picture loss cannot be drawn" in capsys.readouterr().err
