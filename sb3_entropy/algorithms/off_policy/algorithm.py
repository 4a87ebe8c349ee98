"""
The family's one training loop: Stable-Baselines3's SAC with its temperature, targets and teachers as parts.

An algorithm of the family is final and supplies ``_targets``, what its critics are drawn to, and ``_teach``, which of
them the actor ascends.
"""

from abc import abstractmethod
from functools import partial
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import ActionNoise
from stable_baselines3.common.type_aliases import ReplayBufferSamples, RolloutReturn, TrainFreq
from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.algorithms.common.tempering import reward_scale
from sb3_entropy.algorithms.off_policy.diverged import DivergedError, check_finite
from sb3_entropy.algorithms.off_policy.fast.choice import choose
from sb3_entropy.algorithms.off_policy.fast.path import FlatPath
from sb3_entropy.algorithms.off_policy.fast.rollout import can_collect, collect
from sb3_entropy.algorithms.off_policy.general import GeneralPath
from sb3_entropy.algorithms.off_policy.parts import Parts
from sb3_entropy.algorithms.off_policy.path import Path, Penalty
from sb3_entropy.algorithms.off_policy.setup import OffPolicySetup
from sb3_entropy.algorithms.off_policy.soft_n_step import entropies_between
from sb3_entropy.algorithms.off_policy.targeted import Targeted
from sb3_entropy.policies.finite import SAVED, explain
from sb3_entropy.policies.observations import sample_states
from sb3_entropy.regularizers.coefficients import GradientShare


