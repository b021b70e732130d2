"""Before and after, paired item by item."""

import math

import pytest

from medtune.errors import RunError
from medtune.evaluation.comparison.paired import TEST, compare
from medtune.evaluation.statistics import holm
from medtune.evaluation.tasks import TASKS


def likelihoods(nlls, groups=None, prefix="item"):
    rows = [
        {
            "id": f"{prefix}-{n}",
            "group": groups[n] if groups else f"g-{n}",
            "prompt": "q",
            "continuations": ["answer"],
            "loglikelihoods": [-nll],
            "tokens": 5,
            "bytes": 20,
            "text_loglikelihood": -nll - 10,
            "text_tokens": 12,
            "text_bytes": 50,
            "reference": f"answer {n}",
            "score": nll / math.log(2) / 20,
        }
        for n, nll in enumerate(nlls)
    ]
    return [TASKS["perplexity"].sample.model_validate(row) for row in rows]


@pytest.fixture
def topics(scripted, settings):
    def make(answer, questions=("What is gout?", "What is flu?", "What is flux?")):
        return TASKS["topics"].run(scripted(default_answer=answer), [], settings(topics=questions))

    return make


BEFORE = [10.0 + n for n in range(12)]
AFTER = [9.0 + n + (n % 3) / 10 for n in range(12)]


def bits(before, after):
    return compare({"perplexity": before}, {"perplexity": after}, 500, 0)["perplexity"][
        "bits_per_byte"
    ]


def test_difference_is_after_minus_before_with_its_uncertainty():
    found = bits(likelihoods(BEFORE), likelihoods(AFTER))
    assert found.value == pytest.approx((sum(AFTER) - sum(BEFORE)) / math.log(2) / 240)
    assert found.low < found.value < found.high < 0
    assert found.p <= found.p_corrected < 0.05
    assert (found.test, found.better, found.n, found.groups) == (
        TEST,
        "lower",
        12,
        12,
    )


def test_items_are_paired_by_id_whatever_their_order():
    after = likelihoods(AFTER)
    assert bits(likelihoods(BEFORE), after[::-1]) == bits(likelihoods(BEFORE), after)


@pytest.mark.parametrize("change", ["fewer", "more", "others"])
def test_different_items_are_refused(change):
    before, after = likelihoods(BEFORE), likelihoods(AFTER)
    after = {
        "fewer": after[1:],
        "more": [*after, *likelihoods([1.0], prefix="new")],
        "others": likelihoods(AFTER, prefix="x"),
    }[change]
    with pytest.raises(RunError, match="different items"):
        bits(before, after)


def test_the_same_names_for_other_questions_are_refused(topics):
    with pytest.raises(RunError, match="different items"):
        compare(
            {"topics": topics("yes")},
            {"topics": topics("yes", ("What is A?", "What is B?", "What is C?"))},
            100,
            0,
        )


def test_the_same_names_for_other_references_are_refused():
    after = likelihoods(AFTER)
    after[3] = after[3].model_copy(update={"reference": "an answer to something else"})
    with pytest.raises(RunError, match="different items"):
        bits(likelihoods(BEFORE), after)


def test_holm_covers_every_tested_figure_of_every_task(scripted, item, settings):
    items = [item(f"q{n}", f"answer number {n} of many") for n in range(10)]
    sides = []
    for answer in ("no", "answer number of many"):
        made = TASKS["answers"].run(scripted(default_answer=answer), items, settings())
        sides.append(
            {"perplexity": likelihoods(BEFORE if answer == "no" else AFTER), "answers": made}
        )
    change = compare(*sides, 500, 0)
    tested = [entry for task in change.values() for entry in task.values() if entry.p is not None]
    assert len(tested) == 4 + 4
    assert [entry.p_corrected for entry in tested] == pytest.approx(
        holm([entry.p for entry in tested])
    )
    assert max(e.p_corrected / e.p for e in tested) > len(TASKS["perplexity"].metrics)


def test_descriptions_are_shown_and_not_tested(topics):
    found = compare({"topics": topics("a b c")}, {"topics": topics("a b c d e")}, 100, 0)["topics"][
        "words"
    ]
    assert (found.value, found.p, found.p_corrected) == (2.0, None, None)
    assert found.test.startswith("not tested")


def test_a_figure_that_one_side_lacks_is_left_out(topics):
    change = compare({"topics": topics("")}, {"topics": topics("two words")}, 100, 0)["topics"]
    assert "words" in change
    assert "distinct_2" not in change


def test_a_single_group_is_compared_without_a_test():
    one = ["g"] * 12
    found = bits(likelihoods(BEFORE, one), likelihoods(AFTER, one))
    assert found.value < 0
    assert (found.low, found.p, found.p_corrected) == (None, None, None)


def test_groups_make_the_comparison_more_careful():
    groups = [f"g{n % 4}" for n in range(12)]
    noisy = [b + (1.2, -1.0, -0.8, 0.3)[n % 4] - 0.05 * n for n, b in enumerate(BEFORE)]
    alone = bits(likelihoods(BEFORE), likelihoods(noisy))
    grouped = bits(likelihoods(BEFORE, groups), likelihoods(noisy, groups))
    assert grouped.p > alone.p
    assert grouped.high - grouped.low > alone.high - alone.low
