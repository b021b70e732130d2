import random

import pytest

from medtune.errors import RunError
from medtune.evaluation.comparison.leaderboard import ModelSamples, compare_all, same_items
from medtune.evaluation.tasks import Metric


class Guessing:
    """Right or wrong, and a figure a token."""

    name, title = "guessing", "Guesses"
    metrics = (
        Metric("accuracy", "Accuracy", lambda s: (s["score"], 1), "higher", right_or_wrong=True),
        Metric(
            "perplexity", "Perplexity", lambda s: (s["nll"], s["tokens"]), "lower", per_token=True
        ),
        Metric("words", "Words", lambda s: (s["words"], 1), None),
    )


TASKS = {"guessing": Guessing()}


def samples(rights, nll=1.0, groups=None):
    return [
        {
            "id": f"i{n}",
            "group": groups[n] if groups else f"g{n}",
            "reference": f"r{n}",
            "score": float(right),
            "nll": nll + 0.01 * (n % 7),
            "tokens": 1,
            "words": n,
        }
        for n, right in enumerate(rights)
    ]


def contestant(name, rights, tokenizer="t", **options):
    return ModelSamples(name, {"guessing": samples(rights, **options)}, tokenizer)


def table(tables, metric):
    return next(t for t in tables if t.metric == metric)


def shares(*right_of_hundred):
    """Contestants by share of right answers, the better ones right wherever the worse are."""
    return [contestant(f"{right}%", [n < right for n in range(100)]) for right in right_of_hundred]


def test_pairs_are_mcnemars_and_holm_is_over_the_whole_family():
    tables, family = compare_all(shares(50, 55, 80), TASKS, 200, 0)
    pairs = {(p.first, p.second): p for p in table(tables, "accuracy").pairs}
    assert {p.test for p in pairs.values()} == {"exact McNemar"}
    p_close, p_far = 2 * 0.5**5, 2 * 0.5**30  # 5 and 30 discordant items, all on one side
    assert pairs["50%", "55%"].p == pytest.approx(p_close)
    assert pairs["50%", "80%"].p == pytest.approx(p_far)
    # Three pairs of accuracy, three of perplexity (equal: p = 1); the description is not tested.
    assert family.tests == 6
    assert pairs["50%", "80%"].p_corrected == pytest.approx(6 * p_far)
    assert pairs["50%", "55%"].p_corrected == pytest.approx(4 * p_close)
    assert all(p.p is None for p in table(tables, "words").pairs)


def test_rank_counts_who_is_significantly_better():
    tables, _ = compare_all(shares(50, 55, 80, 85), TASKS, 200, 0)
    ranks = {row.name: row.rank for row in table(tables, "accuracy").rows}
    assert ranks == {"85%": 1, "80%": 1, "55%": 3, "50%": 3}
    assert [row.name for row in table(tables, "accuracy").rows] == [
        "85%",
        "80%",
        "55%",
        "50%",
    ]


def test_ties_need_not_be_transitive():
    # 50 and 60 cannot be told from 55 and 65 by a step, but 50 from 65 can: the middle ones tie
    # with both ends.
    tables, _ = compare_all(shares(50, 57, 64), TASKS, 200, 0)
    ranks = {row.name: row.rank for row in table(tables, "accuracy").rows}
    assert ranks == {"64%": 1, "57%": 1, "50%": 2}


def test_contestants_by_chance_share_the_first_rank():
    rng = random.Random(0)
    many = [contestant(str(k), [rng.random() < 0.5 for _ in range(80)]) for k in range(8)]
    tables, _ = compare_all(many, TASKS, 200, 0)
    assert {row.rank for row in table(tables, "accuracy").rows} == {1}
    assert len(table(tables, "accuracy").pairs) == 28


def test_lower_is_better_where_the_metric_says_so():
    both = [contestant("good", [1] * 40, nll=1.0), contestant("bad", [1] * 40, nll=2.0)]
    perplexity = table(compare_all(both, TASKS, 500, 0)[0], "perplexity")
    assert [(row.name, row.rank) for row in perplexity.rows] == [("good", 1), ("bad", 2)]
    assert perplexity.pairs[0].better == "good"
    assert perplexity.pairs[0].value == pytest.approx(1.0)


def test_figures_a_token_are_ranked_only_among_equal_tokenizers():
    three = [
        contestant("a", [1] * 40, nll=1.0),
        contestant("b", [1] * 40, nll=2.0),
        contestant("c", [1] * 40, tokenizer="u"),
    ]
    tables, family = compare_all(three, TASKS, 200, 0)
    perplexity = table(tables, "perplexity")
    assert [row.rank for row in perplexity.rows] == [None] * 3
    assert [(p.first, p.second) for p in perplexity.pairs] == [("a", "b")]
    assert "different tokens" in perplexity.note
    assert family.tests == 3 + 1
    assert table(tables, "accuracy").rows[0].rank == 1


def test_the_bootstrap_can_resolve_the_family():
    """With many tests and few draws, the smallest p-value times their number could never be
    below 0.05.
    """
    steps = [contestant(str(k), [1] * 40, nll=1.0 + k) for k in range(10)]
    tables, family = compare_all(steps, TASKS, 50, 0)
    assert family.resamples >= 100 * family.tests
    ranks = [row.rank for row in table(tables, "perplexity").rows]
    assert ranks == list(range(1, 11))


def test_a_handful_of_groups_decides_nothing():
    groups = [f"g{n % 8}" for n in range(80)]
    two = [contestant("none", [0] * 80, groups=groups), contestant("all", [1] * 80, groups=groups)]
    accuracy = table(compare_all(two, TASKS, 200, 0)[0], "accuracy")
    assert {row.rank for row in accuracy.rows} == {1}
    assert "too few" in accuracy.note


def test_items_are_put_in_one_order_and_must_be_the_same():
    left, right = samples([1, 0] * 20), samples([1, 0] * 20)
    random.Random(1).shuffle(right)
    assert same_items(left, right)
    two = [ModelSamples("a", {"guessing": left}, "t"), ModelSamples("b", {"guessing": right}, "t")]
    (pair,) = table(compare_all(two, TASKS, 100, 0)[0], "accuracy").pairs
    assert (pair.value, pair.p) == (0, 1)
    right[0] = right[0] | {"reference": "another"}
    assert not same_items(left, right)
    with pytest.raises(RunError, match="different items"):
        compare_all(two, TASKS, 100, 0)


def test_what_only_one_was_measured_on_is_no_table():
    two = [contestant("a", [1] * 20), ModelSamples("b", {}, "t")]
    assert compare_all(two, TASKS, 100, 0)[0] == []


def test_a_figure_without_a_value_has_no_row():
    empty = [s | {"tokens": 0} for s in samples([1] * 20)]
    two = [contestant("a", [1] * 20), ModelSamples("b", {"guessing": empty}, "t")]
    perplexity = table(compare_all(two, TASKS, 100, 0)[0], "perplexity")
    assert [row.name for row in perplexity.rows] == ["a"]
    assert perplexity.pairs == []
