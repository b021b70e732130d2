"""Ways to use the models beside each other, and trainings with several seeds: known answers and
agreement with formulas.
"""

import numpy as np
import pytest
from scipy import stats

from medtune.evaluation.comparison.seed_variance import decoding_spread, pooled_change
from medtune.evaluation.comparison.variants import Variant, compare_variants
from medtune.evaluation.tasks import Metric, Task

RIGHT = Metric("accuracy", "Accuracy", lambda s: (s["score"], 1), "higher", right_or_wrong=True)
LOSS = Metric("loss", "Loss", lambda s: (s["score"], 1), "lower")


class One(Task):
    name = title = "one"

    def __init__(self, metric):
        self.metrics = (metric,)

    def run(self, model, items, settings):
        raise NotImplementedError


def samples(scores, prompt="short", groups=None):
    return [
        {
            "id": f"i{n}",
            "group": groups[n] if groups else f"g{n}",
            "reference": "r",
            "prompt": prompt,
            "score": float(score),
        }
        for n, score in enumerate(scores)
    ]


def side(name, model, scores, prompt="short", shots=0):
    return Variant(name, model, None, shots, samples(scores, prompt))


def arms(*sides, metric=RIGHT):
    return compare_variants(sides, "one", One(metric), metric, 500, 0)


N = 60
HALF = [n % 2 for n in range(N)]
MOST = [n % 10 > 0 for n in range(N)]


def test_the_cheapest_way_that_is_not_worse_needs_no_training():
    found = arms(
        side("base", "base", HALF),
        side("tuned", "tuned", MOST),
        side("shots", "base", MOST, "long " * 9, 3),
    )
    assert (found.best, found.cheapest) == ("tuned", "shots")
    rows = {row.name: row for row in found.rows}
    assert rows["tuned"].against_best is None
    assert rows["shots"].against_best.value == 0
    assert rows["base"].against_best.p_corrected < 0.001
    assert rows["shots"].prompt_bytes == 45
    assert "without any training, shots" in found.sentence


NEARLY = [*MOST[:-3], *(not right for right in MOST[-3:])]


@pytest.mark.parametrize(
    ("margin", "cheapest", "words"),
    [
        (None, "base", "for which this test does not show a difference is, without any training"),
        (0.03, "tuned", "no cheaper way is shown to be not worse by more than 0.03"),
        (0.3, "base", "not worse by more than 0.3: shown"),
    ],
)
def test_a_cheaper_way_is_called_not_worse_by_its_margin_alone(margin, cheapest, words):
    sides = side("base", "base", NEARLY), side("tuned", "tuned", MOST)
    found = compare_variants(sides, "one", One(RIGHT), RIGHT, 500, 0, margin)
    assert found.cheapest == cheapest
    assert words in found.sentence
    assert ("not worse" in found.sentence) == (margin is not None)


def test_where_a_family_is_too_large_for_the_groups_no_cheapest_is_named():
    """Eight ways are 28 pairs: ten groups have no p-value below 2^-9, and 28 / 2^9 > 0.05."""
    few = [n % 2 for n in range(10)]
    found = arms(*(side(f"w{k}", "base", few, "p" * k) for k in range(8)))
    assert found.cheapest is None
    assert "10 groups, for 28 tests, are too few" in found.sentence
    assert all(r.against_best.detectable is None for r in found.rows if r.against_best)


def test_where_training_is_needed_it_is_said():
    found = arms(side("base", "base", HALF), side("tuned", "tuned", [1] * N))
    assert found.cheapest == found.best == "tuned"
    assert "every cheaper way is significantly worse" in found.sentence


def test_of_equal_ones_the_shorter_prompt_is_cheaper():
    found = arms(
        side("long", "base", MOST, "long " * 9),
        side("short", "base", MOST),
        side("tuned", "tuned", MOST),
    )
    assert found.cheapest == "short"


def test_lower_is_better_where_it_is():
    found = arms(
        side("base", "base", np.arange(N) + 5), side("tuned", "tuned", np.arange(N)), metric=LOSS
    )
    assert found.best == "tuned"
    assert found.rows[0].against_best.value == 5


def test_p_values_are_corrected_over_the_family():
    few = [1] * (N - 6) + [0] * 6
    found = arms(side("a", "base", few), side("b", "base", few), side("tuned", "tuned", [1] * N))
    entries = [row.against_best for row in found.rows[:2]]
    assert [entry.p for entry in entries] == pytest.approx([2 * 0.5**6] * 2)
    assert [entry.p_corrected for entry in entries] == pytest.approx(
        [6 * 0.5**6] * 2
    )  # three pairs in the family


