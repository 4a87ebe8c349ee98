"""Tests of slope, curvature and change in each of K directions, each against a null hypothesis that has a name."""

import math
from dataclasses import dataclass

import numpy as np

from sb3_entropy.errors import check_choice, check_number
from sb3_entropy.landscape.inference.estimates import changes, curvatures, slopes
from sb3_entropy.landscape.inference.returns import ProbeReturns
from sb3_entropy.statistics import matched_sets
from sb3_entropy.statistics.matched_sets import PERMUTATIONS
from sb3_entropy.statistics.scores import Array

#: what each supposes where nothing differs
NULLS = {
    "aligned": "given the episode, R⁺ − s, R⁰ and R⁻ + s are exchangeable, s estimated in each direction",
    "exchangeable": "given the episode, R⁺, R⁰ and R⁻ are exchangeable",
    "mean": "the means are equal, and Student's t holds for n episodes",
}
QUANTITIES = ("slope", "curvature", "plus", "minus")
#: values that are exchangeable in an episode: none of n episodes' p-values can be below this to the power −n
ARRANGEMENTS = {"slope": 2, "curvature": 3, "plus": 2, "minus": 2}


@dataclass(frozen=True)
class DirectionTest:
    """
    One-sided p-values of one quantity in K directions, not corrected for there being several.

    :param quantity: ``"slope"``, ``"curvature"``, ``"plus"`` (Δ⁺) or ``"minus"`` (Δ⁻)
    :param null: a name of ``NULLS``
    :param margin: what it is compared with, in units of return
    :param p_greater: small if it is greater than the margin, shape (K,)
    :param p_less: small if it is less, shape (K,)
    :param least_greater: no ``p_greater`` of these returns can be smaller, shape (K,)
    :param least_less: no ``p_less`` can, shape (K,)
    """

    quantity: str
    null: str
    margin: float
    p_greater: Array
    p_less: Array
    least_greater: Array
    least_less: Array

    @property
    def two_sided(self) -> Array:
        """:return: p-values of "it is the margin", shape (K,)"""
        return np.asarray(np.minimum(1.0, 2 * np.minimum(self.p_greater, self.p_less)))


def direction_test(
    returns: ProbeReturns,
    quantity: str,
    *,
    null: str = "aligned",
    margin: float = 0.0,
    permutations: int = PERMUTATIONS,
    rng: np.random.Generator | None = None,
) -> DirectionTest:
    """
    Tests in units of return: the slope's part ``(Δ⁺ − Δ⁻)/2 = αg``, the curvature's part ``(Δ⁺ + Δ⁻)/2 = α²κ/2``, Δ⁺,
    or Δ⁻, against a margin.

    - ``"exchangeable"``: permutations within episodes, exact for every n and every distribution, see
      :func:`~sb3_entropy.statistics.matched_sets`. A slope makes the test of a curvature blind: R⁺ and R⁻ then differ
          by
      more than noise.
    - ``"aligned"``: the same, and for the curvature the mean of ``D = R⁺ − R⁻`` is taken out first, what is left of D
      being scaled by √(n/(n − 1)) (alignment: Hodges and Lehmann 1962). Not exact; in simulation at most nominal.
    - ``"mean"``: Student's t of :func:`~sb3_entropy.landscape.inference.slopes` and the others. For skewed returns and
      small n its rate of error far out, where corrections for many directions look, is *not* the nominal one.

    With a margin the hypothesis is the same of returns that are moved by it.

    :param returns: at least two episodes a direction
    :param quantity: ``"slope"``, ``"curvature"``, ``"plus"`` or ``"minus"``
    :param null: ``"aligned"``, ``"exchangeable"`` or ``"mean"``
    :param margin: in units of return
    :param permutations: how many are drawn where there are too many to count them all
    :param rng: where they are drawn from
    :return: the p-values
    :raises ValueError: if a name is none of these, with one episode a direction, or if draws are needed without ``rng``
    """
    check_choice("quantity", quantity, QUANTITIES)
    check_choice("null", null, NULLS)
    check_number("margin", margin)
    returns.check_repeated()
    if null == "mean":
        return _of_means(returns, quantity, margin)
    plus, minus, common = returns.plus, returns.minus, returns.common
    if quantity == "curvature":
        others = _aligned(plus, minus) if null == "aligned" else np.stack([plus, minus], axis=2)
        found = matched_sets(common + margin, others, permutations=permutations, rng=rng)
        greater, less, least = found.p_less, found.p_greater, (found.least_less, found.least_greater)
    else:
        pairs = {
            "slope": (plus - margin, minus + margin),
            "plus": (plus - margin, common),
            "minus": (minus - margin, common),
        }
        chosen, other = (np.broadcast_to(values, plus.shape) for values in pairs[quantity])
        found = matched_sets(chosen, other, permutations=permutations, rng=rng)
        greater, less, least = found.p_greater, found.p_less, (found.least_greater, found.least_less)
    return DirectionTest(quantity, null, margin, greater, less, *least)


def least_episodes(tests: int, risk: float, quantity: str = "plus") -> int:
    """
    The smallest n with ``tests · m⁻ⁿ ≤ risk``, m the values that are exchangeable in an episode (2; for a curvature 3):
    with fewer episodes no permutation test can reject after Holm's or Bonferroni's correction, however large the
    effect.

    :param tests: how many one-sided tests are corrected together
    :param risk: of each one-sided claim, in (0, 1)
    :param quantity: as for :func:`direction_test`
    :return: n
    """
    check_number("tests", tests, low=1, integer=True)
    check_number("risk", risk, low=0, high=1, open_low=True)
    check_choice("quantity", quantity, QUANTITIES)
    base = ARRANGEMENTS[quantity]
    n = max(0, math.ceil(math.log(tests / risk) / math.log(base)) - 1)
    while tests * float(base) ** -n > risk:
        n += 1
    return n


def _aligned(plus: Array, minus: Array) -> Array:
    n = plus.shape[1]
    difference, middle = plus - minus, (plus + minus) / 2
    left = (difference - difference.mean(axis=1, keepdims=True)) * math.sqrt(n / (n - 1)) / 2
    return np.stack([middle + left, middle - left], axis=2)


def _of_means(returns: ProbeReturns, quantity: str, margin: float) -> DirectionTest:
    if quantity == "slope":
        found = slopes(returns).contrasts.times(returns.alpha)
    elif quantity == "curvature":
        found = curvatures(returns).contrasts.times(returns.alpha**2 / 2)
    else:
        found = changes(returns, quantity).contrasts
    none = np.zeros(returns.directions)
    return DirectionTest(quantity, "mean", margin, found.p_greater(margin), found.p_less(margin), none, none)
