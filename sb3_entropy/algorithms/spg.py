"""SPG: the soft policy gradient, with REINFORCE as its plainest case."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch as th
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import GymEnv, Schedule

from sb3_entropy.algorithms.common.arguments import SUPPORTED_SPACES, check_arguments
from sb3_entropy.algorithms.on_policy.policy_gradient import PolicyGradient
from sb3_entropy.environments import find_env
from sb3_entropy.registry import ALGORITHMS
from sb3_entropy.regularizers.regularizer import Regularizer
from sb3_entropy.temperature import EntCoef


@ALGORITHMS.register("spg")
class SPG(PolicyGradient):
    """
    The soft policy gradient, one step a rollout; without a baseline REINFORCE (Liu et al. 2020, Eqs. 19 and 20).

    It ascends Â log π(a|s) + αH(π(·|s)), or (Â − α log π_old(a|s)) log π(a|s). With a learned baseline Â is the soft
    GAE(λ) advantage (Eqs. 36 and 37). Without one it is the discounted soft reward-to-go Σ γᵏ (r + αH), whitened if
    ``normalize_advantage``: REINFORCE (Williams 1992), at ``ent_coef=0`` the plain one. A time limit then counts as the
    episode's end, and steps whose episode the rollout has cut off are left out, their reward-to-go being unknown.

    :param policy: ``"MlpPolicy"``, ``"CnnPolicy"``, ``"MultiInputPolicy"`` or a policy class
    :param env: an environment or its id
    :param learning_rate: the optimiser's step size, a number or a function of the remaining progress
    :param n_steps: steps a rollout in each environment; not used with ``n_episodes``
    :param n_episodes: whole episodes a rollout, shared out among the environments beforehand, so that short episodes
        are not preferred; None for rollouts of ``n_steps``
    :param baseline: whether a value function is learned and subtracted
    :param gamma: discount γ
    :param gae_lambda: λ of GAE with a baseline
    :param normalize_advantage: whether Â is centred and divided by its std over the rollout
    :param vf_coef: weight of the value loss
    :param max_grad_norm: where the gradient's norm is clipped; None for nowhere
    :param use_sde: whether to explore with gSDE
    :param sde_sample_freq: steps between two exploration matrices of gSDE; −1 for one a rollout
    :param rollout_buffer_class: another rollout buffer
    :param rollout_buffer_kwargs: its arguments
    :param stats_window_size: episodes in the means that are logged
    :param tensorboard_log: folder for TensorBoard
    :param policy_kwargs: the policy's arguments
    :param verbose: 0 silent, 1 information, 2 debugging
    :param seed: seed of all generators
    :param device: where to compute

    What follows, and ``ent_coef``, is explained in
    :class:`~sb3_entropy.algorithms.on_policy.algorithm.SoftOnPolicyAlgorithm`.
    """

    def __init__(
        self,
        policy: str | type[ActorCriticPolicy],
        env: GymEnv | str,
        learning_rate: float | Schedule = 1e-3,
        n_steps: int = 2048,
        n_episodes: int | None = None,
        baseline: bool = True,
        gamma: float = 0.99,
        gae_lambda: float = 1.0,
        normalize_advantage: bool = True,
        ent_coef: EntCoef = 0.01,
        vf_coef: float = 0.5,
        max_grad_norm: float | None = 0.5,
        use_sde: bool = False,
        sde_sample_freq: int = -1,
        rollout_buffer_class: type[RolloutBuffer] | None = None,
        rollout_buffer_kwargs: dict[str, Any] | None = None,
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
            ent_coef=0.0,
            vf_coef=vf_coef,
            max_grad_norm=max_grad_norm,
            use_sde=use_sde,
            sde_sample_freq=sde_sample_freq,
            rollout_buffer_class=rollout_buffer_class,
            rollout_buffer_kwargs=rollout_buffer_kwargs,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            policy_kwargs=policy_kwargs,
            verbose=verbose,
            seed=seed,
            device=device,
            _init_setup_model=False,
            supported_action_spaces=SUPPORTED_SPACES,
        )
        self._init_policy_gradient(n_episodes, baseline, normalize_advantage)
        self._init_soft(locals())
        if _init_setup_model:
            self._setup_model()
