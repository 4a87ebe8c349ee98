"""How the bandits are found, and that the checkers have nothing to say."""

import json
import subprocess
import sys
import warnings
from importlib.metadata import entry_points
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import sb3_entropy_bandits
from bandit_examples import DIGITS, spotify_data
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from sb3_entropy_bandits.env import BanditEnv
from sb3_entropy_bandits.tasks.spotify import spotify_task
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from sb3_entropy.environments import register_envs

IDS = sorted(
    f"entropy/{name}Bandit-v0" for name in ("Digits", "MNIST", "FashionMNIST", "CIFAR10", "Spotify", "Tabular")
)


def test_the_plugin_is_found_by_its_entry_point() -> None:
    (entry_point,) = entry_points(group="sb3_entropy.envs", name="bandits")
    assert entry_point.value == "sb3_entropy_bandits:register"
    assert register_envs()["bandits"] == IDS


def test_registering_again_changes_nothing() -> None:
    spec = gym.registry[DIGITS]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sb3_entropy_bandits.register()
    assert gym.registry[DIGITS] is spec


def test_importing_the_plugin_registers_and_loads_nothing_heavy() -> None:
    code = (
        "import sys, sb3_entropy_bandits, gymnasium; "
        f"print({DIGITS!r} in gymnasium.registry, "
        "{'torch', 'sb3_entropy', 'stable_baselines3', 'sklearn', 'pooch', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True set()"


def test_the_spec_survives_json() -> None:
    drift = {"kind": "abrupt", "at": [10, 20]}
    spec = gym.make(DIGITS, support=[1, 2], drift=drift, reward_noise=0.5).spec
    assert spec is not None
    assert json.loads(spec.to_json())["kwargs"]["task"] == "digits"
    again = gym.make(gym.envs.registration.EnvSpec.from_json(spec.to_json())).unwrapped
    assert isinstance(again, BanditEnv)
    again.reset(seed=0)
    first = gym.make(DIGITS, support=[1, 2], drift=drift, reward_noise=0.5)
    first.reset(seed=0)
    assert [again.step(np.int64(1))[1]] == [first.step(np.int64(1))[1]]


@pytest.mark.parametrize("options", [{}, {"observation": "image"}, {"reward_noise": 0.1}, {"split": "test"}])
def test_both_checkers_are_satisfied(options: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gym.make(DIGITS, render_mode="rgb_array", **options)
        gymnasium_check_env(env.unwrapped)
        sb3_check_env(env)


def test_both_checkers_are_satisfied_with_rows_and_songs() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rng = np.random.default_rng(0)
        env = gym.make("entropy/TabularBandit-v0", x=rng.normal(size=(40, 3)), y=np.arange(40) % 2)
        gymnasium_check_env(env.unwrapped)
        sb3_check_env(env)
        gym.register("SongsForTests-v0", BanditEnv, kwargs={"task": spotify_task(spotify_data())})
        try:
            env = gym.make("SongsForTests-v0", drift={"kind": "gradual", "start": 0, "end": 9})
            gymnasium_check_env(env.unwrapped)
            sb3_check_env(env)
        finally:
            del gym.registry["SongsForTests-v0"]
