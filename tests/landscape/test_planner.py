"""How many episodes: against formulas by hand, and by probing as planned."""

import math

import numpy as np
import pytest
from scipy import stats

from sb3_entropy.landscape.inference import ProbeReturns, least_episodes, slopes
from sb3_entropy.landscape.planner import Pilot, pilot_from, plan_probe


def test_the_spread_of_an_episode() -> None:
    """Of normal returns with one correlation, by their covariance; the surplus through the regression's residual."""
    rho, std = 0.6, 3.0
    pilot = Pilot(std, rho)
    covariance = std**2 * (rho + (1 - rho) * np.eye(3))
    weights = np.array([1.0, 1.0, -2.0])
    assert pilot.spread("curvature") == pytest.approx(math.sqrt(weights @ covariance @ weights))
    assert pilot.spread("slope") == pytest.approx(math.sqrt(np.array([1, -1, 0]) @ covariance @ [1, -1, 0]))
    beta = covariance[2, :2].sum() / std**2
    residual = np.ones(2) @ covariance[:2, :2] @ np.ones(2) - beta**2 * std**2
    assert pilot.spread("curvature", 5.0) == pytest.approx(math.sqrt(residual + (beta - 2) ** 2 * std**2 / 5))


def test_half_widths() -> None:
    pilot = Pilot(10.0, 0.5)
    plan = plan_probe(pilot, "curvature", alpha=0.5, directions=500, half_width=20.0, surplus=4, episodes_per_second=50)
    spread = pilot.spread("curvature", 4) / 0.25

    def width(n: int) -> float:
        return float(spread / math.sqrt(n) * stats.t.ppf(0.975, n - 1))

    assert width(plan.n) <= 20.0 < width(plan.n - 1)
    assert plan.half_width == pytest.approx(width(plan.n))
    assert (plan.centre, plan.total) == (4 * plan.n, 1000 * plan.n + 4 * plan.n)
    assert plan.seconds == pytest.approx(plan.total / 50)
    assert math.isnan(plan.power)
    assert plan.sentence == (
        f"For a half-width of 20 a curvature at α = 0.5 needs n = {plan.n} episodes on either side of 500 directions "
        f"and {plan.centre} at the point: {plan.total} in all, {plan.seconds / 60:.3g} minutes at 50 episodes a second."
    )
    # Half the step costs some 16 times as many episodes for a curvature, and 4 times for a slope, at one correlation.
    for quantity, factor in (("curvature", 16), ("slope", 4)):
        n = [plan_probe(pilot, quantity, alpha=a, directions=1, half_width=1.0).n for a in (0.5, 0.25)]
        assert n[1] / n[0] == pytest.approx(factor, rel=0.05)


def test_power_is_reached() -> None:
    """2000 directions with the effect: the share that is found is within four standard errors of the plan's."""
    pilot = Pilot(1.0, 0.8)
    plan = plan_probe(pilot, "slope", alpha=0.5, directions=20, effect=1.0, power=0.8)
    assert plan.power >= 0.8
    assert "a power of 80 % against 1 in one of 20 directions after Holm" in plan.sentence
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(2000, plan.n))
    plus, minus = (math.sqrt(0.8) * shared + math.sqrt(0.2) * rng.normal(size=shared.shape) for _ in range(2))
    p = slopes(ProbeReturns(plus + 0.5, minus - 0.5, np.zeros(plan.n), 0.5)).contrasts.p_greater()
    found = (p <= 0.025 / 40).mean()
    assert abs(found - plan.power) < 4 * math.sqrt(0.16 / 2000)


def test_a_permutation_test_needs_its_episodes() -> None:
    plan = plan_probe(Pilot(1.0, 0.0), "slope", alpha=0.5, directions=500, effect=1000.0)
    assert plan.n == least_episodes(1000, 0.025, "slope") == 16
    assert plan.power == pytest.approx(1.0)
    assert math.isnan(plan.seconds)
    assert "seconds" not in plan.sentence


def test_pilots() -> None:
    """Of 4000 episodes: standard deviation within 5 % and correlation within 0.03, four standard errors."""
    rng = np.random.default_rng(1)
    shared = rng.normal(size=4000)
    plus, minus, centre = (2 * (0.6 * shared + 0.8 * rng.normal(size=4000)) for _ in range(3))
    found = pilot_from(ProbeReturns(plus[None], minus[None], centre, 0.1))
    assert found.std == pytest.approx(2.0, rel=0.05)
    assert found.correlation == pytest.approx(0.36, abs=0.06)
    one = plan_probe(centre, "slope", alpha=0.5, directions=3, half_width=0.5, correlation=0.36)
    assert (
        one.n == plan_probe(Pilot(float(centre.std(ddof=1)), 0.36), "slope", alpha=0.5, directions=3, half_width=0.5).n
    )


@pytest.mark.parametrize(
    ("seconds", "text"), [(1.5, "1.5 seconds"), (300, "5 minutes"), (3 * 3600, "3 hours"), (5 * 86400, "5 days")]
)
def test_durations(seconds: float, text: str) -> None:
    plan = plan_probe(Pilot(1.0, 0.0), "slope", alpha=0.5, directions=2, half_width=1.0)
    rate = plan.total / seconds
    again = plan_probe(Pilot(1.0, 0.0), "slope", alpha=0.5, directions=2, half_width=1.0, episodes_per_second=rate)
    assert f", {text} at" in again.sentence


def test_wrong_arguments() -> None:
    pilot = Pilot(1.0, 0.5)
    for wrong in ({}, {"half_width": 1.0, "effect": 1.0}):
        with pytest.raises(ValueError, match="Give either half_width, for an interval, or effect, for a test"):
            plan_probe(pilot, "slope", alpha=0.5, directions=5, **wrong)
    with pytest.raises(ValueError, match="Unknown quantity 'slops'"):
        plan_probe(pilot, "slops", alpha=0.5, directions=5, effect=1.0)
    with pytest.raises(ValueError, match="More than 1000000000 episodes a direction would be needed"):
        plan_probe(pilot, "curvature", alpha=1e-4, directions=5, half_width=1e-3)
    with pytest.raises(ValueError, match=r"together with their correlation.*pilot_from"):
        plan_probe([1.0, 2.0], "slope", alpha=0.5, directions=5, effect=1.0)
    with pytest.raises(ValueError, match="correlation must be below 1"):
        Pilot(1.0, 1.0)
    with pytest.raises(ValueError, match="std must be a number > 0"):
        Pilot(0.0, 0.5)
    with pytest.raises(ValueError, match="surplus must be"):
        pilot.spread("slope", 0.5)
    with pytest.raises(ValueError, match="do not vary"):
        pilot_from(ProbeReturns([[1.0, 1.0]], [[1.0, 1.0]], [1.0, 1.0], 0.5))
    for name in ("effect", "half_width", "episodes_per_second"):
        arguments = {"effect": 1.0} | {name: -1.0}
        if name == "half_width":
            del arguments["effect"]
        with pytest.raises(ValueError, match=f"{name} must be a number > 0"):
            plan_probe(pilot, "slope", alpha=0.5, directions=5, **arguments)
