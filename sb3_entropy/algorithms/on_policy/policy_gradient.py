"""The policy gradient without a surrogate: one step a rollout, with or without a baseline."""

import warnings
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch as th
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import RolloutBufferSamples
from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.algorithms.common.losses import policy_gradient_loss, policy_gradient_loss_gradient
from sb3_entropy.algorithms.on_policy.algorithm import SoftOnPolicyAlgorithm
from sb3_entropy.algorithms.on_policy.buffers import SoftRollouts
from sb3_entropy.algorithms.on_policy.episodes import collect_episodes, finished


class PolicyGradient(SoftOnPolicyAlgorithm):
    """
    What SPG and DivergenceRegPG have in common: ascent of Â log π(a|s), one step a rollout.

    With a learned baseline Â is the soft GAE(λ) advantage (Liu et al. 2020, Eqs. 36 and 37). Without one it is the
    discounted soft reward-to-go Σ γᵏ (r + αH): REINFORCE (Williams 1992). A time limit then counts as the episode's
    end, and steps whose episode the rollout has cut off are left out, their reward-to-go being unknown.
    """

    made_from: ClassVar[Mapping[str, frozenset[str]]] = {
        **SoftOnPolicyAlgorithm.made_from,
        # Whole episodes have cut the buffer to their length.
        "_make_rollout_buffer": SoftOnPolicyAlgorithm.made_from["_make_rollout_buffer"] | {"n_episodes"},
    }

    n_episodes: int | None

    def _init_policy_gradient(self, n_episodes: int | None, baseline: bool, normalize_advantage: bool) -> None:
        """Keep the arguments. Called by constructors between the parent's and ``_setup_model``."""
        self.n_episodes = n_episodes
        self.baseline = baseline
        self.normalize_advantage = normalize_advantage
        self._cuts_episodes = False

    def _setup_model(self) -> None:
        super()._setup_model()
        self._use_baseline()

    def _use_baseline(self) -> None:
        """
        Without a baseline V ≡ 0, and GAE(λ = 1) of a zero value is the reward-to-go. A baseline that comes later starts
        from there.
        """
        policy = self.policy
        if self.baseline and getattr(policy, "has_critic", True):
            return
        policy.has_critic = self.baseline
        self.rollout_buffer.gae_lambda = self._lambda_in_force
        for parameter in policy.value_net.parameters():
            parameter.requires_grad_(self.baseline)
            if not self.baseline:
                parameter.data.zero_()

    @property
    def _lambda_in_force(self) -> float:
        """1 without a baseline, as the policy is in this rollout: one that is asked for comes with the next."""
        return self.gae_lambda if getattr(self.policy, "has_critic", True) else 1.0

    def _collect(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        self._use_baseline()  # a loaded model, or set_parameters, may have brought one
        self._cuts_episodes = self.n_episodes is None and not self.baseline
        if self.n_episodes is None:
            return super()._collect(env, callback, rollout_buffer, n_rollout_steps)
        return collect_episodes(self, env, callback, self.rollout_buffer, n_rollout_steps, self.n_episodes)

    def _choose_transitions(self, buffer: SoftRollouts, dones: np.ndarray) -> None:
        if self._cuts_episodes:
            buffer.keep = finished(buffer.episode_starts, dones)

    def _improve(self) -> None:
        keep = self.rollout_buffer.keep
        if keep is not None and not keep.any():
            warnings.warn(
                f"No episode has ended within this rollout of n_steps={self.n_steps}, so nothing could be learned from "
                "it: without a baseline the reward-to-go of a cut episode is unknown. Use n_episodes, or more n_steps.",
                stacklevel=2,
            )
            return
        self._n_updates += self._descend(None, 1, self.max_grad_norm)

    @property
    def _may_end_update(self) -> bool:
        return False

    def _policy_loss(self, advantages: th.Tensor, log_prob: th.Tensor, batch: RolloutBufferSamples) -> th.Tensor:
        """−A log π(a|s), Eqs. 19 and 20."""
        return policy_gradient_loss(advantages, log_prob)

    def _policy_loss_gradient(
        self, advantages: th.Tensor, log_prob: th.Tensor, batch: RolloutBufferSamples
    ) -> th.Tensor:
        return policy_gradient_loss_gradient(advantages)
