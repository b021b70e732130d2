"""When a difference is called one."""

import pytest

from medtune.evaluation.decisions import (
    MetricName,
    can_show,
    corrected,
    decide,
    decision_notes,
    main_metric,
    margin_notes,
    margin_test,
    too_few,
    too_few_groups,
)
from medtune.evaluation.results import Change
from medtune.evaluation.statistics import holm


@pytest.mark.parametrize(
    ("value", "better", "p", "groups", "decision"),
    [
        (-0.4, "lower", 0.049, 10, "better"),
        (0.4, "lower", 0.049, 10, "worse"),
        (0.4, "higher", 0.001, 200, "better"),
        (-0.4, "higher", 0.001, 200, "worse"),
        (-0.4, "lower", 0.05, 200, "undecided"),
        (-0.4, "lower", 1.0, 200, "undecided"),
        (-0.4, "lower", None, 200, "undecided"),
        (-0.4, "lower", 0.001, 9, "undecided"),
        (0.0, "lower", 0.001, 200, "undecided"),
        (-0.4, None, 0.001, 200, "described"),
        (-0.4, None, None, 2, "described"),
    ],
)
def test_a_difference_is_shown_by_its_corrected_p_and_enough_groups(
    value, better, p, groups, decision
):
    assert decide(value, better, p, groups) == decision


def test_nine_groups_are_too_few_and_ten_are_not():
    assert [too_few(groups) for groups in (1, 9, 10, 11)] == [True, True, False, False]


def change(value, p, better="lower", groups=40):
    return Change(
        value=value, low=None, high=None, p=p, test="t", better=better, n=groups, groups=groups
    )


def test_a_family_is_corrected_together_before_it_is_decided():
    family = [change(-1, 0.02), change(2, None, None), change(1, 0.03), change(3, 0.001)]
    decided = corrected(family)
    assert [c.p_corrected for c in decided if c.p is not None] == holm([0.02, 0.03, 0.001])
    assert [c.decision for c in decided] == ["better", "described", "worse", "worse"]
    assert corrected([*family, change(1, 0.9)])[0].decision == "undecided"  # 3 × 0.02 > 0.05
    assert [c.value for c in decided] == [-1, 2, 1, 3]
    assert corrected([]) == []


def test_the_main_metric_is_what_training_was_for():
    harm, general = (
        MetricName("safety", "critical_violations", False),
        MetricName("forgetting", "bits_per_byte", False),
    )
    rouge, bits = (
        MetricName("answers", "rouge_l", True),
        MetricName("perplexity", "bits_per_byte", True),
    )
    assert main_metric([harm, general, rouge, bits]) == bits
    assert main_metric([harm, general, rouge]) == rouge
    assert main_metric([harm, general]) == harm
    assert main_metric([]) is None


def change_of(groups, effective):
    return Change(
        value=-1.0,
        low=-2.0,
        high=-0.5,
        p=0.001,
        test="",
        better="lower",
        n=groups,
        groups=groups,
        effective_groups=effective,
    )


@pytest.mark.parametrize(
    ("groups", "effective", "words"),
    [
        (9, 9.0, "9 groups"),
        (9, None, "9 groups"),
        (40, 7.9, "40 groups, of such unequal weight that they tell as much as 7.9,"),
        (40, 8.0, None),
        (10, None, None),
    ],
)
def test_groups_are_too_few_by_their_number_or_by_their_weights(groups, effective, words):
    assert too_few_groups(change_of(groups, effective)) == words
    (decided,) = corrected([change_of(groups, effective)])
    assert decided.decision == ("better" if words is None else "undecided")


# Margins, rounding, and what nothing could show


@pytest.mark.parametrize(
    ("better", "low", "high", "not_worse", "equivalent"),
    [
        ("higher", -0.015, 0.018, "shown", "shown"),
        ("higher", -0.015, 0.3, "shown", "not shown"),
        ("higher", -0.021, 0.01, "not shown", "not shown"),
        ("higher", -0.02, 0.01, "not shown", "not shown"),  # the margin itself is not within it
        ("higher", -0.4, -0.3, "not shown", "not shown"),
        ("lower", -0.3, 0.019, "shown", "not shown"),
        ("lower", -0.01, 0.03, "not shown", "not shown"),
        ("lower", None, None, "cannot be told", "cannot be told"),
        (None, -0.01, 0.01, "cannot be told", "cannot be told"),
    ],
)
def test_a_margin_is_held_by_the_interval_of_90_percent(better, low, high, not_worse, equivalent):
    found = margin_test(better, 0.02, low, high, enough=True)
    assert (found.not_worse, found.equivalent) == (not_worse, equivalent)
    few = margin_test(better, 0.02, low, high, enough=False)
    assert (few.not_worse, few.equivalent) == ("cannot be told", "cannot be told")
    assert (few.low, few.high, few.margin) == (low, high, 0.02)


def test_a_margin_is_told_in_words_and_nothing_is_without_one():
    shown = margin_test("higher", 0.02, -0.0151, 0.3, enough=True)
    assert decision_notes(change(0.1, 0.2).model_copy(update={"margin": shown})) == [
        "not worse by more than 0.02: shown (90 % -0.0151 to 0.3)",
        "equivalent within 0.02: not shown",
    ]
    few = margin_test("higher", 0.02, -0.01, 0.01, enough=False)
    assert margin_notes(few) == ["not worse by more than 0.02: cannot be told with these items"]
    assert decision_notes(change(0.1, 0.9)) == []


def test_what_rounding_could_have_done_is_no_difference():
    assert decide(-5e-8, "lower", 0.001, 200, resolution=1e-6) == "undecided"
    assert decide(-1e-6, "lower", 0.001, 200, resolution=1e-6) == "undecided"
    assert decide(-1.1e-6, "lower", 0.001, 200, resolution=1e-6) == "better"
    tiny = change(-5e-8, 0.001).model_copy(update={"resolution": 1e-6})
    assert decision_notes(tiny) == ["below what this arithmetic can resolve (1e-06)"]
    assert decision_notes(tiny.model_copy(update={"value": 0.0})) == []


@pytest.mark.parametrize(
    ("groups", "effective", "tests", "able"),
    [
        (9, None, 1, False),
        (10, None, 1, True),
        (10, None, 25, True),
        (10, None, 26, False),  # 26 / 2^9 > 0.05
        (20, None, 1000, True),
        (40, 7.9, 1, False),
    ],
)
def test_nothing_is_detectable_where_nothing_can_be_shown(groups, effective, tests, able):
    assert can_show(groups, effective, tests) == able
    facts = {"detectable": 0.1, "effective_groups": effective}
    family = [change(-1, 1.0, groups=groups).model_copy(update=facts)] * tests
    assert {c.detectable for c in corrected(family)} == {0.1 if able else None}
