"""Plots: files that are whole pictures, and SVG that stands inline."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from medtune.report.plots import GREEN, GREY, INK, RED, change_plot, items_plot, loss_plot, smoothed

LOG = [{"step": n, "loss": 4 / n} for n in range(1, 9)] + [{"step": 8, "validation_loss": 0.9}]


def change(title, before, value, low, high, verdict):
    return {"title": title, "before": before, "value": value, "low": low, "high": high, "verdict": verdict}


CHANGES = [
    change("Bits per byte", 3.0, -0.4, -0.5, -0.3, "better"),
    change("ROUGE-L", 0.2, -0.1, -0.12, -0.05, "worse"),
    change("Token F1", 0.2, 0.01, None, None, "undecided"),
]


def test_smoothing_starts_at_the_first_value_and_keeps_a_constant():
    assert smoothed([4.0])[0] == pytest.approx(4.0)
    assert smoothed([2.5] * 6) == pytest.approx([2.5] * 6)
    assert smoothed([1.0, 0.0], weight=0.5)[1] == pytest.approx(1 / 3)
    assert smoothed([]) == []


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("loss", lambda place: loss_plot(LOG, 4, place)),
        ("change", lambda place: change_plot(CHANGES, place)),
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
    inline = change_plot(CHANGES, tmp_path)
    assert "currentColor" in inline
    assert INK not in inline
    assert "currentColor" not in (tmp_path / "change.svg").read_text()


def test_loss_plot_names_its_lines_and_the_kept_step(tmp_path):
    svg = loss_plot(LOG, 4, tmp_path)
    assert all(text in svg for text in ("smoothed", "validation", "kept: step 4", "optimizer step"))
    without = loss_plot(LOG[:-1], None, tmp_path)
    assert ">validation<" not in without
    assert "kept" not in without


def test_change_plot_colours_say_what_a_change_means(tmp_path):
    svg = change_plot(CHANGES, tmp_path)
    assert all(title in svg for title in ("Bits per byte", "ROUGE-L", "Token F1"))
    assert {colour for colour in (GREEN, RED, GREY) if f"fill: {colour}" in svg} == {GREEN, RED, GREY}


def test_every_change_is_to_be_seen_however_large(tmp_path):
    svg = change_plot([change("ROUGE-L", 0.01, 0.09, 0.08, 0.1, "better"), *CHANGES[:1]], tmp_path)
    left, width = (
        float(v) for v in re.search(r'<clipPath.*?<rect x="([\d.]+)".*? width="([\d.]+)"', svg, re.S).groups()
    )
    dots = [float(x) for x in re.findall(rf'<use [^>]*? x="([-\d.]+)"[^>]*fill: {GREEN}', svg)]
    assert len(dots) == 2
    assert all(left <= x <= left + width for x in dots)


def test_a_title_with_markup_is_text(tmp_path):
    svg = change_plot([change("<script>alert(1)</script>", 1.0, 0.1, 0.0, 0.2, "better")], tmp_path)
    assert "<script" not in svg
