"""False alarms, coverage and power of the test of a change, on differences known to be none.

    python benchmarks/nulls.py --run RUN [RUN ...] [--mtsamples FILE] [--sets 2000]
        [--resamples 999] [--only TEXT ...] [--quick] [--json]

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
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from medtune.evaluation.comparison.seed_variance import mean_interval
from medtune.evaluation.decisions import decide, too_few
from medtune.evaluation.statistics import cluster_sums, paired_change, ratio
from medtune.evaluation.studentized import resampled_sums
from medtune.evaluation.tasks.classification import macro_f1
from medtune.recipe.read import read_run_recipe
from medtune.run_paths import RunPaths
from medtune.runs.stages import samples_of, tasks_of

SIZES = (6, 8, 10, 15, 20, 30, 50, 100, 200)
POWER_SIZES = (10, 20, 50, 200)
LEVEL = 0.05
SHIFT = 2.8  # standard errors: 80 % power for a two-sided test at 5 % of known variance
MADE_ITEMS = 60_000
BATCH = 100  # sets that share their resamples
Figure = Callable[[np.ndarray], np.ndarray]
Ends = tuple[np.ndarray, np.ndarray]


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
    """Of test sets [sets]: change, interval, p-value, whether it is called real, and whether the
    groups are too few to call anything real.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    real: np.ndarray
    few: np.ndarray


@dataclass(frozen=True)
class Row:
    """Shares of the test sets of a pool and size, tested in one way.

    ``alarms`` are changes called real where there is none (``lower`` and ``higher`` by their
    sign), ``p_below`` p-values below 5 % whether or not the groups are enough, ``coverage``
    intervals that hold 0, ``undecided`` sets too small or uneven to decide, ``power`` changes of
    2.8 standard errors called real.
    """

    pool: str
    groups: int
    test: str
    alarms: float
    lower: float
    higher: float
    p_below: float
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


def classified_pool(file: Path, labels: int = 14) -> Pool:
    """Macro-F1 of two linear models on reports of mtsamples: on words, and on pairs of words.

    Trained on half of the texts of the ``labels`` commonest labels, each text once.
    """
    import pyarrow.parquet as pq
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    table = pq.read_table(file).to_pandas().drop_duplicates("transcription").dropna()
    common = table.medical_specialty.value_counts().index[:labels]
    table = table[table.medical_specialty.isin(common)].sample(frac=1, random_state=0)
    texts, right = table.transcription.str[:600].to_numpy(), table.medical_specialty.to_numpy()
    half = len(texts) // 2
    sides = []
    for grams in ((1, 1), (2, 2)):
        model = make_pipeline(TfidfVectorizer(ngram_range=grams), LinearSVC(random_state=0))
        answered = model.fit(texts[:half], right[:half]).predict(texts[half:])
        counts = [
            [(right[half:] == name) & (answered == name), right[half:] == name, answered == name]
            for name in common
        ]
        sides.append(np.array(counts, dtype=float).transpose(2, 1, 0).reshape(len(answered), -1))
    return recentred(f"mtsamples macro-F1 of {labels} classes", *sides, macro_f1, is_ratio=False)


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


def by_medtune(pool: Pool, drawn: np.ndarray, resamples: int, seed: int) -> Tested:
    """As ``studentized.infer`` and ``decide`` have it, of many sets at once [sets, groups].

    ``agrees`` compares a few of them with what medtune itself reports.
    """
    sets, count = drawn.shape
    before, after = pool.before[drawn], pool.after[drawn]
    totals = before.sum(axis=1, keepdims=True), after.sum(axis=1, keepdims=True)
    value = (pool.figure(totals[1]) - pool.figure(totals[0]))[:, 0]
    without = pool.figure(totals[1] - after) - pool.figure(totals[0] - before)
    pseudo = count * value[:, None] - (count - 1) * without
    changed = (before != after).any(axis=2).sum(axis=1)
    # Groups that all moved alike, or a figure that hangs on one group, are left to medtune.
    error = pseudo.std(axis=1, ddof=1) / count**0.5
    usable = np.isfinite(pseudo).all(axis=1) & (error > 1e-12 * np.abs(pseudo).max(axis=1))
    low, high, p = np.full(sets, -np.inf), np.full(sets, np.inf), np.ones(sets)
    if usable.any():
        inferred = _inferred(value[usable], pseudo[usable], error[usable], resamples, seed)
        low[usable], high[usable], p[usable] = inferred
    p = np.maximum(p, np.minimum(1.0, 2.0 ** (1.0 - changed)))
    held = (changed < 6) | ~np.isfinite(low) | ~np.isfinite(high)
    p[~np.isfinite(low) | ~np.isfinite(high)] = 1.0
    low, high = np.where(held, np.minimum(low, 0), low), np.where(held, np.maximum(high, 0), high)
    weights = (before + after)[:, :, -1] if pool.is_ratio else np.ones((sets, count))
    effective = weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1)
    few = np.array([too_few(count, float(number)) for number in effective])
    real = [
        decide(float(v), "lower", float(one), count, float(number)) != "undecided"
        for v, one, number in zip(value, p, effective, strict=True)
    ]
    return Tested(value, low, high, p, np.array(real), few)


