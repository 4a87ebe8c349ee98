"""Spearman's ρ of cells with its interval: against scipy, chosen alternatives, coverage, errors."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from sb3_entropy.statistics import rank_correlation

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(2, 9, 5))


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_it_is_spearmans_of_the_means_also_with_ties() -> None:
    found = rank_correlation(X, Y + X, rng=rng())
    assert found.value == pytest.approx(spearmanr(X.mean(1), (Y + X).mean(1)).statistic)
    assert found.low < found.value < found.high
    tied = np.round(X.mean(1))[:, None] + np.zeros((9, 2))
    found = rank_correlation(tied, Y[:, :2], rng=rng())
    assert found.value == pytest.approx(spearmanr(tied[:, 0], Y[:, :2].mean(1)).statistic)
    assert (found.n, found.level, found.method) == (9, 0.95, "two-stage")


def test_of_alternatives_the_one_with_the_greatest_mean_counts() -> None:
    both = np.stack([Y, Y[::-1] * 2], axis=2)
    found = rank_correlation(X, both, rng=rng())
    best = np.maximum(Y.mean(1), 2 * Y[::-1].mean(1))
    assert found.value == pytest.approx(spearmanr(X.mean(1), best).statistic)
    assert found.value != pytest.approx(spearmanr(X.mean(1), Y.mean(1)).statistic)


def test_p_values_belong_to_the_interval() -> None:
    found = rank_correlation(X, Y + X, rng=rng(), level=0.9)
    at_low = rank_correlation(X, Y + X, rng=rng(), margin=found.low)
    at_high = rank_correlation(X, Y + X, rng=rng(), margin=min(found.high, 1.0))
    assert at_low.p_greater == pytest.approx(0.05, abs=5e-3)
    assert at_high.p_less == pytest.approx(0.05, abs=5e-3)
    mirrored = rank_correlation(X, -(Y + X), rng=rng(), level=0.9)
    assert mirrored.value == -found.value
    assert [mirrored.low, mirrored.high] == pytest.approx([-found.high, -found.low])


def test_a_perfect_ranking_is_1_and_the_interval_ends_there() -> None:
    x = np.arange(8.0)[:, None] + 0.01 * RNG.normal(size=(8, 5))
    found = rank_correlation(x, np.exp(x), rng=rng())
    assert (found.value, found.high) == (pytest.approx(1), pytest.approx(1))
    assert found.low > 0.9
    assert found.p_greater < 0.001


def _covered(runs: int, rho: float, truth: float) -> float:
    """Cells whose two numbers are normal with correlation ρ, five runs each with a standard deviation of 1."""
    draws, hits = np.random.default_rng(1), 0
    for _ in range(runs):
        u, v, e, f = draws.normal(size=(4, 9, 1)) * np.ones((1, 1, 5))
        e, f = draws.normal(size=(2, 9, 5))
        found = rank_correlation(u + e, rho * u + np.sqrt(1 - rho**2) * v + f, replicates=300, rng=draws)
        hits += found.low <= truth <= found.high
    return hits / runs


def test_it_covers() -> None:
    # ρ of infinitely many cells: Spearman's of a normal pair, 6/π arcsin(r/2), of r = .8 / (1 + 1/5)
    truth = 6 / np.pi * np.arcsin(0.8 / 1.2 / 2)
    assert _covered(100, 0.8, truth) >= 0.9  # below it in 1 of 50 tests at .95


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.95])
def test_it_covers_in_many(rho: float) -> None:
    assert _covered(1000, rho, 6 / np.pi * np.arcsin(rho / 1.2 / 2)) >= 0.93  # standard error .007


def test_too_few_cells_and_what_does_not_vary_have_no_interval() -> None:
    few = rank_correlation(X[:3], Y[:3], rng=rng())
    assert few.value == pytest.approx(spearmanr(X[:3].mean(1), Y[:3].mean(1)).statistic)
    for found in (few, rank_correlation(np.ones((9, 5)), Y, rng=rng())):
        assert np.isnan([found.low, found.high]).all()
        assert (found.p_greater, found.p_less, found.method) == (1.0, 1.0, "none")
    assert found.value == 0


@pytest.mark.parametrize(("x", "y"), [((9, 5), (9, 4)), ((9,), (9,)), ((9, 5), (9, 5, 2, 1)), ((9, 5), (9, 5, 0))])
def test_shapes(x: tuple[int, ...], y: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"x must have the shape \(C, n\) and y"):
        rank_correlation(np.ones(x), np.ones(y), rng=rng())


def test_other_errors() -> None:
    with pytest.raises(ValueError, match="must be finite"):
        rank_correlation(np.full((9, 5), np.inf), Y, rng=rng())
    with pytest.raises(ValueError, match="margin"):
        rank_correlation(X, Y, margin=1.5, rng=rng())
    with pytest.raises(ValueError, match="replicates"):
        rank_correlation(X, Y, replicates=10, rng=rng())
