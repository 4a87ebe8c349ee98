"""Classes of directions: right where they are known, undetermined where nobody can know."""

import numpy as np
import pytest

from landscape.quadratics import probe, quadratic, sphere, toy
from sb3_entropy.landscape.inference import CLASSES, ProbeReturns, classify_directions, classify_exact, least_episodes

AXES = np.eye(4)
#: worsens along the first axis, improves along the second, slopes along the third, is flat along the fourth
HESSIAN, GRADIENT = np.diag([-6.0, 6.0, 0.0, 0.0]), np.array([0.0, 0.0, 3.0, 0.0])
EXPECTED = ["worsening", "improving", "linear", "flat"]


def _probe(own: float = 0.05, n: int = 16, seed: int = 0) -> ProbeReturns:
    return probe(quadratic(HESSIAN, GRADIENT), np.zeros(4), AXES, 0.5, np.random.default_rng(seed), n, own=own)


@pytest.mark.parametrize("null", ["aligned", "mean"])
@pytest.mark.parametrize("correction", ["holm", "benjamini_hochberg", "benjamini_yekutieli"])
def test_known_classes(null: str, correction: str) -> None:
    found = classify_directions(_probe(), 0.3, null=null, correction=correction)
    assert found.classes.tolist() == EXPECTED
    assert found.counts() == {**dict.fromkeys(CLASSES, 0), **dict.fromkeys(EXPECTED, 1)}
    assert found.maximum_like.tolist() == [True, False, False, False]
    assert found.minimum_like.tolist() == [False, True, False, False]
    assert found.improves[1:3].tolist() == [True, True]
    assert not found.improves[0]
    assert (found.null, found.correction, found.note, found.risk) == (null, correction, "", pytest.approx(0.025))


def test_a_small_margin_leaves_flat_and_linear_open() -> None:
    found = classify_directions(_probe(), 1e-3)
    assert found.classes.tolist() == ["worsening", "improving", "improving", "undetermined"]


def test_without_noise() -> None:
    objective = quadratic(HESSIAN, GRADIENT)
    d = np.vstack([AXES, [[0.8, 0.0, 0.6, 0.0]], [[1.0, 0.0, 0.5, 0.0]]])
    plus, minus = objective(0.5 * d), objective(-0.5 * d)
    # Along the last but one Δ⁺ = .42 and Δ⁻ = −1.38; along the last Δ⁺ = 0 and Δ⁻ = −1.5.
    assert classify_exact(plus, minus, 0.0, 1e-9).tolist() == [*EXPECTED, "improving", "undetermined"]
    assert classify_exact(plus, minus, 0.0, 5.0).tolist() == ["flat"] * 6
    assert classify_exact([0.5, 1e-3], [-0.5, -1e-3], 0.0, 0.0).tolist() == ["linear", "linear"]


def test_the_toy_of_the_paper() -> None:
    theta, alpha = np.array([-0.5, -2.0]), 0.1
    d = np.array([[4.0, 1.0], [1.0, 0.0], [0.0, 1.0]]) / np.sqrt([[17.0], [1.0], [1.0]])
    assert (
        classify_exact(toy(theta + alpha * d), toy(theta - alpha * d), float(toy(theta)), 1e-9) == "worsening"
    ).all()
    returns = probe(toy, theta, d, 0.5, np.random.default_rng(0), own=0.02)
    assert classify_directions(returns, 0.01).classes.tolist() == ["worsening"] * 3
    # Off the maxima there is a slope: at (0.2, −1) the gradient is (−2.4, 0.48).
    off = probe(toy, np.array([0.2, -1.0]), d[1:2], 0.1, np.random.default_rng(0), own=0.005)
    assert classify_directions(off, 0.05).classes.tolist() == ["linear"]


@pytest.mark.parametrize("seed", range(3))
def test_noise_alone_is_undetermined(seed: int) -> None:
    """A flat objective of 108 parameters, 100 directions; each kind of claim errs in at most 2.5 % of the seeds."""
    rng = np.random.default_rng(seed)
    d = sphere(100, 108, rng)
    returns = probe(quadratic(np.zeros((108, 108)), np.zeros(108)), np.zeros(108), d, 0.5, rng, own=1.0)
    found = classify_directions(returns, 0.1)
    assert found.counts() == {**dict.fromkeys(CLASSES, 0), "undetermined": 100}


def test_too_few_episodes_are_named() -> None:
    directions = np.tile(AXES, (125, 1))
    rng = np.random.default_rng(0)
    small = probe(quadratic(HESSIAN, GRADIENT), np.zeros(4), directions, 0.5, rng, n=14, own=0.01)
    found = classify_directions(small, 0.3)
    assert (found.classes == "undetermined").all()
    assert found.note == (
        "n = 14 is too small for Holm over K = 500 directions at 2.5 %: no p-value of a permutation test can be small "
        "enough. It takes n ≥ 16 for improving, n ≥ 15 for worsening, n ≥ 16 for linear, n ≥ 15 for flat."
    )
    assert least_episodes(1000, found.risk) == 16
    # All at once are enough for a step-up correction, and Student's t knows no floor.
    small = small.of(np.arange(40))
    assert classify_directions(small, 0.3, correction="benjamini_hochberg").classes[:4].tolist() == EXPECTED
    assert classify_directions(small, 0.3, correction="benjamini_yekutieli").classes[:4].tolist() == EXPECTED
    assert classify_directions(small, 0.3, null="mean").note == ""
    few = classify_directions(_probe(n=5), 0.3, correction="benjamini_yekutieli")
    assert "n ≥ 7 for worsening" in few.note
    assert "Benjamini and Yekutieli" in few.note


def test_many_episodes_are_drawn_from() -> None:
    returns = _probe(n=40)
    with pytest.raises(ValueError, match="give a generator"):
        classify_directions(returns, 0.3)
    assert classify_directions(returns, 0.3, rng=np.random.default_rng(0)).classes.tolist() == EXPECTED


def test_wrong_arguments() -> None:
    returns = _probe()
    for margin in (0.0, -1.0):
        with pytest.raises(ValueError, match="margin must be a number > 0"):
            classify_directions(returns, margin)
    with pytest.raises(ValueError, match="level must be below 1"):
        classify_directions(returns, 0.1, level=1.0)
    with pytest.raises(ValueError, match="Unknown correction 'bonferroni'"):
        classify_directions(returns, 0.1, correction="bonferroni")
    with pytest.raises(ValueError, match="use classify_exact"):
        classify_directions(ProbeReturns([[1.0]], [[1.0]], [1.0], 0.5), 0.1)
    with pytest.raises(ValueError, match="tolerance must be a number ≥ 0"):
        classify_exact([1.0], [1.0], 0.0, -1.0)
    with pytest.raises(ValueError, match="the same shape"):
        classify_exact([1.0], [1.0, 2.0], 0.0, 0.1)
