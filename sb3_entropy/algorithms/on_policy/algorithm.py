"""
The family's one training loop: Stable-Baselines3's on-policy loop with a temperature and soft returns.

An algorithm of the family is final and supplies ``_policy_loss``, and ``_improve`` says in which steps it is descended.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.base_class import maybe_make_env
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, RolloutBufferSamples
from stable_baselines3.common.utils import update_learning_rate
from stable_baselines3.common.vec_env import VecEnv
from torch.nn import functional as F

from sb3_entropy.algorithms.common.arguments import (
    check_action_space,
    check_arguments,
    check_observation_space,
    check_policy_class,
    plain,
)
from sb3_entropy.algorithms.common.monitored import MonitoredAlgorithm
from sb3_entropy.algorithms.common.regularized import RegularizedAlgorithm
from sb3_entropy.algorithms.common.saving import SavedAlgorithm
from sb3_entropy.algorithms.common.schedules import at
from sb3_entropy.algorithms.common.tempered import TemperedAlgorithm
from sb3_entropy.algorithms.on_policy.buffers import SoftRollouts, soft_buffer_class
from sb3_entropy.algorithms.on_policy.soft_returns import required_entropy, rollout_entropies
from sb3_entropy.environments import find_env
from sb3_entropy.errors import unknown
from sb3_entropy.policies.finite import check_advantages, check_rollout, explain
from sb3_entropy.policies.soft import POLICIES, check_spaces
from sb3_entropy.regularizers.making import make_regularizers
from sb3_entropy.regularizers.regularizer import Regularizer
from sb3_entropy.temperature import EntCoef, Temperature
from sb3_entropy.vec_env.old_gym import as_gymnasium


class SoftOnPolicyAlgorithm(MonitoredAlgorithm, RegularizedAlgorithm, TemperedAlgorithm, SavedAlgorithm):
    """
    What SPG, DivergenceRegPG, SA2C, SPPO and STRPO have in common (Liu et al. 2020, Section 3).

    The reward is r + α·H(π(·|s)) (Eq. 35), so that the value of a state contains the entropy of the policy in it
    (Eqs. 3 and 4), and the policy ascends the soft policy gradient in one of two equal forms: the policy gradient with
    soft advantages plus α∇H (Eqs. 19 and 38), or the policy gradient with A − α log π (Eqs. 20, 40 and 41).

    The arguments below follow those of the algorithm's parent.

    :param ent_coef: the temperature α ≥ 0: a number, ``"auto"``, ``"auto_0.1"``, ``"lin_0.1"``,
        ``"decay_<initial>_<factor>_<floor>"`` or a function of the remaining progress. At 0 the algorithm is its parent
    :param target_entropy: the entropy H̄ in nats towards which ``"auto"`` tunes α, or ``"auto"``
    :param ent_coef_lr: how fast: nats of log α a transition and nat of error a dimension
    :param soft_gradient: ``"entropy"`` (Eq. 38) or ``"log_prob"`` (Eqs. 40 and 41)
    :param entropy_in_return: whether α·H enters the return (Eq. 35)
    :param entropy_in_improvement: whether the immediate term, αH of Eq. 38 or −α log π_old of Eq. 41, is there
    :param ent_coef_unit: what α means before advantages that are divided by their std: ``"reward"``, the immediate
        term is divided by the std too, so that return and improvement speak of the same α; ``"normalised"``, it is
        not, as in Stable-Baselines3
    :param regularizers: divergences towards, or away from, reference policies that are added to the policy's loss
        (Starnes et al. 2023): a list of mappings, each the arguments of
        :class:`~sb3_entropy.regularizers.regularizer.Regularizer`, such as
        ``dict(divergence="jensen_shannon", reference="previous", mode="repel", coef=0.1)``
    :raises TypeError: if an argument is of the wrong type
    :raises ValueError: if an argument is out of its range, or the temperature needs an entropy that the policy's
        distribution does not have
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {**POLICIES}
    #: raised when the algorithm learns otherwise than before from the same seed; studies then do its runs again
    behaviour_version: ClassVar[int] = 1
    #: what SB3 calls the policy's loss in its logs
    policy_loss_key: ClassVar[str]

    normalize_advantage: bool

    made_from: ClassVar[Mapping[str, frozenset[str]]] = {
        **SavedAlgorithm.made_from,
        **TemperedAlgorithm.made_from,
        **RegularizedAlgorithm.made_from,
    }

    def _init_soft(
        self,
        ent_coef: EntCoef,
        target_entropy: float | str,
        ent_coef_lr: float,
        soft_gradient: str,
        entropy_in_return: bool,
        entropy_in_improvement: bool,
        ent_coef_unit: str,
        regularizers: Sequence[Mapping[str, Any] | Regularizer] | None = None,
    ) -> None:
        """Keep our own arguments. Called by constructors between the parent's and ``_setup_model``."""
        self.ent_coef = ent_coef
        self.target_entropy = target_entropy
        self.ent_coef_lr = ent_coef_lr
        self.soft_gradient = soft_gradient
        self.entropy_in_return = entropy_in_return
        self.entropy_in_improvement = entropy_in_improvement
        self.ent_coef_unit = ent_coef_unit
        self.regularizers = make_regularizers(plain(regularizers))
        self.temperature: Temperature | None = None
        self._temperature_made_from: Any = None
        self._temperature_in_force: Temperature | None = None
        self.saved_by = type(self).__name__
        self._mean_entropy: float | None = None
        self._value_clip: float | None = None
        self._start_monitoring()

    def _setup_model(self) -> None:
        self._is_set_up = False
        before = self._accept(self.__dict__.pop("_changes", {}))
        check_arguments(vars(self), self.checks)
        self._make_plain()
        if not hasattr(self, "observation_space"):
            raise ValueError(f"{type(self).__name__} needs an environment or its id, but env=None was given.")
        check_policy_class(type(self).__name__, self.policy_class, self.policy_aliases)
        users_class = self.rollout_buffer_class
        self.rollout_buffer_class = soft_buffer_class(users_class, self.observation_space)
        super()._setup_model()
        check_spaces(self.policy)
        self.rollout_buffer_class = users_class
        self.rollout_buffer.reward_bonus = self._reward_bonus
        for make in self.made_from:
            getattr(self, make)(before)
        self._is_set_up = True

    @staticmethod
    def _wrap_env(env: GymEnv | str, verbose: int = 0, monitor_wrapper: bool = True) -> VecEnv:
        if isinstance(env, str):
            env = maybe_make_env(find_env(env), verbose)
        env = as_gymnasium(env, "a Gymnasium environment, a VecEnv or an environment's id")
        check_observation_space(env.observation_space)
        check_action_space(env.action_space)
        return OnPolicyAlgorithm._wrap_env(env, verbose, monitor_wrapper)

    def _get_policy_from_name(self, policy_name: str) -> type[BasePolicy]:
        if policy_name not in self.policy_aliases:
            raise ValueError(unknown("policy", policy_name, self.policy_aliases))
        return super()._get_policy_from_name(policy_name)

    # ------------------------------------------------------------------ soft returns

    def _reward_bonus(self, buffer: SoftRollouts, dones: np.ndarray) -> np.ndarray | None:
        """α·H(π(·|s)), shape (T, N), at a rollout's end, where π is still the policy that collected it (Eq. 35)."""
        check_rollout(buffer, self._last_obs)
        self._forget_update()
        self._mean_entropy = None
        assert self.temperature is not None
        self._temperature_in_force = self.temperature
        self._alpha = self.temperature.value(1.0 - self.num_timesteps / max(self._total_timesteps, 1))
        if not self._needs_rollout_entropies:
            return None
        entropies = rollout_entropies(self.policy, buffer)
        kept = entropies if buffer.keep is None else entropies[buffer.keep]
        self._mean_entropy = float(kept.mean()) if kept.size else None
        bonus = self._alpha * entropies
        if self._episode_bonuses is not None:
            self._episode_bonuses.add(bonus * self._reward_scale, self._episode_ends)
        return bonus if self.entropy_in_return else None

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """
        Stable-Baselines3's, with errors that tell NaN and infinity from a fault in the program.

        :raises ValueError: if an observation, action or reward is not finite; the policy has not learned from it
        """
        if rollout_buffer is self.rollout_buffer:
            self._exchange_rollout_buffer()
            rollout_buffer = self.rollout_buffer
        try:
            return self._collect(env, callback, rollout_buffer, n_rollout_steps)
        except Exception as error:
            explain(self._last_obs, self.policy, error)
            raise

    def _collect(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        return super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)

    # ------------------------------------------------------------------ the update

    def train(self) -> None:
        """One update from one rollout."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        check_advantages(self.rollout_buffer)
        n_transitions = self.rollout_buffer.rewards.size
        for regularizer in self._active_regularizers():
            regularizer.before_update(self.policy)
        try:
            self._improve()
        except Exception as error:
            explain(None, self.policy, error)
            raise
        if self.temperature is not None and self.temperature is self._temperature_in_force:
            self.temperature.update(self._mean_entropy, n_transitions)
        self._record_update()
        self._record_regularizers()
        for regularizer in self._active_regularizers():
            regularizer.after_update(n_transitions)

    def _update_learning_rate(self, optimizers: list[th.optim.Optimizer] | th.optim.Optimizer) -> None:
        rate = at(self.lr_schedule, self._current_progress_remaining)
        self.logger.record("train/learning_rate", rate)
        for optimizer in optimizers if isinstance(optimizers, list) else [optimizers]:
            update_learning_rate(optimizer, rate)

    @abstractmethod
    def _improve(self) -> None:
        """Improve policy and value from the rollout in the buffer."""

    @abstractmethod
    def _policy_loss(self, advantages: th.Tensor, log_prob: th.Tensor, batch: RolloutBufferSamples) -> th.Tensor | None:
        """
        :param advantages: shape (B,); with −α log π_old in them in the ``"log_prob"`` form
        :param log_prob: log π(a|s) of the policy as it is now, shape (B,)
        :param batch: the minibatch
        :return: the scalar to minimise, or None to end the update here
        """

    def _descend(
        self,
        loss_of: Callable[[RolloutBufferSamples], th.Tensor | None],
        batch_size: int | None,
        n_epochs: int,
        max_grad_norm: float | None,
        without: Iterable[th.nn.Parameter] = (),
    ) -> int:
        """
        The loop over epochs and minibatches.

        :param loss_of: the scalar to minimise on a minibatch, or None to end here
        :param batch_size: transitions a minibatch; None for all
        :param n_epochs: passes over the rollout
        :param max_grad_norm: where the gradient's norm is clipped; None for nowhere
        :param without: parameters that stay as they are
        :return: epochs begun
        """
        optimizer = self.policy.optimizer
        parameters = list(self.policy.parameters())
        for epoch in range(n_epochs):
            self._statistics.pop("approx_kl", None)
            for batch in self.rollout_buffer.get(batch_size):
                if len(batch.advantages) == 0:
                    continue
                loss = loss_of(batch)
                if loss is None:
                    return epoch + 1
                optimizer.zero_grad()
                loss.backward()
                for parameter in without:
                    parameter.grad = None
                if max_grad_norm is not None:
                    th.nn.utils.clip_grad_norm_(parameters, max_grad_norm)
                optimizer.step()
        return n_epochs

    def _actor_critic_loss(self, batch: RolloutBufferSamples) -> th.Tensor | None:
        """−L^π of Eq. 38 or Eqs. 40–41, plus the value loss of Eq. 33."""
        values, log_prob, entropy = self.policy.evaluate_actions(batch.observations, self._actions(batch))
        advantages, unit = self._advantages(batch)
        policy_loss = self._policy_loss(advantages, log_prob, batch)
        if policy_loss is None:
            return None
        self._note(self.policy_loss_key, policy_loss)
        loss = policy_loss
        if self._active_regularizers():
            loss = loss + self._penalty(batch.observations, policy_loss)
        if entropy is not None or self._adds_entropy:
            entropy_loss = -th.mean(required_entropy(entropy, self.policy))
            self._note("entropy_loss", entropy_loss)
            if self._adds_entropy:
                loss = loss + self._immediate_alpha(unit) * entropy_loss
        if self.baseline:
            loss = loss + self.vf_coef * self._value_loss(values.flatten(), batch)
        self._statistics["loss"] = [loss.detach()]
        return loss

    def _value_loss(self, values: th.Tensor, batch: RolloutBufferSamples) -> th.Tensor:
        """
        (V(s) − R̂)², R̂ the soft λ-return (Eqs. 33–37); with ``clip_range_vf``, V is clipped around its old value.

        :param values: V(s), shape (B,)
        """
        if self._value_clip is not None:
            change = th.clamp(values - batch.old_values, -self._value_clip, self._value_clip)
            values = batch.old_values + change
        value_loss = F.mse_loss(batch.returns, values)
        self._note("value_loss", value_loss)
        return value_loss

    @property
    def _adds_entropy(self) -> bool:
        """Whether α·H of Eq. 38 stands in the loss."""
        return self._alpha != 0 and self.entropy_in_improvement and self.soft_gradient == "entropy"

    @property
    def _adds_log_prob(self) -> bool:
        """Whether −α log π_old of Eq. 41 stands in the advantage."""
        return self._alpha != 0 and self.entropy_in_improvement and self.soft_gradient == "log_prob"

    def _immediate_alpha(self, unit: float | th.Tensor) -> float | th.Tensor:
        """α of the immediate term, in units of the advantages as they stand in the loss."""
        return self._alpha / unit if self.ent_coef_unit == "reward" else self._alpha

    def _advantages(self, batch: RolloutBufferSamples) -> tuple[th.Tensor, float | th.Tensor]:
        """
        The advantages that the policy learns from: normalised if asked for, and with −α log π_old in the
        ``"log_prob"`` form (Eq. 41). That term is centred with the advantages, a baseline that changes no expectation.

        :return: advantages, shape (B,), and by what they were divided
        """
        advantages = batch.advantages
        unit: float | th.Tensor = 1.0
        normalised = self.normalize_advantage and len(advantages) > 1
        if normalised:
            unit = advantages.std() + 1e-8
            advantages = (advantages - advantages.mean()) / unit
        if self._adds_log_prob:
            immediate = -self._immediate_alpha(unit) * batch.old_log_prob
            advantages = advantages + (immediate - immediate.mean() if normalised else immediate)
        return advantages, unit

    def _actions(self, batch: RolloutBufferSamples) -> th.Tensor:
        if isinstance(self.action_space, spaces.Discrete):
            return batch.actions.long().flatten()
        return batch.actions
