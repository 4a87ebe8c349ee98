"""DivergenceRegPG: the policy gradient with a divergence from a reference policy in its loss."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch as th
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import GymEnv, Schedule

from sb3_entropy.algorithms.common.arguments import SUPPORTED_SPACES, check_arguments
from sb3_entropy.algorithms.common.search import Between, SearchSpace
from sb3_entropy.algorithms.on_policy.policy_gradient import PolicyGradient
from sb3_entropy.divergences import Divergence
from sb3_entropy.environments import find_env
from sb3_entropy.errors import MisfitError
from sb3_entropy.handed_over import is_plain, owned
from sb3_entropy.references import Reference
from sb3_entropy.registry import ALGORITHMS, DIVERGENCES, REFERENCES
from sb3_entropy.regularizers.coefficients import Coefficient
from sb3_entropy.regularizers.regularizer import Regularizer, fitting
from sb3_entropy.temperature import EntCoef

REGULARIZER_ARGUMENTS = frozenset(inspect.signature(Regularizer).parameters)


@ALGORITHMS.register("divergence_reg_pg")
class DivergenceRegPG(PolicyGradient):
    """
    The policy gradient with a divergence regulariser (Starnes et al. 2023, arXiv 2310.05324, Section 2).

    It descends −Â log π(a|s) + λ D(π(·|s), q(·|s)), one step of Adam a rollout, D averaged over the rollout; with
    ``mode="repel"`` −λ min(D, cap). In the paper Â is the reward r of a contextual bandit, without baseline, and q, in
    its code, the uniform policy: both are the defaults here. With several steps an episode Â is the reward-to-go, with
    ``baseline=True`` the GAE(λ) advantage.

    The paper's penalties are not quite what they are called there; the page *Divergences* of the documentation has
    their true names, and λ in each.

    :param policy: ``"MlpPolicy"``, ``"CnnPolicy"``, ``"MultiInputPolicy"`` or a policy class
    :param env: an environment or its id
    :param learning_rate: the optimiser's step size, a number or a function of the remaining progress
    :param n_steps: steps a rollout in each environment; not used with ``n_episodes``
    :param n_episodes: whole episodes a rollout, shared out among the environments beforehand; None for rollouts of
        ``n_steps``
    :param baseline: whether a value function is learned and subtracted
    :param gamma: discount γ
    :param gae_lambda: λ of GAE with a baseline
    :param normalize_advantage: whether Â is centred and divided by its std over the rollout
    :param divergence: D: ``"kl"``, ``"reverse_kl"``, ``"jensen_shannon"``, ``"hellinger"``, ``"total_variation"``,
        ``"mmd"``, one of the paper's variants, ``{"divergence": key, **options}``, or a
        :class:`~sb3_entropy.divergences.Divergence`
    :param divergence_kwargs: its options: ``estimator``, ``n_samples``, and ``kernel`` for ``"mmd"``
    :param coef: λ, in every form that :class:`~sb3_entropy.regularizers.regularizer.Regularizer` knows
    :param reference: q: ``"uniform"``, ``"previous"``, ``"ema"`` or ``"frozen"``,
        ``{"reference": key, **options}``, or a :class:`~sb3_entropy.references.Reference`
    :param reference_kwargs: its options
    :param mode: ``"attract"`` or ``"repel"``
    :param cap: the divergence above which ``"repel"`` leaves a state alone
    :param target_divergence: what ``coef="auto"`` tunes λ to
    :param coef_lr: how fast: nats of log λ a transition and relative error
    :param vf_coef: weight of the value loss
    :param max_grad_norm: where the gradient's norm is clipped; None for nowhere, as in the paper's code
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

    What follows, and ``ent_coef``, here 0, is explained in
    :class:`~sb3_entropy.algorithms.on_policy.algorithm.SoftOnPolicyAlgorithm`. ``regularizers`` come on top of it.
    """

    made_from: ClassVar[Mapping[str, frozenset[str]]] = {
        "_make_own_regularizers": REGULARIZER_ARGUMENTS,
        **PolicyGradient.made_from,
        "_make_regularizers": PolicyGradient.made_from["_make_regularizers"] | REGULARIZER_ARGUMENTS,
    }
    default_log_interval = 10
    search_space: ClassVar[SearchSpace] = {
        **PolicyGradient.search_space,
        "coef": Between(1e-5, 1.0, log=True),
        "normalize_advantage": (False, True),
        "baseline": (False, True),
    }

    def __init__(
        self,
        policy: str | type[ActorCriticPolicy],
        env: GymEnv | str,
        learning_rate: float | Schedule = 1e-3,
        n_steps: int = 100,
        n_episodes: int | None = None,
        baseline: bool = False,
        gamma: float = 0.99,
        gae_lambda: float = 1.0,
        normalize_advantage: bool = False,
        divergence: str | Mapping[str, Any] | Divergence = "kl",
        divergence_kwargs: dict[str, Any] | None = None,
        coef: Coefficient = 0.1,
        reference: str | Mapping[str, Any] | Reference = "uniform",
        reference_kwargs: dict[str, Any] | None = None,
        mode: str = "attract",
        cap: float | None = None,
        target_divergence: float | None = None,
        coef_lr: float = 2e-4,
        ent_coef: EntCoef = 0.0,
        vf_coef: float = 0.5,
        max_grad_norm: float | None = None,
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
        self.divergence = divergence
        self.divergence_kwargs = owned(divergence_kwargs)
        self.coef = coef
        self.reference = reference
        self.reference_kwargs = owned(reference_kwargs)
        self.mode = mode
        self.cap = cap
        self.target_divergence = target_divergence
        self.coef_lr = coef_lr
        self._make_own_regularizers({})
        if _init_setup_model:
            self._setup_model()

    def _make_own_regularizers(self, before: Mapping[str, Any]) -> None:
        """What of it stays keeps what it has learned; another divergence or reference keeps the options that it has."""
        for part, registry in (("divergence", DIVERGENCES), ("reference", REFERENCES)):
            if part in before and (options := f"{part}_kwargs") not in before:
                self.__dict__[options] = fitting(registry, getattr(self, part), getattr(self, options))
        given = {name: getattr(self, name) for name in REGULARIZER_ARGUMENTS}
        if not self._own_regularizers:
            self._own_regularizers = [Regularizer(**given)]
        elif changed := before.keys() & REGULARIZER_ARGUMENTS:
            try:
                self._own_regularizers = [self._own_regularizers[0].changed(given, changed)]
            except MisfitError as error:
                if not self._is_set_up:
                    raise
                together = ", ".join(f"{name}=…" for name in error.names)
                raise ValueError(f"{error} Set them together: set_arguments({together}).") from error

    def _excluded_save_params(self) -> list[str]:
        """Objects: what was made from them is saved, a kernel's features, a frozen policy's parameters."""
        objects = [name for name in ("divergence_kwargs", "reference_kwargs") if not is_plain(getattr(self, name))]
        return [*super()._excluded_save_params(), *objects]
