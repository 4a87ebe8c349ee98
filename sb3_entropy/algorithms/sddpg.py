"""SDDPG: soft deep deterministic policy gradient, which is SAC1."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch as th
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.noise import ActionNoise
from stable_baselines3.common.type_aliases import GymEnv, ReplayBufferSamples, Schedule
from stable_baselines3.sac.policies import SACPolicy

from sb3_entropy.algorithms.common.arguments import check_arguments
from sb3_entropy.algorithms.common.search import SearchSpace
from sb3_entropy.algorithms.off_policy.algorithm import SoftOffPolicyAlgorithm
from sb3_entropy.algorithms.off_policy.bellman_targets import soft_target
from sb3_entropy.algorithms.off_policy.path import Path
from sb3_entropy.environments import find_env
from sb3_entropy.registry import ALGORITHMS
from sb3_entropy.regularizers.regularizer import Regularizer
from sb3_entropy.temperature import EntCoef


@ALGORITHMS.register("sddpg")
class SDDPG(SoftOffPolicyAlgorithm):
    """
    Soft DDPG, which is SAC1 (Liu et al. 2020, Eqs. 21–32 and Fig. 1).

    The critics are drawn to y = r + γ(1 − d)(min_c Q̄_c(s', ã') − α log π(ã'|s')), and the actor ascends
    Q₁(s, ã) − α log π(ã|s): critic 1 alone, not the minimum. With ``actor_critic="minimum"`` it is Stable-Baselines3's
    SAC, bit for bit on the general path. At α = 0 and σ = 0 its gradient is DDPG's, ∇ₐQ₁(s, μ(s)) ∇μ(s) (Eq. 27).

    Arguments up to ``_init_setup_model`` are those of Stable-Baselines3's SAC; what follows, and ``ent_coef``, is
    explained in :class:`~sb3_entropy.algorithms.off_policy.algorithm.SoftOffPolicyAlgorithm`.
    """

    search_space: ClassVar[SearchSpace] = {"actor_critic": ("first", "minimum")}

    def __init__(
        self,
        policy: str | type[SACPolicy],
        env: GymEnv | str,
        learning_rate: float | Schedule = 3e-4,
        buffer_size: int = 1_000_000,
        learning_starts: int = 100,
        batch_size: int = 256,
        tau: float = 0.005,
        gamma: float = 0.99,
        train_freq: int | tuple[int, str] = 1,
        gradient_steps: int = 1,
        action_noise: ActionNoise | None = None,
        replay_buffer_class: type[ReplayBuffer] | None = None,
        replay_buffer_kwargs: dict[str, Any] | None = None,
        optimize_memory_usage: bool = False,
        n_steps: int = 1,
        ent_coef: EntCoef = "auto",
        target_update_interval: int = 1,
        target_entropy: float | str = "auto",
        use_sde: bool = False,
        sde_sample_freq: int = -1,
        use_sde_at_warmup: bool = False,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: th.device | str = "auto",
        _init_setup_model: bool = True,
        actor_critic: str = "first",
        use_target_actor: bool = False,
        use_target_critic: bool = False,
        ent_coef_gradient: str = "log_alpha",
        ent_coef_lr: float | None = None,
        soft_n_step: bool = False,
        regularizers: Sequence[Mapping[str, Any] | Regularizer] | None = None,
        fast: bool | str = "auto",
    ):
        check_arguments(locals())
        super().__init__(
            policy,
            find_env(env),
            learning_rate=learning_rate,
            buffer_size=buffer_size,
            learning_starts=learning_starts,
            batch_size=batch_size,
            tau=tau,
            gamma=gamma,
            train_freq=train_freq,
            gradient_steps=gradient_steps,
            action_noise=action_noise,
            replay_buffer_class=replay_buffer_class,
            replay_buffer_kwargs=replay_buffer_kwargs,
            optimize_memory_usage=optimize_memory_usage,
            n_steps=n_steps,
            target_update_interval=target_update_interval,
            use_sde=use_sde,
            sde_sample_freq=sde_sample_freq,
            use_sde_at_warmup=use_sde_at_warmup,
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

    def _targets(
        self, batch: ReplayBufferSamples, next_values: th.Tensor, next_log_prob: th.Tensor, alpha: float
    ) -> th.Tensor:
        rewards, dones = self._soft_rewards(batch, alpha), batch.dones.flatten()
        target = soft_target(rewards, dones, self._discounts(batch), next_values[0], next_log_prob, alpha)
        return target.unsqueeze(0)

    def _teach(self, path: Path, alpha: float) -> tuple[th.Tensor, float]:
        """Q₁, or the minimum (Fig. 1, line 14)."""
        return self.critic_choice.weights(path), alpha
