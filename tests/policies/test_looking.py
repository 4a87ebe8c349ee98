"""A look at a policy leaves no trace, also when it fails."""

import random
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from sb3_contrib import TQC
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from sb3_entropy.policies.describing import describe_policy
from sb3_entropy.policies.episodes import evaluate
from sb3_entropy.policies.looking import looked_at, own_randomness

ALGORITHMS = {"ppo": PPO, "sac": SAC, "tqc": TQC}
OBSERVATIONS = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def model_of(key: str, use_sde: bool = True) -> Any:
    """:return: a small model, two modules of which have a mode of their own"""
    own = {"n_steps": 8, "batch_size": 8} if key == "ppo" else {"buffer_size": 100, "learning_starts": 4}
    env = make_vec_env("Pendulum-v1", n_envs=2, seed=0)
    model = ALGORITHMS[key]("MlpPolicy", env, seed=0, use_sde=use_sde, policy_kwargs={"net_arch": [8]}, **own)
    model.policy.set_training_mode(True)
    next(iter(model.policy.children())).eval()
    return model


def distribution_of(model: Any) -> Any:
    return model.policy.action_dist if isinstance(model, PPO) else model.actor.action_dist


def held(model: Any) -> list[Any]:
    """:return: all that a look might change"""
    distribution = [(name, id(value)) for name, value in sorted(vars(distribution_of(model)).items())]
    modes = [module.training for module in model.policy.modules()]
    numpy = np.random.get_state()[1].tolist()
    return [modes, distribution, random.getstate(), numpy, th.get_rng_state().tolist(), th.is_grad_enabled()]


def disturb(model: Any) -> None:
    """Everything that a look may do."""
    assert not any(module.training for module in model.policy.modules())
    assert not th.is_grad_enabled()
    states = model.policy.obs_to_tensor(OBSERVATIONS)[0]
    model.policy._predict(states)
    if isinstance(distribution_of(model).__dict__.get("weights_dist"), th.distributions.Distribution):
        model.policy.reset_noise(7)
    model.policy.set_training_mode(True)
    th.rand(1), np.random.rand(), random.random()


def disturb_and_fail(model: Any) -> None:
    disturb(model)
    raise RuntimeError("on purpose")


@pytest.mark.parametrize("use_sde", [False, True])
@pytest.mark.parametrize("key", ALGORITHMS)
def test_nothing_is_left(key: str, use_sde: bool) -> None:
    model = model_of(key, use_sde)
    before = held(model)
    for options in ({}, {"seed": 3}, {"seed": 3, "n_envs": 5}):
        with looked_at(model.policy, **options):
            disturb(model)
        assert held(model) == before
        with pytest.raises(RuntimeError, match="on purpose"), looked_at(model.policy, **options):
            disturb_and_fail(model)
        assert held(model) == before


@pytest.mark.parametrize("key", ALGORITHMS)
def test_noise_is_drawn_for_the_environments_that_are_played(key: str) -> None:
    model = model_of(key)
    kept = distribution_of(model).exploration_matrices
    drawn = []
    for seed in (3, 3, 4):
        with looked_at(model.policy, seed=seed, n_envs=5):
            drawn.append(distribution_of(model).exploration_matrices.clone())
        with looked_at(model.policy, seed=seed):
            assert distribution_of(model).exploration_matrices is kept
    assert len(drawn[0]) == 5
    assert th.equal(drawn[0], drawn[1])
    assert not th.equal(drawn[0], drawn[2])


def test_gradients_can_be_had_inside() -> None:
    model = model_of("sac", False)
    with looked_at(model.policy), th.enable_grad():
        assert model.actor(model.policy.obs_to_tensor(OBSERVATIONS)[0]).requires_grad


def test_a_seed_is_that_of_all_three_generators() -> None:
    def draws() -> tuple[float, float, float]:
        return th.rand(1).item(), np.random.rand(), random.random()

    model = model_of("ppo")
    with looked_at(model.policy, seed=5):
        first = draws()
    with own_randomness(5):
        assert draws() == first
    with own_randomness(6):
        assert draws() != first
    th.manual_seed(5)
    assert th.rand(1).item() == first[0]  # PyTorch's own, so that evaluations of before can be repeated


def test_own_randomness_gives_the_generators_back_after_an_error() -> None:
    th.manual_seed(3)
    before = th.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()
    with pytest.raises(ZeroDivisionError), own_randomness(1):
        assert th.rand(1) + np.random.rand() + random.random() > 1 / 0
    assert (th.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()) == before


@pytest.mark.parametrize("key", ALGORITHMS)
def test_a_training_goes_on_as_if_nobody_had_played_or_looked(key: str) -> None:
    """With gSDE, whose matrices stay for a whole rollout."""
    final = []
    for watched in (False, True):
        model = model_of(key)
        model.learn(24)
        if watched:
            env = DummyVecEnv([lambda: Monitor(gym.wrappers.TimeLimit(gym.make("Pendulum-v1").unwrapped, 6))] * 3)
            episodes = evaluate(model, env, seed=1, deterministic=False)
            assert episodes.lengths.tolist() == [6, 6, 6]
            assert len(episodes.states) == 18
            describe_policy(model.policy, episodes.states)
        model.learn(24, reset_num_timesteps=False)
        final.append(model.policy.state_dict())
    assert all(th.equal(value, final[1][name]) for name, value in final[0].items())
