from typing import get_args

import pytest

from medtune.recipe.schema import Pretraining, Train
from medtune.training.optimizers import OPTIMIZERS, learning_rate_factor, warmup_length


def test_warmup_below_one_is_a_share():
    assert warmup_length(0.03, 100) == 3
    assert warmup_length(5, 100) == 5
    assert warmup_length(0, 100) == 0


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant", "wsd"])
def test_factors_rise_stay_within_bounds_and_end(schedule):
    factors = [learning_rate_factor(schedule, step, 100, warmup=10) for step in range(100)]
    assert factors[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert max(factors) == 1.0
    assert min(factors) >= 0
    assert factors[-1] == 1.0 if schedule == "constant" else factors[-1] < 0.05


def test_linear_is_half_in_the_middle():
    assert learning_rate_factor("linear", 50, 100) == pytest.approx(0.5)


def test_wsd_is_stable_until_its_decay():
    factors = [learning_rate_factor("wsd", step, 100, decay=0.4) for step in range(100)]
    assert factors[:60] == [1.0] * 60
    assert factors[80] == pytest.approx(0.5)


def test_every_optimizer_that_a_recipe_may_name_is_built_and_none_stands_in_for_another():
    for section in (Train, Pretraining):
        assert set(get_args(section.model_fields["optimizer"].annotation)) <= set(OPTIMIZERS)
    assert set(get_args(Train.model_fields["optimizer"].annotation)) == set(OPTIMIZERS)
