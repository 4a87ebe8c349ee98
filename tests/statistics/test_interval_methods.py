"""Intervals against scipy, and against the enumeration of all bootstrap samples."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from enumeration import brackets, distribution
from scipy import stats

from sb3_entropy.statistics import Interval, interval

B = 20_000
METHODS = ("t", "studentized", "percentile", "expanded", "bca")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def scores_of(n: int, tasks: int = 1, seed: int = 1) -> np.ndarray:
    return rng(seed).lognormal(size=(n, tasks)) * (1 + np.arange(tasks))


@pytest.mark.parametrize("n", [2, 5, 10, 30])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_t_of_the_mean_is_student_s(n: int, level: float) -> None:
    scores = scores_of(n)
    found = interval(scores, "mean", method="t", level=level, rng=rng())
    expected = stats.ttest_1samp(scores[:, 0], 0).confidence_interval(level)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-12)
    assert found == Interval(found.value, found.low, found.high, level, "t")


def test_t_of_two_tasks_is_welch_s() -> None:
    scores = scores_of(8, 2)
    found = interval(scores, "mean", method="t", rng=rng())
    # The mean of two tasks is half the difference of one and the negative of the other.
    expected = stats.ttest_ind(scores[:, 0], -scores[:, 1], equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low / 2, expected.high / 2), rel=1e-12)


@pytest.mark.parametrize("n", [5, 6, 7, 9, 10, 11, 30])
def test_t_of_the_iqm_is_yuen_s(n: int) -> None:
    """Not n = 4, 8, 12: there the degrees of freedom deviate from the source, as is documented."""
    scores = scores_of(n)[:, 0]
    found = interval(scores, "iqm", method="t", rng=rng())
    # Yuen's test against values without variance has the variance of the others alone.
    expected = stats.ttest_ind(scores, np.zeros(n), equal_var=False, trim=0.25).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_four_runs_are_not_two() -> None:
    scores = np.array([1.0, 2.0, 4.0, 9.0])
    found = interval(scores, "iqm", method="t", rng=rng())
    winsorised = np.array([2.0, 2.0, 4.0, 4.0])
    squares = ((winsorised - 3) ** 2).sum()
    half = stats.t.ppf(0.975, 1.5) * np.sqrt(squares / (2 * 1.5))
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), rel=1e-12)


def _trim(sample: np.ndarray) -> float:
    return float(stats.trim_mean(sample, 0.25, axis=None))


@pytest.mark.parametrize("scores", [scores_of(4), scores_of(3, 2)], ids=["4 runs", "3 runs, 2 tasks"])
@pytest.mark.parametrize(("name", "function"), [("iqm", _trim), ("mean", np.mean), ("median", np.median)])
def test_percentile_and_expanded(scores: np.ndarray, name: str, function: Callable[[np.ndarray], float]) -> None:
    """Two ends of two methods in six cases: a false alarm in fewer than one of 5000 runs, were the seed not fixed."""
    exact, n, level = distribution(scores, function), len(scores), 0.7
    found = interval(scores, name, method="percentile", level=level, replicates=B, rng=rng())
    wide = interval(scores, name, method="expanded", level=level, replicates=B, rng=rng())
    shares = stats.norm.cdf(np.sqrt(n / (n - 1)) * stats.t.ppf([0.15, 0.85], n - 1))
    for end, share in [(found.low, 0.15), (found.high, 0.85), (wide.low, shares[0]), (wide.high, shares[1])]:
        low, high = brackets(exact, share, B)
        assert low - 1e-12 <= end <= high + 1e-12


def test_expanded_beyond_the_replicates() -> None:
    """For five runs the 95 % interval asks for the share 0.001: a normal tail that starts at 0.02."""
    scores = scores_of(5)
    exact = distribution(scores, _trim)
    found = interval(scores, "iqm", method="expanded", replicates=B, rng=rng())
    steps = np.sqrt(5 / 4) * stats.t.ppf(0.975, 4) / stats.norm.ppf(0.98)
    middle = np.array(brackets(exact, 0.5, B))
    for share, end in [(0.02, found.low), (0.98, found.high)]:
        anchor = np.array(brackets(exact, share, B))
        reached = middle[:, None] + (anchor[None, :] - middle[:, None]) * steps
        assert reached.min() - 1e-7 <= end <= reached.max() + 1e-7
    assert found.low < exact[0]  # further than any bootstrap sample


def test_studentized() -> None:
    """Two ends of two statistics: a false alarm in fewer than one of 30 000 runs, were the seed not fixed."""
    scores, level = scores_of(4), 0.8
    limit = stats.t.ppf(0.999, 3)

    def ratio(sample: np.ndarray) -> float:
        error = stats.sem(sample[:, 0])
        return (
            float(np.clip((sample.mean() - scores.mean()) / error, -limit, limit))
            if np.ptp(sample)
            else (float(np.sign(sample.mean() - scores.mean())) * limit)
        )

    exact, error = distribution(scores, ratio), stats.sem(scores[:, 0])
    found = interval(scores, "mean", method="studentized", level=level, replicates=B, rng=rng())
    for end, share in [(found.low, 0.9), (found.high, 0.1)]:
        low, high = brackets(exact, share, B)
        assert scores.mean() - error * high - 1e-12 <= end <= scores.mean() - error * low + 1e-12


def test_bca_is_scipy_s() -> None:
    """Within 0.1 standard errors: four times their Monte-Carlo error at B = 20 000. The percentile interval is not."""
    scores = rng(1).gamma(2.0, size=20)
    found = interval(scores, "mean", method="bca", replicates=B, rng=rng())
    plain = interval(scores, "mean", method="percentile", replicates=B, rng=rng())
    resampled = stats.bootstrap((scores,), np.mean, method="BCa", n_resamples=B, rng=rng(5))
    expected, error = resampled.confidence_interval, stats.sem(scores)
    assert found.low == pytest.approx(expected.low, abs=0.1 * error)
    assert found.high == pytest.approx(expected.high, abs=0.1 * error)
    assert plain.low < expected.low - 0.2 * error
    assert plain.high < expected.high - 0.4 * error


def test_automatic_choice() -> None:
    scores = scores_of(8, 2)
    chosen = {name: interval(scores, name, rng=rng()).method for name in ("mean", "iqm", "median", "optimality_gap")}
    assert chosen == {"mean": "studentized", "iqm": "expanded", "median": "expanded", "optimality_gap": "studentized"}
    for name, method in chosen.items():
        assert interval(scores, name, rng=rng()) == interval(scores, name, method=method, rng=rng())


def test_automatic_choice_for_few_runs() -> None:
    chosen = {n: interval(scores_of(n), "mean", rng=rng()).method for n in (2, 4, 5)}
    assert chosen == {2: "t", 4: "t", 5: "studentized"}


def test_a_function_is_a_statistic() -> None:
    scores = scores_of(6, 2)

    def spread(runs: np.ndarray) -> float:
        assert runs.shape == (6, 2)
        return float(runs.std())

    found = interval(scores, spread, replicates=300, rng=rng())
    assert found.method == "expanded"
    assert found.value == scores.std()
    assert found.low < found.value < found.high
    by_function = interval(scores, np.mean, method="percentile", rng=rng())
    by_name = interval(scores, "mean", method="percentile", rng=rng())
    assert (by_function.low, by_function.high) == pytest.approx((by_name.low, by_name.high), rel=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("statistic", ["mean", "iqm"])
def test_units_do_not_matter(method: str, statistic: str) -> None:
    scores = scores_of(7, 2)
    one = interval(scores, statistic, method=method, rng=rng())
    other = interval(100 * scores - 3, statistic, method=method, rng=rng())
    assert (other.low, other.high) == pytest.approx((100 * one.low - 3, 100 * one.high - 3), rel=1e-9)
    assert one == interval(scores, statistic, method=method, rng=rng())


@pytest.mark.parametrize("method", METHODS)
def test_higher_levels_contain_lower_ones(method: str) -> None:
    found = [interval(scores_of(9), "iqm", method=method, level=level, rng=rng()) for level in (0.5, 0.9, 0.99, 0.9999)]
    for narrow, wide in itertools.pairwise(found):
        assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


@pytest.mark.parametrize("method", ["auto", *METHODS])
@pytest.mark.parametrize("statistic", ["mean", "iqm"])
def test_equal_scores(method: str, statistic: str) -> None:
    found = interval(np.full((6, 2), 0.1), statistic, method=method, rng=rng())
    assert (found.low, found.high, found.method) == (found.value, found.value, "none")
    assert found.value == pytest.approx(0.1)


@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_one_run_says_nothing_of_its_variance(method: str) -> None:
    found = interval([[3.0, 5.0]], "mean", method=method, rng=rng())
    assert found.value == 4
    assert np.isnan([found.low, found.high]).all()
    assert found.method == "none"


@pytest.mark.parametrize("method", ["auto", "t", "studentized"])
def test_what_is_trimmed_away_still_counts(method: str) -> None:
    """Eight runs at the highest return, two below: the IQM's standard error is 0, but it is not certain."""
    found = interval([500.0] * 8 + [100.0, 200.0], "iqm", method=method, rng=rng())
    assert found.method == "expanded"
    assert found.low < found.value == found.high == 500


