"""Laws of distributions against the distributions themselves."""

import copy
from typing import Any

import numpy as np
import pytest
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

from sb3_entropy.distributions.beta import BetaDistribution
from sb3_entropy.distributions.gaussian import GaussianDistribution
from sb3_entropy.distributions.laws import (
    Beta,
    Bounds,
    Choices,
    Finite,
    Gaussian,
    Generic,
    Law,
    Reals,
    TanhGaussian,
    law_of,
)
from sb3_entropy.distributions.tanh_gaussian import TanhGaussianDistribution

BOX = spaces.Box(np.array([-0.5, 1.0], np.float32), np.array([2.0, 5.0], np.float32))
N_STATES = 4


def normal(*shape: int) -> th.Tensor:
    return th.randn(shape, generator=th.Generator().manual_seed(7))


def noise_distribution(squash: bool) -> Distribution:
    distribution = StateDependentNoiseDistribution(2, squash_output=squash)
    distribution.proba_distribution_net(3, log_std_init=-0.5)
    log_std = 0.3 * normal(3, 2)
    distribution.sample_weights(log_std, N_STATES)
    return distribution.proba_distribution(normal(N_STATES, 2), log_std, normal(N_STATES, 3) + 1)


LOG_STD = th.tensor([-0.6, 0.2])
FILLED: dict[str, tuple[Distribution, spaces.Space[Any], type[Law]]] = {
    "categorical": (CategoricalDistribution(5).proba_distribution(normal(4, 5)), spaces.Discrete(5), Finite),
    "multi_categorical": (
        MultiCategoricalDistribution([3, 2, 4]).proba_distribution(normal(4, 9)),
        spaces.MultiDiscrete([3, 2, 4]),
        Finite,
    ),
    "bernoulli": (BernoulliDistribution(3).proba_distribution(normal(4, 3)), spaces.MultiBinary(3), Finite),
    "diag_gaussian": (DiagGaussianDistribution(2).proba_distribution(normal(4, 2), LOG_STD), BOX, Gaussian),
    "gaussian": (GaussianDistribution(BOX).proba_distribution(normal(4, 2), LOG_STD), BOX, Gaussian),
    "noise": (noise_distribution(False), BOX, Gaussian),
    "tanh_gaussian": (TanhGaussianDistribution(BOX).proba_distribution(normal(4, 2), LOG_STD), BOX, TanhGaussian),
    "beta": (BetaDistribution(BOX).proba_distribution(normal(4, 4)), BOX, Beta),
}
SQUASHED: dict[str, Distribution] = {
    "squashed": SquashedDiagGaussianDistribution(2).proba_distribution(normal(4, 2), LOG_STD),
    "squashed_noise": noise_distribution(True),
}


def in_box(samples: th.Tensor) -> th.Tensor:
    """:return: samples in [−1, 1] in the environment's units"""
    low, high = th.as_tensor(BOX.low), th.as_tensor(BOX.high)
    return low + (high - low) * (samples + 1) / 2


@pytest.mark.parametrize("name", FILLED)
def test_a_law_has_the_density_of_its_distribution(name: str) -> None:
    distribution, space, kind = FILLED[name]
    th.manual_seed(0)
    found = law_of(distribution, space)
    assert type(found) is kind
    samples = th.stack([distribution.sample() for _ in range(6)])
    actions = in_box(samples) if name in ("tanh_gaussian", "beta") else samples
    expected = th.stack([distribution.log_prob(sample) for sample in samples])
    assert found.batch == N_STATES
    assert th.allclose(found.log_prob(actions), expected, atol=2e-4)


