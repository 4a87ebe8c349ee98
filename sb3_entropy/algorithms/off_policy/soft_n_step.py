"""n-step returns with the entropy of the states in between, which Stable-Baselines3's leave out."""

from typing import Any, NamedTuple

import numpy as np
import torch as th
from stable_baselines3.common.buffers import NStepReplayBuffer
from stable_baselines3.common.vec_env import VecNormalize
from stable_baselines3.sac.policies import Actor


class SoftNStepSamples(NamedTuple):
    """Stable-Baselines3's ``ReplayBufferSamples``, and the states in between."""

    observations: th.Tensor
    actions: th.Tensor
    next_observations: th.Tensor
    dones: th.Tensor
    rewards: th.Tensor
    discounts: th.Tensor
    #: s₁, …, s_{n−1} after s₀ = ``observations``, shape (n − 1, B, …)
    between: th.Tensor
    #: γ, …, γⁿ⁻¹; 0 from where the episode has ended; shape (n − 1, B)
    between_discounts: th.Tensor


class SoftNStepReplayBuffer(NStepReplayBuffer):
    """Stable-Baselines3's n-step buffer, with the same random numbers, which gives the states in between too."""

    def _get_samples(self, batch_inds: np.ndarray, env: VecNormalize | None = None) -> Any:
        state = np.random.get_state()
        envs = np.random.randint(0, self.n_envs, size=batch_inds.shape)  # what the parent is about to draw
        np.random.set_state(state)
        samples: Any = super()._get_samples(batch_inds, env)
        steps = (batch_inds + np.arange(self.n_steps)[:, None]) % self.buffer_size
        ends = (self.dones[steps, envs] + self.timeouts[steps, envs] > 0) | (steps == (self.pos - 1) % self.buffer_size)
        goes_on = np.logical_and.accumulate(~ends[:-1], axis=0)
        discounts = self.gamma ** np.arange(1, self.n_steps, dtype=np.float32)[:, None] * goes_on
        between: Any = self._normalize_obs(self.observations[steps[1:], envs], env)
        made: tuple[th.Tensor, ...] = (*samples, self.to_torch(between), self.to_torch(discounts.astype(np.float32)))
        return SoftNStepSamples(*made)


def entropies_between(actor: Actor, batch: SoftNStepSamples, alpha: float) -> th.Tensor:
    """
    −α Σ_{k=1}^{n−1} γᵏ log π(ã_k|s_k), ã_k ~ π(·|s_k): with it Σ γᵏ r_k + γⁿ(Q̄ − α log π) is an n-step soft return, in
    which each state that the return has passed adds its entropy as the last one does.

    :param actor: π
    :param batch: n-step transitions
    :param alpha: α
    :return: shape (B,), without gradient
    """
    n_between, n = batch.between_discounts.shape
    with th.no_grad():
        _, log_prob = actor.action_log_prob(batch.between.flatten(0, 1))
    return -alpha * (batch.between_discounts * log_prob.view(n_between, n)).sum(dim=0)
