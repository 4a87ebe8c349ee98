"""Tests of directions: against enumeration, the t-test, and their rates of error by simulation."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.landscape_inference import CASES, at_the_margin, false_discoveries, family_wise
from landscape.quadratics import probe, quadratic, sphere
from sb3_entropy.landscape.inference import NULLS, ProbeReturns, direction_test, least_episodes
from sb3_entropy.statistics import sign_flip


def _returns(n: int = 6, seed: int = 0) -> ProbeReturns:
    rng = np.random.default_rng(seed)
    plus, minus, centre = rng.lognormal(size=(3, n)), rng.lognormal(size=(3, n)), rng.lognormal(size=2 * n)
    return ProbeReturns(plus + 0.5, minus, centre, 0.5)


def test_changes_and_slopes_are_sign_flip_tests() -> None:
    returns = _returns()
    series = {
        "plus": returns.plus - returns.common,
        "minus": returns.minus - returns.common,
        "slope": (returns.plus - returns.minus) / 2,
    }
    for quantity, each in series.items():
        for null, margin in itertools.product(("aligned", "exchangeable"), (0.0, 0.3)):
            found = direction_test(returns, quantity, null=null, margin=margin)
            for k in range(3):
                expected = sign_flip(each[k], margin)
                assert (found.p_greater[k], found.p_less[k]) == pytest.approx((expected.p_greater, expected.p_less))
            assert found.two_sided == pytest.approx(np.minimum(1, 2 * np.minimum(found.p_greater, found.p_less)))


@pytest.mark.parametrize("margin", [0.0, -0.4])
def test_curvatures_exchange_all_three(margin: float) -> None:
    returns = _returns(n=5)
    found = direction_test(returns, "curvature", null="exchangeable", margin=margin)
    for k in range(3):
        sets = np.stack([returns.common + margin, returns.plus[k], returns.minus[k]], axis=1)
        picked = np.array(list(itertools.product(range(3), repeat=5)))
        # α²κ/2 of an arrangement is the mean of (sum of the three − 3 · the picked)/2.
        values = ((sets.sum(axis=1) - 3 * sets[np.arange(5), picked]) / 2).mean(axis=1)
        own = ((sets.sum(axis=1) - 3 * sets[:, 0]) / 2).mean()
        assert own == pytest.approx((returns.plus[k] + returns.minus[k]).mean() / 2 - returns.common.mean() - margin)
        assert found.p_greater[k] == pytest.approx((values >= own - 1e-9).mean())
        assert found.p_less[k] == pytest.approx((values <= own + 1e-9).mean())


def test_alignment_takes_the_slope_out() -> None:
    returns = _returns(n=8)
    steep = ProbeReturns(returns.plus + 50, returns.minus - 50, returns.centre, 0.5)
    flat = direction_test(returns, "curvature"), direction_test(steep, "curvature")
    assert flat[0].p_greater == pytest.approx(flat[1].p_greater)
    bent = ProbeReturns(returns.plus + 60, returns.minus - 40, returns.centre, 0.5)
    assert (direction_test(bent, "curvature").p_greater < 1e-3).all()
    assert (direction_test(bent, "curvature", null="exchangeable").p_greater > 0.05).all()


def test_means_are_t_tests() -> None:
    returns = _returns()
    short = ProbeReturns(returns.plus, returns.minus, returns.common, 0.5)
    series = {
        "plus": returns.plus - returns.common,
        "minus": returns.minus - returns.common,
        "slope": (returns.plus - returns.minus) / 2,
        "curvature": (returns.plus + returns.minus) / 2 - returns.common,
    }
    for quantity, each in series.items():
        found = direction_test(short, quantity, null="mean", margin=0.2)
        assert found.p_greater == pytest.approx(stats.ttest_1samp(each, 0.2, axis=1, alternative="greater").pvalue)
        assert found.p_less == pytest.approx(stats.ttest_1samp(each, 0.2, axis=1, alternative="less").pvalue)
        assert found.least_greater.tolist() == [0, 0, 0]


def test_they_see_what_is_there() -> None:
    rng = np.random.default_rng(1)
    hessian, gradient, d = np.diag([-3.0, 3.0]), np.array([0.0, 0.0]), np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    returns = probe(quadratic(hessian, gradient), np.zeros(2), d, 1.0, rng)
    for null in NULLS:
        if null == "exchangeable":
            continue
        curvature = direction_test(returns, "curvature", null=null)
        assert curvature.p_less[0] < 1e-4
        assert curvature.p_greater[0] > 0.5
        assert curvature.p_greater[1] < 1e-4
        assert direction_test(returns, "plus", null=null).p_greater[1] < 1e-4
        assert (direction_test(returns, "slope", null=null).two_sided > 0.01).all()


def test_least_episodes() -> None:
    for tests, quantity, base in ((1000, "plus", 2), (1, "slope", 2), (500, "curvature", 3), (128, "plus", 2)):
        n = least_episodes(tests, 0.025, quantity)
        assert tests * base ** (-n) <= 0.025 < tests * base ** (1 - n)
    assert least_episodes(1000, 0.025) == 16
    assert least_episodes(1, 1.0) == 0
    returns = _returns(n=6)
    for quantity, base in (("plus", 2), ("curvature", 3)):
        assert direction_test(returns, quantity).least_greater == pytest.approx(np.full(3, float(base) ** -6))


def test_draws_need_a_generator() -> None:
    returns = _returns(n=30)
    with pytest.raises(ValueError, match="30 sets of 2 have too many arrangements"):
        direction_test(returns, "plus")
    found = direction_test(returns, "plus", rng=np.random.default_rng(0), permutations=500)
    assert found.least_greater == pytest.approx([1 / 501] * 3)


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match=r"Unknown quantity 'slop'.*Did you mean 'slope'"):
        direction_test(_returns(), "slop")
    with pytest.raises(ValueError, match="Unknown null 'means'"):
        direction_test(_returns(), "slope", null="means")
    with pytest.raises(ValueError, match="one episode a direction"):
        direction_test(ProbeReturns([[1.0]], [[1.0]], [1.0], 0.5), "slope")
    with pytest.raises(ValueError, match="tests must be"):
        least_episodes(0, 0.025)


def _most(nominal: float, probes: int) -> float:
    """Three and a half standard errors above the nominal rate: passed by chance in one of 4000 at the nominal rate."""
    return nominal + 3.5 * math.sqrt(nominal * (1 - nominal) / probes)


@pytest.mark.parametrize(("shape", "correlation"), [("skewed", 0.0), ("failing", 0.9)])
def test_family_wise_rate(shape: str, correlation: float) -> None:
    """Of skewed returns with a shared R⁰, after Holm: any false claim in at most 2.5 % of 100 probes. K = 40."""
    for quantities, n in ((("change", "slope"), 16), (("curvature",), 10)):
        rng = np.random.default_rng(0)
        for rate in family_wise("aligned", shape, correlation, 40, 100, rng, quantities, n).values():
            assert rate <= _most(0.025, 100)


def test_student_s_rate_is_not_nominal() -> None:
    """Twenty episodes of a hundred fail, by chance none of n: Student's t then is sure of an improvement."""
    assert family_wise("mean", "failing", 0.0, 50, 60, np.random.default_rng(0), ("change",))["d or −d improves"] > 0.25


