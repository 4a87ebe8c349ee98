"""The bandits on real data, where there is some: set SB3_ENTROPY_DATA to its folder."""

import os
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from sb3_entropy_bandits.env import BanditEnv
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from sb3_entropy.vec_env.native import make_native_vec_env

pytestmark = pytest.mark.skipif("SB3_ENTROPY_DATA" not in os.environ, reason="SB3_ENTROPY_DATA names no data folder")


@pytest.mark.parametrize(
    ("env_id", "options", "shape", "n_actions"),
    [
        ("entropy/MNISTBandit-v0", {}, (784,), 10),
        ("entropy/FashionMNISTBandit-v0", {"observation": "image"}, (1, 36, 36), 10),
        pytest.param("entropy/CIFAR10Bandit-v0", {"observation": "image"}, (3, 36, 36), 10, marks=pytest.mark.slow),
        ("entropy/SpotifyBandit-v0", {}, (20,), 50),
    ],
)
def test_both_checkers_are_satisfied(
    env_id: str, options: dict[str, Any], shape: tuple[int, ...], n_actions: int
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gym.make(env_id, render_mode="rgb_array", **options)
        assert (env.observation_space.shape, env.action_space) == (shape, gym.spaces.Discrete(n_actions))
        gymnasium_check_env(env.unwrapped)
        sb3_check_env(env)
        batch = make_native_vec_env(env_id, 3, seed=0, **options)
        assert batch.reset().shape == (3, *shape)
        assert batch.step(np.array([0, 1, 2]))[0].shape == (3, *shape)


@pytest.mark.usefixtures("few_of_cifar10")
def test_both_checkers_are_satisfied_by_a_few_of_the_images() -> None:
    test_both_checkers_are_satisfied("entropy/CIFAR10Bandit-v0", {"observation": "image"}, (3, 36, 36), 10)


def test_the_songs_of_the_paper() -> None:
    env = gym.make("entropy/SpotifyBandit-v0").unwrapped
    assert isinstance(env, BanditEnv)
    seen, rewards = env.evaluation_set()
    assert (seen.shape, rewards.shape) == ((10_000, 20), (10_000, 50))
    assert env.action_features is not None
    assert env.action_features.shape == (50, 10)
    assert set(np.unique(rewards)) == {-1.0, 0.0, 1.0}
    assert rewards.max(axis=1).mean() > 0.94  # the paper's agents reach .943


def test_one_tenth_of_mnist_is_right_by_chance() -> None:
    env = gym.make("entropy/MNISTBandit-v0").unwrapped
    assert isinstance(env, BanditEnv)
    _, rewards = env.evaluation_set()
    assert rewards.shape == (10_000, 10)
    # The test set's labels, as published: 980 zeros, …, 1009 nines.
    counts = np.bincount(rewards.argmax(axis=1), minlength=10)
    assert counts.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
