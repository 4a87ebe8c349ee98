"""Probability of improvement against scipy's rank tests."""

import numpy as np
import pytest
from scipy import stats

from sb3_entropy.statistics import Interval, probability_of_improvement
from sb3_entropy.statistics.improvement import variance


def samples(n: int = 8, m: int = 11, tasks: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0.4, 1, (n, tasks)).round(1), rng.normal(0, 2, (m, tasks)).round(1)  # rounded, so that some tie


def test_value_is_mann_whitney_s() -> None:
    x, y = samples(tasks=3)
    assert (x[:, None] == y[None]).any()
    statistics = [stats.mannwhitneyu(x[:, task], y[:, task]).statistic / (8 * 11) for task in range(3)]
    assert probability_of_improvement(x, y).value == pytest.approx(np.mean(statistics))
    assert variance(x, y)[0] == pytest.approx(np.array(statistics))


def test_variance_is_brunner_and_munzel_s() -> None:
    x, y = (column[:, 0] for column in samples())
    wins = stats.mannwhitneyu(x, y).statistic / 88
    placed = ((wins - 0.5) / stats.brunnermunzel(x, y).statistic) ** 2
    found = variance(x[:, None], y[:, None])[1]
    assert found == pytest.approx((8 * placed + wins * (1 - wins) / 8) / 9)


def test_ends_solve_wilson_s_equation() -> None:
    """|θ̂ − θ| = t √(θ(1 − θ)/N), of two tasks; the variances of their θ̂ are added."""
    x, y = samples(tasks=2)
    found = probability_of_improvement(x, y, level=0.9)
    wins, spread = variance(x, y)
    trials = wins.mean() * (1 - wins.mean()) / (spread.sum() / 4)
    assert trials < 2 * 19
    t = stats.t.ppf(0.95, 2 * 17)
    for end in (found.low, found.high):
        assert abs(found.value - end) == pytest.approx(t * np.sqrt(end * (1 - end) / trials))
    assert (found.level, found.method) == (0.9, "wilson")


@pytest.mark.parametrize("tasks", [1, 5])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 4), (2, 2), (10, 10), (50, 3)])
@pytest.mark.parametrize("shift", [-99.0, 0.0, 99.0])
def test_never_a_point(n: int, m: int, tasks: int, shift: float) -> None:
    rng = np.random.default_rng(1)
    for x, y in [
        (rng.normal(size=(n, tasks)) + shift, rng.normal(size=(m, tasks))),
        (np.full((n, tasks), shift), np.zeros((m, tasks))),
    ]:
        found = probability_of_improvement(x, y, rng=rng)
        assert 0 <= found.low <= found.value <= found.high <= 1
        assert found.high - found.low > 0.5 / (n + m) / tasks
        if shift:
            assert found.value == (shift > 0)


def test_separated_runs_are_wilson_s_proportion() -> None:
    """Ten above ten: 10 of 10, but with Student's t for z."""
    found = probability_of_improvement(np.arange(10, 20), np.arange(10))
    t = stats.t.ppf(0.975, 18)
    assert found == Interval(1.0, pytest.approx(10 / (10 + t**2)), 1.0, 0.95, "wilson")
    wilson = stats.binomtest(10, 10).proportion_ci(2 * stats.norm.cdf(t) - 1, method="wilson")
    assert found.low == pytest.approx(wilson.low)


def test_coverage_where_one_run_in_five_fails() -> None:
    """
    All ten runs succeed in 0.8¹⁰ = 11 % of the studies, and are then above all of the other algorithm: still 0.8 must
    be in the interval. Fewer than 1850 of 2000 would be so in one of three million runs if the coverage were 95 %.
    """
    rng, inside = np.random.default_rng(6), 0
    for _ in range(2000):
        x = np.where(rng.random(10) < 0.2, 0.0, 1.0) + 0.01 * rng.normal(size=10)
        found = probability_of_improvement(x, 0.5 + 0.01 * rng.normal(size=10))
        inside += found.low <= 0.8 <= found.high
    assert inside >= 1850


def test_roles_and_order() -> None:
    x, y = samples(tasks=2)
    one, other = probability_of_improvement(x, y), probability_of_improvement(y, x)
    assert (one.value, one.low, one.high) == pytest.approx((1 - other.value, 1 - other.high, 1 - other.low))
    # Only the order counts.
    assert probability_of_improvement(np.exp(x), np.exp(y)) == one


def test_coverage() -> None:
    """
    95 % of 2000 are 1900, with a standard deviation of 10. Fewer than 1850 would be so in fewer than one of a million
    runs if the coverage were 95 %, and it is higher; that it is nearly always too wide would show as well.
    """
    rng, inside = np.random.default_rng(5), 0
    truth = stats.norm.cdf(0.5 / np.sqrt(2))
    for _ in range(2000):
        found = probability_of_improvement(rng.normal(0.5, 1, 10), rng.normal(0, 1, 10))
        inside += found.low <= truth <= found.high
    assert 1850 <= inside < 1985


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="the same tasks, but 2 and 3 were given"):
        probability_of_improvement(np.zeros((4, 2)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="y must be finite"):
        probability_of_improvement([1.0], [np.nan])
    with pytest.raises(ValueError, match="level must be"):
        probability_of_improvement([1.0], [2.0], level=1)
