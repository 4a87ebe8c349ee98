"""Which head a policy has, under which conditions."""

from typing import Any

from gymnasium import spaces
from stable_baselines3.common.distributions import (
    BernoulliDistribution,
    CategoricalDistribution,
    DiagGaussianDistribution,
    MultiCategoricalDistribution,
    SquashedDiagGaussianDistribution,
    StateDependentNoiseDistribution,
)
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.td3.policies import TD3Policy

from sb3_entropy.distributions.beta import BetaDistribution
from sb3_entropy.distributions.choices import ShiftedCategorical, ShiftedMultiCategorical
from sb3_entropy.distributions.gaussian import GaussianDistribution
from sb3_entropy.distributions.tanh_gaussian import TanhGaussianDistribution
from sb3_entropy.landscape.candidates.heads import (
    BetaHead,
    DeterministicHead,
    GaussianHead,
    GreedyHead,
    Head,
    SoftmaxHead,
)
from sb3_entropy.landscape.objectives.base import Conditions
from sb3_entropy.policies.laws import GREEDY, is_actor_critic

GAUSSIAN = (DiagGaussianDistribution, GaussianDistribution)
SQUASHED_GAUSSIAN = (SquashedDiagGaussianDistribution, TanhGaussianDistribution)
CHOICES = (
    *(CategoricalDistribution, ShiftedCategorical, MultiCategoricalDistribution, ShiftedMultiCategorical),
    BernoulliDistribution,
)


def _distribution_of(policy: BasePolicy) -> Any:
    return policy.action_dist if is_actor_critic(policy) else policy.actor.action_dist  # type: ignore[union-attr]


def head_of(policy: BasePolicy, conditions: Conditions) -> Head:
    """
    :param policy: a policy that has a law at an observation
    :param conditions: under what it acts
    :return: what makes its actions
    :raises TypeError: if they are distributed by a class that is not known
    :raises ValueError: if the conditions make no sense for it
    """
    name, space = type(policy).__name__, policy.action_space
    finite = not isinstance(space, spaces.Box)
    if conditions.mix and not finite:
        raise ValueError(
            f"mix={conditions.mix:g} mixes the policy with uniform choices, but the actions of {name} are {space}. "
            "Choose std instead, or mix=0."
        )
    if conditions.std is not None and finite:
        raise ValueError(
            f"std={conditions.std:g} is the σ of a Gaussian policy, but the actions of {name} are {space}. Choose mix "
            "instead, or std=None."
        )
    head = _plain_head(policy, conditions)
    several = isinstance(space, (spaces.MultiDiscrete, spaces.MultiBinary))
    if conditions.ent_coef and conditions.mix and several:
        raise ValueError(
            f"The entropy of a mixture over {space} is no sum over its choices. Use mix=0 or ent_coef=0 here."
        )
    if conditions.ent_coef and isinstance(head, DeterministicHead):
        raise ValueError(f"{name} is deterministic and has no entropy. Use ent_coef=0.")
    if conditions.ent_coef and isinstance(head, GaussianHead):
        if conditions.std == 0:
            raise ValueError("With std=0 the policy's entropy is −∞. Use ent_coef=0, or std > 0.")
        if head.squashed:
            raise ValueError(
                f"The entropy of {name}, a squashed Gaussian, has no closed form, and none is estimated here. Use "
                "ent_coef=0, or a policy that is Gaussian, Beta or over finitely many actions."
            )
    return head


def _plain_head(policy: BasePolicy, conditions: Conditions) -> Head:
    name, space, std = type(policy).__name__, policy.action_space, conditions.std
    if isinstance(policy, GREEDY):
        return GreedyHead(space, conditions.mix)
    if isinstance(policy, TD3Policy):
        _check_no_std(f"{name} is deterministic", std)
        return DeterministicHead(space)  # type: ignore[arg-type]
    distribution = _distribution_of(policy)
    kind: Any = type(distribution)
    if kind is StateDependentNoiseDistribution:
        if std is None:
            raise ValueError(
                f"{name} explores by gSDE, whose noise is a matrix that is drawn now and then. Choose σ instead: "
                "Conditions(std=…), 0 for its mean."
            )
        return GaussianHead(space, std, distribution.bijector is not None)  # type: ignore[arg-type]
    if kind in GAUSSIAN or kind in SQUASHED_GAUSSIAN:
        return GaussianHead(space, std, kind in SQUASHED_GAUSSIAN)  # type: ignore[arg-type]
    if kind is BetaDistribution:
        if std is not None:
            raise ValueError(
                f"std={std:g} is the σ of a Gaussian policy, but {name} is a Beta distribution. Use std=None."
            )
        return BetaHead(space)  # type: ignore[arg-type]
    if kind in CHOICES:
        return SoftmaxHead(space, conditions.mix)
    known = ", ".join(one.__name__ for one in (*GAUSSIAN, *SQUASHED_GAUSSIAN, BetaDistribution, *CHOICES))
    raise TypeError(
        f"The actions of {name} are distributed by {kind.__name__}, whose noise cannot be given from outside. Known "
        f"are {known}."
    )


def _check_no_std(reason: str, std: float | None) -> None:
    if std:
        raise ValueError(f"std={std:g} is the σ of a Gaussian policy, but {reason}. Use std=None.")
