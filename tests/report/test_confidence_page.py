"""Confidence on the page: pictures, figures and sentences of both sides, and what was not
measured.
"""

from types import SimpleNamespace

import pytest
from markupsafe import Markup

from medtune.evaluation.confidence.summary import ConfidenceFacts
from medtune.report.task_tables import confidence_drawings, confidence_sections
from medtune.report.write import environment


def interval(value, spread=0.05):
    return {"value": value, "low": value - spread, "high": value + spread}


def limit(value, status):
    of_validation = {"wanted": 0.5, "signal": "signal", "n_validation": 50, "right_of_all": 0.4}
    return of_validation | {"value": value, "status": status}


def facts(**changes):
    """One side of ``eval/confidence.json``."""
    values = {
        "kind": "answers",
        "n": 120,
        "without": 0,
        "right": 0.4,
        "confidence": 0.6,
        "ece": interval(0.2) | {"perfect": {"mean": 0.07, "low": 0.04, "high": 0.11}},
        "brier": interval(0.23),
        "bins": [
            {"n": 60, "confidence": 0.4, "right": 0.3, "low": 0.2, "high": 0.45},
            {"n": 60, "confidence": 0.8, "right": 0.5, "low": 0.4, "high": 0.62},
        ],
        "auroc": interval(0.7),
        "length_auroc": interval(0.55) | {"direction": "shorter"},
        "difference": interval(0.15),
        "signal": "signal",
        "further": {},
        "risk_coverage": [
            {"coverage": i / 50, "risk": 0.6 * i / 50, "confidence": 1 - i / 100}
            for i in range(1, 51)
        ],
        "aurc": {"value": 0.3, "random": 0.6, "oracle": 0.2},
        "temperature": None,
        "conformal": None,
        "threshold": limit(0.55, "set"),
        "sentences": ["What is meant <by it>.", "A sentence & another."],
    }
    return ConfidenceFacts.model_validate(values | changes)


SETS = {"stated": 0.9, "reached": interval(0.91, 0.03), "mean_size": 2.25, "options": 4.0}
SETS |= {"expected": 0.9, "limit": 0.8, "n_validation": 50, "one": 0.4, "none": 0.0}
WARMTH = {"value": 1.83, "ece_before": 0.2, "ece_after": 0.05, "n_validation": 50}
WARMTH |= {"at_limit": False, "nll_before": 1.0, "nll_after": 0.9}
BEFORE = facts(signal="no signal", threshold=limit(None, "no signal"))
CHOSEN = facts(kind="options", auroc=None, length_auroc=None, signal="not measured", threshold=None)


@pytest.fixture
def measured():
    return SimpleNamespace(
        confidence={
            "answers": {"before": BEFORE, "after": facts()},
            "med_qa": {
                "before": CHOSEN,
                "after": facts(kind="options", conformal=SETS, temperature=WARMTH),
            },
        }
    )


@pytest.fixture
def page(measured, tmp_path):
    pictures = {
        name: Markup(draw()) for name, draw in confidence_drawings(measured, tmp_path).items()
    }
    sections = confidence_sections(measured)
    template = environment().get_template("confidence.html.j2")
    return template.render(confidence=sections, pictures=pictures)


def cells(section):
    return {title: list(texts) for title, texts in section.rows}


def test_a_section_a_task_with_both_sides(measured):
    answers, chosen = confidence_sections(measured)
    assert answers.columns == ["untouched model", "trained model"]
    assert cells(answers)["signal"] == ["no signal", "signal"]
    assert cells(answers)["threshold to abstain below"] == ["none: no signal", "0.550"]
    assert cells(answers)["calibration error (ECE)"][1] == "0.200 (0.150–0.250)"
    assert cells(chosen)["conformal sets: coverage reached (stated)"] == [
        "not measured",
        "0.910 (0.880–0.940), stated 90%",
    ]
    assert cells(chosen)["conformal sets: mean size"][1] == "2.25 of 4"
    assert cells(chosen)["temperature (ECE before, after)"] == [
        "not measured",
        "1.83 (0.200, 0.050)",
    ]


def test_what_was_not_measured_is_never_a_number(measured):
    column = {title: texts[0] for title, texts in cells(confidence_sections(measured)[1]).items()}
    for title in (
        "AUROC of confidence",
        "AUROC of answer length",
        "signal",
        "threshold to abstain below",
    ):
        assert column[title] == "not measured"


def test_written_answers_have_no_conformal_sets_to_miss(measured):
    assert cells(confidence_sections(measured)[0])["conformal sets: mean size"] == ["–", "–"]


def test_a_figure_without_an_interval_stands_alone(measured):
    alone = {"value": 0.25, "low": None, "high": None}
    measured.confidence["answers"]["after"] = facts(brier=alone)
    assert cells(confidence_sections(measured)[0])["Brier score"][1] == "0.250"


def test_the_page_holds_pictures_sentences_and_table(page):
    assert page.count("<svg") == 4
    assert "What is meant &lt;by it&gt;." in page
    assert page.count("A sentence &amp; another.") == 4
    assert "<h3>med qa</h3>" in page
    assert "Trained model</b>" in page


def test_pictures_are_written_and_are_vectors(measured, tmp_path):
    drawings = confidence_drawings(measured, tmp_path)
    pictures = {name: draw() for name, draw in drawings.items()}
    assert set(pictures) == {
        "reliability_answers",
        "risk_answers",
        "reliability_med_qa",
        "risk_med_qa",
    }
    for name, svg in pictures.items():
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
        assert "<image" not in svg
        assert "before" in svg
        assert "after" in svg


def test_one_side_alone_is_shown_alone(tmp_path):
    alone = SimpleNamespace(confidence={"answers": {"after": facts()}})
    (section,) = confidence_sections(alone)
    assert section.columns == ["trained model"]
    assert "before" not in confidence_drawings(alone, tmp_path)["reliability_answers"]()


def test_a_run_without_confidence_has_no_section(tmp_path):
    nothing = SimpleNamespace(confidence={})
    assert confidence_sections(nothing) == []
    assert confidence_drawings(nothing, tmp_path) == {}
