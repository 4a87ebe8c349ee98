"""Areas, drawdowns and dispersions against other ways to compute them."""

import numpy as np
import pytest
from scipy import integrate, stats

from sb3_entropy.statistics import area_under_curve, dispersion, drawdown


def test_area_is_the_mean_over_training() -> None:
    steps, curves = np.array([0.0, 1.0, 4.0, 10.0]), np.random.default_rng(0).normal(size=(3, 2, 4))
    assert area_under_curve(steps, curves) == pytest.approx(integrate.trapezoid(curves, steps) / 10)
    assert area_under_curve(steps + 500, curves) == pytest.approx(area_under_curve(steps, curves))
    assert area_under_curve([2, 6, 8], [3 * t + 1 for t in (2, 6, 8)]) == pytest.approx(16)  # a line: its middle
    assert area_under_curve([5], [7.0]) == 7
    assert area_under_curve([5], [[7.0], [8.0]]) == pytest.approx([7, 8])
    assert np.isnan(area_under_curve([0, 1, 2], [1.0, np.nan, 1.0]))


@pytest.mark.parametrize(
    ("steps", "values", "message"),
    [
        ([0, 1], [1.0, 2.0, 3.0], r"one number for each step .* but \(2,\) steps and \(3,\) values"),
        ([], [], "one number for each step"),
        ([0, 0], [1.0, 2.0], "steps must ascend strictly"),
        ([1, 0], [1.0, 2.0], "steps must ascend strictly"),
        ([0, np.inf], [1.0, 2.0], "and be finite"),
    ],
)
def test_wrong_curves(steps: list[float], values: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        area_under_curve(steps, values)


def test_drawdown_is_the_worst_pair() -> None:
    curves = np.random.default_rng(0).normal(size=(4, 30)).cumsum(axis=1)
    worst = [max(c[s] - c[t] for t in range(30) for s in range(t + 1)) for c in curves]
    assert drawdown(curves) == pytest.approx(worst)
    assert drawdown(curves[0]) == pytest.approx(worst[0])
    assert drawdown([1.0, 2.0, 2.0, 5.0]) == 0
    assert drawdown([3.0, -1.0, 9.0, 7.0]) == 4
    assert drawdown([3.0]) == 0
    assert np.isnan(drawdown([3.0, np.nan, 1.0]))


def test_dispersion_is_the_interquartile_range() -> None:
    scores = np.random.default_rng(0).normal(size=(9, 3))
    assert dispersion(scores) == pytest.approx(stats.iqr(scores, axis=0))
    assert dispersion(scores[:, 0]) == pytest.approx(stats.iqr(scores[:, 0]))
    assert dispersion([4.0]) == 0


def test_nothing_given() -> None:
    with pytest.raises(ValueError, match="at least one point"):
        drawdown([])
    with pytest.raises(ValueError, match="at least one point"):
        drawdown(3.0)
    with pytest.raises(ValueError, match="at least one run"):
        dispersion([])
