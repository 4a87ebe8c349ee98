"""Corrected p-values against closed testing and scipy."""

import itertools

import numpy as np
import pytest
from scipy import stats

from sb3_entropy.statistics import benjamini_hochberg, benjamini_yekutieli, holm


def _closed(p_values: np.ndarray) -> list[float]:
    """Holm's is the closed test of Bonferroni: the greatest p-value of all intersections that hold the hypothesis."""
    indices = range(len(p_values))
    subsets = [set(s) for size in range(1, len(p_values) + 1) for s in itertools.combinations(indices, size)]
    bonferroni = [min(1.0, len(s) * min(p_values[list(s)])) for s in subsets]
    return [max(p for p, s in zip(bonferroni, subsets, strict=True) if index in s) for index in indices]


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_a_closed_test(seed: int) -> None:
    p_values = np.random.default_rng(seed).random(6) ** 3
    p_values[2] = p_values[4]
    assert holm(p_values) == pytest.approx(_closed(p_values))


@pytest.mark.parametrize("seed", range(5))
def test_benjamini_hochberg_is_scipy_s(seed: int) -> None:
    p_values = np.random.default_rng(seed).random((4, 3)) ** 3
    p_values[0, 0] = p_values[3, 2]
    assert benjamini_hochberg(p_values) == pytest.approx(stats.false_discovery_control(p_values.ravel()).reshape(4, 3))


@pytest.mark.parametrize("seed", range(5))
def test_benjamini_yekutieli_is_scipy_s(seed: int) -> None:
    p_values = np.random.default_rng(seed).random((4, 3)) ** 6
    p_values[0, 0] = p_values[3, 2]
    expected = stats.false_discovery_control(p_values.ravel(), method="by").reshape(4, 3)
    assert benjamini_yekutieli(p_values) == pytest.approx(expected)


def test_by_hand() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert benjamini_hochberg([0.04, 0.01, 0.03]) == pytest.approx([0.04, 0.03, 0.04])
    assert benjamini_yekutieli([0.04, 0.01, 0.03]) == pytest.approx([0.04 * 11 / 6, 0.03 * 11 / 6, 0.04 * 11 / 6])
    for correct in (holm, benjamini_hochberg, benjamini_yekutieli):
        assert correct([0.2]) == [0.2]
        assert correct([]).shape == (0,)
        assert correct([0.0, 1.0, 1.0]).tolist() == [0, 1, 1]


@pytest.mark.parametrize("wrong", [-0.1, 1.1, np.nan])
def test_wrong_p_values(wrong: float) -> None:
    for correct in (holm, benjamini_hochberg, benjamini_yekutieli):
        with pytest.raises(ValueError, match="p-values must be numbers between 0 and 1, but"):
            correct([0.5, wrong])
