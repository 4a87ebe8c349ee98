"""Paired differences, their p-values, and equivalence."""

import itertools
from typing import Any

import numpy as np
import pytest
from enumeration import brackets
from scipy import stats

from sb3_entropy.statistics import Difference, equivalence, interval, iqm, paired_difference

METHODS = ("t", "studentized", "percentile", "expanded", "bca")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def pairs(n: int = 10, tasks: int = 1, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    x = rng(seed).normal(size=(n, tasks))
    return x, x + rng(seed + 100).normal(size=(n, tasks)) - 0.4


@pytest.mark.parametrize("margin", [0.0, 0.3, -1.0])
@pytest.mark.parametrize("n", [2, 5, 10])
def test_mean_is_the_paired_t_test(n: int, margin: float) -> None:
    x, y = pairs(n)
    found = paired_difference(x, y, "mean", margin=margin, level=0.9, rng=rng())
    test = stats.ttest_rel(x[:, 0] - margin, y[:, 0])
    greater = stats.ttest_rel(x[:, 0] - margin, y[:, 0], alternative="greater").pvalue
    less = stats.ttest_rel(x[:, 0] - margin, y[:, 0], alternative="less").pvalue
    low, high = test.confidence_interval(0.9)
    expected = (x.mean() - y.mean(), low + margin, high + margin, greater, less)
    assert (found.value, found.low, found.high, found.p_greater, found.p_less) == pytest.approx(expected, rel=1e-10)
    assert (found.level, found.method, found.n, found.margin) == (0.9, "t", n, margin)


def test_iqm_is_yuen_s_for_pairs() -> None:
    """Yuen and Dixon 1973, by their own sums; h = 6 of 10 are kept."""
    x, y = (column[:, 0] for column in pairs(10))
    wx, wy = (stats.mstats.winsorize(column, (0.2, 0.2)).data for column in (x, y))  # 0.2·10 = ⌊0.25·10⌋ at either end
    squares = sum(((w - w.mean()) ** 2).sum() for w in (wx, wy)) - 2 * ((wx - wx.mean()) * (wy - wy.mean())).sum()
    error = np.sqrt(squares / (6 * 5))
    found = paired_difference(x, y, "iqm", method="t", rng=rng())
    value = iqm(x) - iqm(y)
    assert found.value == pytest.approx(value)
    assert found.high - value == pytest.approx(stats.t.ppf(0.975, 5) * error)
    assert found.p_greater == pytest.approx(stats.t.sf(value / error, 5))


def test_both_are_resampled_with_the_same_runs() -> None:
    """Against all 4⁴ samples of pairs. Two ends: a false alarm in one of 70 000 runs, were the seed not fixed."""
    x, y = (column[:, 0] for column in pairs(4))
    values = []
    for drawn in itertools.product(range(4), repeat=4):
        chosen = list(drawn)
        values.append(stats.trim_mean(x[chosen], 0.25) - stats.trim_mean(y[chosen], 0.25))
    found = paired_difference(x, y, "iqm", method="percentile", level=0.8, replicates=20_000, rng=rng())
    for end, share in [(found.low, 0.1), (found.high, 0.9)]:
        low, high = brackets(np.sort(values), share, 20_000)
        assert low - 1e-12 <= end <= high + 1e-12


def test_automatic_choice() -> None:
    x, y = pairs(6, 2)
    chosen = {name: paired_difference(x, y, name, rng=rng()).method for name in ("mean", "iqm", "median")}
    assert chosen == {"mean": "t", "iqm": "expanded", "median": "expanded"}


@pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
@pytest.mark.parametrize("statistic", ["mean", "iqm"])
@pytest.mark.parametrize("method", METHODS)
def test_p_belongs_to_the_interval(method: str, statistic: str, level: float) -> None:
    """At an end of the interval the one-sided p is (1 − level)/2, and it falls as the margin recedes."""
    x, y = pairs(12, 2)

    def at(margin: float) -> Difference:
        return paired_difference(x, y, statistic, method=method, margin=margin, level=level, rng=rng())

    found = at(0.0)
    tolerance = {"rel": 1e-6, "abs": 2 / 5000}  # ends may be replicates, which jump by one of B
    assert at(found.low).p_greater == pytest.approx((1 - level) / 2, **tolerance)
    assert at(found.high).p_less == pytest.approx((1 - level) / 2, **tolerance)
    margins = np.linspace(found.low - (found.high - found.low), found.high + (found.high - found.low), 9)
    p_greater, p_less = zip(*((d.p_greater, d.p_less) for d in map(at, margins)), strict=True)
    assert np.all(np.diff(p_greater) >= 0)
    assert np.all(np.diff(p_less) <= 0)
    assert p_greater[3] < p_greater[4] < p_greater[5]
    assert np.array(p_greater) + p_less == pytest.approx(1.0, abs=2 / 5000)
    assert at(found.low).low == found.low  # the margin does not move the interval


@pytest.mark.parametrize("method", ["percentile", "expanded", "studentized"])
def test_p_is_not_limited_by_the_replicates(method: str) -> None:
    x, y = pairs(12)
    clear, clearer = (
        paired_difference(x + shift, y, "mean", method=method, replicates=200, rng=rng()) for shift in (3.0, 6.0)
    )
    assert 0 < clearer.p_greater < clear.p_greater < 1e-3
    assert paired_difference(y, x + 6, "mean", method=method, replicates=200, rng=rng()).p_less < 1e-3


@pytest.mark.parametrize("n", [2, 3, 5])
def test_expanded_p_of_few_pairs_is_that_of_t(n: int) -> None:
    """The width is Student's, and so are both tails: at 10 standard errors within a factor of 3 of the t test's p."""
    x = np.linspace(-1, 1, n)
    for sign in (1, -1):
        y = sign * 10 * stats.sem(x) + np.zeros(n)
        found = paired_difference(x, y, "mean", method="expanded", rng=rng())
        small, large = sorted((found.p_greater, found.p_less))
        assert 1 / 3 < small / stats.t.sf(10, n - 1) < 3
        assert large == pytest.approx(1 - small)


@pytest.mark.parametrize("statistic", ["mean", "iqm"])
def test_roles(statistic: str) -> None:
    x, y = pairs(9, 2)
    one = paired_difference(x, y, statistic, method="t", margin=0.2, rng=rng())
    other = paired_difference(y, x, statistic, method="t", margin=-0.2, rng=rng())
    assert (one.low, one.high, one.p_greater) == pytest.approx((-other.high, -other.low, other.p_less))
    alone = interval(x, statistic, method="percentile", rng=rng())
    against_zero = paired_difference(x, np.zeros_like(x), statistic, method="percentile", rng=rng())
    assert (against_zero.low, against_zero.high) == (alone.low, alone.high)


def test_false_positives() -> None:
    """
    One-sided at 2.5 % with equal means: 100 of 4000 are expected. More than 145 would be so in one of 100 000 runs
    (binomial), were the seed not fixed.
    """
    generator, count = rng(3), 0
    for _ in range(4000):
        shared, own = generator.normal(size=(2, 10))
        found = paired_difference(shared + 0.5 * own, shared, "mean", rng=generator)
        count += found.p_greater <= 0.025
    assert stats.binom.sf(145, 4000, 0.025) < 1e-5
    assert 60 < count <= 145


def test_equal_runs() -> None:
    x = rng().normal(size=(8, 2))
    same = paired_difference(x, x, rng=rng())
    assert (same.value, same.low, same.high, same.p_greater, same.p_less, same.method) == (0, 0, 0, 1, 1, "none")
    # The difference of all pairs is 0.1 but for rounding.
    shifted = paired_difference(x + 0.1, x, "mean", rng=rng())
    assert shifted.low == shifted.high == shifted.value == pytest.approx(0.1)
    assert (shifted.p_greater, shifted.p_less) == (2.0**-8, 1)
    assert paired_difference(x + 0.1, x, "mean", margin=0.2, rng=rng()).p_less == 2.0**-8


def test_one_pair() -> None:
    found = paired_difference([3.0], [1.0], rng=rng())
    assert (found.value, found.n, found.p_greater, found.p_less) == (2, 1, 1, 1)
    assert np.isnan([found.low, found.high]).all()
    assert equivalence([3.0], [1.0], 5.0, rng=rng()).p == 1


@pytest.mark.parametrize("margin", [0.2, 0.6, 2.0])
def test_equivalence_is_two_one_sided_tests(margin: float) -> None:
    x, y = (column[:, 0] for column in pairs(10))
    above = stats.ttest_rel(x + margin, y, alternative="greater").pvalue
    below = stats.ttest_rel(x - margin, y, alternative="less").pvalue
    assert equivalence(x, y, margin, "mean", rng=rng()).p == pytest.approx(max(above, below))


@pytest.mark.parametrize("method", METHODS)
def test_equivalence_is_an_interval_within_the_margin(method: str) -> None:
    x, y = pairs(10)
    decided = set()
    for margin in (0.1, 0.5, 0.8, 1.0, 1.5, 3.0):
        found = equivalence(x, y, margin, "iqm", method=method, rng=rng())
        assert found.margin == margin
        assert found.difference.level == 0.95
        inside = -margin < found.difference.low and found.difference.high < margin
        assert inside == (found.p < 0.025)
        decided.add(inside)
    assert decided == {True, False}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"y": [1.0, 2.0]}, ValueError, r"same shape, since their rows are pairs, but \(3, 1\) and \(2, 1\)"),
        ({"y": [1.0, 2.0, np.nan]}, ValueError, "y must be finite, but 1 of 3 are not"),
        ({"margin": np.inf}, ValueError, "margin must be a number"),
        ({"margin": "0"}, TypeError, "margin must be a number"),
        ({"method": "z"}, ValueError, "Unknown method 'z'"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        paired_difference(**{"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 2.0], "rng": rng(), **arguments})


@pytest.mark.parametrize(
    ("margin", "level", "name"), [(0.0, 0.95, "margin"), (-1.0, 0.95, "margin"), (1.0, 1.4, "level")]
)
def test_wrong_equivalence(margin: float, level: float, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a number"):
        equivalence([1.0, 2.0], [1.0, 2.5], margin, level=level, rng=rng())


def test_replicates_without_spread() -> None:
    """The IQM of 40 runs does not see one that differs, in hardly a replicate: p is then some 1/B, and not 0."""
    x, y = np.full(40, 5.0), np.full(40, 3.0)
    x[0] = 1.0
    found = paired_difference(x, y, "iqm", method="percentile", replicates=1000, rng=rng())
    assert (found.low, found.high) == (2, 2)
    assert found.p_greater == pytest.approx(1 / 1000, rel=0.01)
    assert found.p_less == pytest.approx(1, abs=2e-3)
    assert paired_difference(x, y, "iqm", method="percentile", margin=2.5, rng=rng()).p_less == pytest.approx(1 / 5000)
    assert paired_difference(x, y, "iqm", method="percentile", margin=2.0, rng=rng()).p_less > 0.99
