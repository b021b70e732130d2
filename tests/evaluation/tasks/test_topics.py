"""The demonstration questions, answered greedily and by seeded sampling."""

import pytest

from medtune.evaluation.evaluate import score
from medtune.evaluation.tasks import TASKS

TASK = TASKS["topics"]


def test_every_question_gets_a_greedy_and_a_sampled_answer(scripted, settings):
    model = scripted(answers={"What is gout?": "Crystals in a joint."})
    wanted = settings(
        topics=["What is gout?", "What is flu?"],
        seed=13,
        temperature=0.6,
        top_p=0.8,
        max_new_tokens=9,
    )
    samples = TASK.run(model, [], wanted)
    assert [s["question"] for s in samples] == ["What is gout?", "What is flu?"]
    assert samples[0]["output"] == "Crystals in a joint."
    assert samples[0]["sampled_output"] == "sampled with seed 13: Crystals in a joint."
    settings_used = {(d.temperature, d.top_p, d.seed, d.max_new_tokens) for _, d in model.asked}
    assert settings_used == {(0.0, 1.0, 0, 9), (0.6, 0.8, 13, 9)}


def test_questions_are_asked_with_the_systems_message_of_the_data(scripted, item, settings):
    (sample, *_) = TASK.run(scripted(), [item("q", "a", system="You teach.")], settings())
    assert sample["prompt"] == "<system>You teach.\n<user>What is gout?\n<assistant>"
    (plain, *_) = TASK.run(scripted(), [item("q", "a")], settings())
    assert plain["prompt"] == "<user>What is gout?\n<assistant>"


def test_counts_are_of_the_greedy_answers(scripted, settings):
    model = scripted(answers={"What is gout?": "a b a b a", "What is flu?": "one two three"})
    found = {
        name: entry.value
        for name, entry in score(TASK, TASK.run(model, [], settings()), 100, 0).items()
    }
    counts = {"words": 4.0, "sentences": 1.0, "unique_words": 2.5}
    assert found == pytest.approx(counts | {"distinct_2": 4 / 6, "repetition": 0.0})


def test_the_counts_are_descriptions_that_no_test_judges():
    assert {metric.better for metric in TASK.metrics} == {None}
