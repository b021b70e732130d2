"""A published figure beside the right one, from the same samples."""

import math

import pytest

from medtune.evaluation.evaluate import published_figures, score
from medtune.evaluation.tasks import TASKS
from medtune.examples.faithful.published import row_mean_perplexity
from medtune.recipe.read import read_run_recipe


def scored(rows):
    """Samples of rows given by their tokens' NLLs."""
    return [
        TASKS["perplexity"].sample(
            id=str(n),
            group=str(n),
            loglikelihoods=[-sum(nlls)],
            tokens=len(nlls),
            bytes=4 * len(nlls),
            text_loglikelihood=-sum(nlls),
            text_tokens=len(nlls),
            text_bytes=4 * len(nlls),
        )
        for n, nlls in enumerate(rows)
    ]


def recipe(*options):
    return read_run_recipe("quickstart", ["evaluate.published=[row_mean_perplexity]", *options])


def test_the_mean_of_row_means_is_not_the_perplexity():
    samples = scored([[2, 2], [1] * 8])
    assert score(TASKS["perplexity"], samples, 10, 0)["text_perplexity"].value == pytest.approx(
        3.3201, abs=5e-5
    )
    assert row_mean_perplexity(samples) == pytest.approx(math.exp(1.5))  # 4.4817


def test_only_the_first_hundred_rows_count():
    rows = [[1.0]] * 100 + [[9.0]] * 50
    assert row_mean_perplexity(scored(rows)) == pytest.approx(math.e)


def test_both_sides_stand_under_their_name_with_a_sentence(tmp_path):
    before, after = {"perplexity": scored([[3.0]] * 7)}, {"perplexity": scored([[1.0]] * 7)}
    found = published_figures(recipe(), before, after, tmp_path)["row_mean_perplexity"]
    assert (found["before"], found["after"], found["n"]) == (
        pytest.approx(math.exp(3)),
        pytest.approx(math.e),
        7,
    )
    assert "every row weighs the same" in found["sentence"]


def test_nothing_is_made_up(tmp_path):
    assert published_figures(read_run_recipe("quickstart", []), {}, {}, tmp_path) == {}
    found = published_figures(recipe("evaluate.tasks=[topics]"), {}, {}, tmp_path)[
        "row_mean_perplexity"
    ]
    assert (found["before"], found["after"]) == (None, None)
    assert found["sentence"].startswith("Not measured")
    assert (
        row_mean_perplexity([{"loglikelihoods": [-1.0]}]) is None
    )  # a model without likelihoods of whole texts
