"""How many episodes a probe needs, and how long they take."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit
from scipy.stats import nct

from sb3_entropy.errors import check_choice, check_number
from sb3_entropy.landscape.inference.hypotheses import least_episodes
from sb3_entropy.landscape.inference.returns import ProbeReturns
from sb3_entropy.statistics.scores import Array

QUANTITIES = ("slope", "curvature")
#: beyond this nobody runs a probe
MOST_EPISODES = 10**9


@dataclass(frozen=True)
class Pilot:
    """
    What returns vary by.

    :param std: standard deviation of an episode's return at one point
    :param correlation: between the returns of two neighbouring points with common random numbers, in [−½, 1)
    """

    std: float
    correlation: float

    def __post_init__(self) -> None:
        check_number("std", self.std, low=0, open_low=True)
        check_number("correlation", self.correlation, low=-0.5, high=1)
        if self.correlation == 1:
            raise ValueError("correlation must be below 1, but 1 was given: without noise one episode is enough.")

    def spread(self, quantity: str, surplus: float = 1.0) -> float:
        """
        s of an episode, the standard error being s/(2α√n) of a slope and s/(α²√n) of a curvature. With the best β:
        ``s² = 2σ²(1 − ρ)`` and ``s² = 2σ²(1 − ρ)(1 + 2ρ) + 4σ²(1 − ρ)² n/n₀``, which is 6σ²(1 − ρ) at n₀ = n.

        :param quantity: ``"slope"`` or ``"curvature"``
        :param surplus: n₀/n ≥ 1
        :return: s, in units of return
        """
        check_choice("quantity", quantity, QUANTITIES)
        check_number("surplus", surplus, low=1)
        rest = 1 - self.correlation
        if quantity == "slope":
            return self.std * math.sqrt(2 * rest)
        return self.std * math.sqrt(2 * rest * (1 + 2 * self.correlation) + 4 * rest**2 / surplus)


def expected_half_width(
    pilot: Pilot, quantity: str, n: int, *, alpha: float = 1.0, level: float = 0.95, surplus: float = 1.0
) -> float:
    """
    What an interval is expected to be with n episodes: ``t s/√n`` of a mean or of a change, ``t s/(2α√n)`` of a slope,
    ``t s/(α²√n)`` of a curvature.

    :param pilot: what returns vary by
    :param quantity: ``"mean"`` of one point, ``"change"`` of a neighbour's, ``"slope"`` or ``"curvature"``
    :param n: episodes of each point, two or more
    :param alpha: the step α > 0, of slopes and curvatures
    :param level: the nominal confidence
    :param surplus: n₀/n ≥ 1, of curvatures
    :return: half the expected width, in units of the quantity
    :raises ValueError: if an argument is none of what is allowed
    """
    check_choice("quantity", quantity, ("mean", "change", *QUANTITIES))
    check_number("n", n, low=2, integer=True)
    check_number("alpha", alpha, low=0, open_low=True)
    check_number("level", level, low=0.5, high=0.9999)
    if quantity == "mean":
        spread = pilot.std
    elif quantity == "change":
        spread = pilot.spread("slope")
    else:
        spread = pilot.spread(quantity, surplus) / (2 * alpha if quantity == "slope" else alpha**2)
    return _half_width(spread, n, level)


def pilot_from(returns: ProbeReturns) -> Pilot:
    """
    :param returns: of a small probe, at least two episodes a direction
    :return: its standard deviation and correlation, averaged over directions and the three pairs of points
    :raises ValueError: with one episode, or if returns do not vary
    """
    returns.check_repeated()
    points: list[Array] = [returns.plus, returns.minus, np.broadcast_to(returns.common, returns.plus.shape)]
    left = [each - each.mean(axis=1, keepdims=True) for each in points]
    variance = float(np.mean([(each**2).sum(axis=1).mean() for each in left]) / (returns.n - 1))
    if variance == 0:
        raise ValueError("The pilot's returns do not vary: without noise one episode is enough.")
    pairs = [(left[i] * left[j]).sum(axis=1).mean() / (returns.n - 1) for i, j in ((0, 1), (0, 2), (1, 2))]
    correlation = float(np.mean(pairs)) / variance
    return Pilot(math.sqrt(variance), min(max(correlation, -0.5), 1 - 1e-9))


@dataclass(frozen=True)
class Plan:
    """
    :param quantity: ``"slope"`` or ``"curvature"``
    :param n: episodes at each of θ₀ ± αd
    :param centre: episodes at θ₀, n₀
    :param total: 2nK + n₀
    :param seconds: how long they take; NaN without a rate
    :param half_width: of the interval that n episodes are expected to give
    :param power: chance that an effect of the wanted size is found; NaN without one
    :param sentence: the same in words
    """

    quantity: str
    n: int
    centre: int
    total: int
    seconds: float
    half_width: float
    power: float
    sentence: str


def plan_probe(
    pilot: Pilot | ArrayLike,
    quantity: str,
    *,
    alpha: float,
    directions: int,
    half_width: float | None = None,
    effect: float | None = None,
    power: float = 0.8,
    level: float = 0.95,
    correlation: float | None = None,
    surplus: float = 1.0,
    episodes_per_second: float | None = None,
) -> Plan:
    """
    The smallest n at which the interval of a direction has the wanted half-width t s/(2α√n) or t s/(α²√n), or at which
    an effect is found with the wanted power by Student's t, one-sided at (1 − level)/2 divided by the number of tests,
    2K of slopes and K of curvatures (Holm's first step, which is Bonferroni's). That n is also so large that a
    permutation test can find anything, see :func:`~sb3_entropy.landscape.inference.least_episodes`.

    :param pilot: what returns vary by; or returns at one point, shape (m,), with ``correlation``
    :param quantity: ``"slope"`` or ``"curvature"``
    :param alpha: the step α > 0
    :param directions: K
    :param half_width: that is wanted, in units of the quantity; or
    :param effect: the size of a slope or curvature that should be found
    :param power: with which chance
    :param level: the nominal confidence
    :param correlation: of returns with common random numbers, if the pilot is returns at one point
    :param surplus: n₀/n ≥ 1
    :param episodes_per_second: as measured; steps a second divided by the steps of an episode
    :return: the plan
    :raises ValueError: if not just one of ``half_width`` and ``effect`` is given, or an argument is none of what is
        allowed
    """
    known = pilot if isinstance(pilot, Pilot) else _pilot(pilot, correlation)
    check_choice("quantity", quantity, QUANTITIES)
    check_number("alpha", alpha, low=0, open_low=True)
    check_number("directions", directions, low=1, integer=True)
    check_number("power", power, low=0.5, high=0.999)
    check_number("level", level, low=0.5, high=0.9999)
    if (half_width is None) == (effect is None):
        raise ValueError("Give either half_width, for an interval, or effect, for a test, but not both or none.")
    spread = known.spread(quantity, surplus) / (2 * alpha if quantity == "slope" else alpha**2)
    risk = (1 - level) / 2
    tests = 2 * directions if quantity == "slope" else directions
    if half_width is not None:
        check_number("half_width", half_width, low=0, open_low=True)
        n = _least(lambda n: _half_width(spread, n, level) <= half_width)
        reached, goal = float("nan"), f"a half-width of {half_width:g}"
    else:
        assert effect is not None
        check_number("effect", effect, low=0, open_low=True)
        floor = least_episodes(tests, risk, quantity)
        n = max(_least(lambda n: _power(effect / spread, n, risk / tests) >= power), floor)
        reached = _power(effect / spread, n, risk / tests)
        goal = f"a power of {100 * power:g} % against {effect:g} in one of {directions} directions after Holm"
    centre = math.ceil(surplus * n)
    total = 2 * n * directions + centre
    seconds = float("nan")
    took = ""
    if episodes_per_second is not None:
        check_number("episodes_per_second", episodes_per_second, low=0, open_low=True)
        seconds = total / episodes_per_second
        took = f", {duration(seconds)} at {episodes_per_second:g} episodes a second"
    sentence = (
        f"For {goal} a {quantity} at α = {alpha:g} needs n = {n} episodes on either side of {directions} directions "
        f"and {centre} at the point: {total} in all{took}."
    )
    return Plan(quantity, n, centre, total, seconds, _half_width(spread, n, level), reached, sentence)


def _pilot(returns: ArrayLike, correlation: float | None) -> Pilot:
    given = np.asarray(returns, dtype=np.float64)
    if given.ndim != 1 or len(given) < 2 or correlation is None:
        raise ValueError(
            "pilot must be a Pilot, or two or more returns at one point, shape (m,), together with their correlation. "
            "A Pilot of a small probe: pilot_from(returns)."
        )
    return Pilot(float(given.std(ddof=1)), correlation)


def _half_width(spread: float, n: int, level: float) -> float:
    return spread / math.sqrt(n) * float(stdtrit(n - 1, (1 + level) / 2))


def _power(effect: float, n: int, risk: float) -> float:
    """Of a one-sided t-test, ``effect`` in standard deviations."""
    critical = -float(stdtrit(n - 1, risk))
    found = float(nct.sf(critical, n - 1, effect * math.sqrt(n)))
    # Far out the noncentral distribution is not computed; then the normal one is near enough.
    return found if math.isfinite(found) else float(stdtr(np.inf, effect * math.sqrt(n) - critical))


def _least(enough: Callable[[int], bool]) -> int:
    """:return: the least n ≥ 2 that is enough, where more always is"""
    high = 2
    while not enough(high):
        if high > MOST_EPISODES:
            raise ValueError(
                f"More than {MOST_EPISODES} episodes a direction would be needed. Take a larger α, or want less."
            )
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if middle >= 2 and enough(middle) else (middle, high)
    return high


def duration(seconds: float) -> str:
    """
    :param seconds: a time
    :return: it in words, such as ``3.5 minutes``
    """
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} seconds"