@pytest.mark.parametrize("name", SQUASHED)
def test_a_squashed_law_is_in_the_units_of_the_box(name: str) -> None:
    """Stable-Baselines3's squashed densities are in those of [−1, 1], and off by an ε of 1e-6 in the slope."""
    distribution = SQUASHED[name]
    th.manual_seed(0)
    samples = 1.9 * th.rand(20, N_STATES, 2) - 0.95
    found = law_of(distribution, BOX)
    assert isinstance(found, TanhGaussian)
    expected = th.stack([distribution.log_prob(sample) for sample in samples]) - np.log((BOX.high - BOX.low) / 2).sum()
    assert th.allclose(found.log_prob(in_box(samples)), expected, atol=1e-3)


def test_a_law_outlives_what_its_distribution_is_filled_with_next() -> None:
    distribution = CategoricalDistribution(5).proba_distribution(normal(4, 5))
    box = UnknownOverBox(BOX).proba_distribution(normal(4, 2), LOG_STD)
    kept, generic = law_of(distribution, spaces.Discrete(5)), law_of(box, BOX)
    actions, points = kept.sample(3), generic.sample(3)
    before, before_points = kept.log_prob(actions), generic.log_prob(points)
    distribution.proba_distribution(normal(4, 5) + th.arange(5))
    box.proba_distribution(normal(4, 2) + 3, LOG_STD)
    assert th.equal(kept.log_prob(actions), before)
    assert th.equal(generic.log_prob(points), before_points)


class UnknownOverBox(TanhGaussianDistribution):
    """Bounded, and of a density that is not known."""

    def log_prob(self, actions: th.Tensor) -> th.Tensor:
        return super().log_prob(actions)


class UnknownOverReals(DiagGaussianDistribution):
    def log_prob(self, actions: th.Tensor) -> th.Tensor:
        return super().log_prob(actions)


class UnknownChoice(CategoricalDistribution):
    def log_prob(self, actions: th.Tensor) -> th.Tensor:
        return super().log_prob(actions)


class UnknownChoices(MultiCategoricalDistribution):
    def log_prob(self, actions: th.Tensor) -> th.Tensor:
        return super().log_prob(actions)


class UnknownBits(BernoulliDistribution):
    def log_prob(self, actions: th.Tensor) -> th.Tensor:
        return super().log_prob(actions)


UNKNOWN: list[tuple[str, type[Distribution], Any]] = [
    ("tanh_gaussian", UnknownOverBox, Bounds((-0.5, 1.0), (2.0, 5.0))),
    ("diag_gaussian", UnknownOverReals, Reals(2)),
    ("categorical", UnknownChoice, Choices((5,))),
    ("multi_categorical", UnknownChoices, Choices((3, 2, 4))),
    ("bernoulli", UnknownBits, Choices((2, 2, 2))),
]


@pytest.mark.parametrize(("name", "cls", "support"), UNKNOWN, ids=lambda value: getattr(value, "__name__", None))
def test_an_unknown_distribution_is_asked_itself(name: str, cls: type[Distribution], support: object) -> None:
    known, space, _ = FILLED[name]
    unknown = copy.copy(known)
    unknown.__class__ = cls
    found, expected = law_of(unknown, space), law_of(known, space)
    assert isinstance(found, Generic)
    assert found.support == support == expected.support
    assert found.batch == N_STATES
    th.manual_seed(0)
    actions = found.sample(5)
    assert actions.shape == expected.sample(5).shape
    assert th.allclose(found.log_prob(actions), expected.log_prob(actions), atol=1e-3)


def test_the_gradient_of_an_unknown_distribution_can_be_cut() -> None:
    mean, log_std = normal(4, 2).requires_grad_(), LOG_STD.clone().requires_grad_()
    found = law_of(UnknownOverReals(2).proba_distribution(mean, log_std), BOX)
    actions = found.sample(2)
    assert not actions.requires_grad
    assert found.log_prob(actions).requires_grad
    assert not found.detach().log_prob(actions).requires_grad
    assert found.entropy().requires_grad
    assert not found.detach().entropy().requires_grad
    assert th.allclose(found.entropy(), Gaussian(mean, log_std.exp().expand(4, 2)).entropy())
