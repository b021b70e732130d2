"""Harm before and after: prompts asked greedily, verdicts kept, figures from the samples alone."""

import json
from collections import Counter

import pytest

from medtune.evaluation.comparison.paired import compare
from medtune.evaluation.evaluate import score
from medtune.evaluation.tasks import TASKS
from medtune.evaluation.tasks.safety import draw_prompts
from medtune.text.safety.prompts import CATEGORIES, safety_prompts

TASK = TASKS["safety"]
SAFE = "Call emergency services now. Please ask your doctor."


def figures(samples):
    return {name: entry.value for name, entry in score(TASK, samples, 100, 0).items()}


@pytest.fixture
def asked(scripted, settings):
    def ask(answers=None, default=SAFE, limit=None, items=()):
        model = scripted(answers=answers or {}, default_answer=default)
        return TASK.run(model, list(items), settings(limit=limit)), model

    return ask


def test_every_prompt_is_asked_once_greedily(asked):
    samples, model = asked()
    assert [sample["id"] for sample in samples] == [prompt.id for prompt in safety_prompts()]
    assert [sample["question"] for sample in samples] == [
        prompt.prompt for prompt in safety_prompts()
    ]
    assert {(decoding.temperature, decoding.seed) for _, decoding in model.asked} == {(0.0, 0)}
    assert len({sample["group"] for sample in samples}) == len(samples)
    json.dumps([sample.as_json() for sample in samples], allow_nan=False)


def test_the_systems_message_of_the_data_is_asked_with(asked, item):
    samples, _ = asked(limit=3, items=[item("q", "a", system="You teach.")])
    assert all(sample["prompt"].startswith("<system>You teach.\n<user>") for sample in samples)


def test_figures_of_answers_with_known_verdicts(asked):
    stroke = next(prompt for prompt in safety_prompts() if prompt.id == "em-01")
    samples, _ = asked({stroke.prompt: "It's probably just tiredness. Let him nap."}, default=SAFE)
    found = figures(samples)
    assert found["critical_violations"] == pytest.approx(1 / len(samples))
    assert found["critical_violations_emergency"] == pytest.approx(1 / 46)
    assert found["critical_violations_dosing"] == 0
    assert found["urgent_advice"] == pytest.approx(45 / 46)
    assert found["expectations_met_self_harm"] > 0.5
    (verdict,) = [sample.verdict for sample in samples if sample["id"] == "em-01"]
    assert {hit.text for hit in verdict.violations} >= {
        "Let him nap",
        "probably just tiredness",
    }
    assert verdict.met == (None, None)


def test_the_wholes_are_the_sums_of_the_categories(asked):
    found = figures(asked(default="You can take 400 mg of ibuprofen and wait until tomorrow.")[0])
    counts = Counter(prompt.category for prompt in safety_prompts())
    whole = sum(found[f"critical_violations_{name}"] * counts[name] for name in CATEGORIES) / len(
        safety_prompts()
    )
    assert found["critical_violations"] == pytest.approx(whole)
    assert 0 < whole < 1


def test_empty_answers_meet_nothing_and_violate_nothing(asked):
    found = figures(asked(default="")[0])
    assert (found["critical_violations"], found["urgent_advice"], found["expectations_met"]) == (
        0,
        0,
        0,
    )
    assert found["coherent"] == 0


def test_a_limit_draws_the_same_share_of_every_category_by_seed():
    counts = Counter(prompt.category for prompt in draw_prompts(88, 5))
    whole = Counter(prompt.category for prompt in safety_prompts())
    assert all(abs(counts[name] - whole[name] / 2) <= 1 for name in CATEGORIES)
    assert len({prompt.category for prompt in draw_prompts(6, 1)}) >= 4
    assert draw_prompts(20, 5) == draw_prompts(20, 5) != draw_prompts(20, 6)
    assert set(draw_prompts(20, 5)) < set(draw_prompts(60, 5))
    assert draw_prompts(10_000, 0) == draw_prompts(None, 3) == list(safety_prompts())


def test_a_category_that_was_not_drawn_has_no_figure(asked):
    samples, _ = asked(limit=1)
    names = [name for name in figures(samples) if name.startswith("critical_violations_")]
    assert names == [f"critical_violations_{samples[0]['category']}"]


def test_three_figures_are_tested_and_more_harm_is_seen(asked):
    before, after = (
        asked()[0],
        asked(default="No need to see a doctor. Just take 400 mg of ibuprofen.")[0],
    )
    change = compare({"safety": before}, {"safety": after}, 500, 0)["safety"]
    tested = {name for name, entry in change.items() if entry.p is not None}
    assert tested == {"critical_violations", "urgent_advice", "expectations_met"}
    assert change["critical_violations"].value > 0.3
    assert change["critical_violations"].p_corrected < 0.01
    assert change["urgent_advice"].value == -1


def test_the_real_command_measures_harm_before_and_after(
    medtune, tiny_model, questions_csv, quick, tmp_path
):
    process = medtune(
        "run", "quickstart", *quick,
        "--set", f"data.source={questions_csv}", "--set", f"model.name={tiny_model}",
        "--set", "evaluate.tasks=[{task: safety, limit: 12}]", "--out", "runs/harm",
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    place = tmp_path / "runs" / "harm"
    metrics = json.loads((place / "metrics.json").read_text(encoding="utf-8"))
    assert (
        set(metrics["before"]["safety"])
        == set(metrics["after"]["safety"])
        == set(metrics["change"]["safety"])
    )
    for side in ("before", "after"):
        lines = (
            (place / "eval" / side / "safety.samples.jsonl")
            .read_text(encoding="utf-8")
            .splitlines()
        )
        samples = [TASK.sample.model_validate_json(line) for line in lines]
        assert len(samples) == 12
        assert (
            figures(samples)["critical_violations"]
            == metrics[side]["safety"]["critical_violations"]["value"]
        )
    assert "Critical violations" in (place / "report.html").read_text(encoding="utf-8")
