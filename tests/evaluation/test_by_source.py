"""A figure source by source, and the words beside tokens and bytes."""

import math

import pytest

from medtune.evaluation.comparison.paired import by_source
from medtune.evaluation.evaluate import score
from medtune.evaluation.tasks import TASKS


def sample(name, source, nll, size=10, words=2):
    return TASKS["perplexity"].sample(
        id=name,
        group=name,
        reference="r",
        source=source,
        loglikelihoods=[-nll],
        tokens=4,
        bytes=size,
        words=words,
    )


BEFORE = [sample(f"a{n}", "one", 4.0) for n in range(6)] + [
    sample(f"b{n}", "two", 4.0 + n) for n in range(6)
]
AFTER = [sample(f"a{n}", "one", 2.0) for n in range(6)] + [
    sample(f"b{n}", "two", 4.0 + n) for n in range(6)
]


def test_one_source_got_better_and_the_other_did_not():
    found = by_source({"p": BEFORE}, {"p": AFTER}, {"p": TASKS["perplexity"]}, 200, 0)["p"]
    assert found.metric == "bits_per_byte"
    one, two = found.rows
    assert (one.source, one.n) == ("one", 6)
    assert one.change.value == pytest.approx(-0.2 / math.log(2))
    assert (two.source, two.change.value) == ("two", 0)
    assert one.after.value == pytest.approx(0.2 / math.log(2))


def test_of_one_source_nothing_is_said():
    assert by_source({"p": BEFORE[:6]}, {"p": AFTER[:6]}, {"p": TASKS["perplexity"]}, 200, 0) == {}


def test_word_perplexity_is_exponentiated_once_over_all_words():
    found = score(
        TASKS["perplexity"],
        [sample("a", "one", 4.0, words=2), sample("b", "one", 8.0, words=8)],
        100,
        0,
    )
    assert found["word_perplexity"].value == pytest.approx(math.exp(12 / 10))
