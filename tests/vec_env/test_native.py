"""Environments that bring their own batched ``VecEnv``."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.classic_control import PendulumEnv
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv

from sb3_entropy.vec_env.native import make_native_vec_env


class BatchedPendulum(PendulumEnv):
    """A pendulum that makes its own batch."""

    @staticmethod
    def make_sb3_vec_env(n_envs, *, seed, max_episode_steps, **kwargs):
        def one():
            return gym.wrappers.TimeLimit(BatchedPendulum(**kwargs), max_episode_steps)

        return make_vec_env(one, n_envs=n_envs, seed=seed)


class OneTooFew(PendulumEnv):
    """An environment whose batch is smaller than it was asked to be."""

    @staticmethod
    def make_sb3_vec_env(n_envs, *, seed, max_episode_steps, **kwargs):
        return DummyVecEnv([PendulumEnv for _ in range(n_envs - 1)])


def only_one(**kwargs):
    """An entry point that is a function and knows no batches."""
    return PendulumEnv(**kwargs)


@pytest.fixture(autouse=True)
def _registered():
    ids = ["Batched-v0", "TooFew-v0", "Vector-v0"]
    gym.register("Batched-v0", f"{__name__}:BatchedPendulum", max_episode_steps=5, kwargs={"g": 3.0})
    gym.register("TooFew-v0", OneTooFew)
    gym.register("Vector-v0", only_one, vector_entry_point=BatchedPendulum, max_episode_steps=7)
    yield
    for env_id in ids:
        del gym.registry[env_id]


def test_settings_limit_and_seed_reach_the_batch():
    vec_env = make_native_vec_env("Batched-v0", 3, seed=4)
    assert vec_env.get_attr("g") == [3.0] * 3
    vec_env.reset()
    dones = [vec_env.step(np.zeros((3, 1), dtype=np.float32))[2].all() for _ in range(10)]
    assert np.flatnonzero(dones).tolist() == [4, 9]
    again = make_native_vec_env("Batched-v0", 3, seed=4)
    other = make_native_vec_env("Batched-v0", 3, seed=5, g=9.0, max_episode_steps=2)
    assert other.get_attr("g") == [9.0] * 3
    first = again.reset()
    np.testing.assert_array_equal(other.reset()[:2], first[1:])  # environment i has seed + i
    other.step(np.zeros((3, 1), dtype=np.float32))
    assert other.step(np.zeros((3, 1), dtype=np.float32))[2].all()


def test_the_vector_entry_point_is_asked_when_the_entry_point_has_none():
    vec_env = make_native_vec_env("Vector-v0", 2)
    model = PPO("MlpPolicy", vec_env, n_steps=16, batch_size=16, n_epochs=1, device="cpu").learn(32)
    assert model.num_timesteps == 32


def test_an_environment_without_one_is_refused():
    with pytest.raises(ValueError, match=r"'CartPole-v1' brings no batched VecEnv of its own.*make_sb3_vec_env"):
        make_native_vec_env("CartPole-v1", 2)


def test_a_wrong_batch_is_refused():
    with pytest.raises(TypeError, match="must return a Stable-Baselines3 VecEnv of 3 environments"):
        make_native_vec_env("TooFew-v0", 3)
    with pytest.raises(ValueError, match="n_envs must be a whole number ≥ 1"):
        make_native_vec_env("Batched-v0", 0)
