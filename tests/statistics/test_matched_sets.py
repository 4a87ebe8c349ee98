"""The permutation test of matched sets: against all arrangements, the sign-flip test, and where it draws them."""

import itertools
import time

import numpy as np
import pytest
from scipy import stats

from sb3_entropy.statistics import matched_sets, sign_flip


def _all(values: np.ndarray) -> tuple[float, float]:
    """Of one comparison, shape (n, m)."""
    sums = np.array(
        [
            sum(row[i] for row, i in zip(values, picked, strict=True))
            for picked in itertools.product(range(values.shape[1]), repeat=len(values))
        ]
    )
    total = values[:, 0].sum()
    return float((sums >= total - 1e-9).mean()), float((sums <= total + 1e-9).mean())


@pytest.mark.parametrize("m", [2, 3, 4])
@pytest.mark.parametrize("ties", [False, True])
def test_all_arrangements(m: int, ties: bool) -> None:
    values = np.random.default_rng(m).lognormal(size=(3, 5, m)) + np.linspace(0.4, 0, m)
    if ties:
        values = np.round(values)
    found = matched_sets(values[:, :, 0], values[:, :, 1:])
    assert found.exact
    for k in range(3):
        assert (found.p_greater[k], found.p_less[k]) == pytest.approx(_all(values[k]))
    best = values.copy()
    best[:, :, 0], best[:, 0, 0] = values.max(axis=2), values[:, 0].max(axis=1)
    highest = matched_sets(values.max(axis=2), np.sort(values, axis=2)[:, :, :-1])
    assert highest.p_greater == pytest.approx(highest.least_greater)
    lowest = matched_sets(values.min(axis=2), np.sort(values, axis=2)[:, :, 1:])
    assert lowest.p_less == pytest.approx(lowest.least_less)


def test_two_in_a_set_are_the_sign_flip_test() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.lognormal(size=(4, 13)), rng.lognormal(size=13)
    found = matched_sets(x, np.broadcast_to(y, x.shape))
    for k in range(4):
        expected = sign_flip(x[k] - y)
        assert (found.p_greater[k], found.p_less[k]) == pytest.approx((expected.p_greater, expected.p_less))
        assert found.least_greater[k] == pytest.approx(expected.least)


def test_one_chosen_series_for_all() -> None:
    rng = np.random.default_rng(2)
    shared, others = rng.normal(size=6), rng.normal(size=(3, 6, 2))
    alone, each = matched_sets(shared, others), matched_sets(np.tile(shared, (3, 1)), others)
    assert alone.p_greater.tolist() == each.p_greater.tolist()


def test_nothing_differs() -> None:
    # 0.1 + 0.2 is 0.3 but for rounding.
    found = matched_sets(np.full((2, 5), 0.1 + 0.2), np.full((2, 5, 2), 0.3))
    assert found.p_greater.tolist() == found.p_less.tolist() == [1, 1]
    assert found.least_greater.tolist() == pytest.approx([1, 1])


def test_drawn_arrangements_are_near_the_counted_ones() -> None:
    """Within five standard errors: a false alarm in 10⁶ of twelve comparisons each, were the seed not fixed."""
    rng = np.random.default_rng(3)
    x, others = rng.normal(size=(6, 30)), rng.normal(size=(6, 30, 1))
    found = matched_sets(x, others, permutations=20_000, rng=rng)
    assert not found.exact
    for k in range(6):
        exact = sign_flip(x[k] - others[k, :, 0])
        for own, p in ((found.p_greater[k], exact.p_greater), (found.p_less[k], exact.p_less)):
            assert abs(own - p) < 5 * np.sqrt(p * (1 - p) / 20_000) + 1 / 20_000
    clear = matched_sets(np.full((1, 30), 5.0), rng.normal(size=(1, 30, 2)), permutations=999, rng=rng)
    assert clear.p_greater[0] == clear.least_greater[0] == pytest.approx(1e-3)
    again = [matched_sets(x, others, permutations=99, rng=np.random.default_rng(4)).p_less.tolist() for _ in range(2)]
    assert again[0] == again[1]


def test_p_values_are_uniform_where_nothing_differs() -> None:
    """Kolmogorov and Smirnov at 10⁻⁴, of log-normal values with an effect of the set; p is discrete in steps of 3⁻⁸."""
    rng = np.random.default_rng(5)
    values = np.exp(rng.normal(size=(2000, 8, 1)) + rng.normal(size=(2000, 8, 3)))
    found = matched_sets(values[:, :, 0], values[:, :, 1:])
    assert stats.kstest(found.p_greater, "uniform").pvalue > 1e-4
    assert stats.kstest(found.p_less, "uniform").pvalue > 1e-4


def test_it_is_fast() -> None:
    """500 comparisons of 16 sets: CPU time, with room for a slow machine."""
    rng = np.random.default_rng(6)
    x, others = rng.normal(size=(500, 16)), rng.normal(size=(500, 16, 2))
    start = time.process_time()
    matched_sets(x, others[:, :, :1])
    matched_sets(x, np.concatenate([others, others], axis=2), permutations=4096, rng=rng)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("chosen", "others", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), r"none of them zero, but \(2, 4, 1\) and \(2, 3\) were given"),
        (np.zeros(3), np.zeros(3), "others must have the shape"),
        (np.zeros((0, 3)), np.zeros((0, 3)), "none of them zero"),
        (np.full((1, 3), np.nan), np.zeros((1, 3)), "values of the sets must be finite"),
        (np.zeros((1, 40)), np.zeros((1, 40)), r"40 sets of 2 have too many arrangements .* give a generator"),
    ],
)
def test_wrong_arguments(chosen: np.ndarray, others: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        matched_sets(chosen, others)
    with pytest.raises(ValueError, match="permutations must be a whole number ≥ 1"):
        matched_sets([[1.0]], [[2.0]], permutations=0)
