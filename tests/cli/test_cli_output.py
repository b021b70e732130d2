"""The table of before and after."""

import pytest

from medtune.cli.common import score_table


def metrics_of(before, after, change, low, high):
    entry = {"value": change, "low": low, "high": high, "better": "lower"}
    return {
        "before": {"perplexity": {"text_perplexity": {"value": before}}},
        "after": {"perplexity": {"text_perplexity": {"value": after}}},
        "change": {"perplexity": {"text_perplexity": entry}},
    }


@pytest.mark.parametrize(
    "figures",
    [
        (6.656, 6.479, -0.1762, -0.1931, -0.1502),
        (51234.5, 49876.5, -1358.0, -1401.2, -1299.9),
        (51234.5, 12.5, -51222.0, -53222.0, -49222.0),
        (0.01234, 0.01111, -0.001234, -0.002345, -0.001123),
        (0.0002345, 0.0001111, -0.0001234, -0.0002345, -0.0001123),
        (1.2345e-5, 2.3456e-5, -1.1111e-5, -1.2345e-5, -1.0001e-5),
        (0.0, 0.0, 0.0, None, None),
    ],
)
def test_every_figure_stands_apart_within_80_columns(figures):
    row = score_table(metrics_of(*figures)).splitlines()[-1]
    assert len(row) <= 80
    words = row.removeprefix("perplexity text_perplexity").split()
    assert len(words) == 6, row
    shown = [float(word.replace(",", "")) for word in words if word not in ("to", "–")]
    assert shown == pytest.approx(
        [figure for figure in figures if figure is not None], rel=0.05, abs=1e-12
    )


def test_a_figure_that_is_not_there_is_a_dash_and_not_zero():
    assert score_table(metrics_of(1.0, 2.0, 1.0, None, None)).endswith("– to –")


def test_descriptions_are_counted_and_not_listed():
    metrics = metrics_of(1.0, 2.0, 1.0, None, None)
    metrics["change"]["perplexity"]["words"] = {"value": 1, "low": 0, "high": 2, "better": None}
    *_, row, note = score_table(metrics).splitlines()
    assert row.startswith("perplexity text_perplexity")
    assert note.startswith("1 further figure")
