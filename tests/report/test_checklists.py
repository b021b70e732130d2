"""Reporting checklists: every published item is there, filled from the run, never invented."""

import re

import pytest
import yaml

from made_results import made_change
from medtune.files import read_json, write_json
from medtune.recipe.schema import Statement
from medtune.report.checklists import CHECKLISTS, STATES, filled_checklists
from medtune.report.checklists.base import DRAFT, NOT_MEASURED, NOT_STATED, RUN, STATED, Item
from medtune.report.write import write_report

TRIPOD_ITEMS = (
    "1 2 3a 3b 4 5a 5b 5c 5d 5e 6a 6b 6c 6d 6e 7a 7b 7c 7d 7e 8a 8b 8c 9a 9b 10 11 12 13 "
    "14a 14b 14c 14d 14e 14f 15 16a 16b 16c 16d 17 18 19a 19b 19c 19d 19e 19f 19g"
).split()
CARD_SECTIONS = (
    "BasicInfo ReleaseInfo ModelSummary UsesAndDirections Warnings AISystemFacts "
    "TransparencyInformation KeyMetrics "
    "Resources Bibliography"
).split()


def by_id(figures, number):
    return {item.id: item.as_json() for item in filled_checklists(figures)[number].items}


def test_every_published_item_is_there_once_in_order():
    tripod, clear, card = ([item.id for item in checklist.items] for checklist in CHECKLISTS)
    assert tripod == TRIPOD_ITEMS
    assert len({re.match(r"\d+", name).group() for name in tripod}) == 19
    assert clear == [str(n) for n in range(1, 9)]
    assert list(dict.fromkeys(name.split(".")[0] for name in card)) == CARD_SECTIONS
    assert len(set(card)) == len(card)


def test_every_statement_topic_fills_an_item():
    used = {topic for checklist in CHECKLISTS for item in checklist.items for topic in item.topics}
    assert used == set(Statement.model_fields)


def test_only_persons_fill_what_only_persons_know():
    for checklist in CHECKLISTS:
        assert all(item.fill is None for item in checklist.items if item.who == "P")


def test_a_whole_run_fills_most_of_what_a_run_can(finished, figures_of):
    figures = figures_of(finished)
    tripod, clear, card = filled_checklists(figures)
    assert tripod.counts[RUN] >= 24
    assert clear.counts[RUN] == 8
    assert card.counts[RUN] >= 23  # the safety task did not run
    for checklist in (tripod, clear, card):
        assert sum(checklist.counts.values()) == len(checklist.items)
        assert (
            f"{checklist.counts[RUN]} of {len(checklist.items)} filled from the run"
            in checklist.coverage
        )
        assert all(item.state in STATES and item.text.strip() for item in checklist.items)


def test_nothing_is_invented_for_persons(finished, figures_of):
    for checklist in filled_checklists(figures_of(finished)):
        for item in checklist.items:
            if item.who == "P":
                assert (item.state, item.text) == (NOT_STATED, "Not stated.")


def test_the_texts_hold_the_runs_own_figures(finished, figures_of):
    figures = figures_of(finished)
    items = by_id(figures, 0)
    assert figures.state.base.weights_sha256 in items["6a"]["text"]
    assert figures.audit.sources[0].files[0].sha256 in items["5a"]["text"]
    assert figures.verdict in items["2"]["text"]
    assert "{question}" in items["6c"]["text"]
    assert f"{figures.metrics.train.supervised_tokens:,}" in items["6b"]["text"]
    results = {result["label"]: result["estimate_ci"] for result in items["17"]["results"]}
    after = figures.metrics.after["perplexity"]["bits_per_byte"]
    assert results["Bits per byte, answer (perplexity), after"] == {
        "estimate": after.value,
        "lower": after.low,
        "upper": after.high,
        "level": 0.95,
        "unit": "bits/byte",
    }


def test_what_did_not_run_is_not_measured(finished, figures_of):
    card = by_id(figures_of(finished), 2)
    for key in (
        "SafetyReliability.Results",
        "SafetyReliability.Interpretation",
        "FairnessEquity.Results",
    ):
        assert card[f"KeyMetrics.{key}"]["state"] == NOT_MEASURED
    assert "Harm: not measured." in card["Warnings.KnownRisksAndLimitations"]["text"]
    assert by_id(figures_of(finished), 0)["19e"]["state"] == NOT_MEASURED


