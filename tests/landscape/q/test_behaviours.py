"""Policies as critics meet them: what they draw, its density on the box, and no trace."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from gymnasium.wrappers import ClipAction, TransformAction
from scipy import stats
from stable_baselines3 import DDPG, DQN, PPO, SAC, TD3

from sb3_entropy import SPPO
from sb3_entropy.landscape.q.behaviours import Noisy, behaviour_of, check_box
from sb3_entropy.landscape.q.planes import check_bounded

SMALL = {"net_arch": [8]}


class Lopsided(gym.Env[Any, Any]):
    """Two numbers seen; actions in a box that is neither centred nor a cube."""

    observation_space = spaces.Box(-1, 1, (2,))
    action_space = spaces.Box(np.array([-1.0, 2.0], np.float32), np.array([3.0, 2.5], np.float32))


def made(algorithm: Any, **options: Any) -> Any:
    options.setdefault("policy_kwargs", dict(SMALL))
    return algorithm("MlpPolicy", Lopsided(), device="cpu", seed=3, **options)


STATES = np.array([[0.4, -0.9], [-0.2, 0.7], [1.0, 1.0]], np.float32)


def midpoints(n: int) -> np.ndarray:
    side = (np.arange(n) + 0.5) / n * 2 - 1
    return np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(1, -1, 2)


def stochastic_ones() -> list[Any]:
    squashed = SPPO("MlpPolicy", Lopsided(), n_steps=8, batch_size=8, device="cpu", seed=3, policy_kwargs={
        **SMALL, "action_distribution": "beta"})  # fmt: skip
    return [
        behaviour_of(made(SAC).policy),
        behaviour_of(made(SAC, use_sde=True).policy),
        behaviour_of(made(TD3).policy, std=0.4),
        behaviour_of(squashed.policy),
    ]


@pytest.mark.parametrize("behaviour", stochastic_ones(), ids=["sac", "gsde", "td3 + σ", "beta"])
def test_a_density_is_one_and_what_is_drawn_has_it(behaviour: Any) -> None:
    assert behaviour.is_stochastic
    assert behaviour.n_actions == 2
    grid = midpoints(300)
    density = np.exp(behaviour.log_prob(STATES, np.repeat(grid, 3, axis=0)))
    weights = density * (2 / 300) ** 2
    assert np.allclose(weights.sum(axis=1), 1, atol=0.01)
    n = 4000
    actions, log_prob = behaviour.samples(STATES, n, np.random.default_rng(0))
    assert actions.shape == (n, 3, 2)
    assert np.allclose(log_prob, behaviour.log_prob(STATES, np.moveaxis(actions, 0, 1)).T, atol=1e-5)
    # Each mean against the density's own: 12 tests at 4.5 standard errors, wrong once in 10⁴.
    mean = (weights[..., None] * grid).sum(axis=1)
    error = actions.std(axis=0) / np.sqrt(n)
    assert (abs(actions.mean(axis=0) - mean) < 4.5 * error + 2e-3).all()
    one, its = behaviour.sample(STATES, np.random.default_rng(1))
    assert one.shape == (3, 2)
    assert its.shape == (3,)


def test_sac_is_what_stable_baselines3_says() -> None:
    model = made(SAC)
    behaviour = behaviour_of(model.policy)
    with th.no_grad():
        actions, log_prob = model.policy.actor.action_log_prob(th.as_tensor(STATES))
    own = behaviour.log_prob(STATES, actions.double().numpy()[:, None])[:, 0]
    assert np.allclose(own, log_prob.numpy(), atol=1e-4)
    taken = model.predict(STATES, deterministic=True)[0]
    assert np.allclose(behaviour.mode(STATES), (taken - [1, 2.25]) / [2, 0.25], atol=1e-5)


def test_gsde_is_its_marginal_law() -> None:
    model = made(SAC, use_sde=True, policy_kwargs={**SMALL, "log_std_init": -1.0})
    model.policy.reset_noise(3000)
    with th.no_grad():
        drawn = model.policy.actor(th.as_tensor(STATES[:1]).expand(3000, -1)).numpy()
    actions, _ = behaviour_of(model.policy).samples(STATES[:1], 3000, np.random.default_rng(0))
    for column in range(2):
        assert stats.ks_2samp(drawn[:, column], actions[:, 0, column]).pvalue > 1e-3


@pytest.mark.parametrize("algorithm", [TD3, DDPG])
def test_a_deterministic_policy_takes_what_it_predicts_and_has_no_density(algorithm: Any) -> None:
    model = made(algorithm)
    behaviour = behaviour_of(model.policy)
    actions, log_prob = behaviour.sample(STATES, np.random.default_rng(0))
    assert np.allclose(actions, (model.predict(STATES)[0] - [1, 2.25]) / [2, 0.25], atol=1e-5)
    assert np.isnan(log_prob).all()
    assert not behaviour.is_stochastic
    many, _ = behaviour.samples(STATES, 3, np.random.default_rng(0))
    assert np.array_equal(many, np.stack([actions] * 3))
    with pytest.raises(ValueError, match=r"has no density. Name the σ of a Gaussian about it: std=0.1"):
        behaviour.log_prob(STATES, actions[:, None])


def test_named_noise_is_a_truncated_gaussian() -> None:
    behaviour = behaviour_of(made(TD3).policy, std=0.7)
    assert isinstance(behaviour, Noisy)
    mean = behaviour.mode(STATES)
    a = np.array([[-0.9, 0.3]] * 3)
    exact = stats.truncnorm((-1 - mean) / 0.7, (1 - mean) / 0.7, mean, 0.7).logpdf(a).sum(axis=1)
    assert np.allclose(behaviour.log_prob(STATES, a[:, None])[:, 0], exact)


def test_a_clipped_gaussian_is_drawn_from_and_has_no_density() -> None:
    model = made(PPO, n_steps=8, batch_size=8, policy_kwargs={**SMALL, "log_std_init": 1.0})
    behaviour = behaviour_of(model.policy)
    assert not behaviour.is_stochastic
    actions, log_prob = behaviour.samples(STATES, 2000, np.random.default_rng(0))
    assert np.isnan(log_prob).all()
    assert abs(actions).max() == 1
    # σ = e in the environment's units about μ ≈ 0: of the first action, in [−1, 3], P(a ≥ 3) = Φ(−3/e)
    assert np.mean(actions[:, :, 0] == 1) == pytest.approx(stats.norm.sf(3 / np.e), abs=0.02)
    taken = model.predict(STATES, deterministic=True)[0]
    assert np.allclose(behaviour.mode(STATES), (taken - [1, 2.25]) / [2, 0.25], atol=1e-5)
    with pytest.raises(ValueError, match="a Gaussian that is clipped"):
        behaviour.log_prob(STATES, actions[:1].transpose(1, 0, 2))


def test_looking_leaves_modes_and_generators_as_they_were() -> None:
    model = made(SAC, use_sde=True)
    model.policy.set_training_mode(True)
    held = model.policy.actor.action_dist.exploration_mat.clone()
    th.manual_seed(5)
    np.random.seed(5)
    expected = th.rand(3), np.random.rand(3)
    th.manual_seed(5)
    np.random.seed(5)
    behaviour = behaviour_of(model.policy)
    behaviour.samples(STATES, 4, np.random.default_rng(0))
    behaviour.log_prob(STATES, np.zeros((3, 5, 2)))
    assert th.equal(th.rand(3), expected[0])
    assert np.array_equal(np.random.rand(3), expected[1])
    assert model.policy.training
    assert th.equal(model.policy.actor.action_dist.exploration_mat, held)
    mode = behaviour.mode(STATES)
    with th.no_grad():
        for parameter in model.policy.parameters():
            parameter.mul_(2)
    assert np.array_equal(behaviour.mode(STATES), mode)  # a training that goes on


def test_what_is_no_bounded_box_is_refused() -> None:
    model = DQN("MlpPolicy", "CartPole-v1", buffer_size=10, device="cpu")
    with pytest.raises(ValueError, match=r"over a box of actions, but this agent chooses from Discrete\(2\)"):
        behaviour_of(model.policy)
    for box in (spaces.Box(-np.inf, 1, (1,)), spaces.Box(np.zeros(2), np.array([1.0, 0.0]))):
        with pytest.raises(ValueError, match=r"must have finite, distinct bounds, .*TransformAction"):
            check_box(box)


def test_what_is_said_to_bound_a_box_does() -> None:
    """Gymnasium's RescaleAction refuses infinite bounds, and its ClipAction sets them."""
    plain = gym.make("Pendulum-v1")
    unbounded: gym.Env[Any, Any] = ClipAction(plain)
    with pytest.raises(ValueError, match=r"TransformAction\(env, lambda action: action, Box\(low, high\)\)"):
        check_box(unbounded.action_space)
    bounded: gym.Env[Any, Any] = TransformAction(unbounded, lambda action: action, spaces.Box(-2.0, 2.0, (1,)))
    assert check_box(bounded.action_space) == plain.action_space
    check_bounded(bounded.action_space)


@pytest.mark.parametrize("wrong", [0, -1.0, np.inf])
def test_noise_has_a_range_and_is_for_deterministic_policies(wrong: float) -> None:
    with pytest.raises(ValueError, match="std must be a number > 0"):
        behaviour_of(made(TD3).policy, std=wrong)
    with pytest.raises(ValueError, match=r"SACPolicy draws its actions itself, by its own σ. Leave std out"):
        behaviour_of(made(SAC).policy, std=0.1)
