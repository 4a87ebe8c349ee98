"""The laws of Stable-Baselines3's distributions, and the uniform ones."""

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.distributions import (
    BernoulliDistribution,
    CategoricalDistribution,
    DiagGaussianDistribution,
    Distribution,
    MultiCategoricalDistribution,
    SquashedDiagGaussianDistribution,
    StateDependentNoiseDistribution,
)
from stable_baselines3.common.preprocessing import get_action_dim
from torch.nn import functional as F

from sb3_entropy.distributions.beta import BetaDistribution
from sb3_entropy.distributions.choices import ShiftedCategorical, ShiftedMultiCategorical
from sb3_entropy.distributions.laws.base import Law
from sb3_entropy.distributions.laws.bounded import Beta, TanhGaussian, UniformBox
from sb3_entropy.distributions.laws.finite import Finite
from sb3_entropy.distributions.laws.gaussian import Gaussian
from sb3_entropy.distributions.laws.generic import Generic, box_of
from sb3_entropy.distributions.tanh_gaussian import TanhGaussianDistribution
from sb3_entropy.errors import HOW_TO_BOUND


def _categorical(distribution: Any, space: Any) -> Law:
    return Finite((distribution.distribution.logits,))


def _multi_categorical(distribution: Any, space: Any) -> Law:
    return Finite(tuple(factor.logits for factor in distribution.distribution))


def _bernoulli(distribution: Any, space: Any) -> Law:
    logits = distribution.distribution.logits
    return Finite(tuple(th.stack([F.logsigmoid(-x), F.logsigmoid(x)], dim=1) for x in logits.unbind(1)))


def _gaussian(distribution: Any, space: Any) -> Law:
    return Gaussian(distribution.distribution.loc, distribution.distribution.scale)


def _tanh_gaussian(distribution: Any, space: Any) -> Law:
    mean, std = distribution.distribution.loc, distribution.distribution.scale
    return TanhGaussian(mean, std, *box_of(space, mean))


def _beta(distribution: Any, space: Any) -> Law:
    a, b = distribution.distribution.concentration1, distribution.distribution.concentration0
    return Beta(a, b, *box_of(space, a))


def _state_dependent_noise(distribution: Any, space: Any) -> Law:
    return _gaussian(distribution, space) if distribution.bijector is None else _tanh_gaussian(distribution, space)


#: what makes the law, by the method that makes the density: a subclass that keeps it has the same law
_MAKERS: dict[Callable[..., th.Tensor], Callable[[Any, Any], Law]] = {
    CategoricalDistribution.log_prob: _categorical,
    ShiftedCategorical.log_prob: _categorical,
    MultiCategoricalDistribution.log_prob: _multi_categorical,
    ShiftedMultiCategorical.log_prob: _multi_categorical,
    BernoulliDistribution.log_prob: _bernoulli,
    DiagGaussianDistribution.log_prob: _gaussian,
    SquashedDiagGaussianDistribution.log_prob: _tanh_gaussian,
    StateDependentNoiseDistribution.log_prob: _state_dependent_noise,
    TanhGaussianDistribution.log_prob: _tanh_gaussian,
    BetaDistribution.log_prob: _beta,
}


def law_of(distribution: Distribution, action_space: spaces.Space) -> Law:  # type: ignore[type-arg]
    """
    The law that a distribution of Stable-Baselines3 holds at this moment. ``policy.get_distribution`` fills one object
    again and again; the law keeps the tensors.

    Densities are in the environment's units, also of squashed distributions, whose samples are in [−1, 1]. With gSDE it
    is the law of an action whose exploration matrix is not known.

    :param distribution: with parameters, of ours, of Stable-Baselines3's or of another package
    :param action_space: what it chooses from
    :return: a law with closed forms where the density is known, else a :class:`Generic` one
    """
    make = _MAKERS.get(type(distribution).log_prob)
    return Generic(copy.copy(distribution), action_space) if make is None else make(distribution, action_space)


def uniform_law(action_space: spaces.Space, batch: int, like: th.Tensor) -> Law:  # type: ignore[type-arg]
    """
    :param action_space: Discrete, MultiDiscrete, MultiBinary, or a bounded Box
    :param batch: B, the number of states
    :param like: a tensor of the type and on the device that the law shall have
    :return: the uniform law
    :raises ValueError: if a box is unbounded or has no width, or the space is of another kind
    """
    if isinstance(action_space, spaces.Box):
        low, high = np.ravel(action_space.low), np.ravel(action_space.high)
        if not (np.isfinite(low).all() and np.isfinite(high).all() and (high > low).all()):
            raise ValueError(
                f"There is no uniform distribution over {action_space}: it needs finite, distinct bounds in every "
                f"dimension. Choose another reference, or bounds. {HOW_TO_BOUND}"
            )
        return UniformBox(*box_of(action_space, like), batch)
    if isinstance(action_space, spaces.Discrete):
        sizes = [int(action_space.n)]
    elif isinstance(action_space, spaces.MultiDiscrete):
        sizes = [int(n) for n in np.ravel(action_space.nvec)]
    elif isinstance(action_space, spaces.MultiBinary):
        sizes = [2] * get_action_dim(action_space)
    else:
        raise ValueError(
            f"There is no uniform law over {action_space}. The actions must be Discrete, MultiDiscrete, MultiBinary "
            "or a Box."
        )
    return Finite(tuple(like.new_full((1, n), -math.log(n)).expand(batch, n) for n in sizes))