def _inferred(
    value: np.ndarray, pseudo: np.ndarray, error: np.ndarray, resamples: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends and p-values of all sets [sets], which share the resamples of their groups."""
    count = pseudo.shape[1]
    times = resampled_sums(np.eye(count), resamples, seed)
    centred = (pseudo - pseudo.mean(axis=1, keepdims=True)).T
    means = times @ centred / count
    spread = np.maximum(times @ centred**2 / count - means**2, 0.0) / (count - 1)
    flat = spread <= (1e-9 * error) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = means / np.sqrt(spread)
    signs = np.where(np.abs(means) > 1e-9 * error, np.copysign(np.inf, means), 0.0)
    scores[flat] = signs[flat]
    scores.sort(axis=0)
    edge = int(LEVEL / 2 * (resamples + 1) + 1e-9)
    reach = float(student.ppf(1 - LEVEL / 2, count - 1))
    low = value - error * np.maximum(reach, scores[-edge])
    high = value + error * np.maximum(reach, -scores[edge - 1])
    score = value / error
    tail = np.minimum((scores >= score).sum(axis=0), (scores <= score).sum(axis=0))
    p_bootstrap = np.minimum(1.0, 2 * (tail + 1) / (resamples + 1))
    return low, high, np.maximum(p_bootstrap, 2 * student.sf(np.abs(score), count - 1))


def by_percentiles(pool: Pool, drawn: np.ndarray, resamples: int, seed: int) -> Tested:
    """The percentile bootstrap over groups, as before: from ten groups on it decided."""
    sets, count = drawn.shape
    width = pool.before.shape[1]
    pairs = np.concatenate([pool.before[drawn], pool.after[drawn]], axis=2)
    times = resampled_sums(np.eye(count), resamples, seed)
    sums = np.tensordot(times, pairs, axes=(1, 1))
    changes = pool.figure(sums[..., width:]) - pool.figure(sums[..., :width])
    changes.sort(axis=0)  # NaN, of resamples with nothing to divide by, last
    last = np.isfinite(changes).sum(axis=0) - 1
    ends = [np.rint(share * last).astype(int) for share in (LEVEL / 2, 1 - LEVEL / 2)]
    low, high = (changes[end, np.arange(sets)] for end in ends)
    tail = np.minimum((changes <= 0).sum(axis=0), (changes >= 0).sum(axis=0))
    p = np.minimum(1.0, 2 * (tail + 1) / (resamples + 1))
    return Tested(pool.change(drawn), low, high, p, p < LEVEL, np.zeros(sets, dtype=bool))


TESTS = {"percentile bootstrap": by_percentiles, "medtune": by_medtune}


def in_batches(
    test: Callable[[Pool, np.ndarray, int, int], Tested],
    pool: Pool,
    drawn: np.ndarray,
    resamples: int,
) -> Tested:
    """A hundred sets share their resamples, so that the luck of these averages out."""
    parts = [
        test(pool, drawn[start : start + BATCH], resamples, start)
        for start in range(0, len(drawn), BATCH)
    ]
    return Tested(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def check_agreement(pool: Pool, drawn: np.ndarray, resamples: int) -> None:
    """Raises ``AssertionError`` unless medtune's own function says the same of the first sets."""
    groups = [str(number) for number in range(drawn.shape[1])]
    tested = by_medtune(pool, drawn[:BATCH], resamples, 0)
    for i in range(min(5, len(drawn))):
        sides = pool.before[drawn[i]], pool.after[drawn[i]]
        change = paired_change(*sides, groups, pool.figure, resamples, 0)
        if change.low is not None and np.isfinite(tested.low[i]):
            expected = (change.value, change.low, change.high, change.p)
            found = tested.value[i], tested.low[i], tested.high[i], tested.p[i]
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def rows_of(
    pool: Pool, size: int, sets: int, resamples: int, *, power_too: bool = True
) -> Iterator[Row]:
    """False alarms, coverage and power of both tests on the same sets."""
    rng = np.random.default_rng(size)
    drawn = rng.integers(len(pool.before), size=(sets, size))
    shift = SHIFT * float(pool.change(drawn).std()) if pool.is_ratio and power_too else None
    check_agreement(pool, drawn, resamples)
    for name, test in TESTS.items():
        found = in_batches(test, pool, drawn, resamples)
        power = None
        if shift:
            half = sets // 2
            down = in_batches(test, pool.shifted(-shift), drawn[:half], resamples)
            up = in_batches(test, pool.shifted(shift), drawn[half:], resamples)
            power = float(np.mean([*down.real, *up.real]))
        yield Row(
            pool=pool.name,
            groups=size,
            test=name,
            alarms=float(found.real.mean()),
            lower=float((found.real & (found.value < 0)).mean()),
            higher=float((found.real & (found.value > 0)).mean()),
            p_below=float((found.p < LEVEL).mean()),
            coverage=float(((found.low <= 0) & (found.high >= 0)).mean()),
            undecided=float(found.few.mean()),
            power=power,
        )


def satterthwaite(means: np.ndarray, items: np.ndarray, seeds: np.ndarray, k: int, n: int) -> Ends:
    """The interval as before: degrees of freedom of the sum of both variances."""
    total = items + seeds
    freedom = total**2 / (items**2 / (n - 1) + seeds**2 / (k - 1))
    reach = student.ppf(1 - LEVEL / 2, freedom) * np.sqrt(total)
    return means - reach, means + reach


def cochran_cox(means: np.ndarray, items: np.ndarray, seeds: np.ndarray, k: int, n: int) -> Ends:
    """As medtune's ``mean_interval`` has it, which the first five are compared with."""
    at_items, at_seeds = student.ppf(1 - LEVEL / 2, [n - 1, k - 1])
    total = items + seeds
    reach = (items * at_items + seeds * at_seeds) / np.sqrt(total)
    for mean, item, between, size in list(zip(means, items, seeds, reach, strict=True))[:5]:
        low, _, _ = mean_interval(float(mean), float(item), float(between), n - 1, k - 1)
        np.testing.assert_allclose(mean - size, low)
    return means - reach, means + reach


def seed_rows(sets: int) -> Iterator[Row]:
    """Means over k trainings whose luck is 0 to 4 times the error of the items."""
    rng = np.random.default_rng(0)
    for trainings, groups, luck in product((2, 3, 5), (10, 30, 200), (0.0, 0.5, 1.0, 2.0, 4.0)):
        items = rng.chisquare(groups - 1, sets) / (groups - 1)
        runs = rng.normal(0, luck, (sets, trainings)) + rng.normal(size=(sets, 1))
        between = runs.var(axis=1, ddof=1) / trainings
        for name, interval in (("Satterthwaite", satterthwaite), ("medtune", cochran_cox)):
            low, high = interval(runs.mean(axis=1), items, between, trainings, groups)
            lower, higher = float(np.mean(high < 0)), float(np.mean(low > 0))
            yield Row(
                pool=f"{trainings} trainings, luck {luck:g} x the items' error",
                groups=groups,
                test=name,
                alarms=lower + higher,
                lower=lower,
                higher=higher,
                p_below=lower + higher,
                coverage=1 - lower - higher,
                undecided=0.0,
                power=None,
            )


def text_of(row: Row) -> str:
    """A line of the table."""
    power = "" if row.power is None else f"{row.power:6.0%}"
    return (
        f"{row.pool:<46}{row.groups:>6} {row.test:<21}{row.alarms:6.1%} ({row.lower:5.1%}, "
        f"{row.higher:5.1%}) {row.p_below:6.1%} {row.coverage:9.1%} {row.undecided:8.0%}{power}"
    )


def main() -> None:
    """Print a row a pool, size and test."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", type=Path, nargs="*", default=[], help="finished runs")
    parser.add_argument("--mtsamples", type=Path, help="mtsamples.parquet, for macro-F1")
    parser.add_argument("--sets", type=int, default=2000, help="test sets a size")
    parser.add_argument("--resamples", type=int, default=999)
    parser.add_argument(
        "--only", nargs="*", default=[""], metavar="TEXT", help="pools whose name holds it"
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the sets, three sizes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sets, sizes = (options.sets // 10, (6, 10, 50)) if options.quick else (options.sets, SIZES)
    if not options.json:
        head = "alarms (lower, higher) p<0.05 coverage undecided power"
        print(f"{'':46}{'groups':>6} {'test':<21}{head}")
    pools = [pool for run in options.run for pool in pools_of_run(run)]
    pools += [classified_pool(options.mtsamples)] if options.mtsamples else []
    pools += made_pools(np.random.default_rng(1))
    pools = [pool for pool in pools if any(text in pool.name for text in options.only)]
    tables = [
        rows_of(p, size, sets, options.resamples, power_too=size in POWER_SIZES)
        for p in pools
        for size in sizes
    ]
    if any(text in "trainings" for text in options.only):
        tables.append(seed_rows(sets))
    for table in tables:
        for row in table:
            print(json.dumps(asdict(row)) if options.json else text_of(row), flush=True)


if __name__ == "__main__":
    main()
