"""Stable-Baselines3's actor-critic policies, with a choice of std scheme and of action distribution."""

from typing import Any

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.distributions import DiagGaussianDistribution, Distribution
from stable_baselines3.common.policies import (
    ActorCriticCnnPolicy,
    ActorCriticPolicy,
    BasePolicy,
    MultiInputActorCriticPolicy,
)
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import Schedule
from torch import nn

from sb3_entropy.distributions import BoxDistribution, StdScheme
from sb3_entropy.distributions.boxes import from_box, is_stock, to_box
from sb3_entropy.distributions.choices import choices, counts_from_zero, from_zero, widened
from sb3_entropy.distributions.gaussian import GaussianDistribution, gaussian_entropy
from sb3_entropy.registry import ACTION_DISTRIBUTIONS, STD_SCHEMES


class CountingFromZero(BasePolicy):
    """
    Stands, in the order of classes, where ActorCriticPolicy calls its parent's ``extract_features``, as all its passes
    do: Stable-Baselines3's one-hot codes take every Discrete observation for one that counts from 0, and add up how
    many choices there are in the dtype of the space.
    """

    def __init__(self, observation_space: spaces.Space[Any], *args: Any, **kwargs: Any):
        super().__init__(widened(observation_space), *args, **kwargs)

    def extract_features(self, obs: Any, features_extractor: BaseFeaturesExtractor) -> th.Tensor:
        """
        :param obs: B observations
        :param features_extractor: what makes features of them
        :return: the features
        """
        return super().extract_features(from_zero(obs, self.observation_space), features_extractor)


