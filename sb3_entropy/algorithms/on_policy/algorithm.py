"""
The family's one training loop: Stable-Baselines3's on-policy loop with a temperature and soft returns.

An algorithm of the family is final and supplies ``_policy_loss``, and ``_improve`` says in which steps it is descended.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import RolloutBufferSamples
from stable_baselines3.common.utils import explained_variance
from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.algorithms.common import losses
from sb3_entropy.algorithms.common.episode_sums import EACH
from sb3_entropy.algorithms.common.search import Between, SearchSpace
from sb3_entropy.algorithms.common.tempering import reward_scale
from sb3_entropy.algorithms.on_policy.buffers import SoftRollouts
from sb3_entropy.algorithms.on_policy.fast.choice import choose
from sb3_entropy.algorithms.on_policy.fast.rollout import collect
from sb3_entropy.algorithms.on_policy.fast.update import Update
from sb3_entropy.algorithms.on_policy.setup import OnPolicySetup
from sb3_entropy.algorithms.on_policy.soft_returns import required_entropy, rollout_entropies
from sb3_entropy.distributions.laws import Law
from sb3_entropy.policies.finite import check_advantages, check_rollout, explain
from sb3_entropy.regularizers.collection import evaluated_law


class SoftOnPolicyAlgorithm(OnPolicySetup):
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
    :param fast: whether to train on the fast path, the same arithmetic in fewer calls and to the same bits: ``"auto"``,
        where nothing stands in its way, such as a convolutional policy; True, or an error says what does; False, never;
        ``"rounding"``, as ``"auto"``, and faster still where results may differ from the general path's in rounding
    :raises TypeError: if an argument is of the wrong type
    :raises ValueError: if an argument is out of its range, or the temperature needs an entropy that the policy's
        distribution does not have
    """

    #: what SB3 calls the policy's loss in its logs
    policy_loss_key: ClassVar[str] = "policy_loss"
    #: what ``train -optimize`` draws of the algorithm's own; what all share is drawn besides
    search_space: ClassVar[SearchSpace] = {"n_steps_pow": Between(7, 12), "max_grad_norm": Between(0.3, 2.0)}

    normalize_advantage: bool
    #: whether a value function is learned; SPG can do without
    baseline: bool = True
    #: whose columns the rollout's first ones are, where it is not of all environments in their order; what comes after
    #: them has been counted before
    _rollout_envs: Any = EACH
    #: ∂/∂ log π, shape (B,), of what ``_policy_loss`` gives for the same arguments; None leaves it to autograd
    _policy_loss_gradient: Callable[[th.Tensor, th.Tensor, RolloutBufferSamples], th.Tensor] | None = None

    # ------------------------------------------------------------------ the path

    def _choose_path(self) -> None:
        """
        The fast path where nothing stands in its way, anew for each rollout and update: a callback may change anything.

        :raises ValueError: if ``fast`` asks for it, and something does
        """
        before = self._flat_policy
        reason, self._flat_policy = choose(self, before)
        if before is not None and self._flat_policy is None:
            before.release()
        self._say_path(reason)

    # ------------------------------------------------------------------ a rollout

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
        # Between an update and the next rollout of learn() nobody is called, and collect() chooses when its callback
        # has been; a loop of somebody's own may have changed anything.
        is_first = self.num_timesteps == self._num_timesteps_at_start
        if is_first or not self._is_learning or self._flat_policy is None:
            self._choose_path()
        try:
            return self._collect(env, callback, rollout_buffer, n_rollout_steps)
        except Exception as error:
            explain(self._last_obs, self.policy, error)
            raise

    def _collect(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        if self._flat_policy is not None and type(rollout_buffer) is type(self.rollout_buffer):
            return collect(self, env, callback, rollout_buffer, n_rollout_steps)
        return super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)

    def _soft_rewards(self, buffer: SoftRollouts, dones: np.ndarray) -> np.ndarray:
        """
        The rollout buffer's hook, called when it is full and π is still the policy that has filled it.

        :param buffer: the rollout
        :param dones: whether its last step has ended the episode, shape (N,)
        :return: r + α·H(π(·|s)), shape (T, N) (Eq. 35); r where ``entropy_in_return`` is False
        :raises ValueError: if an observation, action or reward is not finite
        """
        self._begin_update(buffer, dones)
        cannot_be_known = buffer.entropies is None and buffer.observations is None
        if not self._needs_rollout_entropies or cannot_be_known:
            # Sums that miss a part are no soft returns, neither now nor when the entropy is needed again.
            self.journal.begin_episodes(self._n_streams, self._stats_window_size, afresh=True)
            return buffer.rewards
        if buffer.entropies is None:
            buffer.entropies = rollout_entropies(self.policy, buffer, self._flat_policy)
        entropies = buffer.entropies
        self.tempering.see(entropies if buffer.keep is None else entropies[buffer.keep])
        bonuses = self.tempering.alpha * entropies
        scale = reward_scale(self._vec_normalize_env)
        collected = bonuses[:, self._collected]
        self.journal.add_bonuses(collected if scale is None else collected * scale, self._rollout_envs)
        return buffer.rewards + bonuses if self.entropy_in_return else buffer.rewards

    @property
    def _collected(self) -> slice:
        """The rollout's columns that were collected for this update, and not for an earlier one."""
        return EACH if self._rollout_envs is EACH else slice(len(self._rollout_envs))

    def _begin_update(self, buffer: SoftRollouts, dones: np.ndarray) -> None:
        """
        What an update has from before its returns: a rollout that is finite, the transitions that it learns from, an
        empty journal and α.

        :param buffer: the rollout
        :param dones: whether its last step has ended the episode, shape (N,)
        :raises ValueError: if an observation, action or reward is not finite
        """
        check_rollout(buffer, self._last_obs)
        self._choose_transitions(buffer, dones)
        self.journal.begin_update()
        # By hand: Stable-Baselines3 sets _current_progress_remaining when the rollout is over, and here it is not yet.
        self.tempering.begin(1.0 - self.num_timesteps / max(self._total_timesteps, 1))

    def _choose_transitions(self, buffer: SoftRollouts, dones: np.ndarray) -> None:
        """Set ``buffer.keep`` where not all transitions are learned from."""

    # ------------------------------------------------------------------ the update

    def train(self) -> None:
        """One update from one rollout."""
        self._choose_path()
        (self._flat_policy or self.policy).set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        check_advantages(self.rollout_buffer)
        n_transitions = self.rollout_buffer.rewards[:, self._collected].size
        self.active_regularizers.before_update(self.policy)
        try:
            self._improve()
        except Exception as error:
            explain(None, self.policy, error)
            raise
        self.tempering.end(n_transitions)
        self._record_update()
        self.active_regularizers.after_update(n_transitions)

    def _record_update(self) -> None:
        self.journal.record_update(self.logger, self._n_updates)
        if self.baseline:
            values, returns = self.rollout_buffer.values, self.rollout_buffer.returns
            explained = explained_variance(values.flatten(), returns.flatten())
            self.logger.record("train/explained_variance", explained)
        self.tempering.record(self.logger, reward_scale(self._vec_normalize_env))
        self.active_regularizers.record(self.logger)

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

    def _descend(self, batch_size: int | None, n_epochs: int, max_grad_norm: float | None) -> int:
        """
        Descend the loss of actor and critic.

        :param batch_size: transitions a minibatch; None for all
        :param n_epochs: passes over the rollout
        :param max_grad_norm: where the gradient's norm is clipped; None for nowhere
        :return: epochs begun
        """
        if self._flat_policy is not None:
            return Update(self, self._flat_policy).descend(batch_size, n_epochs, max_grad_norm)
        return self._minimise(self._actor_critic_loss, batch_size, n_epochs, max_grad_norm)

    def _descend_critic(self, batch_size: int | None, n_epochs: int, without: Iterable[th.nn.Parameter]) -> int:
        """
        Descend the value loss alone.

        :param batch_size: transitions a minibatch; None for all
        :param n_epochs: passes over the rollout
        :param without: parameters that stay as they are, the actor's
        :return: epochs begun
        """
        if self._flat_policy is not None:
            return Update(self, self._flat_policy).descend_critic(batch_size, n_epochs)
        return self._minimise(self._critic_loss, batch_size, n_epochs, None, without)

    def _minimise(
        self,
        loss_of: Callable[[RolloutBufferSamples], th.Tensor | None],
        batch_size: int | None,
        n_epochs: int,
        max_grad_norm: float | None,
        without: Iterable[th.nn.Parameter] = (),
    ) -> int:
        """
        The loop over epochs and minibatches, on the general path.

        :param loss_of: the scalar to minimise on a minibatch, or None to end here
        """
        optimizer = self.policy.optimizer
        parameters = list(self.policy.parameters())
        for epoch in range(n_epochs):
            self._begin_epoch()
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

    def _begin_epoch(self) -> None:
        """Called before each pass over the rollout; an algorithm may forget here what it has noted in the last one."""

    def _actor_critic_loss(self, batch: RolloutBufferSamples) -> th.Tensor | None:
        """The loss below, on the general path."""
        values, log_prob, entropy = self.policy.evaluate_actions(batch.observations, self._actions(batch))
        law = evaluated_law(self.policy, batch.observations) if self.active_regularizers else None
        return self._loss(batch, *self._advantages(batch), values.flatten(), log_prob, entropy, law)

    def _loss(
        self,
        batch: RolloutBufferSamples,
        advantages: th.Tensor,
        unit: float | th.Tensor,
        values: th.Tensor | None,
        log_prob: th.Tensor,
        entropy: th.Tensor | None,
        law: Law | None,
    ) -> th.Tensor | None:
        """
        −L^π of Eq. 38 or Eqs. 40–41, plus the value loss of Eq. 33, noted part by part.

        Several minibatches of one size, without gradient, may come at once as rows, of shape (n, B) in the place of
        (B,); then n losses are noted.

        :param batch: the minibatch
        :param advantages: as :meth:`_advantages` gives them, shape (B,)
        :param unit: by what they were divided
        :param values: V(s), shape (B,); not read without a baseline
        :param log_prob: log π(a|s), shape (B,)
        :param entropy: H in nats, shape (B,); None without a closed form
        :param law: the policy's, for the regularisers; None if there are none
        :return: a scalar, or None to end the update here
        """
        policy_loss = self._policy_loss(advantages, log_prob, batch)
        if policy_loss is None:
            return None
        self.journal.note(self.policy_loss_key, policy_loss)
        loss = policy_loss
        if law is not None:
            progress = self._current_progress_remaining
            loss = loss + self.active_regularizers.penalty(self.policy, batch.observations, law, policy_loss, progress)
        if entropy is not None or self._adds_entropy:
            entropy_loss = losses.entropy_loss(required_entropy(entropy, self.policy))
            self.journal.note("entropy_loss", entropy_loss)
            if self._adds_entropy:
                loss = loss + self._immediate_alpha(unit) * entropy_loss
        if self.baseline and values is not None:
            loss = loss + self.vf_coef * self._value_loss(values, batch)
        self.journal.note("loss", loss, only_last=True)
        return loss

    def _critic_loss(self, batch: RolloutBufferSamples) -> th.Tensor:
        """The value loss alone, on the general path."""
        return self._value_loss(self.policy.predict_values(batch.observations).flatten(), batch)

    def _value_loss(self, values: th.Tensor, batch: RolloutBufferSamples) -> th.Tensor:
        """
        (V(s) − R̂)², R̂ the soft λ-return (Eqs. 33–37).

        :param values: V(s), shape (B,)
        """
        value_loss = losses.value_loss(self._clipped_values(values, batch), batch.returns)
        self.journal.note("value_loss", value_loss)
        return value_loss

    def _clipped_values(self, values: th.Tensor, batch: RolloutBufferSamples) -> th.Tensor:
        """V(s) as it stands in the loss, shape (B,): as it is, unless the algorithm clips it around its old value."""
        return values

    def _clipped_values_gradient(
        self, gradient: th.Tensor, values: th.Tensor, batch: RolloutBufferSamples
    ) -> th.Tensor:
        """
        :param gradient: ∂L/∂(what :meth:`_clipped_values` gives), shape (B,)
        :return: ∂L/∂V, shape (B,)
        """
        return gradient

    @property
    def _may_end_update(self) -> bool:
        """Whether :meth:`_policy_loss` may give None."""
        return True

    @property
    def _adds_entropy(self) -> bool:
        """Whether α·H of Eq. 38 stands in the loss."""
        return self.tempering.alpha != 0 and self.entropy_in_improvement and self.soft_gradient == "entropy"

    @property
    def _adds_log_prob(self) -> bool:
        """Whether −α log π_old of Eq. 41 stands in the advantage."""
        return self.tempering.alpha != 0 and self.entropy_in_improvement and self.soft_gradient == "log_prob"

    def _immediate_alpha(self, unit: float | th.Tensor) -> float | th.Tensor:
        """α of the immediate term, in units of the advantages as they stand in the loss."""
        return self.tempering.alpha / unit if self.ent_coef_unit == "reward" else self.tempering.alpha

    def _advantages(self, batch: RolloutBufferSamples) -> tuple[th.Tensor, float | th.Tensor]:
        """
        The advantages that the policy learns from: normalised if asked for, and with −α log π_old in the
        ``"log_prob"`` form (Eq. 41). That term is centred with the advantages, a baseline that changes no expectation.

        :return: advantages, shape (B,), and by what they were divided
        """
        advantages = batch.advantages
        unit: float | th.Tensor = 1.0
        normalised = self.normalize_advantage and advantages.shape[-1] > 1
        if normalised:
            advantages, unit = losses.normalised(advantages)
        if self._adds_log_prob:
            alpha = self._immediate_alpha(unit)
            advantages = losses.soft_advantages(advantages, batch.old_log_prob, alpha, centred=normalised)
        return advantages, unit

    def _actions(self, batch: RolloutBufferSamples) -> th.Tensor:
        if isinstance(self.action_space, spaces.Discrete):
            return batch.actions.long().flatten()
        return batch.actions
