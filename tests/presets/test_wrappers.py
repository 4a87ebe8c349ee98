"""``env_wrapper`` means what it means to rl-zoo, and needs no rl-zoo."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import FlattenObservation
from rl_zoo3.utils import get_wrapper_class

from sb3_entropy.presets.wrappers import env_wrapper

LIMIT = {"gymnasium.wrappers.TimeLimit": {"max_episode_steps": 3}}
SCALE = {"gymnasium.wrappers.RescaleObservation": {"min_obs": -1.0, "max_obs": 1.0}}


@pytest.mark.parametrize(
    "given",
    [
        "gymnasium.wrappers.FlattenObservation",
        FlattenObservation,
        {FlattenObservation: {}},
        LIMIT,
        ["rl_zoo3.wrappers.MaskVelocityWrapper", LIMIT, "gymnasium.wrappers.FlattenObservation"],
        [LIMIT, {"rl_zoo3.wrappers.HistoryWrapper": {"horizon": 2}}],
        [{"rl_zoo3.wrappers.HistoryWrapper": {"horizon": 2}}, LIMIT],
        "stable_baselines3.common.monitor.Monitor",
        [],
    ],
    ids=str,
)
def test_what_rl_zoo_wraps_is_wrapped_alike(given):
    played = []
    for wrap in (env_wrapper(given), get_wrapper_class({"env_wrapper": given})):
        env = wrap(gym.make("Pendulum-v1"))
        observations = [env.reset(seed=0)[0]]
        ends = []
        for action in (-1.0, 0.5, 2.0):
            observation, _, terminated, truncated, _ = env.step(np.array([action], np.float32))
            observations.append(observation)
            ends.append((terminated, truncated))
        played.append((str(env), env.observation_space, np.stack(observations), ends))
    assert played[0][0] == played[1][0]
    assert played[0][1] == played[1][1]
    assert (played[0][2] == played[1][2]).all()
    assert played[0][3] == played[1][3]


def test_without_any_nothing_is_wrapped():
    assert env_wrapper(None) is None
    assert get_wrapper_class({"env_wrapper": None}) is None


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({**LIMIT, **SCALE}, TypeError, "Mind the indentation"),
        ({"gymnasium.wrappers.TimeLimit": 3}, TypeError, "one path to its settings"),
        (3, TypeError, "but 3 was given"),
        ("FlattenObservation", ValueError, "such as 'my_package.module.FlattenObservation'"),
        ("gymnasium.wrappers.Flaten", ValueError, "'gymnasium.wrappers.Flaten' cannot be imported"),
        ("no_such_package.Wrapper", ValueError, "'no_such_package.Wrapper' cannot be imported"),
    ],
)
def test_what_is_no_wrapper_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        env_wrapper(given)