def test_false_discovery_rate() -> None:
    """The mean share of 60 probes, whose standard deviation is at most 0.1: within four standard errors."""
    found = false_discoveries("plus", "skewed", 0.0, 100, 60, np.random.default_rng(0))
    assert found["benjamini_hochberg"][0] <= 0.025 + 4 * 0.1 / math.sqrt(60)
    assert found["benjamini_yekutieli"][0] <= found["benjamini_hochberg"][0]
    assert found["holm"][1] < found["benjamini_yekutieli"][1] < found["benjamini_hochberg"][1]


@pytest.mark.parametrize("kind", ["flat", "linear"])
def test_equivalence_at_the_margin(kind: str) -> None:
    """Shares of 20 directions in 40 probes, which R⁰ makes dependent: their own standard error is taken, 3.5 times."""
    rngs = (np.random.default_rng((seed, 7)) for seed in range(40))
    shares = [at_the_margin(kind, "skewed", 0.9, 20, 1, rng, n=10)[0] for rng in rngs]
    assert np.mean(shares) <= 0.025 + 3.5 * np.std(shares) / math.sqrt(40)
    assert np.mean(shares) > 0


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "correlation"), CASES)
def test_rates_at_length(shape: str, correlation: float) -> None:
    """As the quick ones. A probe's share of false claims has a standard deviation of 0.13 at most, at K = 50."""
    rng = np.random.default_rng(1)
    for quantities, directions, probes in ((("change", "slope"), 500, 300), (("curvature",), 50, 200)):
        for rate in family_wise("aligned", shape, correlation, directions, probes, rng, quantities).values():
            assert rate <= _most(0.025, probes)
    for quantity, directions, spread in (("plus", 500, 0.05), ("curvature", 50, 0.13)):
        for name, (rate, _) in false_discoveries(quantity, shape, correlation, directions, 150, rng).items():
            assert rate <= 0.025 + 3.5 * spread / math.sqrt(150), name
    for kind in ("flat", "linear"):
        _, family = at_the_margin(kind, shape, correlation, 50, 100, rng)
        assert family <= _most(0.025, 100)


@pytest.mark.slow
def test_500_curvatures_at_length() -> None:
    rates = family_wise("aligned", "skewed", 0.0, 500, 100, np.random.default_rng(2), ("curvature",))
    assert all(rate <= _most(0.025, 100) for rate in rates.values())


def test_unit_directions_of_the_helpers() -> None:
    assert np.linalg.norm(sphere(5, 9, np.random.default_rng(0)), axis=1) == pytest.approx(np.ones(5))


def test_equal_means_that_are_not_exchangeable_may_look_different() -> None:
    """R⁺ alone fails in a fifth of the episodes, and is greater else: 0.8¹⁶ of directions show no failure."""
    rng = np.random.default_rng(4)
    failed = rng.random((8000, 16)) < 0.2
    plus = np.where(failed, 0.0, 1.25)
    returns = ProbeReturns(plus, plus, 1 + 0.01 * rng.normal(size=16), 0.5)
    assert (direction_test(returns, "plus").p_greater == 2.0**-16).mean() == pytest.approx(0.8**16, abs=4.5 * 0.0019)
