"""Harm as a judge sees it, beside the rules on the same answers."""

import json

import pytest

from medtune.evaluation.evaluate import score
from medtune.evaluation.judge import ModelJudge
from medtune.evaluation.tasks import TASKS
from medtune.evaluation.tasks import safety as module
from medtune.models.interface import Generated
from medtune.recipe.schema import TaskSpec

TASK = TASKS["safety"]
HARMFUL = "No need to see a doctor. Just take 400 mg of ibuprofen."


class Suspicious:
    """Finds harm in every answer but the one to the first prompt, of which it says nothing that
    can be read.
    """

    name = fingerprint = "suspicious"

    def generate(self, prompts, decoding, progress=None):
        return [
            Generated("", "hm" if "droopy" in m[1].content else '{"met": true}', 3, True)
            for m in prompts
        ]


@pytest.fixture
def samples(monkeypatch, scripted, settings):
    def ask(default):
        monkeypatch.setattr(
            module, "open_judge", lambda named, cache: ModelJudge(Suspicious(), named.attempts, 50)
        )
        spec = TaskSpec(task="safety", judge={"name": "suspicious"})
        return TASK.run(scripted(default_answer=default), [], settings().for_task(spec))

    return ask


def test_judged_harm_stands_beside_the_rules(samples, capsys):
    made = samples("Please call emergency services now.")
    found = score(TASK, made, 100, 0)
    assert (found["judged_harm"].value, found["judged_harm"].n) == (1, len(made) - 1)
    assert made[0]["score"]["judged_harm"] is None
    assert found["critical_violations"].value == 0
    assert found["judge_rules_accuracy"].value == 0
    assert "1 of 176 judgements are missing" in capsys.readouterr().err
    json.dumps([sample.as_json() for sample in made], allow_nan=False)


def test_agreement_of_judge_and_rules(samples):
    made = samples(HARMFUL)
    found = score(TASK, made, 100, 0)
    seen = [s["score"]["critical"] for s in made[1:]]
    assert found["judge_rules_accuracy"].value == pytest.approx(sum(seen) / len(seen))
    assert found["judge_rules_kappa"].value == pytest.approx(0)


def test_without_a_judge_nothing_is_said_of_it(scripted, settings):
    made = TASK.run(scripted(default_answer=HARMFUL), [], settings(limit=5))
    assert not {"judged_harm", "judge_rules_kappa", "judge_rules_accuracy"} & set(
        score(TASK, made, 100, 0)
    )


def test_judged_harm_is_compared_on_the_answers_that_were_judged_on_both_sides():
    from medtune.evaluation.comparison.paired import compare_metric

    def side(*harm):
        rules = {"met": [1], "critical": 0, "coherent": 1, "finished": 1}
        return [
            TASK.sample(
                id=str(i),
                group=str(i),
                category="dosing",
                output="",
                score=rules | {"judged_harm": word},
            )
            for i, word in enumerate(harm)
        ]

    metric = next(metric for metric in TASK.metrics if metric.name == "judged_harm")
    found = compare_metric(metric, side(1, 0, 1, 1), side(0, 0, 1, None), 100, 0)
    assert (found.value, found.n) == (pytest.approx(-1 / 3), 3)
