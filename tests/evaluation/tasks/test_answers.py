"""Greedy answers and their agreement with the references."""

import pytest

from medtune.evaluation.evaluate import score
from medtune.evaluation.tasks import TASKS

TASK = TASKS["answers"]


def test_answers_are_greedy_and_kept_with_prompt_and_reference(scripted, item, settings):
    model = scripted(answers={"What helps?": "Rest helps."})
    (sample,) = TASK.run(
        model, [item("What helps?", "rest helps", system="Be brief.")], settings(max_new_tokens=12)
    )
    assert sample["prompt"] == "<system>Be brief.\n<user>What helps?\n<assistant>"
    assert (sample["output"], sample["reference"]) == ("Rest helps.", "rest helps")
    assert sample["score"]["rouge_l"] == sample["score"]["token_f1"] == 1.0
    ((messages, decoding),) = model.asked
    assert [m.role for m in messages] == ["system", "user"]
    assert (decoding.temperature, decoding.max_new_tokens) == (0.0, 12)


def test_scores_of_two_known_answers(scripted, item, settings):
    looping = "go home and rest go home and rest"
    model = scripted(answers={"a": looping, "b": "drink water"}, unfinished=frozenset({"a"}))
    samples = TASK.run(model, [item("a", "stay in bed"), item("b", "drink water")], settings())
    found = {name: entry.value for name, entry in score(TASK, samples, 100, 0).items()}
    expected = {
        "rouge_l": 0.5,
        "token_f1": 0.5,
        "finished": 0.5,
        "repetition": 4 / 10,
        "words": 5.0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert set(found) == {*expected, "bleu"}


def test_a_limit_draws_by_seed_the_same_items_for_every_model(scripted, item, settings):
    items = [item(f"q{n}", "yes") for n in range(40)]
    drawn = [s["id"] for s in TASK.run(scripted(), items, settings(limit=10, seed=1))]
    again = [
        s["id"]
        for s in TASK.run(scripted(default_answer="other"), items, settings(limit=10, seed=1))
    ]
    other = [s["id"] for s in TASK.run(scripted(), items, settings(limit=10, seed=2))]
    names = [i.id for i in items]
    assert drawn == again != other
    assert drawn == sorted(set(drawn), key=names.index)
    assert len(drawn) == 10
    assert drawn != names[:10]


def test_a_limit_above_the_number_of_items_takes_all(scripted, item, settings):
    items = [item(f"q{n}", "yes") for n in range(3)]
    assert len(TASK.run(scripted(), items, settings(limit=10))) == 3


def test_empty_answers_are_scored_zero_and_have_no_repetition(scripted, item, settings):
    samples = TASK.run(scripted(default_answer=""), [item("a", "x"), item("b", "y")], settings())
    found = score(TASK, samples, 100, 0)
    assert "repetition" not in found
    assert (found["rouge_l"].value, found["words"].value) == (0.0, 0.0)
