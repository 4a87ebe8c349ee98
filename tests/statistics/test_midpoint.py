"""The midpoint of a logistic curve: against a search of its likelihood, and against simulated truths."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import binom, chi2

from sb3_entropy.statistics import midpoint_difference

DOSES = np.array([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9, 1.2])
TEN = np.full(8, 10)


def midpoint(passed, doses=DOSES, runs=TEN, number=0.0, **more):
    return midpoint_difference(doses, passed, runs, number, **more)


def log_likelihood(intercept, slope, passed):
    """:return: of one curve, or of those of many slopes"""
    logits = np.asarray(intercept)[..., None] + np.multiply.outer(slope, DOSES)
    p = 1 / (1 + np.exp(-np.clip(logits, -500, 500)))
    return binom.logpmf(passed, TEN, np.clip(p, 1e-300, 1 - 1e-16)).sum(axis=-1)


@pytest.mark.parametrize("passed", [[0, 1, 4, 8, 9, 10, 10, 10], [1, 3, 2, 6, 5, 9, 7, 10]])
@pytest.mark.parametrize("level", [0.95, 0.8])
def test_it_is_the_profile_likelihood_of_two_parameters(passed, level):
    found, slopes = midpoint(passed, level=level), np.geomspace(1e-2, 1e3, 4000)
    best = minimize(lambda at: -log_likelihood(*at, passed), (-2.0, 5.0), method="Nelder-Mead", options={"xatol": 1e-9})
    assert found.value == pytest.approx(-best.x[0] / best.x[1], abs=1e-5)
    for end in (found.low, found.high):
        profile = log_likelihood(-slopes * end, slopes, passed).max()
        assert 2 * (-best.fun - profile) == pytest.approx(chi2.ppf(level, 1), abs=1e-3)
    assert found.low < found.value < found.high
    assert (found.method, found.n, found.level) == ("profile", 10, level)


def test_what_is_separated_has_the_gap_as_its_interval():
    found = midpoint([0, 0, 0, 0, 10, 10, 10, 10])
    assert found.value == pytest.approx(0.55)
    assert (found.low, found.high) == pytest.approx((0.5, 0.6), abs=1e-8)
    # Of few runs the doses beside the gap are no certainty: one of two may say yes at any midpoint near it.
    few = midpoint([0, 0, 0, 0, 1, 1, 1, 1], runs=np.ones(8))
    assert few.low < 0.5
    assert few.high > 0.6
    assert few.value == pytest.approx(0.55)
    inside = midpoint([0, 0, 0, 0, 10, 10, 10, 10], number=0.58)
    assert (inside.p_greater, inside.p_less) == pytest.approx((0.5, 0.5), abs=1e-6)


@pytest.mark.parametrize(("k", "side"), [(2, 1), (8, -1), (5, 0)])
def test_where_one_dose_alone_is_mixed_the_step_is_there(k, side):
    found = midpoint([0, 0, 0, k, 10, 10, 10, 10])
    assert found.value == pytest.approx(0.5)
    assert found.low <= 0.5 <= found.high
    assert 0.4 < found.low < found.high < 0.6
    assert np.sign(round(found.high + found.low - 1, 4)) == side


def test_what_is_beyond_the_doses_has_one_end():
    flat = midpoint([0, 2, 1, 2, 1, 2, 0, 2])
    assert flat.high == np.inf
    assert flat.low > 0.7


def test_a_curve_that_neither_rises_nor_falls_says_nothing():
    found = midpoint(np.full(8, 5), number=0.3)
    assert np.isnan(found.value)
    assert (found.low, found.high, found.p_greater, found.p_less) == (-np.inf, np.inf, 1.0, 1.0)


@pytest.mark.parametrize("doses", [(0.1, 0.2, 0.3), (0.1, 0.2, 0.4), (0.1, 0.7), tuple(DOSES)])
@pytest.mark.parametrize("share", [0, 1])
def test_where_all_agree_no_side_is_told_least_of_all_by_rounding(doses, share):
    for runs in (np.full(len(doses), 10), np.arange(3, 3 + len(doses))):
        found = midpoint(share * runs, np.array(doses), runs, number=0.15)
        assert np.isnan(found.value)
        assert (found.low, found.high, found.p_greater, found.p_less) == (-np.inf, np.inf, 1.0, 1.0)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_doses_may_have_any_unit(scale):
    passed = [0, 1, 4, 8, 9, 10, 10, 10]
    found, scaled = midpoint(passed, number=0.4), midpoint(passed, DOSES * scale, number=0.4 * scale)
    for name in ("value", "low", "high"):
        assert getattr(scaled, name) == pytest.approx(getattr(found, name) * scale, rel=1e-6)
    assert (scaled.p_greater, scaled.p_less) == pytest.approx((found.p_greater, found.p_less), rel=1e-6)


def test_a_falling_curve_is_a_rising_one_of_the_other_sign_and_the_order_is_free():
    passed = np.array([0, 1, 4, 8, 9, 10, 10, 10])
    rising, falling = midpoint(passed, number=0.4), midpoint(passed, -DOSES, number=-0.4)
    no = midpoint(10 - passed, number=0.4)
    assert (falling.value, falling.low, falling.high) == pytest.approx((-rising.value, -rising.high, -rising.low))
    assert (falling.p_greater, falling.p_less) == pytest.approx((rising.p_less, rising.p_greater))
    assert (no.value, no.low, no.high) == pytest.approx((rising.value, rising.low, rising.high))
    assert (no.p_greater, no.p_less) == pytest.approx((rising.p_greater, rising.p_less))
    shuffled = np.random.default_rng(0).permutation(8)
    again = midpoint_difference(DOSES[shuffled], passed[shuffled], TEN, 0.4)
    assert (again.value, again.low) == pytest.approx((rising.value, rising.low))


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_p_values_are_half_the_rest_at_the_interval_s_ends(level):
    passed, tail = [0, 1, 4, 8, 9, 10, 10, 10], (1 - level) / 2
    found = midpoint(passed, level=level)
    assert midpoint(passed, number=found.low).p_greater == pytest.approx(tail, abs=1e-6)
    assert midpoint(passed, number=found.high).p_less == pytest.approx(tail, abs=1e-6)
    moved = midpoint(passed, number=0.1, margin=found.high - 0.1, level=level)
    assert moved.p_less == pytest.approx(tail, abs=1e-6)
    assert (moved.value, moved.low, moved.margin) == pytest.approx((found.value - 0.1, found.low - 0.1, moved.margin))
    assert moved.p_greater == pytest.approx(1 - tail, abs=1e-6)


def misses(runs, scale, studies, seed=0):
    """:return: how often the truth is below the 95 % interval, and above it"""
    rng = np.random.default_rng(seed)
    sides = np.zeros(2)
    for truth in rng.uniform(0.3, 0.7, size=studies):
        passed = rng.binomial(runs, 1 / (1 + np.exp(-(DOSES - truth) / scale)))
        found = midpoint(passed, runs=np.full(8, runs), number=truth)
        sides += found.p_greater <= 0.025, found.p_less <= 0.025
    return sides / studies


def test_it_misses_the_truth_as_often_as_it_says():
    """Of 60 intervals of 95 % ten or more miss in less than one of 1,000 seeds."""
    assert binom.sf(9, 60, 0.05) < 1e-3
    assert misses(10, 0.05, 60).sum() <= 9 / 60


@pytest.mark.slow
@pytest.mark.parametrize("runs", [5, 10])
@pytest.mark.parametrize("scale", [0.005, 0.02, 0.05, 0.1, 0.2])
def test_its_coverage(runs, scale):
    """What the report says: at least 91 %, less the three standard errors of 500 studies."""
    missed = misses(runs, scale, 500, seed=1)
    print(f"{runs} runs, scale {scale}: {100 * (1 - missed.sum()):.1f} %")
    assert 1 - missed.sum() >= 0.91 - 3 * np.sqrt(0.91 * 0.09 / 500)
    assert missed.max() <= 0.06


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"doses": DOSES[:7]}, ValueError, r"must have one shape \(K,\), but \(7,\), \(8,\), \(8,\) were"),
        ({"doses": np.ones(8)}, ValueError, "doses must be two or more different finite numbers, but"),
        ({"doses": [*DOSES[:7], np.inf]}, ValueError, "doses must be two or more different finite numbers"),
        ({"passed": np.full(8, 11)}, ValueError, "passed must be whole numbers from 0 to runs"),
        ({"passed": np.full(8, 0.5)}, ValueError, "passed must be whole numbers from 0 to runs"),
        ({"runs": np.zeros(8), "passed": np.zeros(8)}, ValueError, "Leave out doses without runs"),
        ({"number": np.nan}, ValueError, "number must be a number"),
        ({"margin": "much"}, TypeError, "margin must be a number"),
        ({"level": 1.5}, ValueError, "level must be"),
    ],
)
def test_what_is_not_allowed(changes, error, message):
    with pytest.raises(error, match=message):
        midpoint(**{"passed": np.arange(8), **changes})
