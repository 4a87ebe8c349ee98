"""Intervals along curves, and performance profiles."""

import numpy as np
import pytest
from scipy import stats

from sb3_entropy.statistics import curve_interval, interval, performance_profile, sample_efficiency


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("statistic", ["mean", "iqm", "median"])
@pytest.mark.parametrize("method", ["auto", "percentile"])
def test_a_curve_is_an_interval_at_each_point(statistic: str, method: str) -> None:
    """The draws are the same, since every point is resampled with the same runs."""
    curves = np.random.default_rng(1).lognormal(size=(7, 3, 4))
    curves[:, :, 2] = 5.0  # all runs are equal there
    found = sample_efficiency(curves, statistic, method=method, replicates=3000, rng=rng())
    along = curve_interval(curves[:, 0], statistic, method=method, replicates=3000, rng=rng())
    assert all(part.shape == (4,) for part in (*found, *along))
    for point in range(4):
        alone = interval(curves[:, :, point], statistic, method=method, rng=rng())
        value, low, high = (part[point] for part in found)
        assert value == pytest.approx(alone.value, rel=1e-14)
        # Only the number of draws differs: a tenth of the width is more than ten times what that makes.
        tolerance = 0.1 * (alone.high - alone.low)
        assert (low, high) == pytest.approx((alone.low, alone.high), abs=tolerance)
    assert (found[1][2], found[2][2]) == (5, 5)
    assert np.all(np.delete(found[2] - found[1], 2) > 0)
    single = sample_efficiency(curves[:, :1], statistic, method=method, replicates=3000, rng=rng())
    assert np.array_equal(along, single)


def test_student_s_band() -> None:
    curves = np.random.default_rng(1).normal(size=(6, 5))
    value, low, high = curve_interval(curves, "mean", method="t", level=0.9, rng=rng())
    expected = stats.ttest_1samp(curves, 0).confidence_interval(0.9)
    assert value == pytest.approx(curves.mean(axis=0))
    assert low == pytest.approx(expected.low)
    assert high == pytest.approx(expected.high)


def test_one_run() -> None:
    value, low, high = curve_interval([[1.0, 2.0]], rng=rng())
    assert value.tolist() == [1, 2]
    assert np.isnan([low, high]).all()


def test_wrong_curves() -> None:
    with pytest.raises(ValueError, match=r"values must have the shape \(runs, points\), none of them zero, but \(3,\)"):
        curve_interval([1.0, 2.0, 3.0], rng=rng())
    with pytest.raises(ValueError, match=r"curves must have the shape \(runs, tasks, points\).*\(2, 0, 3\)"):
        sample_efficiency(np.zeros((2, 0, 3)), rng=rng())
    with pytest.raises(ValueError, match="values must be finite, but 1 of 4"):
        curve_interval([[1.0, np.nan], [1.0, 2.0]], rng=rng())
    with pytest.raises(ValueError, match="Unknown method"):
        curve_interval([[1.0, 1.0], [1.0, 2.0]], method="normal", rng=rng())


def test_profile_is_a_proportion() -> None:
    scores = np.random.default_rng(1).normal(size=(10, 3)).round(1)
    thresholds = np.array([-9.0, -0.5, float(scores[0, 0]), 0.3, 9.0])
    share, low, high = performance_profile(scores, thresholds, level=0.9)
    for index, threshold in enumerate(thresholds):
        above = int((scores > threshold).sum())
        wilson = stats.binomtest(above, 30).proportion_ci(0.9, method="wilson")
        expected = (above / 30, wilson.low, wilson.high)
        assert (share[index], low[index], high[index]) == pytest.approx(expected, abs=1e-12)
    assert np.all(high > low)
    assert np.all(np.diff(share) <= 0)
    assert performance_profile([1.0, 2.0], 1.5)[0].tolist() == [0.5]


def test_wrong_profile() -> None:
    with pytest.raises(ValueError, match="thresholds must be finite"):
        performance_profile([1.0, 2.0], [np.nan])
    with pytest.raises(ValueError, match="scores must be finite"):
        performance_profile([1.0, np.nan], [0.0])
