"""What random directions see: the trace and, of the spectrum, its spread; by sampling the sphere and by repetition."""

import numpy as np
import pytest

from landscape.quadratics import sphere
from sb3_entropy.landscape.inference import ProbeReturns, expected_extremes, mean_curvature, random_curvature_std

EIGENVALUES = np.concatenate([-np.linspace(1, 3, 103), np.linspace(2, 6, 5)])


def _curvatures(directions: int, rng: np.random.Generator) -> np.ndarray:
    """Of a diagonal Hessian along random directions."""
    return sphere(directions, len(EIGENVALUES), rng) ** 2 @ EIGENVALUES


@pytest.mark.parametrize("eigenvalues", [EIGENVALUES, np.array([3.0, -1.0]), np.array([2.0, 2.0, 2.0])])
def test_the_spread_on_the_sphere(eigenvalues: np.ndarray) -> None:
    """40 000 directions know a standard deviation within 0.5 %: four times that."""
    rng, p = np.random.default_rng(0), len(eigenvalues)
    seen = sphere(40_000, p, rng) ** 2 @ eigenvalues
    expected = random_curvature_std(float(eigenvalues.sum()), float(np.linalg.norm(eigenvalues)), p)
    assert seen.std() == pytest.approx(expected, rel=0.02, abs=1e-6)
    assert seen.mean() == pytest.approx(eigenvalues.mean(), abs=4.5 * expected / 200 + 1e-9)


def test_the_ends_of_the_spectrum_are_out_of_sight() -> None:
    std = random_curvature_std(float(EIGENVALUES.sum()), float(np.linalg.norm(EIGENVALUES)), 108)
    low, high = expected_extremes(float(EIGENVALUES.mean()), std, 500)
    assert EIGENVALUES.min() < low < high < 0 < EIGENVALUES.max()
    seen = _curvatures(500, np.random.default_rng(1))
    assert seen.min() == pytest.approx(low, abs=0.3)
    assert seen.max() == pytest.approx(high, abs=0.4)


@pytest.mark.parametrize("n", [1, 16])
def test_without_noise(n: int) -> None:
    """The mean of 400 directions within four of its standard errors; the norm within 15 %, four times its spread."""
    values = _curvatures(400, np.random.default_rng(2))
    half = np.repeat(values[:, None], n, axis=1) * 0.25 / 2
    found = mean_curvature(ProbeReturns(half, half, np.zeros(n), 0.5), 108)
    assert found.mean.value == pytest.approx(values.mean())
    assert found.standard_error == pytest.approx(values.std(ddof=1) / 20)
    assert abs(found.mean.value - EIGENVALUES.mean()) < 4 * found.standard_error
    assert found.std == pytest.approx(values.std(ddof=1))
    assert found.frobenius_norm == pytest.approx(np.linalg.norm(EIGENVALUES), rel=0.15)
    assert found.sentence.startswith(f"tr(H)/p = {found.mean.value:.3g} [")
    assert "p = 108 random directions" not in found.sentence
    assert "of p = 108 dimensions" in found.sentence


def test_with_noise_it_covers() -> None:
    """
    400 probes whose noise is shared by the directions, in part: an interval of 95 % misses in at most 8 % (three
    standard errors), and the spread between directions is not taken for noise: within 5 % on average (three standard
    errors).
    """
    missed, spreads, rng, p = 0, [], np.random.default_rng(3), len(EIGENVALUES)
    std = random_curvature_std(float(EIGENVALUES.sum()), float(np.linalg.norm(EIGENVALUES)), p)
    for _ in range(400):
        part = 0.125 * _curvatures(60, rng)[:, None]
        plus, minus = (part + 0.1 * rng.normal(size=16) + 0.02 * rng.normal(size=(60, 16)) for _ in range(2))
        found = mean_curvature(ProbeReturns(plus, minus, 0.1 * rng.normal(size=64), 0.5), p)
        missed += not found.mean.low <= EIGENVALUES.mean() <= found.mean.high
        spreads.append(found.std)
    assert missed / 400 < 0.083
    assert np.mean(spreads) == pytest.approx(std, rel=0.05)


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match=r"at least \|trace\|/√p = 2, but 1 was given. Give the norm, not its square"):
        random_curvature_std(4.0, 1.0, 4)
    with pytest.raises(ValueError, match="parameters must be"):
        random_curvature_std(4.0, 4.0, 0)
    with pytest.raises(ValueError, match="needs two or more of them, but 1 was given"):
        mean_curvature(ProbeReturns([[1.0]], [[1.0]], [1.0], 0.5), 3)
    with pytest.raises(ValueError, match="directions must be"):
        expected_extremes(0.0, 1.0, 0)
