"""STRPO: soft trust-region policy optimisation."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import torch as th
from sb3_contrib import TRPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import GymEnv, RolloutBufferSamples, Schedule

from sb3_entropy.algorithms.common.arguments import check_arguments, check_batch
from sb3_entropy.algorithms.common.losses import surrogate_loss
from sb3_entropy.algorithms.common.search import Between, SearchSpace
from sb3_entropy.algorithms.on_policy.algorithm import SoftOnPolicyAlgorithm
from sb3_entropy.algorithms.on_policy.soft_returns import required_entropy
from sb3_entropy.algorithms.on_policy.trust_region import TrustRegion
from sb3_entropy.distributions.laws import law_of
from sb3_entropy.environments import find_env
from sb3_entropy.errors import check_number
from sb3_entropy.registry import ALGORITHMS
from sb3_entropy.regularizers.collection import Regularization
from sb3_entropy.regularizers.regularizer import Regularizer
from sb3_entropy.temperature import EntCoef


@ALGORITHMS.register("strpo")
class STRPO(SoftOnPolicyAlgorithm, TRPO):
    """
    Soft TRPO: a natural-gradient step on the soft surrogate inside a KL trust region (Liu et al. 2020, Section 3).

    It maximises mean(ρ Â) + α mean H(π(·|s)), or mean(ρ (Â − α log π_old(a|s))), with ratio ρ = π(a|s)/π_old(a|s),
    less what the ``regularizers`` add to the loss, subject to KL(π ‖ π_old) ≤ ``target_kl``; value and return are as
    in Eqs. 33 to 37.

    Arguments up to ``_init_setup_model`` are those of sb3-contrib's TRPO; what follows is explained in
    :class:`~sb3_entropy.algorithms.on_policy.algorithm.SoftOnPolicyAlgorithm`, but for:

    :param kl_reduction: ``"mean"``, the KL divergence averaged over action dimensions for Gaussian and Bernoulli
        policies, as in sb3-contrib; or ``"sum"``, that of the joint distribution, which is what the theory bounds. For
        d action dimensions the sum is d times the mean, yet ``"sum"`` with d × ``target_kl`` is not ``"mean"`` with
        ``target_kl``: the damping ``cg_damping`` is added to d times the Fisher matrix, so the direction differs,
        unless ``cg_damping`` is multiplied by d too.
    """

    search_space: ClassVar[SearchSpace] = {
        "batch_size_pow": Between(5, 10),
        "n_steps_pow": Between(5, 12),
        "n_critic_updates": Between(5, 30),
        "cg_max_steps": Between(5, 30),
        "target_kl": Between(0.001, 0.1, log=True),
    }
    # TRPO cannot do without.
    checks: ClassVar[Mapping[str, Callable[[str, Any], None]]] = {
        "target_kl": partial(check_number, low=0, open_low=True)
    }
    made_from: ClassVar[Mapping[str, frozenset[str]]] = {
        **SoftOnPolicyAlgorithm.made_from,
        "_check_rollout": frozenset({"n_steps", "normalize_advantage"}),
    }

    def __init__(
        self,
        policy: str | type[ActorCriticPolicy],
        env: GymEnv | str,
        learning_rate: float | Schedule = 1e-3,
        n_steps: int = 2048,
        batch_size: int = 128,
        gamma: float = 0.99,
        cg_max_steps: int = 15,
        cg_damping: float = 0.1,
        line_search_shrinking_factor: float = 0.8,
        line_search_max_iter: int = 10,
        n_critic_updates: int = 10,
        gae_lambda: float = 0.95,
        use_sde: bool = False,
        sde_sample_freq: int = -1,
        rollout_buffer_class: type[RolloutBuffer] | None = None,
        rollout_buffer_kwargs: dict[str, Any] | None = None,
        normalize_advantage: bool = True,
        target_kl: float = 0.01,
        sub_sampling_factor: int = 1,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: th.device | str = "auto",
        _init_setup_model: bool = True,
        ent_coef: EntCoef = 0.01,
        target_entropy: float | str = "auto",
        ent_coef_lr: float = 2e-4,
        soft_gradient: str = "entropy",
        entropy_in_return: bool = True,
        entropy_in_improvement: bool = True,
        ent_coef_unit: str = "reward",
        regularizers: Sequence[Mapping[str, Any] | Regularizer] | None = None,
        fast: bool | str = "auto",
        kl_reduction: str = "mean",
    ):
        check_arguments(locals(), self.checks)
        super().__init__(
            policy,
            find_env(env),
            learning_rate=learning_rate,
            n_steps=n_steps,
            batch_size=batch_size,
            gamma=gamma,
            cg_max_steps=cg_max_steps,
            cg_damping=cg_damping,
            line_search_shrinking_factor=line_search_shrinking_factor,
            line_search_max_iter=line_search_max_iter,
            n_critic_updates=n_critic_updates,
            gae_lambda=gae_lambda,
            use_sde=use_sde,
            sde_sample_freq=sde_sample_freq,
            rollout_buffer_class=rollout_buffer_class,
            rollout_buffer_kwargs=rollout_buffer_kwargs,
            normalize_advantage=normalize_advantage,
            target_kl=target_kl,
            sub_sampling_factor=sub_sampling_factor,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            policy_kwargs=policy_kwargs,
            verbose=verbose,
            seed=seed,
            device=device,
            _init_setup_model=False,
        )
        self._init_soft(locals())
        self.kl_reduction = kl_reduction
        if _init_setup_model:
            self._setup_model()

    def _check_rollout(self, before: Mapping[str, Any]) -> None:
        if self.normalize_advantage:
            check_batch("n_steps × n_envs", self.n_steps * self.n_envs)

    def _improve(self) -> None:
        batch = self._subsampled(next(iter(self.rollout_buffer.get(batch_size=None))))
        actor_parameters = self._step_policy(batch)
        self._descend_critic(self.batch_size, self.n_critic_updates, without=actor_parameters)
        self._n_updates += 1

    def _step_policy(self, batch: RolloutBufferSamples) -> list[th.nn.Parameter]:
        """One step inside the trust region. Returns the policy's parameters, those of the value left out."""
        actions = self._actions(batch)
        advantages, unit = self._advantages(batch)

        regularization: Regularization | None = None
        if self.active_regularizers:
            law = law_of(self.policy.get_distribution(batch.observations), self.action_space)
            regularization = self.active_regularizers.regularization(
                self.policy, batch.observations, law, self._current_progress_remaining
            )

        def surrogate(distribution: Distribution) -> th.Tensor:
            log_prob = distribution.log_prob(actions)
            objective: th.Tensor = -self._policy_loss(advantages, log_prob, batch)
            if regularization is not None:
                objective = objective - regularization(law_of(distribution, self.action_space), -objective)
            if self._adds_entropy:
                entropy = required_entropy(distribution.entropy(), self.policy)
                objective = objective + self._immediate_alpha(unit) * entropy.mean()
            return objective

        step = TrustRegion(self, batch.observations, surrogate, self.kl_reduction).step()
        self.logger.record("train/policy_objective", step.objective)
        self.logger.record("train/kl_divergence_loss", step.kl_divergence)
        self.logger.record("train/is_line_search_success", float(step.success))
        return step.parameters

    def _policy_loss(self, advantages: th.Tensor, log_prob: th.Tensor, batch: RolloutBufferSamples) -> th.Tensor:
        """−mean(ρ A)."""
        return surrogate_loss(advantages, log_prob, batch.old_log_prob)

    def _subsampled(self, batch: RolloutBufferSamples) -> RolloutBufferSamples:
        every = self.sub_sampling_factor
        if every == 1:
            return batch
        observations: Any = batch.observations
        if isinstance(observations, dict):
            observations = {key: array[::every] for key, array in observations.items()}
        else:
            observations = observations[::every]
        return batch._replace(
            observations=observations,
            actions=batch.actions[::every],
            old_log_prob=batch.old_log_prob[::every],
            advantages=batch.advantages[::every],
        )
