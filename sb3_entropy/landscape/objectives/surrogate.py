"""What an algorithm descends in place of the return, as a function of θ: the same gradient, another curvature."""

import copy
import hashlib
from typing import Any, Self

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.buffers import BaseBuffer, RolloutBuffer
from stable_baselines3.common.policies import BasePolicy

from sb3_entropy.algorithms.common.losses import clipped_surrogate_loss, policy_gradient_loss, surrogate_loss
from sb3_entropy.errors import check_choice, check_number
from sb3_entropy.landscape.candidates.making import own_copy
from sb3_entropy.landscape.objectives.base import Conditions, Objective
from sb3_entropy.policies.laws import distribution_at
from sb3_entropy.policies.observations import of_each
from sb3_entropy.policies.parameters import ParameterVector

LOSSES = ("log_prob", "ratio", "clipped")


class SurrogateObjective(Objective):
    """
    θ ↦ −L(θ) on one rollout, L the policy's loss: ``"log_prob"``, mean(Â log π_θ(a|s)), what the plain policy gradient
    is the gradient of; ``"ratio"``, mean(ρ Â), ρ = π_θ/π_old; or ``"clipped"``, PPO's mean min(ρ Â, clip(ρ) Â). At the
    policy that played, all three have one gradient, and Hessians of their own, none of which is the return's.

    :param policy: an actor-critic policy, of which a copy is taken
    :param observations: s of B steps, shape (B, …), or a dict of such
    :param actions: a, as the rollout buffer keeps them, shape (B, …)
    :param advantages: Â, shape (B,)
    :param old_log_prob: log π_old(a|s), shape (B,)
    :param loss: which
    :param clip_range: ε of the clipped one
    :raises TypeError: if the policy has no density
    :raises ValueError: if a name is unknown, a number out of range, or the lengths differ
    """

    is_exact = True

    def __init__(
        self,
        policy: BasePolicy,
        observations: Any,
        actions: Any,
        advantages: Any,
        old_log_prob: Any,
        loss: str = "clipped",
        clip_range: float = 0.2,
    ):
        check_choice("loss", loss, LOSSES)
        check_number("clip_range", clip_range, low=0, open_low=True)
        self._policy, self.loss, self.clip_range = own_copy(policy), loss, float(clip_range)
        self._vector = ParameterVector(self._policy)
        self._observations = of_each(th.as_tensor, observations)
        self._actions = th.as_tensor(actions)
        if isinstance(self._policy.action_space, spaces.Discrete):
            self._actions = self._actions.long().flatten()
        self._advantages = th.as_tensor(advantages).flatten()
        self._old_log_prob = th.as_tensor(old_log_prob).flatten()
        lengths = [len(self._actions), len(self._advantages), len(self._old_log_prob)]
        if len({*lengths}) > 1:
            raise ValueError(
                f"actions, advantages and old_log_prob must be of the same steps, but there are {lengths} of them."
            )
        if distribution_at(self._policy, of_each(lambda rows: rows[:1], self._observations)) is None:
            raise TypeError(f"{type(policy).__name__} is deterministic: log π is not defined. Give one that samples.")

    @classmethod
    def of(cls, model: Any, loss: str = "clipped", clip_range: float = 0.2) -> Self:
        """
        :param model: an on-policy model that has collected a rollout
        :param loss: which
        :param clip_range: ε of the clipped one
        :return: the objective on its last rollout, at its parameters of now
        :raises TypeError: if it has no rollout buffer
        :raises ValueError: if the rollout is not complete
        """
        buffer = getattr(model, "rollout_buffer", None)
        if not isinstance(buffer, RolloutBuffer):
            raise TypeError(f"A surrogate loss is one of a rollout, but {type(model).__name__} has no rollout buffer.")
        if not buffer.full:
            raise ValueError("The model's rollout buffer is not full. Let it learn for a rollout first.")
        if buffer.observations is None:
            raise ValueError(
                f"The rollout buffer of this {type(model).__name__} has no observations: its actors have kept them. "
                "Let it learn for a rollout with send_observations=True."
            )

        def rows(array: np.ndarray) -> np.ndarray:
            return array.copy() if buffer.generator_ready else BaseBuffer.swap_and_flatten(array)

        return cls(
            model.policy,
            of_each(rows, buffer.observations),
            rows(buffer.actions),
            rows(buffer.advantages),
            rows(buffer.log_probs),
            loss,
            clip_range,
        )

    @property
    def theta0(self) -> np.ndarray:
        return np.asarray(self._vector.get().double().numpy())

    @property
    def conditions(self) -> Conditions:
        return Conditions()

    def under(self, conditions: Conditions) -> Self:
        """
        :raises ValueError: always but for the plain ones: the rollout has been played
        """
        if conditions != Conditions():
            raise ValueError(
                f"A surrogate loss is of a rollout that has been played, which {conditions} cannot change."
            )
        return copy.copy(self)

    def describe(self) -> dict[str, Any]:
        digest = hashlib.sha256()
        held = self._observations
        parts = [held[key] for key in sorted(held)] if isinstance(held, dict) else [held]
        for tensor in (*parts, self._actions, self._advantages, self._old_log_prob):
            digest.update(np.ascontiguousarray(tensor.numpy()).tobytes())
        return {
            "kind": "surrogate",
            "loss": self.loss,
            "clip_range": self.clip_range,
            "policy": type(self._policy).__name__,
            "n_parameters": self.n_parameters,
            "rollout": digest.hexdigest(),
        }

    def value(self, theta: th.Tensor) -> th.Tensor:
        """
        :param theta: θ, shape (P,), float32
        :return: −L(θ), a scalar, differentiable
        """
        with self._vector.at(theta):
            distribution: Any = distribution_at(self._policy, self._observations)
            log_prob = distribution.log_prob(self._actions)
        if self.loss == "log_prob":
            return -policy_gradient_loss(self._advantages, log_prob)
        if self.loss == "ratio":
            return -surrogate_loss(self._advantages, log_prob, self._old_log_prob)
        return -clipped_surrogate_loss(self._advantages, log_prob, self._old_log_prob, self.clip_range)

    def _play(self, thetas: np.ndarray, episodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with th.no_grad():
            values = np.array([[float(self.value(th.as_tensor(theta, dtype=th.float32)))] for theta in thetas])
        return values, np.zeros(values.shape, dtype=np.int64)
