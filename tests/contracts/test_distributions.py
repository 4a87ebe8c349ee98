"""Every action distribution keeps Stable-Baselines3's interface, and is a density in the environment's own units."""

from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces

from contracts.envs import BOX, VECTOR, RandomEnv
from contracts.models import build
from sb3_entropy.algorithms.on_policy.soft_returns import rollout_entropies
from sb3_entropy.distributions import BoxDistribution, StdScheme
from sb3_entropy.registry import ACTION_DISTRIBUTIONS, STD_SCHEMES

ONE = spaces.Box(-0.5, 3.0, (1,), np.float32)


def every_distribution() -> list[Any]:
    """:return: distributions, with each of the estimators that they offer"""
    return [
        pytest.param(cls, estimator, id=f"{key}-{estimator}")
        for key, cls in ACTION_DISTRIBUTIONS.items()
        for estimator in (cls.estimators or (None,))
    ]


def parameters_for(distribution: BoxDistribution, n_states: int = 5) -> tuple[th.Tensor, ...]:
    """:return: what its methods take: the layer's output and, if it has a σ, log σ; asymmetric and seeded"""
    generator = th.Generator().manual_seed(0)
    layer = distribution.proba_distribution_net(4)
    with th.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(0.5 * th.randn(parameter.shape, generator=generator))
        output = layer(th.randn(n_states, 4, generator=generator))
    log_std = th.linspace(-0.6, 0.2, distribution.action_dim)
    return (output, log_std) if distribution.has_std else (output,)


@pytest.mark.parametrize(("cls", "estimator"), every_distribution())
def test_keeps_the_interface(cls: type[BoxDistribution], estimator: str | None) -> None:
    distribution = cls(BOX, estimator)
    given = parameters_for(distribution)
    th.manual_seed(0)
    actions, log_prob = distribution.log_prob_from_params(*given)
    assert actions.shape == (5, 2)
    assert log_prob.shape == (5,)
    assert th.allclose(distribution.proba_distribution(*given).log_prob(actions), log_prob)
    assert distribution.entropy().shape == (5,)
    assert distribution.std().shape == (5, 2)
    assert (distribution.std() > 0).all()
    mode = distribution.actions_from_params(*given, deterministic=True)
    assert th.equal(mode, distribution.mode())
    assert th.equal(mode, distribution.get_actions(deterministic=True))
    assert not th.equal(distribution.actions_from_params(*given), mode)
    if cls.bounded:
        assert (actions.abs() <= 1).all()
        assert (mode.abs() <= 1).all()


@pytest.mark.parametrize(("cls", "estimator"), every_distribution())
def test_is_a_density_in_the_environments_units(cls: type[BoxDistribution], estimator: str | None) -> None:
    """∫ p = 1 and −∫ p log p = H over the environment's actions, on a grid, in float64."""
    distribution = cls(ONE, estimator)
    output, *log_std = (tensor.double() for tensor in parameters_for(distribution, n_states=3))
    n = 200_000
    low, high = (-0.5, 3.0) if cls.bounded else (-30.0, 30.0)
    width = (high - low) / n
    middles = low + width * (th.arange(n, dtype=th.float64)[:, None] + 0.5)
    samples = 2 * (middles - low) / (high - low) - 1 if cls.bounded else middles
    for state in output:
        distribution.proba_distribution(state[None], *log_std)
        log_prob = distribution.log_prob(samples)
        assert float(log_prob.exp().sum()) * width == pytest.approx(1.0, abs=1e-4)
        expected = -float((log_prob.exp() * log_prob).sum()) * width
        th.manual_seed(0)
        # 500 estimates of 16 samples each have a standard error below 0.02 here: 0.1 is five of them.
        n_draws, tolerance = (500, 0.1) if estimator == "monte_carlo" else (1, 2e-3)
        found = th.cat([distribution.entropy() for _ in range(n_draws)]).mean().item()
        assert found == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("key", STD_SCHEMES.keys())
