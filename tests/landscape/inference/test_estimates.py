"""Slopes, curvatures and changes: on quadratics and the toy of the paper, with errors from another channel."""

import numpy as np
import pytest
from scipy import stats

from landscape.quadratics import probe, quadratic, sphere, toy
from sb3_entropy.landscape.inference import ProbeReturns, changes, curvatures, exact_estimates, slopes

THETA = np.array([0.3, -0.7, 1.1])
HESSIAN = np.array([[-2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 3.0]])
GRADIENT = np.array([1.0, -2.0, 0.5])


@pytest.mark.parametrize("alpha", [0.5, 0.01])
def test_a_quadratic_without_noise(alpha: float) -> None:
    objective, d = quadratic(HESSIAN, GRADIENT), sphere(7, 3, np.random.default_rng(0))
    found = exact_estimates(objective(THETA + alpha * d), objective(THETA - alpha * d), float(objective(THETA)), alpha)
    assert found[0] == pytest.approx(d @ (GRADIENT + HESSIAN @ THETA))
    assert found[1] == pytest.approx(np.einsum("ki,ij,kj->k", d, HESSIAN, d), abs=1e-9)


def test_the_toy_of_the_paper() -> None:
    """At (−½, −2): no slope, and along the coordinates the curvatures −8 and −½, along (4, 1)/√17 −8.5."""
    theta, alpha = np.array([-0.5, -2.0]), 1e-3
    d = np.array([[1.0, 0.0], [0.0, 1.0], [4 / np.sqrt(17), 1 / np.sqrt(17)], [1 / np.sqrt(17), -4 / np.sqrt(17)]])
    slope, curvature = exact_estimates(toy(theta + alpha * d), toy(theta - alpha * d), float(toy(theta)), alpha)
    assert slope == pytest.approx(np.zeros(4), abs=1e-4)
    assert curvature == pytest.approx([-8, -0.5, -8.5, 0], abs=1e-4)


def test_with_noise() -> None:
    """
    Twenty directions, their truth within 4.5 standard errors by Student's t with at least 14 degrees of freedom: a
    false alarm in one of 2000 for each, in one of 30 for all, were the seed not fixed.
    """
    rng, alpha = np.random.default_rng(1), 0.5
    d = sphere(20, 3, rng)
    returns = probe(quadratic(HESSIAN, GRADIENT), THETA, d, alpha, rng)
    slope, curvature = d @ (GRADIENT + HESSIAN @ THETA), np.einsum("ki,ij,kj->k", d, HESSIAN, d)
    truths = {
        slopes: slope,
        curvatures: curvature,
        changes: alpha * slope + alpha**2 / 2 * curvature,
        lambda r: changes(r, "minus"): -alpha * slope + alpha**2 / 2 * curvature,
    }
    for estimate, truth in truths.items():
        found = estimate(returns)
        assert (np.abs(found.value - truth) < 4.5 * found.standard_error).all()
        # Noise that candidates share is 10 times as large as their own: without pairing it would stay.
        assert np.median(found.correlation) > 0.9
        assert np.median(found.gain) > 10


def test_errors_are_those_of_paired_t() -> None:
    rng = np.random.default_rng(2)
    returns = probe(quadratic(HESSIAN, GRADIENT), THETA, sphere(4, 3, rng), 0.2, rng)
    plus, minus, common = returns.plus, returns.minus, returns.common
    paired = {
        "slope": (slopes(returns), (plus - minus) / 0.4),
        "curvature": (curvatures(returns, coefficient=2.0), (plus + minus - 2 * common) / 0.04),
        "plus": (changes(returns, coefficient=1.0), plus - common),
        "minus": (changes(returns, "minus", coefficient=1.0), minus - common),
    }
    for found, series in paired.values():
        expected = stats.ttest_1samp(series, 0, axis=1).confidence_interval(0.95)
        assert found.value == pytest.approx(series.mean(axis=1))
        assert found.interval()[0] == pytest.approx(expected.low)
        assert found.one(1).high == pytest.approx(expected.high[1])
        assert found.one(1).method == "t"
    # SE(κ) = s/(α²√n), and s is in units of return.
    found = curvatures(returns, coefficient=2.0)
    assert found.spread == pytest.approx((plus + minus - 2 * common).std(axis=1, ddof=1))
    assert found.standard_error == pytest.approx(found.spread / (0.2**2 * np.sqrt(16)))
    slope = slopes(returns)
    assert slope.standard_error == pytest.approx(slope.spread / (2 * 0.2 * np.sqrt(16)))
    for k in range(4):
        assert slope.correlation[k] == pytest.approx(np.corrcoef(plus[k], minus[k])[0, 1])
        assert found.correlation[k] == pytest.approx(np.corrcoef(plus[k] + minus[k], common)[0, 1])
    apart = (plus.var(axis=1, ddof=1) + minus.var(axis=1, ddof=1)) / 16
    assert slope.gain == pytest.approx(apart / (plus - minus).var(axis=1, ddof=1) * 16)


def test_the_surplus_is_used_where_pairing_is_weak() -> None:
    rng = np.random.default_rng(3)
    loose = probe(toy, np.array([-0.5, -2.0]), sphere(200, 2, rng), 0.1, rng, centre=256, shared=0.0, own=1.0)
    weak, full = curvatures(loose), curvatures(loose, coefficient=2.0)
    assert np.median(weak.coefficient) < 0.5
    assert np.median(weak.standard_error / full.standard_error) < 0.9
    tight = probe(toy, np.array([-0.5, -2.0]), sphere(200, 2, rng), 0.1, rng, centre=256, own=0.01)
    assert np.median(curvatures(tight).coefficient) == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize(
    ("plus", "minus", "centre", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), np.zeros(4), r"but \(2, 3\), \(2, 4\) and \(4,\) were given"),
        (np.zeros((2, 3)), np.zeros((2, 3)), np.zeros(2), "n₀ ≥ n"),
        (np.zeros(3), np.zeros(3), np.zeros(3), "the same shape"),
        (np.zeros((1, 3)), np.zeros((1, 3)), np.zeros((1, 3)), "the same shape"),
        (np.full((1, 3), np.nan), np.zeros((1, 3)), np.zeros(3), "plus must be finite"),
    ],
)
def test_wrong_returns(plus: np.ndarray, minus: np.ndarray, centre: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ProbeReturns(plus, minus, centre, 0.5)


def test_wrong_arguments() -> None:
    one = ProbeReturns([[1.0]], [[1.0]], [1.0], 0.5)
    for estimate in (slopes, curvatures, changes):
        with pytest.raises(ValueError, match=r"one episode a direction.*use classify_exact and exact_estimates"):
            estimate(one)
    with pytest.raises(ValueError, match="alpha must be a number > 0"):
        ProbeReturns([[1.0]], [[1.0]], [1.0], 0.0)
    two = ProbeReturns([[1.0, 2.0]], [[1.0, 1.0]], [1.0, 1.0, 3.0], 0.5)
    with pytest.raises(ValueError, match="Unknown side 'up'"):
        changes(two, "up")
    with pytest.raises(ValueError, match=r"the same shape \(K,\)"):
        exact_estimates([1.0, 2.0], [1.0], 0.0, 0.5)
    assert two.of(0).directions == 1
    constant = slopes(ProbeReturns([[2.0, 2.0]], [[1.0, 1.0]], [1.0, 1.0], 0.5))
    assert constant.one(0).method == "none"
    assert np.isnan(constant.gain).all()
