"""Environments that bring their own batched ``VecEnv``."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.classic_control import PendulumEnv
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv

from sb3_entropy.vec_env.native import make_native_vec_env
from sb3_entropy.vec_env.shared import SharedVecEnv


class BatchedPendulum(PendulumEnv):
    """A pendulum that makes its own batch."""

    @staticmethod
    def make_sb3_vec_env(n_envs, *, seed, max_episode_steps, **kwargs):
        def one():
            env = BatchedPendulum(**kwargs)
            return env if max_episode_steps is None else gym.wrappers.TimeLimit(env, max_episode_steps)

        return make_vec_env(one, n_envs=n_envs, seed=seed)


class OneTooFew(PendulumEnv):
    """An environment whose batch is smaller than it was asked to be."""

    @staticmethod
    def make_sb3_vec_env(n_envs, *, seed, max_episode_steps, **kwargs):
        return DummyVecEnv([PendulumEnv for _ in range(n_envs - 1)])


class Shared(PendulumEnv):
    """An environment whose batch knows one of them."""

    @staticmethod
    def make_sb3_vec_env(n_envs, *, seed, max_episode_steps, **kwargs):
        return Answering(Shared(**kwargs), n_envs)


class Answering(SharedVecEnv):
    """A batch that answers and does nothing else."""

    reset = step_async = step_wait = get_images = None


def only_one(**kwargs):
    """An entry point that is a function and knows no batches."""
    return PendulumEnv(**kwargs)


@pytest.fixture(autouse=True)
def _registered():
    ids = ["Batched-v0", "TooFew-v0", "Vector-v0", "Shared-v0", "Wrapped-v0"]
    gym.register("Shared-v0", Shared, max_episode_steps=9, kwargs={"g": 3.0})
    wrapper = gym.wrappers.RescaleAction.wrapper_spec(min_action=-1.0, max_action=1.0)
    gym.register("Wrapped-v0", BatchedPendulum, additional_wrappers=(wrapper,))
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


@pytest.mark.parametrize("limit", [None, -1, 3])
def test_limits_and_specs_are_those_of_gymnasiums_make(limit):
    single = gym.make("Shared-v0", max_episode_steps=limit, render_mode="rgb_array")
    batch = make_native_vec_env("Shared-v0", 2, max_episode_steps=limit, render_mode="rgb_array")
    spec = single.unwrapped.spec
    for given in batch.get_attr("spec"):
        assert (given.id, given.kwargs) == (spec.id, {"g": 3.0, "render_mode": "rgb_array"}) == (spec.id, spec.kwargs)
        assert given.max_episode_steps == {None: 9, -1: None, 3: 3}[limit]
    batched = make_native_vec_env("Batched-v0", 1, max_episode_steps=limit)
    batched.reset()
    dones = [bool(batched.step(np.zeros((1, 1)))[2]) for _ in range(6)]
    assert dones.count(True) == {None: 1, -1: 0, 3: 2}[limit]


def test_a_batch_opens_no_window():
    with pytest.raises(ValueError, match=r"render_mode='human' was given, but a batch of environments opens no window"):
        make_native_vec_env("Shared-v0", 2, render_mode="human")


def test_a_batch_of_what_is_registered_with_wrappers_is_refused():
    with pytest.raises(ValueError, match="'Wrapped-v0' is registered with the wrappers RescaleAction, which are"):
        make_native_vec_env("Wrapped-v0", 2)


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
