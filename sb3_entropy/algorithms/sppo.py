"""SPPO: soft proximal policy optimisation."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch as th
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import GymEnv, RolloutBufferSamples, Schedule
from stable_baselines3.common.utils import FloatSchedule

from sb3_entropy.algorithms.common import losses
from sb3_entropy.algorithms.common.arguments import check_arguments, check_batch
from sb3_entropy.algorithms.common.schedules import at
from sb3_entropy.algorithms.common.search import Between, SearchSpace
from sb3_entropy.algorithms.on_policy.algorithm import SoftOnPolicyAlgorithm
from sb3_entropy.environments import find_env
from sb3_entropy.errors import check_number
from sb3_entropy.registry import ALGORITHMS
from sb3_entropy.regularizers.regularizer import Regularizer
from sb3_entropy.temperature import EntCoef


@ALGORITHMS.register("sppo")
class SPPO(SoftOnPolicyAlgorithm, PPO):
    """
    Soft PPO: the clipped surrogate on soft advantages (Liu et al. 2020, Algorithm 1, Eqs. 38–41).

    It ascends, with ratio ρ = π(a|s)/π_old(a|s), min(ρ Â, clip(ρ, 1 − ε, 1 + ε) Â) + αH(π(·|s)) (Eqs. 38 and 39), or
    the same without the last term and with Â − α log π_old(a|s) in the place of Â (Eqs. 40 and 41). The paper's
    Algorithm 1 descends it, a slip of the sign.

    Arguments up to ``_init_setup_model`` are those of Stable-Baselines3's PPO; what follows, and ``ent_coef``, is
    explained in :class:`~sb3_entropy.algorithms.on_policy.algorithm.SoftOnPolicyAlgorithm`.
    """

    policy_loss_key = "policy_gradient_loss"
    search_space: ClassVar[SearchSpace] = {
        "batch_size_pow": Between(5, 10),
        "n_steps_pow": Between(5, 12),
        "clip_range": (0.1, 0.2, 0.3, 0.4),
        "n_epochs": (1, 5, 10, 20),
        "max_grad_norm": Between(0.3, 2.0),
    }
    made_from: ClassVar[Mapping[str, frozenset[str]]] = {
        **SoftOnPolicyAlgorithm.made_from,
        "_make_clip_ranges": frozenset({"clip_range", "clip_range_vf"}),
        "_check_batches": frozenset({"n_steps", "batch_size", "normalize_advantage"}),
    }

    #: ε of the policy's clip and of the value's, if it has one, in the update that is under way, or was the last
    _clip: float | None = None
    _value_clip: float | None = None

    def __init__(
        self,
        policy: str | type[ActorCriticPolicy],
        env: GymEnv | str,
        learning_rate: float | Schedule = 3e-4,
        n_steps: int = 2048,
        batch_size: int = 64,
        n_epochs: int = 10,
        gamma: float = 0.99,
        gae_lambda: float = 0.95,
        clip_range: float | Schedule = 0.2,
        clip_range_vf: float | Schedule | None = None,
        normalize_advantage: bool = True,
        ent_coef: EntCoef = 0.01,
        vf_coef: float = 0.5,
        max_grad_norm: float = 0.5,
        use_sde: bool = False,
        sde_sample_freq: int = -1,
        rollout_buffer_class: type[RolloutBuffer] | None = None,
        rollout_buffer_kwargs: dict[str, Any] | None = None,
        target_kl: float | None = None,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: th.device | str = "auto",
        _init_setup_model: bool = True,
        target_entropy: float | str = "auto",
        ent_coef_lr: float = 2e-4,
        soft_gradient: str = "entropy",
        entropy_in_return: bool = True,
        entropy_in_improvement: bool = True,
        ent_coef_unit: str = "reward",
        regularizers: Sequence[Mapping[str, Any] | Regularizer] | None = None,
        fast: bool | str = "auto",
    ):
        check_arguments(locals())
        super().__init__(
            policy,
            find_env(env),
            learning_rate=learning_rate,
            n_steps=n_steps,
            batch_size=batch_size,
            n_epochs=n_epochs,
            gamma=gamma,
            gae_lambda=gae_lambda,
            clip_range=clip_range,
            clip_range_vf=clip_range_vf,
            normalize_advantage=normalize_advantage,
            vf_coef=vf_coef,
            max_grad_norm=max_grad_norm,
            use_sde=use_sde,
            sde_sample_freq=sde_sample_freq,
            rollout_buffer_class=rollout_buffer_class,
            rollout_buffer_kwargs=rollout_buffer_kwargs,
            target_kl=target_kl,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            policy_kwargs=policy_kwargs,
            verbose=verbose,
            seed=seed,
            device=device,
            _init_setup_model=False,
        )
        self._init_soft(locals())
        if _init_setup_model:
            self._setup_model()

    def _make_clip_ranges(self, before: Mapping[str, Any]) -> None:
        """As the parent does once: a number becomes a schedule."""
        value_range = self.clip_range_vf
        if value_range is not None and not callable(value_range):
            check_number("clip_range_vf", value_range, low=0, open_low=True)
        for name in ("clip_range", "clip_range_vf"):
            if getattr(self, name) is not None:
                self.__dict__[name] = FloatSchedule(getattr(self, name))

    def _excluded_save_params(self) -> list[str]:
        """What each update reads anew is left out."""
        return [*super()._excluded_save_params(), "_clip", "_value_clip"]

    def _check_batches(self, before: Mapping[str, Any]) -> None:
        if self.normalize_advantage:
            check_batch("batch_size", self.batch_size)
            check_batch("n_steps × n_envs", self.n_steps * self.n_envs)

    def _improve(self) -> None:
        assert isinstance(self.clip_range, FloatSchedule)
        self._clip = at(self.clip_range, self._current_progress_remaining)
        self.logger.record("train/clip_range", self._clip)
        self._value_clip = None
        if self.clip_range_vf is not None:
            assert isinstance(self.clip_range_vf, FloatSchedule)
            self._value_clip = at(self.clip_range_vf, self._current_progress_remaining)
            self.logger.record("train/clip_range_vf", self._value_clip)
        self._n_updates += self._descend(self.batch_size, self.n_epochs, self.max_grad_norm)

    def _begin_epoch(self) -> None:
        """As in PPO, the KL divergence of the last epoch is logged."""
        self.journal.forget("approx_kl")

    @property
    def _may_end_update(self) -> bool:
        return self.target_kl is not None

    def _policy_loss(self, advantages: th.Tensor, log_prob: th.Tensor, batch: RolloutBufferSamples) -> th.Tensor | None:
        """−min(ρ A, g(ε, A)), Eq. 38; None once KL(π_old ‖ π) has passed 1.5 × ``target_kl``."""
        assert self._clip is not None
        log_ratio = (log_prob - batch.old_log_prob).detach()
        approx_kl = losses.approximate_kl(log_ratio)
        self.journal.note("approx_kl", approx_kl)
        self.journal.note("clip_fraction", losses.clip_fraction(log_ratio, self._clip))
        if self.target_kl is not None and approx_kl > 1.5 * self.target_kl:
            if self.verbose >= 1:
                print(f"Early stopping: the approximate KL divergence has reached {approx_kl:.2f}")
            return None
        return losses.clipped_surrogate_loss(advantages, log_prob, batch.old_log_prob, self._clip)

    def _policy_loss_gradient(
        self, advantages: th.Tensor, log_prob: th.Tensor, batch: RolloutBufferSamples
    ) -> th.Tensor:
        assert self._clip is not None
        return losses.clipped_surrogate_loss_gradient(advantages, log_prob, batch.old_log_prob, self._clip)

    def _clipped_values(self, values: th.Tensor, batch: RolloutBufferSamples) -> th.Tensor:
        if self._value_clip is None:
            return values
        return losses.clipped_values(values, batch.old_values, self._value_clip)

    def _clipped_values_gradient(
        self, gradient: th.Tensor, values: th.Tensor, batch: RolloutBufferSamples
    ) -> th.Tensor:
        if self._value_clip is None:
            return gradient
        return losses.clipped_values_gradient(gradient, values, batch.old_values, self._value_clip)
