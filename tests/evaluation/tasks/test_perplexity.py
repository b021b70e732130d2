"""Perplexity and bits per byte of a model whose likelihoods are known."""

import math

import pytest

from medtune.evaluation.evaluate import score
from medtune.evaluation.tasks import TASKS
from medtune.recipe.schema import TaskSpec

TASK = TASKS["perplexity"]


def values(samples):
    return {name: entry.value for name, entry in score(TASK, samples, 100, 0).items()}


def test_perplexity_is_exponentiated_once_over_all_tokens(scripted, item, settings):
    model = scripted(nll={"two": (2 + 2, 2), "eight": (8 * 1, 8)})
    samples = TASK.run(model, [item("a", "two"), item("b", "eight")], settings())
    assert values(samples)["perplexity"] == pytest.approx(3.3201, abs=5e-5)


def test_bits_per_byte_of_a_uniform_model_counts_utf8_bytes(scripted, item, settings):
    model = scripted(nll={"naïve µg": (3 * math.log(50_257), 3)})
    samples = TASK.run(model, [item("q", "naïve µg")], settings())
    assert samples[0]["bytes"] == 10
    assert values(samples)["bits_per_byte"] == pytest.approx(4.6851, abs=5e-5)
    assert samples[0]["score"] == pytest.approx(4.6851, abs=5e-5)


def test_bits_per_byte_is_a_ratio_of_sums_not_a_mean_of_ratios(scripted, item, settings):
    model = scripted(nll={"x": (8 * math.log(2), 1), "y" * 99: (99 * math.log(2), 9)})
    samples = TASK.run(model, [item("a", "x"), item("b", "y" * 99)], settings())
    assert values(samples)["bits_per_byte"] == pytest.approx(107 / 100)


def test_figures_do_not_depend_on_the_order_of_items(scripted, item, settings):
    items = [item(f"q{n}", "word " * (n + 1)) for n in range(6)]
    there, back = (TASK.run(scripted(), order, settings()) for order in (items, items[::-1]))
    assert values(there) == pytest.approx(values(back))


def test_answer_and_whole_text_figures_are_both_there(scripted, item, settings):
    question = item("why", "because")
    whole = "<user>why\n<assistant>because"
    model = scripted(nll={"because": (2.0, 1), whole: (9.0, 4)})
    (sample,) = TASK.run(model, [question], settings())
    assert (sample["prompt"], sample["continuations"]) == ("<user>why\n<assistant>", ["because"])
    assert sample["loglikelihoods"] == [-2.0]
    found = values([sample])
    assert found["perplexity"] == pytest.approx(math.exp(2))
    assert found["text_perplexity"] == pytest.approx(math.exp(9 / 4))
    assert found["bits_per_byte"] == pytest.approx(2 / math.log(2) / 7)
    assert found["text_bits_per_byte"] == pytest.approx(9 / math.log(2) / len(whole))


def test_samples_keep_items_in_order_with_their_groups(scripted, item, settings):
    items = [item("b", "x", group="one"), item("a", "y", group="one")]
    samples = TASK.run(scripted(), items, settings())
    assert [(s["id"], s["group"], s["reference"]) for s in samples] == [
        ("id-b", "one", "x"),
        ("id-a", "one", "y"),
    ]


def test_lower_is_better_in_every_figure():
    tested = {metric.name: metric.better for metric in TASK.metrics}
    assert (
        tested.pop("word_perplexity") is None
    )  # the same sum as the others: described, so that the family stays small
    assert set(tested.values()) == {"lower"}


def test_it_is_measured_whole_unless_its_own_limit_says_otherwise(scripted, item, settings):
    items = [item(f"q{n}", "word") for n in range(6)]
    of_all, own = (
        settings(limit=2).for_task(TaskSpec(task="perplexity", limit=n)) for n in (None, 3)
    )
    assert len(TASK.run(scripted(), items, of_all)) == 6
    assert len(TASK.run(scripted(), items, own)) == 3