@pytest.mark.parametrize("source_offsets", [False, True])
def test_every_scheme_gives_a_std_in_every_state(key: str, source_offsets: bool) -> None:
    options = {"delta": 0.7, "source_offsets": source_offsets}
    known = STD_SCHEMES.options_of(key)  # a third party's need not have them
    scheme = STD_SCHEMES.get(key)(4, 2, -0.3, **{name: value for name, value in options.items() if name in known})
    log_std = None if scheme.global_part == "absent" else th.full((2,), scheme.global_log_std_init)
    found = scheme(th.randn(6, 4), log_std)
    assert found.expand(6, 2).shape == (6, 2)
    assert found.isfinite().all()
    assert (found.dim() == 2) == scheme.is_local
    if not (source_offsets and "source_offsets" in known):
        assert th.allclose(found, th.full_like(found, -0.3), atol=1e-5)
    elif scheme.global_part == "learned" and scheme.is_local and "delta" in known:
        # Δ is the range of what is added to log σ₀.
        assert ((found - log_std).abs() <= 0.7).all()


class Capped(StdScheme):
    """A third party's: one σ for all states that is not the policy's parameter itself."""

    def forward(self, latent: th.Tensor, log_std: th.Tensor | None) -> th.Tensor:
        assert log_std is not None
        return log_std.clamp(max=-2.0)


class OfItsOwn(StdScheme):
    """A third party's: one σ for all states, of a parameter that the scheme has itself, as a row for each state."""

    global_part = "absent"

    def __init__(self, latent_dim: int, action_dim: int, log_std_init: float = 0.0, **options: Any):
        super().__init__(latent_dim, action_dim, log_std_init, **options)
        self.own = th.nn.Parameter(th.linspace(-0.7, 0.2, action_dim))

    def forward(self, latent: th.Tensor, log_std: th.Tensor | None) -> th.Tensor:
        assert log_std is None
        return self.own.expand(len(latent), -1)


@pytest.mark.parametrize("key", [*STD_SCHEMES.keys(), "capped", "of_its_own"])
def test_the_entropies_of_a_rollout_are_the_distributions(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where one σ for all states makes a pass through the network needless."""
    monkeypatch.setattr(STD_SCHEMES, "_things", {**STD_SCHEMES._things, "capped": Capped, "of_its_own": OfItsOwn})

    model = build("sppo", policy_kwargs={"std_scheme": key, "log_std_init": -0.3})
    generator = th.Generator().manual_seed(1)
    with th.no_grad():
        for parameter in model.policy.parameters():
            parameter.add_(0.1 * th.randn(parameter.shape, generator=generator))
    compared = []

    def soft_rewards(buffer: Any, dones: np.ndarray) -> np.ndarray:
        with th.no_grad():
            entropy = model.policy.get_distribution(th.as_tensor(buffer.observations[:, 0])).entropy()
        np.testing.assert_allclose(rollout_entropies(model.policy, buffer)[:, 0], entropy, rtol=1e-5)
        compared.append(entropy)
        return buffer.rewards

    model.rollout_buffer.soft_rewards = soft_rewards
    model.learn(16)
    assert len(compared) == 1


@pytest.mark.parametrize("shape", [(1,), (2, 2)])
@pytest.mark.parametrize("key", ACTION_DISTRIBUTIONS.keys())
def test_boxes_of_every_shape_train(key: str, shape: tuple[int, ...]) -> None:
    estimator = (*ACTION_DISTRIBUTIONS.get(key).estimators, None)[0]
    env = RandomEnv(VECTOR, spaces.Box(-0.5, 3.0, shape, np.float32))
    kwargs = {"action_distribution": key, "entropy_estimator": estimator}
    model = build("sppo", env, policy_kwargs=kwargs, ent_coef="auto_0.1").learn(16)
    assert model.predict(model.observation_space.sample())[0].shape == shape
