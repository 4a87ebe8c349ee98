"""Random symmetric perturbations θ₀ ± αd: slopes, curvatures, classes of directions (Ahmed et al. 2019, Section 2)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from sb3_entropy.errors import check_choice, check_number
from sb3_entropy.landscape.directions import random_directions
from sb3_entropy.landscape.evaluating import Evaluator, Point
from sb3_entropy.landscape.inference import (
    Directions,
    Extrapolation,
    MeanCurvature,
    ProbeReturns,
    ShareBound,
    classify_directions,
    classify_exact,
    covariance_of_steps,
    curvatures,
    exact_estimates,
    mean_curvature,
    richardson,
    share_of_directions,
    slopes,
)
from sb3_entropy.landscape.inference.directions import CLASSES, CORRECTIONS
from sb3_entropy.landscape.inference.hypotheses import NULLS
from sb3_entropy.landscape.objectives.base import Objective
from sb3_entropy.landscape.probes.base import Found, Probe, Watch
from sb3_entropy.statistics import holm
from sb3_entropy.store import Store

#: how many times as many episodes θ₀ has, which all directions share
SURPLUS = 4


@dataclass(frozen=True)
class Perturbations(Probe):
    """
    K directions, uniform on the unit sphere: d_k is a function of the seed, k and P, so that the same directions can be
    looked at under another σ, τ or mixture later.

    :param directions: K
    :param alpha: the step α > 0, or several, which show the bias of order α²
    :param episodes: n at θ₀ ± αd; at θ₀ there are four times as many
    :param seed: of the directions
    :param margin: what is too small to matter, in units of return, by which a direction is called flat or linear; None:
        none is, but of an objective without noise, where it is 0
    :param level: the confidence of intervals and tests
    :param null: of the tests, see :func:`~sb3_entropy.landscape.inference.direction_test`
    :param correction: for there being many, see :func:`~sb3_entropy.landscape.inference.classify_directions`
    :raises TypeError: if a number is none
    :raises ValueError: if one is out of range
    """

    key: ClassVar[str] = "perturbations"

    directions: int = 200
    alpha: float | Sequence[float] = 0.1
    episodes: int = 16
    seed: int = 0
    margin: float | None = None
    level: float = 0.95
    null: str = "aligned"
    correction: str = "holm"

    def __post_init__(self) -> None:
        check_number("directions", self.directions, low=1, integer=True)
        check_number("episodes", self.episodes, low=1, integer=True)
        check_number("seed", self.seed, low=0, integer=True)
        check_number("level", self.level, low=0, high=1, open_low=True)
        check_choice("null", self.null, NULLS)
        check_choice("correction", self.correction, CORRECTIONS)
        if self.margin is not None:
            check_number("margin", self.margin, low=0, open_low=True)
        for alpha in self.alphas:
            check_number("alpha", alpha, low=0, open_low=True)
        if not self.alphas or len(set(self.alphas)) < len(self.alphas):
            raise ValueError(f"alpha must be one step or several different ones, but {self.alpha!r} was given.")

    @property
    def alphas(self) -> tuple[float, ...]:
        """:return: the steps, the smallest first"""
        given = (self.alpha,) if isinstance(self.alpha, (int, float)) else tuple(self.alpha)
        return tuple(sorted(float(alpha) for alpha in given))

    def cost(self, objective: Objective) -> int:
        n = 1 if objective.is_exact else self.episodes
        return 2 * n * self.directions * len(self.alphas) + self._centre_episodes(objective)

    def _centre_episodes(self, objective: Objective) -> int:
        return 1 if objective.is_exact else SURPLUS * self.episodes

    def run(self, objective: Objective, store: Store | None = None, watch: Watch | None = None) -> "FoundPerturbations":
        total, done = self.cost(objective), 0

        def told(of_part: int, _: int) -> None:
            if watch is not None:
                watch(done + of_part, total)

        evaluator = Evaluator(objective, store, watch=told)
        n0 = self._centre_episodes(objective)
        centre = evaluator.returns([Point({"alpha": 0.0}, objective.theta0)], 1, n0)[0]
        done += n0
        several = []
        for alpha in self.alphas:
            both = evaluator.returns(self._points(objective.theta0, alpha), 2 * self.directions, self.episodes)
            several.append(ProbeReturns(both[0::2], both[1::2], centre, alpha))
            done += both.size
        return FoundPerturbations(
            objective.describe(), self, tuple(several), objective.is_exact, objective.n_parameters
        )

    def _points(self, theta0: np.ndarray, alpha: float) -> Iterator[Point]:
        for k in range(self.directions):
            direction = random_directions(len(theta0), [k], self.seed)[0]
            for sign in (1, -1):
                place = {"direction": k, "seed": self.seed, "alpha": alpha, "sign": sign}
                yield Point(place, theta0 + sign * alpha * direction)


@dataclass(frozen=True)
class FoundPerturbations(Found):
    """
    :param probe: the settings
    :param returns: of every α, the smallest first
    :param is_exact: whether the objective has no noise
    :param n_parameters: P
    """

    probe: Perturbations
    returns: tuple[ProbeReturns, ...]
    is_exact: bool
    n_parameters: int

    @cached_property
    def slope(self) -> np.ndarray:
        """:return: (R̄⁺ − R̄⁻)/2α at every α, shape (A, K)"""
        return np.stack([self._estimates(returns)[0] for returns in self.returns])

    @cached_property
    def curvature(self) -> np.ndarray:
        """:return: (R̄⁺ + R̄⁻ − 2R̄⁰)/α² at every α, shape (A, K)"""
        return np.stack([self._estimates(returns)[1] for returns in self.returns])

    def _estimates(self, returns: ProbeReturns) -> tuple[np.ndarray, np.ndarray]:
        if self.is_exact:
            return exact_estimates(returns.plus[:, 0], returns.minus[:, 0], float(returns.centre[0]), returns.alpha)
        return slopes(returns).value, curvatures(returns).value

    @cached_property
    def classes(self) -> tuple[np.ndarray, ...]:
        """:return: the class of each direction, shape (K,), at every α"""
        return tuple(
            classify_exact(returns.plus[:, 0], returns.minus[:, 0], float(returns.centre[0]), self.probe.margin or 0.0)
            if tested is None
            else tested.classes
            for returns, tested in zip(self.returns, self.tested, strict=True)
        )

    @cached_property
    def tested(self) -> tuple[Directions | None, ...]:
        """:return: the tests behind the classes, at every α; None of an objective without noise"""
        if self.is_exact:
            return (None,) * len(self.returns)
        return tuple(self._tested(returns, index) for index, returns in enumerate(self.returns))

    def _tested(self, returns: ProbeReturns, index: int) -> Directions:
        probe, asked = self.probe, self.probe.margin is not None
        tested = classify_directions(
            returns,
            probe.margin or 1.0,
            level=probe.level,
            null=probe.null,
            correction=probe.correction,
            rng=np.random.default_rng([probe.seed, index]),
        )
        if asked:
            return tested
        # Without a margin nothing is equivalent to anything: what remains are the other classes.
        classes = np.select([tested.improves, tested.maximum_like], ["improving", "worsening"], default="undetermined")
        return replace(
            tested, classes=classes, p_flat=np.ones_like(tested.p_flat), p_linear=np.ones_like(tested.p_flat)
        )

    @cached_property
    def extrapolated(self) -> Extrapolation | None:
        """:return: the curvatures at α → 0; None with one α or without noise"""
        if self.is_exact or len(self.returns) < 2:
            return None
        if self.returns[0].n < 2:
            return None
        # All α have the same episodes: their estimates vary together. Fully paired, R⁰'s surplus left out.
        each = np.stack([(r.plus + r.minus - 2 * r.common) / r.alpha**2 for r in self.returns])
        alphas, n = [returns.alpha for returns in self.returns], self.returns[0].n
        return richardson(alphas, each.mean(axis=2), covariance_of_steps(each), freedom=n - 1)

    def share(self, what: str, index: int = 0) -> ShareBound:
        """
        :param what: ``"improving"``: of directions in which d or −d improves; or another class
        :param index: which α
        :return: the share of directions that are found to be that, with exact bounds
        """
        check_choice("what", what, CLASSES)
        tested, classes = self.tested[index], self.classes[index]
        returns = self.returns[index]
        if what == "improving":
            changes = np.maximum(returns.plus.mean(axis=1), returns.minus.mean(axis=1)) - returns.common.mean()
            improves = tested.improves if tested is not None else changes > (self.probe.margin or 0.0)
            count, words = int(improves.sum()), "improve" if self.is_exact else "improve detectably"
        else:
            count, words = int((classes == what).sum()), f"are {what}"
        return share_of_directions(
            count, returns.directions, level=self.probe.level, what=words, alpha=returns.alpha, n=returns.n
        )

    def mean_curvature(self, index: int = 0) -> MeanCurvature | None:
        """
        :param index: which α
        :return: tr(H)/p, which is what random directions see; None of one direction or of one noisy episode
        """
        returns = self.returns[index]
        if returns.directions < 2 or (returns.n < 2 and not self.is_exact):
            return None
        return mean_curvature(returns, self.n_parameters, level=self.probe.level)

    def sentences(self) -> list[str]:
        said = []
        for index in range(len(self.returns)):
            said.append(self.share("improving", index).sentence)
            counts = [(name, int((self.classes[index] == name).sum())) for name in CLASSES]
            said.append("Classes: " + ", ".join(f"{count} {name}" for name, count in counts if count) + ".")
            tested = self.tested[index]
            if tested is not None and tested.note:
                said.append(tested.note)
            mean = self.mean_curvature(index)
            if mean is not None:
                said.append(mean.sentence)
        if (bias := self.extrapolated) is not None:
            count = int((holm(bias.p_equal) <= 1 - self.probe.level).sum())
            said.append(
                f"Over α: in {count} of {len(bias.p_equal)} directions the curvature depends on α beyond noise (Holm, "
                f"{100 * (1 - self.probe.level):.3g} %); its mean at α → 0 is {bias.value.mean():.3g}."
            )
        if not self.is_exact:
            said.append(
                f"Tested is, null {self.probe.null!r}: {NULLS[self.probe.null]}. Returns that differ in spread alone "
                "break it too, and may be found."
            )
        if not self.is_exact and self.probe.margin is None:
            said.append("No margin was given, so no direction could be called flat or linear.")
        said.append("Random directions cannot show whether the point is a maximum or a saddle: see the spectrum.")
        return said

    def numbers(self) -> dict[str, float]:
        share = self.share("improving")
        return {
            "return": float(self.returns[0].centre.mean()),
            "improving": share.share,
            "improving_upper": share.upper,
            "slope_std": float(self.slope[0].std()),
            "curvature_mean": float(self.curvature[0].mean()),
            "curvature_negative": float((self.curvature[0] < 0).mean()),
            "curvature_negative_detectable": self._negative(),
        }

    def _negative(self) -> float:
        """:return: the share of directions whose curvature's interval lies below 0, each at the level by itself"""
        if self.is_exact:
            return float((self.curvature[0] < 0).mean())
        if self.returns[0].n < 2:
            return float("nan")
        return float((curvatures(self.returns[0]).interval(self.probe.level)[1] < 0).mean())
