"""What an objective is: returns of parameters in numbered episodes, under conditions."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from sb3_entropy.errors import check_number


@dataclass(frozen=True)
class Conditions:
    """
    Under what a policy is looked at: what smooths its landscape.

    :param std: σ of a Gaussian policy in every state, instead of its own, in units of the action that is clipped, or
        before it is squashed; 0 for the deterministic mean; None for the policy's own
    :param ent_coef: τ ≥ 0: τ·H(π(·|s)) is added to the reward in every state that is acted in, H in nats and under
        these conditions; there is none in the state that ends an episode
    :param mix: m in [0, 1]: π' = (1 − m)·π + m·uniform, over finitely many actions (Ahmed et al. 2019, Section 3.1)
    :raises TypeError: if one is no number
    :raises ValueError: if one is out of range
    """

    std: float | None = None
    ent_coef: float = 0.0
    mix: float = 0.0

    def __post_init__(self) -> None:
        if self.std is not None:
            check_number("std", self.std, low=0)
        check_number("ent_coef", self.ent_coef, low=0)
        check_number("mix", self.mix, low=0, high=1)
        for name, value in vars(self).items():  # 0 and 0.0 are one condition, also in a store
            object.__setattr__(self, name, None if value is None else float(value))


@dataclass(frozen=True)
class Evaluated:
    """
    What K candidates earned in n episodes.

    :param returns: shape (K, n), float64
    :param lengths: steps, shape (K, n); 0 where there are no steps
    :param episodes: their numbers, shape (n,)
    """

    returns: np.ndarray
    lengths: np.ndarray
    episodes: np.ndarray


class NotFiniteError(ValueError):
    """
    A return is NaN or infinite.

    :param message: of which candidate, in which episode
    :param evaluated: all the same, the returns of all
    """

    def __init__(self, message: str, evaluated: Evaluated):
        super().__init__(message)
        self.evaluated = evaluated


class Objective(ABC):
    """
    θ ↦ O(θ), θ ∈ ℝᴾ, by samples: episode e is a function of θ and e, the random numbers that e stands for being the
    same for every candidate (common random numbers). Whatever was evaluated before, an episode gives the same again.
    """

    #: whether there is no randomness: one evaluation says all
    is_exact: bool = False

    @property
    @abstractmethod
    def theta0(self) -> np.ndarray:
        """:return: the parameters that are looked at, shape (P,), float64, a copy"""

    @property
    def n_parameters(self) -> int:
        """:return: P"""
        return len(self.theta0)

    @property
    @abstractmethod
    def conditions(self) -> Conditions:
        """:return: under what it is looked at"""

    @abstractmethod
    def under(self, conditions: Conditions) -> Self:
        """
        :param conditions: other ones
        :return: the same objective under them, with the same random numbers
        :raises ValueError: if they make no sense here
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """:return: plain data: what determines a return besides θ and the episode"""

    @property
    def live(self) -> np.ndarray:
        """:return: which parameters the objective depends on under its conditions, a mask of the shape (P,)"""
        return np.ones(self.n_parameters, dtype=bool)

    def check_can_be_kept(self) -> None:  # noqa: B027 (most objectives can)
        """:raises ValueError: if :meth:`describe` does not tell it from others of its kind"""

    def evaluate(self, thetas: Any, episodes: Sequence[int] = (0,)) -> Evaluated:
        """
        :param thetas: K candidates, shape (K, P)
        :param episodes: numbers e ≥ 0, each once; of an exact objective there is one
        :return: what they earned
        :raises TypeError: if an episode is no whole number
        :raises ValueError: if the candidates have another shape or are not finite, or an episode is not allowed
        :raises NotFiniteError: if a return is not finite; it holds the others
        """
        candidates = self._checked(thetas)
        numbers = np.array([_checked_episode(episode) for episode in episodes], dtype=np.int64)
        if not len(numbers) or len(set(numbers.tolist())) < len(numbers):
            raise ValueError(f"episodes must be at least one number, and each once, but {_short(numbers)} was given.")
        if self.is_exact and len(numbers) > 1:
            raise ValueError(
                f"This objective is exact: one evaluation says all, but {len(numbers)} episodes were asked for. "
                "Ask for one, episodes=(0,)."
            )
        returns, lengths = self._play(candidates, numbers)
        evaluated = Evaluated(returns, lengths, numbers)
        wrong = np.argwhere(~np.isfinite(returns))
        if len(wrong):
            k, i = wrong[0]
            raise NotFiniteError(
                f"The return of candidate {k} in episode {numbers[i]} is {returns[k, i]}, as are {len(wrong) - 1} "
                f"others of {returns.size}. Check the environment's rewards, or take smaller steps; the finite ones "
                "are in this error's evaluated.",
                evaluated,
            )
        return evaluated

    def returns(self, thetas: Any, episodes: Sequence[int] = (0,)) -> np.ndarray:
        """
        :param thetas: K candidates, shape (K, P)
        :param episodes: n numbers, see :meth:`evaluate`, which also says what is raised
        :return: the returns alone, shape (K, n), float64
        """
        return self.evaluate(thetas, episodes).returns

    @abstractmethod
    def _play(self, thetas: np.ndarray, episodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """
        :param thetas: shape (K, P), float64, finite
        :param episodes: shape (n,), ≥ 0, each once
        :return: returns and lengths, shape (K, n); a return that is not finite is told by the caller
        """

    def _checked(self, thetas: Any) -> np.ndarray:
        candidates = np.ascontiguousarray(thetas, dtype=np.float64)
        if candidates.ndim != 2 or candidates.shape[1] != self.n_parameters or not len(candidates):
            raise ValueError(
                f"thetas must have the shape (K, {self.n_parameters}), one candidate a row, but {candidates.shape} was "
                "given."
            )
        wrong = np.argwhere(~np.isfinite(candidates))
        if len(wrong):
            k, i = wrong[0]
            raise ValueError(f"thetas must be finite, but parameter {i} of candidate {k} is {candidates[k, i]}.")
        return candidates


class DifferentiableObjective(Objective):
    """One that knows its derivatives."""

    @abstractmethod
    def gradient(self, theta: Any) -> np.ndarray:
        """
        :param theta: shape (P,) or (K, P)
        :return: ∇O, in the same shape
        """

    @abstractmethod
    def hessian(self, theta: Any) -> np.ndarray:
        """
        :param theta: shape (P,)
        :return: ∇²O, shape (P, P)
        """


def _checked_episode(episode: Any) -> int:
    check_number("an episode", episode, low=0, integer=True)
    return int(episode)


def _short(numbers: np.ndarray) -> str:
    listed = numbers.tolist()
    return str(listed) if len(listed) <= 10 else f"{str(listed[:10])[:-1]}, …]"
