"""α that the training does not feed back into: fixed, scheduled, decayed."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import torch as th

Schedule: TypeAlias = Callable[[float], float]


class Temperature(ABC):
    """α ≥ 0, in units of reward per nat."""

    #: whether α follows the entropy
    is_tuned: ClassVar[bool] = False

    @abstractmethod
    def value(self, progress_remaining: float) -> float:
        """
        :param progress_remaining: the share of the training that is still to come, from 1 to 0
        :return: α
        """

    def update(self, entropy: float | None, n_transitions: int) -> None:  # noqa: B027  nothing to note, for most
        """
        Take note of one finished update of the policy: a rollout's, or, off-policy, a gradient step.

        :param entropy: mean entropy H(π(·|s)) in nats over the states of the rollout; None if it was not computed
        :param n_transitions: how many transitions the rollout has
        """

    def descend(self, log_prob: th.Tensor) -> th.Tensor | None:
        """
        Take note of one minibatch, off-policy, before its gradient step.

        :param log_prob: log π(ã|s) of samples of the policy as it is, in the [−1, 1] box, shape (B,)
        :return: the loss that α has descended, without gradient; None if there is none
        """
        return None


@dataclass
class FixedTemperature(Temperature):
    """α is a constant."""

    constant: float

    def value(self, progress_remaining: float) -> float:
        return self.constant


@dataclass
class ScheduledTemperature(Temperature):
    """α = schedule(remaining progress)."""

    schedule: Schedule
    name: str = "ent_coef"

    def value(self, progress_remaining: float) -> float:
        # The last rollout may end after the last step that was asked for.
        progress_remaining = max(progress_remaining, 0.0)
        alpha = float(self.schedule(progress_remaining))
        if not alpha >= 0 or math.isinf(alpha):
            raise ValueError(
                f"The schedule of {self.name} gave {alpha!r} at remaining progress {progress_remaining:g}. "
                "It must give finite numbers ≥ 0 for every progress between 1 and 0."
            )
        return alpha


@dataclass
class DecayedTemperature(Temperature):
    """α_k = max(floor, initial · factorᵏ) after k updates: Ahmed et al. 2019 decay τ so, by .99 an update."""

    initial: float
    factor: float
    floor: float = 0.0
    n_updates: int = 0

    def value(self, progress_remaining: float) -> float:
        return max(self.floor, self.initial * self.factor**self.n_updates)

    def update(self, entropy: float | None, n_transitions: int) -> None:
        self.n_updates += 1
