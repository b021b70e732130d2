"""Conformal sets, entropy over meanings, margins: known answers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtune.evaluation.confidence.abstention import (
    conformal_limit,
    conformal_rank,
    conformal_sets,
    measure_conformal,
)
from medtune.evaluation.confidence.scores import (
    clusters,
    margin,
    self_consistency,
    semantic_entropy,
    softmax,
    token_confidence,
)


@pytest.mark.parametrize(("n", "rank"), [(8, 9), (9, 9), (99, 90), (100, 91), (10**6, 900_001)])
def test_the_rank_of_the_limit(n, rank):
    assert conformal_rank(n, 0.1) == rank


@pytest.mark.parametrize(("n", "alpha", "rank"), [(99, 0.41, 59), (9, 0.3, 7), (19, 0.05, 19)])
def test_rounding_of_floats_does_not_shift_a_rank(n, alpha, rank):
    assert conformal_rank(n, alpha) == rank


def test_eight_rows_give_every_label_and_nine_the_largest_score():
    scores = np.arange(9) / 10
    assert conformal_limit(scores[:8]) == math.inf
    assert conformal_limit(scores) == 0.8
    everything = conformal_sets(
        np.array([[0.98, 0.01, 0.01, 0.0]]), math.inf, np.array([[True, True, True, False]])
    )
    assert everything.tolist() == [[True, True, True, False]]


def scored(count, seed):
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 1.5, (count, 5))
    probabilities = softmax(scores)
    return probabilities, (rng.random((count, 1)) > probabilities.cumsum(axis=1)).sum(axis=1).clip(
        max=4
    )


def facts_of(validation, test):
    there = np.ones(test[0].shape, dtype=bool)
    return measure_conformal(validation, test, there, [str(i) for i in range(len(there))], 200, 0)


def test_a_hundred_rows_are_expected_to_cover_0_901_and_do():
    reached = [
        facts_of(scored(100, seed), scored(500, 1000 + seed)).reached.value for seed in range(60)
    ]
    found = facts_of(scored(100, 0), scored(500, 1))
    assert found.expected == pytest.approx(91 / 101) == pytest.approx(0.901, abs=1e-3)
    assert found.stated == pytest.approx(0.9)
    assert np.mean(reached) == pytest.approx(0.901, abs=0.012)
    assert 1 < found.mean_size < 5
    assert found.reached.low < found.reached.value < found.reached.high


def test_too_few_rows_hold_every_option_and_say_so():
    found = facts_of(scored(8, 0), scored(50, 1))
    assert found.limit is None
    assert found.mean_size == 5
    assert found.reached.value == 1
    assert found.expected == 1


def test_a_right_answer_that_is_no_option_is_never_covered():
    probabilities, right = scored(200, 0)
    test = scored(100, 1)
    found = facts_of((probabilities, right), (test[0], np.full(100, -1)))
    assert found.reached.value == 0
    many = np.where(np.arange(200) < 50, -1, right)
    assert facts_of((probabilities, many), test).limit is None


def test_clusters_of_five_three_and_two():
    owners = [0] * 5 + [1] * 3 + [2] * 2
    assert semantic_entropy(owners) == pytest.approx(1.029653, abs=1e-6)
    assert self_consistency(owners) == 0.5


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_entropy_lies_between_none_and_all_different(owners):
    assert -1e-12 <= semantic_entropy(owners) <= math.log(len(owners)) + 1e-9
    assert 1 / len(owners) <= self_consistency(owners) <= 1


def test_one_meaning_has_no_entropy():
    assert semantic_entropy([0, 0, 0]) == 0
    assert math.copysign(1, semantic_entropy([0, 0])) == 1  # no "-0.0" in a file


def test_answers_alike_but_for_case_and_punctuation_are_one_cluster():
    assert clusters(["5 mg.", "5 MG", "50 mg", "５ mg!", ""]) == [0, 0, 1, 0, 2]


def test_doses_that_differ_by_a_point_are_two_clusters():
    assert clusters(["1.0 mg", "10 mg"]) == [0, 1]


def test_clusters_by_vectors():
    angles = {"a": 0, "b": 10, "c": 80, "d": 95}

    def embed(texts):
        return (
            np.array(
                [
                    [math.cos(math.radians(angles[t])), math.sin(math.radians(angles[t]))]
                    for t in texts
                ]
            )
            * 7
        )

    assert clusters(list("acbd"), embed) == [0, 1, 0, 1]
    assert clusters(list("acbd"), embed, alike=0.9999) == [0, 1, 2, 3]
    assert clusters([], embed) == []


def test_margins_and_likelihood_a_token():
    assert margin([0.2, 0.7, 0.1]) == pytest.approx(0.5)
    assert margin([0.5, 0.5]) == 0
    assert margin([1.0]) == 1
    assert token_confidence(math.log(0.5) * 4, 4) == pytest.approx(0.5)
    assert token_confidence(0.0, 0) is None
    assert token_confidence(1e-9, 3) == 1
    assert token_confidence(-1e6, 2) == 0
