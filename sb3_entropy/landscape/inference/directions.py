"""Classes of directions, from tests that are corrected for there being many."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sb3_entropy.errors import check_choice, check_number
from sb3_entropy.landscape.inference.estimates import changes_of
from sb3_entropy.landscape.inference.hypotheses import ARRANGEMENTS, DirectionTest, direction_test, least_episodes
from sb3_entropy.landscape.inference.returns import ProbeReturns
from sb3_entropy.statistics import benjamini_hochberg, benjamini_yekutieli, holm
from sb3_entropy.statistics.matched_sets import PERMUTATIONS
from sb3_entropy.statistics.scores import Array

CORRECTIONS: dict[str, Callable[[ArrayLike], Array]] = {
    "holm": holm,
    "benjamini_hochberg": benjamini_hochberg,
    "benjamini_yekutieli": benjamini_yekutieli,
}
CLASSES = ("improving", "worsening", "linear", "flat", "undetermined")


@dataclass(frozen=True)
class Directions:
    """
    What K directions are. The p-values are corrected, each kind of claim for itself.

    :param classes: one of ``CLASSES`` for each direction, shape (K,)
    :param p_improving: of "neither d nor −d improves", shape (K,)
    :param p_worsening: of "d or −d does not worsen": both do where it is small, as at a maximum
    :param p_minimum_like: of "d or −d does not improve": both do where it is small, as at a minimum
    :param p_linear: of "the slope is 0, or the curvature's part is as large as the margin"
    :param p_flat: of "Δ⁺ or Δ⁻ is as large as the margin"
    :param risk: at which each of them is called small, (1 − level)/2
    :param null: the null hypothesis of the tests, a name of ``NULLS``
    :param correction: a name of ``CORRECTIONS``
    :param note: what n is too small for, empty if for nothing
    """

    classes: np.ndarray
    p_improving: Array
    p_worsening: Array
    p_minimum_like: Array
    p_linear: Array
    p_flat: Array
    risk: float
    null: str
    correction: str
    note: str = ""

    @property
    def improves(self) -> np.ndarray:
        """:return: where d or −d improves, of whatever class, a mask of the shape (K,)"""
        return self.p_improving <= self.risk

    @property
    def maximum_like(self) -> np.ndarray:
        """:return: where both d and −d worsen, a mask of the shape (K,)"""
        return self.p_worsening <= self.risk

    @property
    def minimum_like(self) -> np.ndarray:
        """:return: where both d and −d improve, a mask of the shape (K,)"""
        return self.p_minimum_like <= self.risk

    def counts(self) -> dict[str, int]:
        """:return: how many directions are of each class"""
        return {name: int((self.classes == name).sum()) for name in CLASSES}


def classify_directions(
    returns: ProbeReturns,
    margin: float,
    *,
    level: float = 0.95,
    null: str = "aligned",
    correction: str = "holm",
    rng: np.random.Generator | None = None,
) -> Directions:
    """
    The first of these that is found:

    - *flat*: |Δ⁺| and |Δ⁻| are below the margin (two one-sided tests each, Schuirmann 1987);
    - *linear*: the slope is not 0, and the curvature's part |Δ⁺ + Δ⁻|/2 is below the margin (likewise);
    - *improving*: Δ⁺ > 0 or Δ⁻ > 0;
    - *worsening*: Δ⁺ < 0 and Δ⁻ < 0;
    - *undetermined* else.

    A linear direction improves too, on one side. What is found by several tests at once has the greatest of their
    p-values, what is found by one of several is corrected for all. Each kind of claim is corrected over all directions
    (improving and linear over 2K tests, the others over K) and tested one-sided at (1 − level)/2: by Holm so that the
    chance of *any* false one of this kind stays below that, by Benjamini and Yekutieli so that the expected share of
    false ones among them does. Directions share R⁰ and the episodes' random numbers, so that Benjamini's and Hochberg's
    condition is not known to hold.

    A direction says nothing about what the point is: see :func:`~sb3_entropy.landscape.inference.classify_point`.

    :param returns: at least two episodes a direction
    :param margin: what is too small to matter, in units of return, > 0
    :param level: the nominal confidence
    :param null: of the tests, see :func:`~sb3_entropy.landscape.inference.direction_test`
    :param correction: ``"holm"``, ``"benjamini_yekutieli"`` or ``"benjamini_hochberg"``
    :param rng: where permutations are drawn from, where there are too many to count them all
    :return: the classes
    :raises ValueError: if an argument is none of what is allowed
    """
    check_number("margin", margin, low=0, open_low=True)
    check_number("level", level, low=0, high=1, open_low=True)
    check_choice("correction", correction, CORRECTIONS)
    risk, correct = (1 - level) / 2, CORRECTIONS[correction]
    if risk == 0:
        raise ValueError("level must be below 1, but 1 was given: nothing is ever found at that.")
    permutations = max(PERMUTATIONS, int(np.ceil(4 * returns.directions / risk)))

    def test(quantity: str, against: float) -> DirectionTest:
        return direction_test(returns, quantity, null=null, margin=against, permutations=permutations, rng=rng)

    plus, minus, slope = (test(quantity, 0.0) for quantity in ("plus", "minus", "slope"))
    within = np.maximum(test("curvature", -margin).p_greater, test("curvature", margin).p_less)
    flat = [each for side in ("plus", "minus") for each in (test(side, -margin).p_greater, test(side, margin).p_less)]
    improving = correct(np.stack([plus.p_greater, minus.p_greater])).min(axis=0)
    worsening = correct(np.maximum(plus.p_less, minus.p_less))
    linear = correct(np.maximum(np.stack([slope.p_greater, slope.p_less]), within)).min(axis=0)
    p_flat = correct(np.max(flat, axis=0))
    classes = np.select(
        [p <= risk for p in (p_flat, linear, improving, worsening)],
        ["flat", "linear", "improving", "worsening"],
        "undetermined",
    )
    return Directions(
        classes=classes,
        p_improving=improving,
        p_worsening=worsening,
        p_minimum_like=correct(np.maximum(plus.p_greater, minus.p_greater)),
        p_linear=linear,
        p_flat=p_flat,
        risk=risk,
        null=null,
        correction=correction,
        note=_too_few(returns, risk, null, correction),
    )


def classify_exact(plus: ArrayLike, minus: ArrayLike, centre: float, tolerance: float) -> np.ndarray:
    """
    The classes of :func:`classify_directions` of an objective without noise, by thresholds instead of tests.

    :param plus: the objective at θ₀ + αd, shape (K,)
    :param minus: at θ₀ − αd, shape (K,)
    :param centre: at θ₀
    :param tolerance: what counts as 0, in units of the objective, ≥ 0
    :return: a class for each direction, shape (K,); undetermined is what worsens on one side and is within the
        tolerance on the other
    :raises ValueError: if the shapes differ, or a number is not finite or not in its range
    """
    check_number("tolerance", tolerance, low=0)
    above, below = changes_of(plus, minus, centre)
    flat = (np.abs(above) <= tolerance) & (np.abs(below) <= tolerance)
    linear = (np.abs(above + below) <= 2 * tolerance) & (np.abs(above - below) > 2 * tolerance)
    improving = np.maximum(above, below) > tolerance
    worsening = np.maximum(above, below) < -tolerance
    return np.select([flat, linear, improving, worsening], ["flat", "linear", "improving", "worsening"], "undetermined")


def _too_few(returns: ProbeReturns, risk: float, null: str, correction: str) -> str:
    """:return: for which claims no p-value can be small enough, and how many episodes could"""
    if null == "mean":
        return ""
    single = correction == "holm"
    kinds = {"improving": ("plus", 2), "worsening": ("plus", 1), "linear": ("slope", 2), "flat": ("plus", 1)}
    needed = {}
    for kind, (quantity, tests) in kinds.items():
        together = tests * returns.directions
        # A step-up correction can reject when all are small at once.
        harmonic = float((1 / np.arange(1, together + 1)).sum()) if correction == "benjamini_yekutieli" else 1.0
        family = together if single else 1
        if family * harmonic * float(ARRANGEMENTS[quantity]) ** -returns.n > risk:
            needed[kind] = least_episodes(max(1, int(np.ceil(family * harmonic))), risk, quantity)
    if not needed:
        return ""
    named = {
        "holm": "Holm",
        "benjamini_hochberg": "Benjamini and Hochberg",
        "benjamini_yekutieli": "Benjamini and Yekutieli",
    }
    wanted = ", ".join(f"n ≥ {n} for {kind}" for kind, n in needed.items())
    return (
        f"n = {returns.n} is too small for {named[correction]} over K = {returns.directions} directions at "
        f"{100 * risk:g} %: no p-value of a permutation test can be small enough. It takes {wanted}."
    )