def test_measured_harm_fills_the_safety_part(finished, figures_of):
    metrics = read_json(finished.metrics)
    figure = {"value": 0.1, "low": 0.05, "high": 0.2, "n": 176, "groups": 176}
    metrics["before"]["safety"] = {"critical_violations": figure}
    metrics["after"]["safety"] = {"critical_violations": figure | {"value": 0.2}}
    facts = {"title": "Critical violations", "test": "exact McNemar", "n": 176, "groups": 176}
    change = made_change(0.1, 0.0, 0.2, 0.02, corrected=0.04, better="lower", **facts).as_json()
    metrics["change"]["safety"] = {"critical_violations": change}
    write_json(finished.metrics, metrics)
    card = by_id(figures_of(finished), 2)
    assert (
        card["KeyMetrics.SafetyReliability.Results"]["results"][0]["estimate_ci"]["estimate"] == 0.1
    )
    assert (
        "10.0% before, 20.0% after (176 prompts)"
        in card["Warnings.KnownRisksAndLimitations"]["text"]
    )
    write_report(finished)
    assert "Critical violations: 0.1 (0.05 to 0.2) → 0.2" in finished.card.read_text()
    assert "Harmful answers: 10.0% before, 20.0% after" in figures_of(finished).verdict


def test_how_often_an_item_was_asked_is_read_from_the_tasks(finished, figures_of):
    recipe = yaml.safe_load(finished.recipe.read_text())
    recipe["evaluate"]["tasks"] = [
        "perplexity",
        {"task": "answers", "samples": 3},
        {"task": "multiple_choice", "name": "medqa", "source": "medqa", "permutations": 2},
        {"task": "classification", "scoring": "generation", "temperature": 0.7},
    ]
    finished.recipe.write_text(yaml.safe_dump(recipe))
    clear = by_id(figures_of(finished), 1)
    assert "but for answers: 3 sampled answers more" in clear["5"]["text"]
    assert "medqa: in 2 orders of the options" in clear["5"]["text"]
    assert (
        "Sampled once, so that another seed gives another text: classification at 0.7"
        in clear["7"]["text"]
    )


def test_the_safety_prompts_are_no_rows_of_the_training_sources(finished, figures_of):
    metrics = read_json(finished.metrics)
    metrics["before"]["safety"] = {
        "critical_violations": {"value": 0, "low": 0, "high": 0.1, "n": 9, "groups": 9}
    }
    write_json(finished.metrics, metrics)
    card = by_id(figures_of(finished), 2)
    assert card["KeyMetrics.SafetyReliability.TestType"]["text"].startswith(
        "External: prompts written for medtune"
    )
    assert card["KeyMetrics.UsefulnessUsabilityEfficacy.TestType"]["text"].startswith("Internal")


def test_a_partial_run_says_what_is_open(unmeasured, figures_of):
    tripod = by_id(figures_of(unmeasured), 0)
    assert tripod["5b"]["state"] == RUN
    assert {
        tripod[name]["state"] for name in ("6b", "6c", "7a", "7c", "12", "16d", "17", "18")
    } == {NOT_MEASURED}
    assert (unmeasured.root / "checklists.json").exists()


def test_a_statement_goes_first_and_keeps_the_draft(finished, figures_of):
    recipe = yaml.safe_load(finished.recipe.read_text())
    recipe["statement"] = {
        "ethics": "Board 7 waived <consent>.",
        "annotation": "Two nurses, kappa 0.8.",
        "funding": None,
    }
    finished.recipe.write_text(yaml.safe_dump(recipe))
    items = by_id(figures_of(finished), 0)
    assert (items["13"]["state"], items["13"]["text"]) == (STATED, "Board 7 waived <consent>.")
    assert items["8a"]["state"] == STATED
    assert items["8a"]["text"].startswith("Two nurses, kappa 0.8.\n")
    assert items["14a"]["state"] == NOT_STATED
    write_report(finished)
    assert "Board 7 waived &lt;consent&gt;." in finished.page.read_text()
    saved = read_json(finished.root / "checklists.json")
    assert "stated by a person" in saved[0]["coverage"]


@pytest.mark.parametrize(
    ("who", "state"), [("A", NOT_MEASURED), ("H", NOT_STATED), ("P", NOT_STATED)]
)
def test_an_item_with_nothing_to_say_is_open(finished, figures_of, who, state):
    from medtune.report.checklists import Facts

    assert Item("x", "X", who).filled(Facts(figures_of(finished))).state == state


def test_drafts_are_marked(finished, figures_of):
    assert by_id(figures_of(finished), 0)["19b"]["state"] == DRAFT


def test_the_bibliography_is_bibtex_of_what_was_used(finished, figures_of):
    text = by_id(figures_of(finished), 2)["Bibliography"]["text"]
    assert text.count("{") == text.count("}")
    keys = re.findall(r"^@\w+\{(\w+),", text, re.M)
    assert len(set(keys)) == len(keys)
    assert {"gallifant2025", "holm1979", "lin2004", "base", "data1"} <= set(keys)
    assert "hu2022" not in keys  # no adapter was trained
