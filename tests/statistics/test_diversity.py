"""Effective numbers, Gini's coefficient and used kinds against their definitions, spelt out."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from sb3_entropy.statistics import effective_number, gini, n_used, top_share

COUNTS = np.array([7.0, 0.0, 1.0, 12.0, 3.0, 3.0])
SHARES = COUNTS / COUNTS.sum()
ORDERS = [0, 0.3, 0.8, 1, 1.4, 2, 5, 40, math.inf]
MEASURES = [effective_number, gini, top_share, n_used]


@pytest.mark.parametrize("order", [0.3, 0.6, 0.9, 1.2, 1.7, 2, 5, 40])
def test_effective_numbers_are_their_definition(order: float) -> None:
    powers = math.fsum(p**order for p in SHARES if p > 0)
    assert effective_number(COUNTS, order) == pytest.approx(powers ** (1 / (1 - order)), rel=1e-12)


def test_the_effective_numbers_that_have_names() -> None:
    assert effective_number(COUNTS, 0) == pytest.approx(5)
    assert effective_number(COUNTS) == pytest.approx(math.exp(stats.entropy(SHARES)), rel=1e-13)
    assert effective_number(COUNTS, 2) == pytest.approx(1 / (SHARES @ SHARES), rel=1e-13)
    assert effective_number(COUNTS, math.inf) == pytest.approx(26 / 12, rel=1e-13)


@pytest.mark.parametrize("distance", [-1e-3, -1e-8, 1e-13, 1e-8, 1e-3])
def test_near_order_one_nothing_cancels(distance: float) -> None:
    """log D_q = H − (q − 1) Var(log p)/2 + (q − 1)² κ₃/6 − …: a cumulant expansion."""
    p = SHARES[SHARES > 0]
    surprise = -np.log(p)
    mean = p @ surprise
    variance, third = p @ (surprise - mean) ** 2, p @ (surprise - mean) ** 3
    expected = mean - distance * variance / 2 + distance**2 * third / 6
    assert math.log(effective_number(COUNTS, 1 + distance)) == pytest.approx(expected, abs=1e-9)
    if abs(distance) <= 1e-8:
        assert math.log(effective_number(COUNTS, 1 + distance)) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("order", [1e3, 1e6, 1e300])
def test_large_orders_do_not_vanish(order: float) -> None:
    # D_q = D_∞^(q/(q−1)) · (1 + …)^(1/(1−q)), and here the largest share is alone.
    assert effective_number(COUNTS, order) == pytest.approx((26 / 12) ** (order / (order - 1)), rel=1e-12)


@pytest.mark.parametrize("order", ORDERS)
def test_properties_of_effective_numbers(order: float) -> None:
    value = effective_number(COUNTS, order)
    assert 1 <= value <= 5 + 1e-12
    assert effective_number(COUNTS[::-1], order) == pytest.approx(value)
    assert effective_number(1e-9 * COUNTS, order) == pytest.approx(value)
    assert effective_number([0, 0, 5], order) == pytest.approx(1)
    assert effective_number([2, 0, 2, 2], order) == pytest.approx(3)
    # Hill's doubling property: two communities without a common kind are twice as diverse as one.
    assert effective_number(np.concatenate([COUNTS, COUNTS]), order) == pytest.approx(2 * value)


def test_effective_numbers_fall_with_the_order() -> None:
    values = [effective_number(COUNTS, order) for order in np.linspace(0, 4, 81)]
    assert (np.diff(values) < 0).all()


def test_gini_is_half_the_relative_mean_difference() -> None:
    for p in (COUNTS, SHARES, np.array([1.0, 2.0]), np.random.default_rng(0).exponential(size=31)):
        differences = sum(abs(x - y) for x in p for y in p)
        assert gini(p) == pytest.approx(differences / (2 * len(p) * p.sum()), rel=1e-12)
        # … and one less twice the area under Lorenz's curve.
        lorenz = np.concatenate([[0], np.sort(p).cumsum() / p.sum()])
        assert gini(p) == pytest.approx(1 - 2 * integrate.trapezoid(lorenz, dx=1 / len(p)), rel=1e-12)
        assert gini(np.random.default_rng(1).permutation(p)) == pytest.approx(gini(p))
    assert gini([3, 3, 3]) == 0
    assert gini([0.1] * 7) == pytest.approx(0, abs=1e-15)
    assert gini([0, 0, 9, 0]) == pytest.approx(0.75)
    assert gini([4]) == 0


def test_top_share_and_the_kinds_in_use() -> None:
    assert top_share(COUNTS) == pytest.approx(12 / 26)
    assert top_share([1, 1, 1, 1]) == 0.25
    assert n_used(COUNTS) == 5
    assert n_used(COUNTS, 0.1) == 4
    assert n_used(COUNTS, 1.0) == 0
    assert n_used([50, 51, 9899]) == 2  # 50 in 10,000 are 0.5 %, not more than that
    assert n_used([1, 0], 0) == 1
    assert isinstance(n_used(COUNTS), int)


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.__name__)
def test_the_last_axis_holds_the_kinds(measure) -> None:
    counts = np.random.default_rng(0).integers(0, 9, size=(2, 3, 6)) + np.eye(6, dtype=int)[0]
    values = measure(counts)
    assert values.shape == (2, 3)
    assert values == pytest.approx(np.array([[measure(row) for row in rows] for rows in counts]))


@pytest.mark.parametrize(
    ("p", "message"),
    [
        ([], r"shape \(..., kinds\), none of them zero, but \(0,\) was given"),
        (0.5, r"but \(\) was given"),
        ([[1.0, -0.1], [1.0, 0.0]], "finite and ≥ 0, but 1 of 4 are not. Give counts or probabilities, not logits"),
        ([np.nan, 1.0, np.inf], "but 2 of 3 are not"),
        ([[0.0, 0.0], [0.0, 1.0]], "positive sum, but 1 of 2 vectors sum to 0"),
    ],
)
@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.__name__)
def test_what_is_no_frequency(measure, p, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure(p)


def test_wrong_orders_and_thresholds() -> None:
    with pytest.raises(ValueError, match="order must be a number ≥ 0, but -1 was given"):
        effective_number(COUNTS, -1)
    with pytest.raises(ValueError, match="order must be a number ≥ 0, but nan was given"):
        effective_number(COUNTS, math.nan)
    with pytest.raises(ValueError, match="threshold must be a number between 0 and 1, but 2 was given"):
        n_used(COUNTS, 2)
