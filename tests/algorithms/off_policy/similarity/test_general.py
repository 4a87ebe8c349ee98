"""Stable-Baselines3's critics as functions of the action."""

import re
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3.sac.policies import CnnPolicy, MlpPolicy, MultiInputPolicy, SACPolicy

from sb3_entropy.algorithms.off_policy.similarity.general import GeneralStateCritics, gaussian_in, gaussian_of

BOX = spaces.Box(-2.0, 3.0, (3,), np.float32)
FLAT = spaces.Box(-1.0, 1.0, (4,), np.float32)
IMAGE = spaces.Box(0, 255, (3, 36, 36), np.uint8)
KINDS: dict[str, tuple[type[SACPolicy], gym.Space[Any], dict[str, Any]]] = {
    "flat": (MlpPolicy, FLAT, {}),
    "flat, one critic": (MlpPolicy, FLAT, {"n_critics": 1}),
    "flat, three critics": (MlpPolicy, FLAT, {"n_critics": 3}),
    "gSDE": (MlpPolicy, FLAT, {"use_sde": True}),
    "gSDE, expln": (MlpPolicy, FLAT, {"use_sde": True, "use_expln": True, "clip_mean": 0.5}),
    "image": (CnnPolicy, IMAGE, {}),
    "image, shared": (CnnPolicy, IMAGE, {"share_features_extractor": True}),
    "Dict": (MultiInputPolicy, spaces.Dict({"a": FLAT, "b": IMAGE}), {}),
}


def made(kind: str, n_states: int = 5, seed: int = 0) -> tuple[SACPolicy, Any, Any]:
    """:return: a policy, plain critics, and observations as tensors"""
    cls, space, more = KINDS[kind]
    with th.random.fork_rng():
        th.manual_seed(seed)
        policy = cls(space, BOX, lambda _: 1e-3, net_arch=[16, 12], activation_fn=th.nn.Tanh, **more)
        shared = policy.actor.features_extractor if policy.share_features_extractor else None
        plain = policy.make_critic(features_extractor=shared)
    space.seed(seed)
    seen = [space.sample() for _ in range(n_states)]
    if isinstance(space, spaces.Dict):
        return policy, plain, {key: th.as_tensor(np.stack([each[key] for each in seen])) for key in space.spaces}
    return policy, plain, th.as_tensor(np.stack(seen))


def asked(kind: str) -> tuple[GeneralStateCritics, SACPolicy, Any, Any]:
    policy, plain, observations = made(kind)
    mean, std = gaussian_in(policy.actor, observations)
    sample = th.tanh(mean + 0.4 * std)
    return GeneralStateCritics((policy.critic, plain), observations, mean, std, sample), policy, plain, observations


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_those_of_the_modules(kind: str) -> None:
    critics, policy, plain, observations = asked(kind)
    actions = th.rand(4, 5, 3, generator=th.Generator().manual_seed(1)) * 2 - 1
    with th.no_grad():
        expected = th.stack(
            [
                th.stack([th.cat(critic(observations, a), dim=1).t() for a in actions], dim=1)
                for critic in (policy.critic, plain)
            ]
        )
        at_sample = th.stack([th.cat(c(observations, critics.sample), dim=1).t() for c in (policy.critic, plain)])
    found = critics.values(actions)
    assert found.shape == (2, policy.critic.n_critics, 4, 5)
    assert th.allclose(found, expected, atol=1e-6)
    assert th.allclose(critics.values_at_sample, at_sample, atol=1e-6)
    some = th.tensor([3, 0])
    assert th.allclose(critics.values(actions[:, some], some), expected[..., some], atol=1e-6)
    rounded = critics.values(actions, low_precision=True)
    assert rounded.dtype == th.float32
    assert 0 < (rounded - expected).abs().max() < 0.02 * expected.abs().max() + 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_finite_differences(kind: str) -> None:
    critics, *_ = asked(kind)
    actions = th.rand(5, 3, generator=th.Generator().manual_seed(2)) - 0.3
    values, gradients = critics.values_and_gradients(actions)
    assert th.allclose(values, critics.values(actions[None])[:, :, 0], atol=1e-6)
    step = 1e-2
    for k in range(3):
        moved = step * th.eye(3)[k]
        slopes = (critics.values((actions + moved)[None]) - critics.values((actions - moved)[None])) / (2 * step)
        assert th.allclose(gradients[..., k], slopes[:, :, 0], atol=2e-3)
    assert th.equal(critics.gradients_at_sample(), critics.values_and_gradients(critics.sample)[1])
    assert gradients.abs().max() > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_the_gaussian_is_what_actions_are_drawn_from(kind: str) -> None:
    policy, _, observations = made(kind, n_states=2)
    mean, std = gaussian_in(policy.actor, observations)
    assert mean.shape == std.shape == (2, 3)
    assert not mean.requires_grad
    with th.random.fork_rng(), th.no_grad():
        th.manual_seed(0)
        drawn = []
        for _ in range(300):
            if policy.actor.use_sde:
                policy.actor.reset_noise()
            drawn.append(th.atanh(policy.actor.action_log_prob(observations)[0]))
        held = gaussian_of(policy.actor)
    assert th.allclose(held[0], mean)
    assert th.allclose(held[1], std)
    noise = (th.stack(drawn) - mean) / std
    # Standard errors .058 and .041 of 300 draws: four of them, 12 numbers.
    assert noise.mean(0).abs().max() < 0.23
    assert (noise.std(0) - 1).abs().max() < 0.165


