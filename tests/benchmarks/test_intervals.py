"""The interval of the median against the binomial distribution of another library, and against simulation."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.timing.intervals import median_interval


@pytest.mark.parametrize("n", [6, 9, 15, 16, 25, 40])
def test_order_statistics_are_those_of_the_sign_test(n: int) -> None:
    interval = median_interval([float(value) for value in range(1, n + 1)])
    k = int(interval.low)
    assert interval.high == n + 1 - k
    assert interval.coverage == pytest.approx(1 - 2 * stats.binom.cdf(k - 1, n, 0.5))
    assert interval.coverage >= 0.95
    assert 1 - 2 * stats.binom.cdf(k, n, 0.5) < 0.95, "a narrower interval would do"


def test_fifteen_pairs_give_the_fourth_values_from_both_ends() -> None:
    interval = median_interval([15.0, *range(1, 15)])
    assert (interval.low, interval.median, interval.high) == (4, 8, 12)
    assert interval.coverage == pytest.approx(1 - 2 * (1 + 15 + 105 + 455) / 2**15)


@pytest.mark.parametrize(("n", "coverage"), [(1, 0.0), (3, 0.75), (5, 0.9375)])
def test_few_values_say_what_their_range_is_worth(n: int, coverage: float) -> None:
    interval = median_interval([float(value) for value in range(n)])
    assert (interval.low, interval.high, interval.coverage) == (0, n - 1, coverage)


def test_coverage_on_skewed_data() -> None:
    # 2000 samples: a true coverage of .9648 is seen below .95 with probability 4e-4.
    samples = np.random.default_rng(3).lognormal(sigma=1.5, size=(2000, 15))
    intervals = [median_interval(sample.tolist()) for sample in samples]
    assert np.mean([interval.low <= 1 <= interval.high for interval in intervals]) >= 0.95


def test_even_samples_have_the_mean_of_the_middle_two() -> None:
    assert median_interval([4.0, 1.0, 2.0, 9.0]).median == 3.0


def test_no_values() -> None:
    with pytest.raises(ValueError, match="Give at least one"):
        median_interval([])
