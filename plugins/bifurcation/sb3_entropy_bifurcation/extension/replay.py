"""A replay buffer that does not discount inserted steps."""

from typing import Any

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize

from sb3_entropy.errors import check_number


class UndiscountedInsertion(ReplayBuffer):
    """
    For :class:`~sb3_entropy_bifurcation.extension.wrapper.EntropicBifurcation`: a step that leads to an intermediate
    state has the discount 1, every other γ. The environment's own states then have the plain optimal values that they
    have without the extension.

    SAC, TD3, DDPG and this library's off-policy algorithms read it: ``replay_buffer_class=UndiscountedInsertion,
    replay_buffer_kwargs={"gamma": 0.99}``, with the algorithm's γ.

    :param args: as :class:`~stable_baselines3.common.buffers.ReplayBuffer`
    :param gamma: γ
    :param kwargs: as :class:`~stable_baselines3.common.buffers.ReplayBuffer`
    :raises TypeError: if γ is no number
    :raises ValueError: if it is not in [0, 1], or observations do not end with a flag and a pending action
    """

    def __init__(self, *args: Any, gamma: float, **kwargs: Any):
        check_number("gamma", gamma, 0.0, 1.0)
        super().__init__(*args, **kwargs)
        self.gamma = float(gamma)
        _check_flagged(self.observation_space, self.action_dim)

    def _get_samples(self, batch_inds: Any, env: VecNormalize | None = None) -> ReplayBufferSamples:
        samples = super()._get_samples(batch_inds, None)
        # The flag stands before the pending action, and is read before observations are normalised.
        pending = samples.next_observations[:, -1 - self.action_dim, None] > 0.5
        discounts = th.where(pending, 1.0, self.gamma)
        if env is None:
            return samples._replace(discounts=discounts)
        seen, then, rewards = (
            array.cpu().numpy() for array in (samples.observations, samples.next_observations, samples.rewards)
        )
        return samples._replace(
            observations=self.to_torch(np.asarray(self._normalize_obs(seen, env))),
            next_observations=self.to_torch(np.asarray(self._normalize_obs(then, env))),
            rewards=self.to_torch(self._normalize_reward(rewards, env)),
            discounts=discounts,
        )


def _check_flagged(observed: spaces.Space[Any], n_actions: int) -> None:
    """
    :raises ValueError: if observations do not end with what
        :class:`~sb3_entropy_bifurcation.extension.wrapper.EntropicBifurcation` adds to them
    """
    ends = np.concatenate([[0.0], -np.ones(n_actions)]), np.ones(1 + n_actions)
    if (
        not isinstance(observed, spaces.Box)
        or len(observed.shape) != 1
        or observed.shape[0] <= len(ends[0])
        or not np.array_equal(observed.low[-1 - n_actions :], ends[0])
        or not np.array_equal(observed.high[-1 - n_actions :], ends[1])
    ):
        raise ValueError(
            "UndiscountedInsertion reads from an observation whether an action is pending: a flag in [0, 1] and that "
            f"action in [−1, 1]^{n_actions} must be the last of it, but observations are {observed}. Put "
            "EntropicBifurcation around the environment, and what adds to observations inside of it."
        )
