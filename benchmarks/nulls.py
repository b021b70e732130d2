"""False alarms, coverage and power of the test of a change, on differences known to be none.

    python benchmarks/nulls.py --run RUN [RUN ...] [--sets 2000] [--resamples 999] [--quick]
        [--json]

Each figure's groups of items, as measured before and after in the runs given, are recentred so that
nothing changed; test sets of 6 to 200 groups are drawn from them with replacement. A sound test of
level 5 % calls one in twenty of them better or worse, as often the one as the other; its 95 %
interval holds 0 in 95 of 100. Beside them stand skewed and tied items made from random numbers, and
trainings of several seeds. Power is measured on the same sets with a change added that is 2.8 times
its standard error (a test of known variance would show it 80 times in 100).
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from medtune.evaluation.comparison.seed_variance import mean_interval
from medtune.evaluation.decisions import too_few
from medtune.evaluation.statistics import cluster_sums, effective_groups, paired_change, ratio
from medtune.evaluation.studentized import resampled_sums
from medtune.recipe.read import read_run_recipe
from medtune.run_paths import RunPaths
from medtune.runs.stages import samples_of, tasks_of

SIZES = (6, 8, 10, 15, 20, 30, 50, 100, 200)
LEVEL = 0.05
SHIFT = 2.8  # standard errors: 80 % power for a two-sided test at 5 % of known variance
MADE_ITEMS = 60_000
Figure = Callable[[np.ndarray], np.ndarray]


class Pool(NamedTuple):
    """Sums of a figure's parts in each group, before and after [groups, k], with no change.

    ``is_ratio``: the parts are a numerator and a denominator.
    """

    name: str
    before: np.ndarray
    after: np.ndarray
    figure: Figure
    is_ratio: bool

    def shifted(self, amount: float) -> "Pool":
        """With a change of ``amount`` added to every group."""
        after = self.after.copy()
        per_unit = float(self.figure(np.array([1.0, 1.0])))
        after[:, 0] += amount / per_unit * after[:, 1]
        return self._replace(after=after)

    def change(self, sets: np.ndarray) -> np.ndarray:
        """After minus before of test sets [sets, groups], which hold positions in the pool."""
        after, before = self.after[sets].sum(axis=1), self.before[sets].sum(axis=1)
        return np.asarray(self.figure(after) - self.figure(before))


class Tested(NamedTuple):
    """Of one test set: change, interval, p-value, and whether a decision may be made of it."""

    value: float
    low: float
    high: float
    p: float
    decided: bool


@dataclass(frozen=True)
class Row:
    """Shares of the test sets of a pool and size, tested in one way.

    ``alarms`` are changes called real where there is none (``lower`` and ``higher`` by their
    sign), ``coverage`` intervals that hold 0, ``undecided`` sets too small or uneven to decide,
    ``power`` changes of 2.8 standard errors called real.
    """

    pool: str
    groups: int
    test: str
    alarms: float
    lower: float
    higher: float
    coverage: float
    undecided: float
    power: float | None


def pools_of_run(run: Path) -> Iterator[Pool]:
    """Every tested figure of a run that has at least six groups and is not all the same."""
    paths = RunPaths(run)
    recipe = read_run_recipe(paths.root)
    before, after = samples_of(paths.before, recipe), samples_of(paths.after, recipe)
    for key, task in tasks_of(recipe).items():
        for metric in task.metrics:
            if metric.better is None or not before.get(key):
                continue
            sides = [metric.columns(samples[key]) for samples in (before, after)]
            speaks = metric.speaks(sides[0]) | metric.speaks(sides[1])
            groups = [sample["group"] for sample in before[key]]
            groups = [group for group, counts in zip(groups, speaks, strict=True) if counts]
            if len(set(groups)) < min(SIZES):
                continue
            sums = [cluster_sums(side[speaks], groups) for side in sides]
            if (sums[0] != sums[1]).any():
                one, two = (
                    metric.value(np.array([[1.0, 1.0], [2.0, 1.0]]))
                    if sums[0].shape[1] == 2
                    else (0, 1)
                )
                yield recentred(f"{key} {metric.name}", *sums, metric.value, bool(two == 2 * one))


def recentred(
    name: str, before: np.ndarray, after: np.ndarray, figure: Figure, is_ratio: bool
) -> Pool:
    """The same groups with no change: moved to the same figure, or taken both ways round.

    Both ways where the parts are no numerator and denominator, and where many groups are tied,
    since moving them would untie them.
    """
    pool = Pool(name, before, after, figure, is_ratio)
    if is_ratio and np.mean((before == after).all(axis=1)) < 0.2:
        change = figure(after.sum(axis=0)) - figure(before.sum(axis=0))
        return pool.shifted(-float(change))
    both_ways = np.concatenate([before, after]), np.concatenate([after, before])
    return pool._replace(before=both_ways[0], after=both_ways[1])


def made_pools(rng: np.random.Generator) -> Iterator[Pool]:
    """Skewed items, ties, and right or wrong answers in groups of three on the average."""
    kinds = (
        ("skewed (log-normal, sigma 1)", rng.lognormal(0, 1, MADE_ITEMS), 1),
        ("skewed (log-normal, sigma 0.5) in groups of 3", rng.lognormal(0, 0.5, MADE_ITEMS), 3),
        ("85 % tied", rng.normal(size=MADE_ITEMS) * (rng.random(MADE_ITEMS) < 0.15), 1),
        ("accuracy in groups of 3", rng.choice([-1.0, 0, 0, 0, 0, 1], size=MADE_ITEMS), 3),
    )
    for name, differences, per_group in kinds:
        groups = [str(group) for group in rng.integers(MADE_ITEMS // per_group, size=MADE_ITEMS)]
        sides = [
            np.stack([side, np.ones(MADE_ITEMS)], axis=1) for side in (0 * differences, differences)
        ]
        before, after = (cluster_sums(side, groups) for side in sides)
        yield recentred(name, before, after, ratio(), is_ratio=True)


def by_medtune(pool: Pool, chosen: np.ndarray, resamples: int, seed: int) -> Tested:
    """As medtune reports it."""
    before, after = pool.before[chosen], pool.after[chosen]
    groups = [str(number) for number in range(len(chosen))]
    change = paired_change(before, after, groups, pool.figure, resamples, seed)
    ratios = before.shape[1] == 2  # else counts by class, in which every group weighs the same
    weights = before[:, -1] + after[:, -1] if ratios else np.ones(len(chosen))
    decided = not too_few(len(chosen), effective_groups(weights, groups))
    if change.low is None or change.high is None or change.p is None:
        return Tested(change.value, -np.inf, np.inf, 1.0, decided)
    return Tested(change.value, change.low, change.high, change.p, decided)


def by_percentiles(pool: Pool, chosen: np.ndarray, resamples: int, seed: int) -> Tested:
    """The percentile bootstrap over groups, for comparison: no set is too small for it."""
    pair = np.concatenate([pool.before[chosen], pool.after[chosen]], axis=1)
    width = pool.before.shape[1]
    drawn = resampled_sums(pair, resamples, seed)
    changes = pool.figure(drawn[:, width:]) - pool.figure(drawn[:, :width])
    changes = changes[np.isfinite(changes)]
    low, high = np.quantile(changes, [LEVEL / 2, 1 - LEVEL / 2])
    tail = min(int((changes <= 0).sum()), int((changes >= 0).sum()))
    p = min(1.0, 2 * (tail + 1) / (len(changes) + 1))
    return Tested(float(pool.change(chosen[None])[0]), float(low), float(high), p, True)


TESTS = {"percentile bootstrap": by_percentiles, "medtune": by_medtune}


def rows_of(pool: Pool, size: int, sets: int, resamples: int) -> Iterator[Row]:
    """False alarms, coverage and power of both tests on the same sets."""
    rng = np.random.default_rng(size)
    drawn = rng.integers(len(pool.before), size=(sets, size))
    shift = SHIFT * float(pool.change(drawn).std()) if pool.is_ratio else None
    for name, test in TESTS.items():
        results = [test(pool, chosen, resamples, seed) for seed, chosen in enumerate(drawn)]
        alarms = [r.value for r in results if r.p < LEVEL and r.decided]
        power = None
        if shift:
            moved = [pool.shifted(sign * shift) for sign in (-1, 1)]
            shown = [test(moved[i % 2], chosen, resamples, i) for i, chosen in enumerate(drawn)]
            power = float(np.mean([r.p < LEVEL and r.decided for r in shown]))
        yield Row(
            pool=pool.name,
            groups=size,
            test=name,
            alarms=len(alarms) / sets,
            lower=sum(value < 0 for value in alarms) / sets,
            higher=sum(value > 0 for value in alarms) / sets,
            coverage=float(np.mean([r.low <= 0 <= r.high for r in results])),
            undecided=float(np.mean([not r.decided for r in results])),
            power=power,
        )


def seed_rows(sets: int) -> Iterator[Row]:
    """Means over k trainings whose luck is 0 to 4 times the error of the items."""
    rng = np.random.default_rng(0)
    for trainings in (2, 3, 5):
        for groups in (10, 30, 200):
            for luck in (0.0, 0.5, 1.0, 2.0, 4.0):
                items = rng.chisquare(groups - 1, sets) / (groups - 1)
                runs = rng.normal(0, luck, (sets, trainings)) + rng.normal(size=(sets, 1))
                between = runs.var(axis=1, ddof=1) / trainings
                ends = [
                    mean_interval(float(mean), item, seed, groups - 1, trainings - 1)[:2]
                    for mean, item, seed in zip(runs.mean(axis=1), items, between, strict=True)
                ]
                lower = float(np.mean([high is not None and high < 0 for _, high in ends]))
                higher = float(np.mean([low is not None and low > 0 for low, _ in ends]))
                yield Row(
                    pool=f"{trainings} trainings, luck {luck:g} x the items' error",
                    groups=groups,
                    test="medtune",
                    alarms=lower + higher,
                    lower=lower,
                    higher=higher,
                    coverage=1 - lower - higher,
                    undecided=0.0,
                    power=None,
                )


def text_of(row: Row) -> str:
    """A line of the table."""
    power = "" if row.power is None else f"{row.power:6.0%}"
    return (
        f"{row.pool:<46}{row.groups:>6} {row.test:<21}{row.alarms:6.1%} ({row.lower:5.1%}, "
        f"{row.higher:5.1%}) {row.coverage:9.1%} {row.undecided:8.0%}{power}"
    )


def main() -> None:
    """Print a row a pool, size and test."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", type=Path, nargs="*", default=[], help="finished runs")
    parser.add_argument("--sets", type=int, default=2000, help="test sets a size")
    parser.add_argument("--resamples", type=int, default=999)
    parser.add_argument("--quick", action="store_true", help="a tenth of the sets, three sizes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sets, sizes = (options.sets // 10, (6, 10, 50)) if options.quick else (options.sets, SIZES)
    if not options.json:
        print(f"{'':46}{'groups':>6} {'test':<21}alarms (lower, higher) coverage undecided power")
    pools = [pool for run in options.run for pool in pools_of_run(run)]
    pools += made_pools(np.random.default_rng(1))
    tables = [rows_of(p, size, sets, options.resamples) for p in pools for size in sizes]
    for table in (*tables, seed_rows(sets)):
        for row in table:
            print(json.dumps(asdict(row)) if options.json else text_of(row), flush=True)


if __name__ == "__main__":
    main()
