"""The best policies of a family at a temperature, where an action either is in a set or is not."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import entr, expit, ndtr

from sb3_entropy_bifurcation.tanh_gaussian import entropy, inside
from sb3_entropy_bifurcation.task import Array

#: the σ that are looked at: the least in units of artanh h or of 1, the greatest about that of Stable-Baselines3's SAC
_LEAST, _GREATEST = 1 / 40, 7.0


@dataclass(frozen=True)
class Choice:
    """
    How a policy acts in one state.

    :param probability: of the actions in question
    :param entropy: in nats, with respect to da on [−1, 1]
    :param gaussian: μ and σ of u, where a = tanh u; ``None``: the policy is no tanh-Gaussian
    """

    probability: float
    entropy: float
    gaussian: tuple[float, float] | None = None


class Family(ABC):
    """Policies on [−1, 1]. Each method finds the one of the greatest E[r] + αH; r depends on one set of actions."""

    @abstractmethod
    def band(self, half_width: float, gain: float) -> Choice:
        """
        :param half_width: h; the set is |a| < h
        :param gain: by how much more its actions pay, divided by α; > 0
        :return: the best policy
        """

    @abstractmethod
    def side(self, gain: float) -> Choice:
        """
        :param gain: by how much more a > 0 pays than a ≤ 0, divided by α, of either sign
        :return: the best policy; its probability is that of a > 0
        """

    @abstractmethod
    def free(self, half_width: float) -> Choice:
        """
        :param half_width: h
        :return: the policy of the greatest entropy; its probability is that of |a| < h
        """


class Boltzmann(Family):
    """π(a) = exp(r(a)/α) / ∫ exp(r/α): of all policies the best. A set of measure m has the share m e^(r/α) of it."""

    def band(self, half_width: float, gain: float) -> Choice:
        return self._choose(2 * half_width, 2 - 2 * half_width, gain)

    def side(self, gain: float) -> Choice:
        return self._choose(1.0, 1.0, gain)

    def free(self, half_width: float) -> Choice:
        return Choice(half_width, float(np.log(2)))

    @staticmethod
    def _choose(measure: float, rest: float, gain: float) -> Choice:
        odds = gain + np.log(measure / rest)
        p, q = float(expit(odds)), float(expit(-odds))
        return Choice(p, float(entr(p) + entr(q) + p * np.log(measure) + q * np.log(rest)))


class TanhGaussian(Family):
    """
    a = tanh u, u ~ N(μ, σ²), the policies of SAC, with σ ≤ 7.

    For a given σ both the probability of |a| < h and the entropy are greatest at μ = 0: the first by Anderson's
    inequality, the second as log(1 − tanh² u) is concave and even, so that its expectation is in μ. There the best σ is
    searched for: on a grid, as there may be two maxima, one that keeps to the band and one that does not, and from its
    best point by golden section.
    """

    def band(self, half_width: float, gain: float) -> Choice:
        def value(log_std: Array) -> Array:
            std = np.exp(log_std)
            return np.asarray(gain * inside(half_width, std) + entropy(0.0, std))

        narrowest = np.arctanh(half_width) * _LEAST
        grid = np.linspace(np.log(min(narrowest, _LEAST)), np.log(_GREATEST), 400)
        best = int(value(grid).argmax())
        found = minimize_scalar(
            lambda log_std: -float(value(log_std)),
            bounds=(grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]),
            method="bounded",
            options={"xatol": 1e-12},
        )
        std = float(np.exp(found.x))
        return Choice(float(inside(half_width, std)), float(entropy(0.0, std)), (0.0, std))

    def side(self, gain: float) -> Choice:
        # As a function of z = μ/σ, whose Φ is the probability, and of log σ; mirrored where the other side pays.
        size = abs(gain)

        def value(z: Array, log_std: Array) -> Array:
            std = np.exp(log_std)
            return np.asarray(size * ndtr(z) + entropy(z * std, std))

        z, log_std = np.meshgrid(np.linspace(0.0, 8.0, 65), np.linspace(np.log(_LEAST), np.log(_GREATEST), 40))
        best = int(value(z, log_std).argmax())
        found = minimize(
            lambda at: -float(value(np.asarray(at[0]), np.asarray(min(at[1], np.log(_GREATEST))))),
            (z.flat[best], log_std.flat[best]),
            method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-13},
        )
        z_best = float(found.x[0]) * (1.0 if gain >= 0 else -1.0)
        std = float(np.exp(min(found.x[1], np.log(_GREATEST))))
        return Choice(float(ndtr(z_best)), float(entropy(z_best * std, std)), (z_best * std, std))

    def free(self, half_width: float) -> Choice:
        std, greatest = _widest()
        return Choice(float(inside(half_width, std)), greatest, (0.0, std))


@cache
def _widest() -> tuple[float, float]:
    """:return: σ of the tanh-Gaussian of the greatest entropy, and that: 0.87440, and 0.68364, log 2 less 0.0095"""
    found = minimize_scalar(
        lambda log_std: -float(entropy(0.0, np.exp(log_std))),
        bounds=(-2, 2),
        method="bounded",
        options={"xatol": 1e-12},
    )
    std = float(np.exp(found.x))
    return std, float(entropy(0.0, std))
