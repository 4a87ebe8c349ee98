"""SA2C: soft advantage actor-critic."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch as th
from stable_baselines3 import A2C
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import GymEnv, Schedule

from sb3_entropy.algorithms.common.arguments import check_arguments
from sb3_entropy.algorithms.on_policy.advantage_actor_critic import AdvantageActorCritic
from sb3_entropy.environments import find_env
from sb3_entropy.registry import ALGORITHMS
from sb3_entropy.regularizers.regularizer import Regularizer
from sb3_entropy.temperature import EntCoef


@ALGORITHMS.register("sa2c")
class SA2C(AdvantageActorCritic, A2C):
    """
    Soft A2C: one step of the soft policy gradient on soft advantages a rollout (Liu et al. 2020, Eqs. 19 and 20).

    It ascends Â log π(a|s) + αH(π(·|s)), or (Â − α log π_old(a|s)) log π(a|s).

    Arguments up to ``_init_setup_model`` are those of Stable-Baselines3's A2C; what follows, and ``ent_coef``, is
    explained in :class:`~sb3_entropy.algorithms.on_policy.algorithm.SoftOnPolicyAlgorithm`.
    """

    def __init__(
        self,
        policy: str | type[ActorCriticPolicy],
        env: GymEnv | str,
        learning_rate: float | Schedule = 7e-4,
        n_steps: int = 5,
        gamma: float = 0.99,
        gae_lambda: float = 1.0,
        ent_coef: EntCoef = 0.01,
        vf_coef: float = 0.5,
        max_grad_norm: float = 0.5,
        rms_prop_eps: float = 1e-5,
        use_rms_prop: bool = True,
        use_sde: bool = False,
        sde_sample_freq: int = -1,
        rollout_buffer_class: type[RolloutBuffer] | None = None,
        rollout_buffer_kwargs: dict[str, Any] | None = None,
        normalize_advantage: bool = False,
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
            gamma=gamma,
            gae_lambda=gae_lambda,
            vf_coef=vf_coef,
            max_grad_norm=max_grad_norm,
            rms_prop_eps=rms_prop_eps,
            use_rms_prop=use_rms_prop,
            use_sde=use_sde,
            sde_sample_freq=sde_sample_freq,
            rollout_buffer_class=rollout_buffer_class,
            rollout_buffer_kwargs=rollout_buffer_kwargs,
            normalize_advantage=normalize_advantage,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            policy_kwargs=policy_kwargs,
            verbose=verbose,
            seed=seed,
            device=device,
            _init_setup_model=False,
        )
        self.use_rms_prop = use_rms_prop
        self.rms_prop_eps = rms_prop_eps
        self._init_soft(locals())
        if _init_setup_model:
            self._setup_model()

    def _improve(self) -> None:
        self._n_updates += self._descend(None, 1, self.max_grad_norm)