def test_few_values_keep_bootstrap_t_finite() -> None:
    found = interval([1.0, 1.0, 1.0, 1.0, 0.0], "mean", rng=rng())
    reach = stats.t.ppf(0.999, 4) * stats.sem([1.0, 1.0, 1.0, 1.0, 0.0])
    assert found.low == pytest.approx(0.8 - reach)
    assert 0.8 < found.high <= 0.8 + reach


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("tasks", [1, 2, 4])
def test_few_runs(n: int, tasks: int) -> None:
    for statistic in ("mean", "iqm", "median"):
        found = interval(rng(2).normal(size=(n, tasks)), statistic, rng=rng())
        assert found.low < found.value < found.high
        assert np.isfinite([found.low, found.high]).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"method": "percentil"}, ValueError, "Unknown method 'percentil'"),
        ({"level": 95}, ValueError, "level must be a number > 0 and ≤ 1, but 95 was given"),
        ({"level": 1}, ValueError, "level must be below 1"),
        ({"level": 0}, ValueError, "level must be a number > 0"),
        ({"replicates": 10}, ValueError, "replicates must be a whole number ≥ 100, but 10"),
        ({"replicates": 1e4}, TypeError, "replicates must be a whole number"),
        ({"statistic": "median", "method": "t"}, ValueError, "'t' is known for the mean, the IQM .* is 'median'"),
        ({"statistic": "median", "method": "bca"}, ValueError, "Use 'expanded' or 'percentile'"),
        ({"statistic": np.ptp, "method": "studentized"}, ValueError, "the statistic is 'ptp'"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        interval([1.0, 2.0, 3.0], rng=rng(), **arguments)