class SoftOffPolicyAlgorithm(OffPolicySetup):
    """
    What SDDPG and SACAdaEnt have in common (Liu et al. 2020, Section 3.1 and Fig. 1; Haarnoja et al. 2018).

    Critics and actor have the same α: Q(s, a) is the return of r + α·H from the next state on, and the actor ascends
    Q(s, ã) − α log π(ã|s), ã ~ π(·|s) by reparametrisation (Eqs. 30–32).

    The arguments below follow those of Stable-Baselines3's SAC.

    :param ent_coef: the temperature α ≥ 0: ``"auto"`` or ``"auto_0.1"``, SAC's rule; a number, ``"lin_0.1"``,
        ``"decay_<initial>_<factor>_<floor>"``, by gradient steps, or a function of the remaining progress
    :param target_entropy: the entropy H̄ in nats, of actions in the [−1, 1] box, towards which ``"auto"`` tunes α, or
        ``"auto"`` for −dim A
    :param actor_critic: which critic the actor ascends: ``"first"``, critic 1 (Fig. 1, line 14), or ``"minimum"``, the
        least of all (SAC)
    :param use_target_actor: whether ã' in the targets, and log π in the temperature's loss, are a target actor's
        (Fig. 1, lines 12, 15 and 16, "θ̄ if use target")
    :param use_target_critic: whether the actor ascends the target critics (Fig. 1, line 14, "φ̄₁ if use target")
    :param ent_coef_gradient: what ``"auto"`` descends in: ``"log_alpha"``, as Stable-Baselines3's SAC, or ``"alpha"``,
        as Fig. 1, line 15, has it
    :param ent_coef_lr: the step size of α's Adam; None for ``learning_rate``, as in SAC
    :param soft_n_step: whether an n-step return has the entropy of the states that it passes, −α Σₖ γᵏ log π(ãₖ|sₖ) for
        k = 1, …, n − 1, as a soft value has; without it only the last state's, as in Stable-Baselines3
    :param regularizers: divergences towards, or away from, reference policies that are added to the actor's loss: a
        list of mappings, each the arguments of :class:`~sb3_entropy.regularizers.regularizer.Regularizer`. An update,
        which a reference counts, is one call of ``train``: by default one step of the environments
    :param fast: whether to train on the fast path, the same arithmetic in fewer calls and within rounding: ``"auto"``
        or ``"rounding"``, where nothing stands in its way, such as a convolutional policy; True, or an error says what
        does; False, never, to the bits of Stable-Baselines3's SAC
    :raises TypeError: if an argument is of the wrong type
    :raises ValueError: if an argument is out of its range, or does not fit the environment
    :raises MemoryError: if the machine could not hold the replay buffer
    """

    #: what takes the fast path; None on the general one
    _flat_path: FlatPath | None = None
    #: whether it has acted last
    _acted_fast: bool = False

    def _choose_path(self) -> Path:
        """
        The fast path where nothing stands in its way, anew for each update: a callback may change anything. Where there
        is none, it is only looked whether somebody has loaded parameters.

        :return: the path
        :raises ValueError: if ``fast=True`` asks for the fast one, and something stands in its way
        """
        before = self._flat_path
        if before is not None and before.undisturbed is not None and self._is_learning and not before.is_loaded():
            return before
        reason: str | None = "fast=False" if self.fast is False else self._why_regularizers_differ()
        self._flat_path = None
        if reason is None:
            reason, self._flat_path = choose(self._parts(), before)
        if before is not None and self._flat_path is None:
            before.release()
        self._say_path(reason)
        if self._flat_path is not None:
            return self._flat_path
        self._see_networks()
        return GeneralPath(self)

    def _see_networks(self) -> None:
        """Somebody may have given the model another policy."""
        soft, actor = self.critic_groups[0], self.targeted_actor
        if soft.online is not self.critic or soft.target is not self.critic_target:
            self.critic_groups[0] = Targeted(soft.name, self.critic, self.critic_target)
        if actor is not None and actor.online is not self.actor:
            self.targeted_actor = Targeted(actor.name, self.actor, actor.target)

    def _parts(self) -> Parts:
        """What a path works with, as it is now."""
        plain = self.critic_groups[1] if len(self.critic_groups) > 1 else None
        return Parts(
            self.policy,
            self.replay_buffer,  # type: ignore[arg-type]
            plain.online if plain else None,
            plain.target if plain else None,
            self.actor_target,
            self.use_target_critic,
            self._vec_normalize_env,
        )

    def _why_regularizers_differ(self) -> str | None:
        if any(isinstance(rule.coefficient, GradientShare) for rule in self.active_regularizers):
            return "a regularizer's coefficient is a share of the gradient"
        return None

    def _before_save(self) -> None:
        super()._before_save()
        if self._flat_path is not None:  # PyTorch writes the whole tensor that a parameter is a view of
            self._flat_path.release()
            self._flat_path = None

    # ------------------------------------------------------------------ a rollout

    def collect_rollouts(
        self,
        env: VecEnv,
        callback: BaseCallback,
        train_freq: TrainFreq,
        replay_buffer: ReplayBuffer,
        action_noise: ActionNoise | None = None,
        learning_starts: int = 0,
        log_interval: int | None = None,
    ) -> RolloutReturn:
        """
        Stable-Baselines3's, on the fast path by :func:`~sb3_entropy.algorithms.off_policy.fast.rollout.collect`.

        :param env: the environments
        :param callback: called at every step
        :param train_freq: how much is collected
        :param replay_buffer: where it is kept
        :param action_noise: what is added to actions
        :param learning_starts: steps before which actions are uniform
        :param log_interval: episodes between two entries in the log
        :return: how much has been collected, and whether the training goes on
        """
        given = (env, callback, train_freq, replay_buffer, action_noise, learning_starts, log_interval)
        # Between an update and the next rollout of learn() nobody is called, and collect() chooses when its callback
        # has been; a loop of somebody's own may have changed anything.
        is_first = self.num_timesteps == self._num_timesteps_at_start
        if self._flat_path is not None and (is_first or not self._is_learning):
            self._flat_path.undisturbed = None
            self._choose_path()
        asked = partial(can_collect, self, env, train_freq, replay_buffer, SoftOffPolicyAlgorithm)
        if self._flat_path is not None and (self._flat_path.is_undisturbed(given) or asked()):
            return collect(self, *given, asked)
        return super().collect_rollouts(*given)

    def _act(self, action_noise: ActionNoise | None) -> tuple[np.ndarray, np.ndarray] | None:
        flat = self._flat_path
        predicts_otherwise = type(self).predict is not BaseAlgorithm.predict or "predict" in vars(self)
        self._acted_fast = not (flat is None or predicts_otherwise or not flat.holds())
        return self._act_on(flat, action_noise) if flat is not None and self._acted_fast else None

    def _act_on(self, flat: FlatPath, action_noise: ActionNoise | None) -> tuple[np.ndarray, np.ndarray]:
        """:return: actions of the policy, for the environments and for the replay buffer, shape (N, A)"""
        assert isinstance(self._last_obs, np.ndarray)
        scaled = flat.act(self._last_obs).reshape(-1, *(self.action_space.shape or ()))
        if action_noise is not None:
            scaled = np.clip(scaled + action_noise(), -1, 1)
        return self.policy.unscale_action(scaled), scaled

    def _acted_by(self) -> tuple[th.Tensor, th.Tensor]:
        if self._flat_path is None or not self._acted_fast:
            return super()._acted_by()
        mean, std = self._flat_path.actor.acted
        return th.from_numpy(mean), th.from_numpy(std)

    # ------------------------------------------------------------------ the update

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """
        Gradient steps of critics and actor, from the replay buffer.

        :param gradient_steps: how many
        :param batch_size: transitions a step
        :raises DivergedError: if a loss or a gradient is not finite; what it would have changed is then as it was
        """
        path = self._choose_path()
        (self._flat_path or self.policy).set_training_mode(True)
        self._update_learning_rate(self._optimizers())
        self.journal.begin_update()
        self.active_regularizers.before_update(self.policy)
        for step in range(gradient_steps):
            try:
                self._gradient_step(path, path.sample(batch_size))
            except DivergedError as error:
                raise self._diverged(error, step) from None
            except Exception as error:
                explain(None, self.policy, error)
                raise
            if step % self.target_update_interval == 0:
                path.move_targets(self.tau)
        self._n_updates += gradient_steps
        self._record_update()
        self.active_regularizers.after_update(self.num_timesteps - self._n_learned_from)
        self._n_learned_from = self.num_timesteps

    def _gradient_step(self, path: Path, batch: ReplayBufferSamples) -> None:
        """One step of the critics, of the actor and of α, in this order, each with the α from before (Fig. 1)."""
        path.begin(batch)
        check_finite("log_prob", path.log_prob)
        self.tempering.begin(self._current_progress_remaining)
        alpha = self.tempering.alpha
        targets = self._targets(batch, path.next_values(), path.next_log_prob, alpha)
        critic_losses = path.descend_critics(targets)
        weights, alphas = self._teach(path, alpha)
        actor_loss = path.descend_actor(weights, alphas, self._penalty(batch, path))
        temperature_loss = path.descend_temperature(self.temperature)
        self.tempering.end(targets.shape[1])
        self.journal.note("ent_coef", th.tensor(alpha))
        self.journal.note("actor_loss", actor_loss)
        for group, loss in zip(self.critic_groups, critic_losses, strict=True):
            self.journal.note(group.name, loss)
        if temperature_loss is not None:
            self.journal.note("ent_coef_loss", temperature_loss)

    @abstractmethod
    def _targets(
        self, batch: ReplayBufferSamples, next_values: th.Tensor, next_log_prob: th.Tensor, alpha: float
    ) -> th.Tensor:
        """
        :param batch: B transitions
        :param next_values: Q̄(s', ã') of the target critics, shape (G, C, B)
        :param next_log_prob: log π(ã'|s'), shape (B,)
        :param alpha: α
        :return: what each group of critics is drawn to, shape (G, B)
        """

    @abstractmethod
    def _teach(self, path: Path, alpha: float) -> tuple[th.Tensor, float | th.Tensor]:
        """
        :param path: which can be asked for Q(s, ã), and for the critics as functions of the action
        :param alpha: α
        :return: the weight of each critic in the actor's loss, shape (G, C, B), and α there, a number or shape (B,)
        """

    def _penalty(self, batch: ReplayBufferSamples, path: Path) -> Penalty | None:
        """What the regularisers add to the actor's loss."""
        rules = self.active_regularizers
        if not rules:
            return None
        law, progress = path.law, self._current_progress_remaining
        if law is None:
            return None
        return lambda loss: rules.penalty(self.policy, batch.observations, law, loss, progress)

    def _optimizers(self) -> list[th.optim.Optimizer]:
        """Those whose step size is ``learning_rate``."""
        held = [self.actor.optimizer, *(group.optimizer for group in self.critic_groups)]
        if self.ent_coef_optimizer is not None and self.ent_coef_lr is None:
            held.append(self.ent_coef_optimizer)
        return held

    def _soft_rewards(self, batch: Any, alpha: float) -> th.Tensor:
        """
        :return: r, of n steps Σ γᵏ rₖ, with ``soft_n_step`` and the entropy of the states between, shape (B,)
        """
        rewards: th.Tensor = batch.rewards.flatten()
        if not self.soft_n_step:
            return rewards
        return rewards + entropies_between(self.actor_of_targets, batch, alpha)

    def _discounts(self, batch: Any) -> float | th.Tensor:
        """γ, or of n steps γⁿ, fewer where the episode has ended, shape (B,)."""
        return self.gamma if batch.discounts is None else batch.discounts.flatten()

    def _diverged(self, error: DivergedError, step: int) -> DivergedError:
        return DivergedError(
            error.quantity,
            error.value,
            f"It was the first, at gradient step {self._n_updates + step + 1}, after {self.num_timesteps} steps of the "
            f"environments; what it would have changed is as it was. Lower learning_rate, or check the scale of the "
            f"rewards. {SAVED}",
        )

    def _record_update(self) -> None:
        self.journal.record_update(self.logger, self._n_updates)
        self.active_regularizers.record(self.logger)
        self.tempering.record_raw(self.logger, reward_scale(self._vec_normalize_env))

    def _record_policy(self) -> None:
        """The soft return, and the policy as it is now, in the newest states of the replay buffer."""
        self._tell_bonuses()
        self.journal.record_soft_return(self.logger, self.ep_info_buffer)
        if self.replay_buffer is None:
            return
        states = sample_states(self.replay_buffer, self._vec_normalize_env)
        if states is not None:
            self.journal.record_policy(self.logger, self.policy, states, self.tempering.alpha)
