"""A lean step is DummyVecEnv's step: what it gives, what it leaves behind, and what nobody can change afterwards."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from sb3_entropy.vec_env.lean import can_step_leanly, lean_step


class Talking(gym.Env):  # type: ignore[type-arg]
    """Its infos hold numbers, arrays and a list that goes on growing."""

    observation_space = spaces.Box(-1, 1, (3,), np.float64)
    action_space = spaces.Discrete(2)

    def __init__(self) -> None:
        self.visited: list[int] = []
        self.t = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.t = 0
        return self.np_random.uniform(-1, 1, 3), {"begin": self.np_random.integers(9)}

    def step(self, action: Any) -> Any:
        self.t += 1
        self.visited.append(int(action))
        info = {"t": self.t, "x": np.float64(0.5), "visited": self.visited} if self.t % 2 else {"t": self.t}
        return self.np_random.uniform(-1, 1, 3), float(action), self.t == 7, self.t == 5 and action == 1, info


def make() -> DummyVecEnv:
    env = DummyVecEnv([lambda: Monitor(Talking()) for _ in range(3)])
    env.seed(0)
    env.reset()
    return env


def test_it_is_dummy_vec_envs_step() -> None:
    plain, lean = make(), make()
    actions = np.random.default_rng(0).integers(2, size=(40, 3))
    kept: list[Any] = []
    for at in actions:
        expected, found = plain.step(at), lean_step(lean, at)
        for a, b in zip(expected[:3], found[:3], strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype
        for a, b in zip(expected[3], found[3], strict=True):
            a.get("episode", {}).pop("t", None)
            b.get("episode", {}).pop("t", None)
            np.testing.assert_equal(a, b)
        np.testing.assert_equal(plain.reset_infos, lean.reset_infos)
        np.testing.assert_equal(dict(plain.buf_obs), dict(lean.buf_obs))
        assert lean.actions is at
        kept.append((expected, found))
    # What was handed out stays: a list that the environment goes on with has been copied.
    for expected, found in kept:
        np.testing.assert_equal(expected[3], found[3])
        np.testing.assert_array_equal(expected[0], found[0])


class Own(DummyVecEnv):
    """Somebody's."""


class WithDict(Talking):
    """Observations of several parts."""

    observation_space = spaces.Dict({"x": spaces.Box(-1, 1, (3,), np.float64)})  # type: ignore[assignment]


def test_nothing_else_is_stepped_leanly() -> None:
    assert can_step_leanly(make())
    assert not can_step_leanly(Own([Talking]))
    assert not can_step_leanly(VecNormalize(make()))
    assert not can_step_leanly(DummyVecEnv([WithDict]))
    watched = make()
    watched.step_wait = watched.step_wait  # type: ignore[method-assign]
    assert not can_step_leanly(watched)


def test_an_error_in_a_step_is_the_environments() -> None:
    env = make()
    env.envs[1].step = lambda action: 1 / 0  # type: ignore[assignment,method-assign,misc,return-value]
    with pytest.raises(ZeroDivisionError):
        lean_step(env, np.zeros(3, dtype=int))
