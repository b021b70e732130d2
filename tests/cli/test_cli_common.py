"""The options that verbs share, and the table of before and after."""

from inspect import signature
from pathlib import Path
from typing import Annotated

import pytest
import typer

from made_results import made_change, made_score
from medtune.cli.common import Options, offers, score_table
from medtune.errors import DataError
from medtune.report.run_metrics import Metrics


@offers("out loud json")
def verb(
    name: Annotated[str, typer.Argument()],
    *,
    options: Options,
    twice: bool = False,
    loud: bool = False,
) -> None:
    """A verb with two shared options around one of its own."""
    print(name, twice, loud, options.out, options.json, options.seed)


def test_options_stand_in_the_order_named_after_the_verb_s_own_that_are_not():
    assert list(signature(verb).parameters) == ["name", "twice", "out", "loud", "json"]


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (["a"], "a False False None False None"),
        (["a", "--loud", "--out", "x", "--json"], "a False True x True None"),
        (["a", "--twice"], "a True False None False None"),
    ],
)
def test_a_verb_gets_the_options_it_offers_and_defaults_for_the_rest(words, printed, capsys):
    app = typer.Typer()
    app.command()(verb)
    app(words, standalone_mode=False)
    assert capsys.readouterr().out == f"{printed}\n"


def test_an_option_that_is_not_offered_is_refused():
    app = typer.Typer()
    app.command()(verb)
    with pytest.raises(Exception, match="--seed"):
        app(["a", "--seed", "1"], standalone_mode=False)


def test_a_run_lies_where_it_is_told_to_where_it_was_or_below_runs(tmp_path):
    assert Options(out=Path("x")).run_directory("quickstart", str(tmp_path)) == Path("x")
    assert Options().run_directory("quickstart", str(tmp_path)) == tmp_path
    assert Options().run_directory("quickstart", "quickstart") == Path("runs/quickstart")


def test_a_data_directory_must_be_there(tmp_path):
    assert Options(data_dir=tmp_path).existing_data_dir() == tmp_path
    assert Options().existing_data_dir() is None
    with pytest.raises(DataError, match="no such directory"):
        Options(data_dir=tmp_path / "none").existing_data_dir()


def metrics_of(before, after, *change, more=None):
    changes = {"text_perplexity": made_change(*change, better="lower")} | (more or {})
    return Metrics(
        recipe="r",
        status="complete",
        before={"perplexity": {"text_perplexity": made_score(before)}},
        after={"perplexity": {"text_perplexity": made_score(after)}},
        change={"perplexity": changes},
    )


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
    words = made_change(1, 0, 2, None, better=None)
    metrics = metrics_of(1.0, 2.0, 1.0, None, None, more={"words": words})
    *_, row, note = score_table(metrics).splitlines()
    assert row.startswith("perplexity text_perplexity")
    assert note.startswith("1 further figure")


@pytest.mark.parametrize(("before", "shown"), [(0.25, True), (0.0, False)])
def test_items_that_were_not_measured_as_they_stand_are_named_where_there_are_any(before, shown):
    lost = made_change(0.0, 0, 0, None, better=None)
    metrics = metrics_of(1.0, 2.0, 1.0, None, None)
    sides = {"multiple_choice": {"indistinct_options": made_score(before)}}
    metrics = metrics.model_copy(
        update={
            "before": metrics.before | sides,
            "after": metrics.after | sides,
            "change": metrics.change | {"multiple_choice": {"indistinct_options": lost}},
        }
    )
    lines = score_table(metrics).splitlines()
    assert any(line.startswith("multiple_choice indistinct_op") for line in lines) == shown
    assert lines[-1].startswith("1 further figure") != shown