@pytest.mark.parametrize("kind", ["flat", "gSDE", "image, shared"])
def test_nothing_is_changed(kind: str) -> None:
    policy, plain, observations = made(kind)
    policy.set_training_mode(True)
    plain.train(False)
    with th.random.fork_rng():
        policy.actor.action_log_prob(observations)
    held = policy.actor.action_dist.distribution
    modules = [*policy.modules(), *plain.modules()]
    modes, before = [module.training for module in modules], th.get_rng_state()
    mean, std = gaussian_in(policy.actor, observations)
    critics = GeneralStateCritics((policy.critic, plain), observations, mean, std, th.tanh(mean))
    critics.values(th.zeros(2, 5, 3))
    critics.values_and_gradients(th.zeros(5, 3))
    critics.gradients_at_sample()
    assert th.equal(th.get_rng_state(), before)
    assert [module.training for module in modules] == modes
    assert policy.actor.action_dist.distribution is held
    assert all(parameter.grad is None for parameter in [*policy.parameters(), *plain.parameters()])


def test_dropout_is_off_and_draws_nothing() -> None:
    policy, plain, observations = made("flat")
    for critic in (policy.critic, plain):
        for network in critic.q_networks:
            network.insert(2, th.nn.Dropout(0.5))
    policy.set_training_mode(True)
    before = th.get_rng_state()
    mean, std = gaussian_in(policy.actor, observations)
    critics = GeneralStateCritics((policy.critic, plain), observations, mean, std, th.tanh(mean))
    assert th.equal(critics.values(th.zeros(1, 5, 3)), critics.values(th.zeros(1, 5, 3)))
    assert th.equal(th.get_rng_state(), before)
    assert policy.critic.training


def test_a_shared_extractor_is_asked_once() -> None:
    policy, plain, observations = made("image, shared")
    calls = []
    policy.actor.features_extractor.register_forward_hook(lambda *_: calls.append(1))
    mean, std = th.zeros(5, 3), th.ones(5, 3)
    critics = GeneralStateCritics((policy.critic, plain), observations, mean, std, mean)
    critics.values(th.zeros(3, 5, 3))
    critics.values_and_gradients(mean)
    assert len(calls) == 1


def test_what_is_known_at_the_sample_is_not_asked_again() -> None:
    policy, plain, observations = made("flat")
    mean = th.zeros(5, 3)
    known = th.full((2, 2, 5), 7.0)
    critics = GeneralStateCritics((policy.critic, plain), observations, mean, mean + 1, mean, known)
    assert th.equal(critics.values_at_sample, known)


def test_what_is_no_such_critic_or_actor_is_refused() -> None:
    policy, plain, observations = made("flat")
    mean = th.zeros(5, 3)

    class Wrapped(th.nn.Module):
        def __init__(self, inner: th.nn.Module):
            super().__init__()
            self.inner = inner

        def forward(self, x: th.Tensor) -> th.Tensor:
            return self.inner(x)

    plain.q_networks = [Wrapped(network) for network in plain.q_networks]
    critics = GeneralStateCritics((policy.critic, plain), observations, mean, mean + 1, mean)
    with pytest.raises(TypeError, match=re.escape("an nn.Sequential, but it is a Wrapped. Use another")):
        critics.values(th.zeros(1, 5, 3), low_precision=True)
    policy.actor.action_dist = object()
    with pytest.raises(TypeError, match="tanh-Gaussian policy, but the actor holds a object"):
        gaussian_of(policy.actor)
