"""Rollout buffers whose returns may contain the policy's entropy, and whose samples may leave transitions out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.buffers import DictRolloutBuffer, RolloutBuffer
from stable_baselines3.common.type_aliases import RolloutBufferSamples
from stable_baselines3.common.vec_env import VecNormalize

from sb3_entropy.algorithms.common.returns import soft_gae

SoftRewards = Callable[["SoftRollouts", np.ndarray], np.ndarray]
#: of a rollout, its soft rewards, V of the states after its last step and whether that has ended the episodes
Estimate = Callable[["SoftRollouts", np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class SoftRollouts(RolloutBuffer):
    """
    What is added to a rollout buffer of Stable-Baselines3, Dict or not, the user's own included.

    - ``soft_rewards(buffer, dones)``, if set, gives r + α·H(π(·|s)) of every stored step, shape (T, N), just before
      returns and advantages are computed: the one place where the behaviour policy's parameters are still the policy's
      own. The stored rewards themselves stay as they are.
    - ``estimate``, if set, makes advantages and returns of them, each of shape (T, N), in GAE's place.
    - Samples over a box are stored as they are, whatever the box's dtype.
    - ``keep``, if set, says which transitions, shape (T, N), are sampled.
    - ``entropies``, where it is known: H(π(·|s)) in nats of every stored step, shape (T, N).
    - ``states``, where it has no observations since they are elsewhere: a few of them, shape (n, …).
    - ``grow`` and ``trim`` let a rollout have any length.
    """

    soft_rewards: SoftRewards | None = None
    estimate: Estimate | None = None
    keep: np.ndarray | None = None
    entropies: np.ndarray | None = None
    states: Any = None

    def compute_returns_and_advantage(self, last_values: th.Tensor, dones: np.ndarray) -> None:
        """
        GAE on the soft reward r + α·H (Liu et al. 2020, Eqs. 35–37); where the user's class computes returns in a way
        of its own, that, on the soft reward.
        """
        rewards = self.rewards
        soft_rewards = rewards if self.soft_rewards is None else self.soft_rewards(self, dones)
        if self.estimate is not None:
            last = last_values.detach().cpu().numpy().flatten()
            self.advantages[:], self.returns[:] = self.estimate(self, soft_rewards, last, dones)
            return
        theirs = super().compute_returns_and_advantage
        if getattr(theirs, "__func__", None) is RolloutBuffer.compute_returns_and_advantage:
            last = last_values.detach().cpu().numpy().flatten()
            parts = soft_rewards, self.values, self.episode_starts, last, dones, self.gamma, self.gae_lambda
            self.advantages[:] = soft_gae(*parts)
            self.returns = self.advantages + self.values
            return
        self.rewards = soft_rewards
        try:
            theirs(last_values, dones)
        finally:
            self.rewards = rewards

    def reset(self) -> None:
        super().reset()
        if isinstance(self.action_space, spaces.Box) and self.action_space.dtype != np.float64:
            # The samples themselves: in the dtype of a box of integers they would be cut off, to another log π.
            self.actions = np.zeros(self.actions.shape, np.float32)
        self.keep, self.entropies, self.states = None, None, None

    def _get_samples(self, batch_inds: np.ndarray, env: VecNormalize | None = None) -> RolloutBufferSamples:
        if self.keep is not None:
            # The same order as swap_and_flatten: env by env, then time.
            batch_inds = batch_inds[self.keep.swapaxes(0, 1).reshape(-1)[batch_inds]]
        return super()._get_samples(batch_inds, env)

    def grow(self) -> None:
        """Make room for twice as many steps; what is stored stays."""
        self._map_arrays(lambda array: np.concatenate([array, np.zeros_like(array)]))
        self.buffer_size *= 2
        self.full = False

    def trim(self) -> None:
        """End the rollout at the steps stored so far."""
        self._map_arrays(lambda array: array[: self.pos])
        self.buffer_size = self.pos
        self.full = True

    def _map_arrays(self, change: Callable[[np.ndarray], np.ndarray]) -> None:
        for name in (
            "observations",
            "actions",
            "rewards",
            "returns",
            "episode_starts",
            "values",
            "log_probs",
            "advantages",
        ):
            held: Any = getattr(self, name)
            if isinstance(held, dict):
                setattr(self, name, {key: change(array) for key, array in held.items()})
            else:
                setattr(self, name, change(held))


class SoftRolloutBuffer(SoftRollouts):
    """For plain observations."""


class SoftDictRolloutBuffer(SoftRollouts, DictRolloutBuffer):  # type: ignore[misc]
    """For Dict observations."""


def soft_buffer_class(
    chosen: type[RolloutBuffer] | None,
    observation_space: spaces.Space,  # type: ignore[type-arg]
) -> type[RolloutBuffer]:
    """
    :param chosen: the user's own class, or None for the one that fits the observations
    :param observation_space: the observations
    :return: that class with :class:`SoftRollouts` in front of it
    """
    if chosen is None:
        chosen = DictRolloutBuffer if isinstance(observation_space, spaces.Dict) else RolloutBuffer
    known = {RolloutBuffer: SoftRolloutBuffer, DictRolloutBuffer: SoftDictRolloutBuffer}
    if chosen in known:
        return known[chosen]
    if issubclass(chosen, SoftRollouts):
        return chosen
    return type(f"Soft{chosen.__name__}", (SoftRollouts, chosen), {})