class SoftActorCriticPolicy(ActorCriticPolicy, CountingFromZero):  # type: ignore[misc]
    """
    What the three policies below add to Stable-Baselines3's. At the defaults the networks, their names and their
    initial parameters are Stable-Baselines3's own, so that its saved policies load.

    :param args: the parent's arguments
    :param std_scheme: how σ depends on the state: ``"global"``, ``"local"``, ``"global_local"``,
        ``"global_clipped_local"`` (Liu et al. 2020, Table 1) or ``"fixed"`` (σ not learned). Every scheme starts at
        σ = exp(``log_std_init``) in every state
    :param std_scheme_kwargs: options of the scheme: ``delta``, ``source_offsets``
    :param action_distribution: ``"gaussian"`` (unbounded, clipped after sampling), ``"tanh_gaussian"`` or ``"beta"``
        (inside the action box)
    :param entropy_estimator: for ``"tanh_gaussian"``, whose entropy has no closed form: ``"quadrature"`` or
        ``"monte_carlo"``
    :param kwargs: the parent's arguments
    :raises ValueError: if a name is unknown, or two choices do not fit together
    """

    #: whether values are computed; an algorithm without a baseline says no, and V ≡ 0 then costs nothing
    has_critic: bool = True

    def __init__(
        self,
        *args: Any,
        std_scheme: str = "global",
        std_scheme_kwargs: dict[str, Any] | None = None,
        action_distribution: str = "gaussian",
        entropy_estimator: str | None = None,
        **kwargs: Any,
    ):
        self._soft_kwargs: dict[str, Any] = {
            "std_scheme": std_scheme,
            "std_scheme_kwargs": std_scheme_kwargs,
            "action_distribution": action_distribution,
            "entropy_estimator": entropy_estimator,
        }
        if std_scheme_kwargs is not None and not isinstance(std_scheme_kwargs, dict):
            raise TypeError(f"std_scheme_kwargs must be a dict or None, but {std_scheme_kwargs!r} was given.")
        self._scheme_class: type[StdScheme] = STD_SCHEMES.get(std_scheme)
        STD_SCHEMES.check_options(std_scheme, std_scheme_kwargs or {}, ("latent_dim", "action_dim", "log_std_init"))
        self._distribution_class: type[BoxDistribution] = ACTION_DISTRIBUTIONS.get(action_distribution)
        if not self._distribution_class.has_std and (std_scheme != "global" or std_scheme_kwargs):
            raise ValueError(
                f"std_scheme={std_scheme!r} has no effect with action_distribution={action_distribution!r}, which has "
                "no standard deviation to learn. Choose action_distribution='gaussian' or 'tanh_gaussian', or leave "
                "std_scheme at 'global'."
            )
        super().__init__(*args, **kwargs)
        self._stock_box = not isinstance(self.action_space, spaces.Box) or is_stock(self.action_space)
        if isinstance(self.action_dist, BoxDistribution) and self.action_dist.bounded:
            self._squash_output = True

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), **self._soft_kwargs}

    def _build(self, lr_schedule: Schedule) -> None:
        self.action_dist = choices(self.action_space) or self.action_dist
        super()._build(lr_schedule)
        self._is_stock = True
        chosen = [key for key, value in self._soft_kwargs.items() if value not in ("global", "gaussian", None, {})]
        if self.use_sde or not isinstance(self.action_space, spaces.Box):
            if chosen:
                reason = "with use_sde=True" if self.use_sde else f"with {self.action_space} actions"
                raise ValueError(
                    f"{', '.join(chosen)} in policy_kwargs cannot be used {reason}: they shape a distribution over a "
                    "box without gSDE. Leave them out."
                )
            return
        distribution = self._distribution_class(self.action_space, self._soft_kwargs["entropy_estimator"])
        self.action_dist = distribution
        if not isinstance(distribution, GaussianDistribution):
            self.action_net = distribution.proba_distribution_net(self.mlp_extractor.latent_dim_pi)
            if self.ortho_init:
                self.init_weights(self.action_net, gain=0.01)
        if distribution.has_std:
            self._add_std_scheme(distribution.action_dim)
        else:
            del self.log_std
        self._is_stock = not chosen
        if chosen:
            # What was added after the parent's _build() is not in its optimizer.
            self.optimizer = self.optimizer_class(
                self.parameters(),
                lr=lr_schedule(1),  # type: ignore[call-arg]
                **self.optimizer_kwargs,
            )

    def _add_std_scheme(self, action_dim: int) -> None:
        options = self._soft_kwargs["std_scheme_kwargs"] or {}
        self.std_scheme: StdScheme = self._scheme_class(
            self.mlp_extractor.latent_dim_pi, action_dim, self.log_std_init, **options
        )
        initial = th.full_like(self.log_std, self.std_scheme.global_log_std_init, requires_grad=False)
        if self.std_scheme.global_part == "learned":
            self.log_std.data.copy_(initial)
            return
        del self.log_std
        if self.std_scheme.global_part == "constant":
            self.register_buffer("log_std", initial)

    @property
    def squash_output(self) -> bool:
        """
        Whether :meth:`unscale_action` makes the environment's actions of the samples, as it does of those in [−1, 1],
        and of any where Stable-Baselines3's clipping would give them another dtype than the box's.
        """
        return self._squash_output or not self._stock_box

    def unscale_action(self, scaled_action: np.ndarray) -> np.ndarray:
        """
        :param scaled_action: samples of the policy, shape (…, *shape of the box), as arrays
        :return: what the environment gets for them: in the box, of its dtype, and of integers the nearest
        """
        box = self.action_space
        assert isinstance(box, spaces.Box)
        if not self._stock_box:
            return to_box(box, scaled_action, self._squash_output)
        actions: np.ndarray = np.clip(super().unscale_action(scaled_action), box.low, box.high)  # off in the last place
        return actions

    def scale_action(self, action: np.ndarray) -> np.ndarray:
        """
        :param action: actions of the environment, shape (…, *shape of the box), as arrays
        :return: the same in [−1, 1]
        """
        box = self.action_space
        assert isinstance(box, spaces.Box)
        scaled: np.ndarray = super().scale_action(action) if self._stock_box else from_box(box, action)
        return scaled

    def forward(self, obs: Any, deterministic: bool = False) -> tuple[th.Tensor, th.Tensor, th.Tensor]:
        """
        :param obs: B observations
        :param deterministic: whether to take the mode
        :return: actions, values of shape (B, 1) and log-probabilities of shape (B,)
        """
        if self.has_critic:
            return super().forward(obs, deterministic)
        distribution = self.get_distribution(obs)
        actions = distribution.get_actions(deterministic=deterministic)
        log_prob = distribution.log_prob(actions)
        actions = actions.reshape((-1, *self.action_space.shape))  # type: ignore[misc]
        return actions, log_prob.new_zeros((len(log_prob), 1)), log_prob

    def evaluate_actions(self, obs: Any, actions: th.Tensor) -> tuple[th.Tensor, th.Tensor, th.Tensor | None]:
        """
        :param obs: B observations
        :param actions: one for each
        :return: values of shape (B, 1), log-probabilities and entropies of shape (B,)
        """
        if self.has_critic:
            return super().evaluate_actions(obs, actions)
        distribution = self.get_distribution(obs)
        log_prob = distribution.log_prob(actions)
        return log_prob.new_zeros((len(log_prob), 1)), log_prob, distribution.entropy()

    def predict_values(self, obs: Any) -> th.Tensor:
        """
        :param obs: B observations
        :return: values of shape (B, 1)
        """
        if self.has_critic:
            return super().predict_values(obs)
        first = next(iter(obs.values())) if isinstance(obs, dict) else obs
        return th.zeros((len(first), 1), device=self.device)

    def _get_action_dist_from_latent(self, latent_pi: th.Tensor) -> Distribution:
        if self._is_stock:
            return super()._get_action_dist_from_latent(latent_pi)
        assert isinstance(self.action_dist, BoxDistribution)
        parameters: tuple[th.Tensor, ...] = (self.action_net(latent_pi),)
        if self.action_dist.has_std:
            parameters += (self.std_scheme(latent_pi, getattr(self, "log_std", None)),)
        distribution: Distribution = self.action_dist.proba_distribution(*parameters)
        return distribution


