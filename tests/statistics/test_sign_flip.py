"""The exact sign-flip test: against all signs, the binomial distribution, and scipy's permutations."""

import itertools

import numpy as np
import pytest
from scipy import stats

from sb3_entropy.statistics import sign_flip

TIED = [0.5, 0.5, -0.25, 0.0, 1.0, 0.5]


@pytest.mark.parametrize("margin", [0.0, 0.25, 0.5, -0.1])
def test_all_signs(margin: float) -> None:
    moved = np.array(TIED) - margin
    sums = np.array([np.dot(signs, np.abs(moved)) for signs in itertools.product((-1, 1), repeat=len(moved))])
    found = sign_flip(TIED, margin)
    assert found.p_greater == pytest.approx((sums >= moved.sum() - 1e-9).mean())
    assert found.p_less == pytest.approx((sums <= moved.sum() + 1e-9).mean())
    assert found.least == 0.5 ** np.count_nonzero(moved)


def test_against_scipy() -> None:
    differences = np.random.default_rng(0).normal(0.4, 1, size=11)
    test = stats.permutation_test(
        (differences, np.zeros(11)),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        alternative="greater",
        vectorized=True,
    )
    assert sign_flip(differences).p_greater == pytest.approx(test.pvalue)


@pytest.mark.parametrize("n", [1, 5, 6, 39, 40])
def test_equal_differences_are_the_sign_test(n: int) -> None:
    """So it cannot decide at 2.5 % below six: 2⁻⁵ = .031."""
    found = sign_flip(np.full(n, 0.1) + 0.2)
    assert (found.p_greater, found.p_less, found.least) == (0.5**n, 1, 0.5**n)
    assert (found.p_greater <= 0.025) == (n >= 6)
    if n == 39:
        half = np.where(np.arange(n) < 26, 1.0, -1.0)
        assert sign_flip(half).p_greater == pytest.approx(stats.binom.sf(25, n, 0.5))


def test_nothing_differs() -> None:
    # 0.1 + 0.2 is 0.3 but for rounding.
    assert sign_flip([0.1 + 0.2] * 4, 0.3) == sign_flip([0.0] * 4)
    assert sign_flip([0.0] * 4).p_greater == sign_flip([0.0] * 4).p_less == sign_flip([0.0] * 4).least == 1


@pytest.mark.parametrize(("wrong", "message"), [([], "1 ≤ n ≤ 40"), ([0.0] * 41, "41"), ([np.nan], "finite")])
def test_wrong_arguments(wrong: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sign_flip(wrong)
