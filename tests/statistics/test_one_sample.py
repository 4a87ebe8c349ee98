"""One group of runs against a number."""

import numpy as np
import pytest
from scipy import stats

from sb3_entropy.statistics import difference_from, interval, share_difference


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_mean_of_four_runs_is_judged_by_students_test() -> None:
    x = np.array([8.5, 7.25, 9.0, 8.0])
    found = difference_from(x, 7.0, "mean", margin=0.5, level=0.9, rng=rng())
    low, high = stats.ttest_1samp(x, 0).confidence_interval(0.9)
    greater, less = (stats.ttest_1samp(x, 7.5, alternative=side).pvalue for side in ("greater", "less"))
    expected = (x.mean() - 7, low - 7, high - 7, greater, less)
    assert (found.value, found.low, found.high, found.p_greater, found.p_less) == pytest.approx(expected, rel=1e-10)
    assert (found.level, found.method, found.n, found.margin) == (0.9, "t", 4, 0.5)


@pytest.mark.parametrize("statistic", ["mean", "iqm"])
def test_the_interval_is_that_of_the_scores_moved_by_the_number(statistic: str) -> None:
    x = np.random.default_rng(3).gamma(2.0, size=(10, 2))
    own = interval(x, statistic, rng=rng())
    found = difference_from(x, 2.5, statistic, rng=rng())
    assert (found.value, found.low, found.high) == pytest.approx((own.value - 2.5, own.low - 2.5, own.high - 2.5))
    assert found.method == own.method
    # p belongs to the interval: it is 2.5 % just where the interval ends.
    assert difference_from(x, own.low, statistic, rng=rng()).p_greater == pytest.approx(0.025, abs=2e-3)
    assert difference_from(x, own.high, statistic, rng=rng()).p_less == pytest.approx(0.025, abs=2e-3)


@pytest.mark.parametrize(("passed", "runs"), [(0, 10), (1, 10), (4, 9), (10, 10), (1, 1), (37, 500)])
@pytest.mark.parametrize(("number", "margin"), [(0.25, 0.0), (0.1, 0.2), (0.5, -0.1)])
def test_a_share_is_judged_exactly(passed: int, runs: int, number: float, margin: float) -> None:
    found = share_difference(passed, runs, number, margin=margin, level=0.9)
    test = stats.binomtest(passed, runs)
    low, high = test.proportion_ci(0.9, "exact")
    greater, less = (
        stats.binomtest(passed, runs, number + margin, alternative=side).pvalue for side in ("greater", "less")
    )
    expected = (passed / runs - number, low - number, high - number, greater, less)
    assert (found.value, found.low, found.high, found.p_greater, found.p_less) == pytest.approx(expected, abs=1e-12)
    assert (found.level, found.method, found.n, found.margin) == (0.9, "exact", runs, margin)


def test_closed_forms_of_a_share() -> None:
    """None of n: the upper end u has (1 − u)ⁿ = 2.5 %. Twice as many digits near certainty as 1 − p would have."""
    none = share_difference(0, 10, 0.0)
    assert (none.low, none.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 10)))
    assert share_difference(0, 10, 0.3).p_less == pytest.approx(0.7**10)
    assert share_difference(40, 40, 0.2).p_greater == pytest.approx(0.2**40)
    # No share is above 1 or below 0, whatever the margin.
    assert share_difference(10, 10, 0.9, margin=0.3).p_greater == 1
    assert share_difference(0, 10, 0.1, margin=-0.3).p_less == 1
    # So each lies surely on the other side of such a bound; of a bound that is itself 1 or 0 only if it is not there.
    for all_pass in (share_difference(100, 100, 0.95, margin=0.1), share_difference(0, 100, 0.95, margin=0.1)):
        assert (all_pass.p_less, all_pass.p_greater) == (0, 1)
    for none in (share_difference(0, 100, 0.05, margin=-0.1), share_difference(100, 100, 0.05, margin=-0.1)):
        assert (none.p_less, none.p_greater) == (1, 0)
    for number, margin in ((0.75, 0.25), (0.7, 0.3), (0.8, 0.2), (1 - 0.9, 0.9)):
        assert share_difference(10, 10, number, margin=margin).p_less == 1
        assert share_difference(9, 10, number, margin=margin).p_less == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((11, 10, 0.5), "passed must be a whole number between 0 and 10"),
        ((1, 0, 0.5), "runs must be a whole number ≥ 1"),
        ((1, 10, 50), "number must be a number between 0 and 1"),
    ],
)
def test_what_is_no_share(arguments: tuple[int, int, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        share_difference(*arguments)