class SoftActorCriticCnnPolicy(SoftActorCriticPolicy, ActorCriticCnnPolicy):  # type: ignore[misc]
    """``"CnnPolicy"``: images."""


class SoftMultiInputActorCriticPolicy(SoftActorCriticPolicy, MultiInputActorCriticPolicy):  # type: ignore[misc]
    """``"MultiInputPolicy"``: Dict observations."""


POLICIES: dict[str, type[ActorCriticPolicy]] = {
    "MlpPolicy": SoftActorCriticPolicy,
    "CnnPolicy": SoftActorCriticCnnPolicy,
    "MultiInputPolicy": SoftMultiInputActorCriticPolicy,
}

MlpPolicy = SoftActorCriticPolicy
CnnPolicy = SoftActorCriticCnnPolicy
MultiInputPolicy = SoftMultiInputActorCriticPolicy


def check_spaces(policy: ActorCriticPolicy) -> None:
    """
    :param policy: any policy
    :raises ValueError: if it is none of ours, and Stable-Baselines3's methods, which it has, would get its spaces wrong
    """
    if isinstance(policy, SoftActorCriticPolicy):
        return
    remedy = (
        f"Choose one of {', '.join(POLICIES)}, or derive yours from sb3_entropy.policies.soft.SoftActorCriticPolicy."
    )
    for name in ("action_space", "observation_space"):
        space = getattr(policy, name)
        if not counts_from_zero(space):
            raise ValueError(
                f"{type(policy).__name__} takes the {name.replace('_', ' ')} {space} for one that counts from 0, as "
                f"Stable-Baselines3 does. {remedy}"
            )
    box = policy.action_space
    if policy.squash_output and isinstance(box, spaces.Box) and not is_stock(box):
        raise ValueError(
            f"{type(policy).__name__} stretches its actions over {box} in {box.dtype}, which does not hold the box's "
            f"width or its samples, as Stable-Baselines3 does. {remedy}"
        )


def state_independent_entropy(policy: nn.Module) -> float | None:
    """
    The entropy of a policy for which it is the same in every state, without a pass through the network.

    :param policy: any policy
    :return: H in nats if the policy is an unbounded Gaussian with one σ for all states, else None
    """
    if not isinstance(policy, ActorCriticPolicy) or not isinstance(policy.action_dist, DiagGaussianDistribution):
        return None
    build = type(policy)._get_action_dist_from_latent
    with th.no_grad():
        if build is ActorCriticPolicy._get_action_dist_from_latent:
            return float(gaussian_entropy(policy.log_std))
        if build is not SoftActorCriticPolicy._get_action_dist_from_latent:
            return None
        scheme = getattr(policy, "std_scheme", None)
        gaussian = isinstance(policy.action_dist, GaussianDistribution)
        if not gaussian or not isinstance(scheme, StdScheme) or scheme.is_local:
            return None
        any_state = th.zeros((1, policy.mlp_extractor.latent_dim_pi), device=policy.device)
        return float(gaussian_entropy(scheme(any_state, getattr(policy, "log_std", None))))


def has_constant_entropy(policy: nn.Module) -> bool:
    """:return: whether nothing that is learned changes the policy's entropy: a Gaussian whose σ is not learned"""
    scheme = getattr(policy, "std_scheme", None)
    gaussian = isinstance(getattr(policy, "action_dist", None), GaussianDistribution)
    return gaussian and isinstance(scheme, StdScheme) and scheme.global_part == "constant" and not scheme.is_local
