"""Several steps α: against polynomial fits, Hotelling's T² and simulation."""

import numpy as np
import pytest
from scipy import stats

from landscape.quadratics import toy
from sb3_entropy.landscape.inference import covariance_of_steps, exact_estimates, richardson

ALPHAS = np.array([0.1, 0.2, 0.4])


def test_two_steps_are_richardson_s_formula() -> None:
    values = np.array([[1.0, 2.0], [4.0, -1.0]])
    found = richardson([0.1, 0.2], values, np.full((2, 2), 0.3))
    assert found.value == pytest.approx((4 * values[0] - values[1]) / 3)
    assert found.standard_error == pytest.approx([0.3 * np.sqrt(17) / 3] * 2)
    assert found.bias == pytest.approx((values[1] - values[0]) / 0.03)
    assert np.isnan(found.p_fit).all()
    # With two steps the bias is what they differ by.
    assert found.p_bias == pytest.approx(found.p_equal)


def test_bias_of_the_toy_is_extrapolated_away() -> None:
    """Along (1, 1)/√2 from (0.3, −0.7) the toy is a polynomial of degree 4, so that κ(α) = κ₀ + c α² exactly."""
    theta, d = np.array([0.3, -0.7]), np.array([[1.0, 1.0]]) / np.sqrt(2)
    seen = [exact_estimates(toy(theta + a * d), toy(theta - a * d), float(toy(theta)), a) for a in ALPHAS]
    curvatures = np.array([curvature for _, curvature in seen])
    found = richardson(ALPHAS, curvatures, np.full((3, 1), 0.01))
    # −(1 − (x + t)(y + t))², t = s/√2, twice differentiated by s: −(u')² + u u'' with u = 1 − xy, u' = x + y, u'' = 2.
    x, y = theta
    expected = -((x + y) ** 2) + 2 * (1 - x * y) * 1.0
    assert found.value[0] == pytest.approx(expected)
    assert found.bias[0] == pytest.approx(-0.5)
    assert found.p_fit[0] == pytest.approx(1.0)
    assert found.p_equal[0] < 1e-6


def test_weights_are_those_of_a_polynomial_fit() -> None:
    rng = np.random.default_rng(0)
    values, errors = rng.normal(size=3), np.array([0.5, 0.2, 0.1])
    found = richardson(ALPHAS, values, errors)
    fit, covariance = np.polyfit(ALPHAS**2, values, 1, w=1 / errors, cov="unscaled")
    assert (found.value[0], found.bias[0]) == pytest.approx((fit[1], fit[0]))
    assert (found.standard_error[0], found.bias_error[0]) == pytest.approx(np.sqrt(np.diag(covariance))[::-1])
    left = (((values - np.polyval(fit, ALPHAS**2)) / errors) ** 2).sum()
    assert found.p_fit[0] == pytest.approx(stats.chi2.sf(left, 1))
    mean = np.average(values, weights=errors**-2)
    assert found.p_equal[0] == pytest.approx(stats.chi2.sf((((values - mean) / errors) ** 2).sum(), 2))
    low, high = found.interval(0.9)
    assert (low[0], high[0]) == pytest.approx(stats.norm.interval(0.9, found.value[0], found.standard_error[0]))


def test_shared_episodes_are_hotelling_s_test() -> None:
    rng = np.random.default_rng(1)
    contributions = rng.normal(size=(3, 2, 12)) + 3 * rng.normal(size=12)
    covariance = covariance_of_steps(contributions)
    for k in range(2):
        assert covariance[k] == pytest.approx(np.cov(contributions[:, k]) / 12)
    found = richardson(ALPHAS, contributions.mean(axis=2), covariance, freedom=11)
    for k in range(2):
        differences = np.diff(contributions[:, k], axis=0)
        mean = differences.mean(axis=1)
        squares = 12 * mean @ np.linalg.inv(np.cov(differences)) @ mean
        assert found.p_equal[k] == pytest.approx(stats.f.sf(squares * 10 / (11 * 2), 2, 10))
    low, high = found.interval()
    assert found.freedom == 10
    reach = stats.t.ppf(0.975, 10) * found.standard_error
    assert (high - low) / 2 == pytest.approx(reach)


def test_noise_alone_differs_as_often_as_it_says() -> None:
    """4000 fits: 5 % within four standard errors, 1.4 points, by tests and by intervals."""
    rng = np.random.default_rng(2)
    contributions = rng.normal(size=(3, 4000, 16)) + 2 * rng.normal(size=(4000, 16))
    found = richardson(ALPHAS, contributions.mean(axis=2), covariance_of_steps(contributions), freedom=15)
    assert (found.p_equal < 0.05).mean() == pytest.approx(0.05, abs=0.014)
    assert (found.p_fit < 0.05).mean() == pytest.approx(0.05, abs=0.014)
    assert (found.p_bias < 0.05).mean() == pytest.approx(0.05, abs=0.014)
    low, high = found.interval()
    assert ((low <= 0) & (high >= 0)).mean() == pytest.approx(0.95, abs=0.014)
    apart = richardson(ALPHAS, rng.normal(size=(3, 4000)) * 0.2, np.full((3, 4000), 0.2))
    for p in (apart.p_equal, apart.p_fit, apart.p_bias):
        assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.014)


def test_wrong_arguments() -> None:
    ones = np.ones(3)
    for wrong in ([0.1], [0.1, 0.1], [0.0, 0.1], [[0.1, 0.2]]):
        with pytest.raises(ValueError, match="alphas must be two or more different steps > 0"):
            richardson(wrong, ones, ones)
    with pytest.raises(ValueError, match=r"values must have the shape \(3, K\).* but \(2, 1\) was given"):
        richardson(ALPHAS, [1.0, 2.0], ones)
    with pytest.raises(ValueError, match="errors must be > 0, but one is not"):
        richardson(ALPHAS, ones, [1.0, 0.0, 1.0])
    with pytest.raises(ValueError, match=r"of the shape \(3, 1\), or covariances of the shape \(1, 3, 3\)"):
        richardson(ALPHAS, ones, [1.0, 1.0])
    with pytest.raises(ValueError, match="positive definite where they are covariances, but one is singular"):
        richardson(ALPHAS, ones, np.ones((1, 3, 3)))
    with pytest.raises(ValueError, match="freedom must be"):
        richardson(ALPHAS, ones, ones, freedom=0.0)
    with pytest.raises(ValueError, match="freedom must be above the number of steps less two, 1, but 1 was given"):
        richardson(ALPHAS, ones, np.eye(3)[None], freedom=1)
    with pytest.raises(ValueError, match=r"shape \(A, K, n\) with n > A"):
        covariance_of_steps(np.zeros((3, 2, 3)))
    with pytest.raises(ValueError, match="level must be"):
        richardson(ALPHAS, ones, ones).interval(2.0)