def test_of_equal_ways_few_are_called_worse_though_the_best_is_picked_on_the_same_items():
    rng, false = np.random.default_rng(0), 0
    for _ in range(60):
        sides = [side(f"w{k}", "base", rng.integers(0, 2, 80)) for k in range(6)]
        rows = arms(*sides).rows
        false += any(row.against_best and row.against_best.p_corrected < 0.05 for row in rows)
    assert false <= 7


def test_a_single_group_is_no_test_and_is_not_called_worse():
    one = ["g"] * N
    sides = [
        Variant(n, m, None, 0, samples(s, groups=one))
        for n, m, s in (("b", "base", HALF), ("t", "tuned", MOST))
    ]
    found = arms(*sides)
    assert found.cheapest is None
    assert "Nothing was tested" in found.sentence


def test_a_way_without_the_figure_is_left_out_and_named():
    some = Metric("m", "M", lambda s: (s["score"], s.get("there", 1)), "higher")
    missing = [{**sample, "there": 0} for sample in samples(HALF)]
    sides = [
        side("a", "base", HALF),
        side("b", "tuned", MOST),
        Variant("c", "base", None, 0, missing),
    ]
    found = compare_variants(sides, "one", One(some), some, 200, 0)
    assert found.unmeasured == ["c"]
    assert [row.name for row in found.rows] == ["a", "b"]
    assert compare_variants(sides[1:], "one", One(some), some, 200, 0) is None


def test_seeds_without_spread_give_the_paired_interval_of_one():
    before, after = samples(HALF), samples(MOST)
    found = pooled_change(before, [after, after, after], LOSS, 4_000, 0)
    differences = np.array(MOST, float) - np.array(HALF)
    error = differences.std() / np.sqrt(N)
    reach = stats.t.ppf(0.975, N - 1) * error
    assert found.value == pytest.approx(differences.mean())
    assert found.between_sd == pytest.approx(0, abs=1e-12)
    assert (found.low, found.high) == pytest.approx(
        (differences.mean() - reach, differences.mean() + reach), abs=0.1 * reach
    )


def test_the_spread_between_seeds_widens_the_interval():
    """Constant changes 1, 2, 3: the items say nothing of chance, the three trainings do
    (Student, two degrees).
    """
    before = samples([0.0] * N)
    after = [samples([float(k)] * N) for k in (1, 2, 3)]
    found = pooled_change(before, after, LOSS, 500, 0)
    reach = stats.t.ppf(0.975, 2) / np.sqrt(3)
    assert (found.value, found.between_sd) == (2.0, 1.0)
    assert (found.low, found.high) == pytest.approx((2 - reach, 2 + reach))
    assert found.p == pytest.approx(stats.ttest_1samp([1, 2, 3], 0).pvalue)
    assert found.changes == [1.0, 2.0, 3.0]


def test_the_spread_between_decodings_is_that_of_their_means():
    def some(*rows):
        return [{"score": {"sampled_rouge_l": list(row)}} for row in rows]

    found = decoding_spread(some((0.0, 1.0), (0.2, 0.6)), some((0.5, 0.5), (0.5, 0.5)))
    assert found.before.as_json() == {
        "values": pytest.approx([0.1, 0.8]),
        "between_sd": pytest.approx(np.std([0.1, 0.8], ddof=1)),
    }
    assert found.after.as_json() == {"values": [0.5, 0.5], "between_sd": 0.0}
    assert decoding_spread(some((0.1,)), some((0.1,))) is None  # one round has no spread
    assert decoding_spread([{"score": {}}], some((0.1, 0.2))) is None


def test_copies_of_items_do_not_narrow_the_interval():
    groups = [f"g{n // 6}" for n in range(N)]
    scores = [float(n // 6 % 2) for n in range(N)]
    found = pooled_change(
        samples([0] * N, groups=groups), [samples(scores, groups=groups)], LOSS, 4_000, 0
    )
    few = pooled_change(samples([0] * 10), [samples(scores[::6])], LOSS, 4_000, 0)
    assert found.groups == 10
    assert found.high - found.low == pytest.approx(few.high - few.low, rel=0.1)


def test_one_group_of_items_tells_nothing_of_chance():
    groups = ["the only one"] * N
    change = pooled_change(
        samples([0] * N, groups=groups), [samples(MOST, groups=groups)], LOSS, 200, 0
    )
    assert change.groups == 1
    assert change.low is None
    assert change.high is None


def test_where_no_spread_is_known_the_sentence_says_so():
    groups = [f"g{n // 6}" for n in range(N)]
    sides = [
        Variant(name, name, None, 0, samples(MOST, prompt, groups))
        for name, prompt in (("base", "long"), ("tuned", "x"))
    ]
    assert "what it could have shown: not known" in arms(*reversed(sides)).sentence
