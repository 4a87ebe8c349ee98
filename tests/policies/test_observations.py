"""Which states a policy is looked at in."""

from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.buffers import DictReplayBuffer, NStepReplayBuffer, ReplayBuffer
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from policies.families import BOX, VECTOR, Steps
from sb3_entropy.policies.observations import chunks, evenly_spaced, joined, n_rows, sample_states

DICT = spaces.Dict({"number": spaces.Box(-np.inf, np.inf, (1,), np.float32), "vector": VECTOR})


def filled(n_added: int, size: int, n_envs: int, dicts: bool = False, **kwargs: Any) -> ReplayBuffer:
    """:return: a buffer of ``size`` transitions into which 0, 1, 2, … have been written, environment by environment"""
    space = DICT if dicts else DICT["number"]
    buffer = (DictReplayBuffer if dicts else ReplayBuffer)(size, space, BOX, "cpu", n_envs, **kwargs)
    for step in range(n_added):
        number = (step * n_envs + np.arange(n_envs, dtype=np.float32))[:, None]
        seen: Any = {"number": number, "vector": np.repeat(number, 3, axis=1)} if dicts else number
        buffer.add(seen, seen, np.zeros((n_envs, 2)), np.zeros(n_envs), np.zeros(n_envs), [{}] * n_envs)
    return buffer


@pytest.mark.parametrize(
    ("n_added", "size", "n_envs"),
    [(5, 100, 1), (100, 100, 1), (130, 100, 1), (100, 90, 3), (5000, 4000, 1), (999, 3000, 3)],
)
def test_the_newest_transitions_in_their_order(n_added: int, size: int, n_envs: int) -> None:
    buffer = filled(n_added, size, n_envs)
    assert buffer.buffer_size == size // n_envs
    n_steps = min(n_added, size // n_envs, -(-2048 // n_envs))
    expected = np.arange((n_added - n_steps) * n_envs, n_added * n_envs)
    states = sample_states(buffer)
    assert isinstance(states, th.Tensor)
    found = states[:, 0].numpy()
    assert len(found) == min(256, len(expected))
    assert set(found) <= set(expected)
    assert (found[0], found[-1]) == (expected[0], expected[-1])
    steps = np.diff(found)
    assert steps.min() >= 1
    assert steps.max() - steps.min() <= 1


def test_dicts_and_memory_that_is_shared_with_what_follows() -> None:
    states = sample_states(filled(50, 30, 1, dicts=True))
    assert states["number"][:, 0].tolist() == list(range(20, 50))
    assert th.equal(states["vector"], states["number"].expand(-1, 3))
    shared = filled(50, 30, 1, optimize_memory_usage=True, handle_timeout_termination=False)
    assert sample_states(shared)[:, 0].tolist()[1:] == list(range(21, 50))


def test_an_empty_buffer_has_none() -> None:
    assert sample_states(filled(0, 10, 2)) is None


def test_they_are_normalised_as_the_policy_sees_them() -> None:
    env = VecNormalize(DummyVecEnv([Steps]))
    env.obs_rms.mean, env.obs_rms.var = np.array([1.0, 2.0, 3.0]), np.array([4.0, 9.0, 16.0])
    buffer = ReplayBuffer(10, VECTOR, BOX, "cpu")
    raw = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    for row in raw:
        buffer.add(row[None], row[None], np.zeros((1, 2)), np.zeros(1), np.zeros(1), [{}])
    before = env.obs_rms.mean.copy(), env.obs_rms.count
    np.testing.assert_allclose(sample_states(buffer, env), (raw - [1, 2, 3]) / [2, 3, 4], atol=1e-5)
    np.testing.assert_array_equal(sample_states(buffer), raw)
    assert np.array_equal(env.obs_rms.mean, before[0])
    assert env.obs_rms.count == before[1]


def test_buffers_of_several_steps_hold_the_same_states() -> None:
    plain = filled(40, 30, 1)
    other = NStepReplayBuffer(30, DICT["number"], BOX, "cpu", n_steps=3, gamma=0.9)
    for step in range(40):
        seen = np.array([[step]], np.float32)
        other.add(seen, seen, np.zeros((1, 2)), np.zeros(1), np.zeros(1), [{}])
    assert th.equal(sample_states(other), sample_states(plain))


class Goals(Steps):
    """Something to see, and a goal."""

    def __init__(self) -> None:
        super().__init__()
        self.observation_space = spaces.Dict(dict.fromkeys(("observation", "achieved_goal", "desired_goal"), VECTOR))

    def _observed(self) -> Any:
        return self.observation_space.sample()


def test_of_hindsight_they_are_the_goals_that_were_sought_and_nothing_is_drawn() -> None:
    env = VecNormalize(DummyVecEnv([Goals]), norm_obs_keys=["observation", "desired_goal"])
    buffer = HerReplayBuffer(50, env.observation_space, env.action_space, env, "cpu")
    rng = np.random.default_rng(0)
    seen = [{key: rng.normal(size=(1, 3)).astype(np.float32) for key in env.observation_space} for _ in range(8)]
    for step in range(7):  # the last episode is not complete
        done = np.array([step % 3 == 2])
        buffer.add(seen[step], seen[step + 1], np.zeros((1, 2)), np.zeros(1), done, [{}])
    for key, mean in (("observation", [1.0, 2.0, 3.0]), ("desired_goal", [-1.0, 0.0, 1.0])):
        env.obs_rms[key].mean, env.obs_rms[key].var = np.array(mean), np.full(3, 4.0)
    generators = th.get_rng_state(), np.random.get_state()[1].tolist()
    states = sample_states(buffer, env)
    assert th.equal(th.get_rng_state(), generators[0])
    assert np.random.get_state()[1].tolist() == generators[1]
    raw = {key: np.concatenate([each[key] for each in seen[:7]]) for key in seen[0]}
    np.testing.assert_allclose(states["observation"], (raw["observation"] - [1, 2, 3]) / 2, atol=1e-5)
    np.testing.assert_allclose(states["desired_goal"], (raw["desired_goal"] - [-1, 0, 1]) / 2, atol=1e-5)
    np.testing.assert_array_equal(states["achieved_goal"], raw["achieved_goal"])


def test_pieces_make_the_whole() -> None:
    array = np.arange(14).reshape(7, 2)
    for observations in (array, {"a": array, "b": array[:, 0]}):
        parts = list(chunks(observations, 3))
        assert [n_rows(part) for part in parts] == [3, 3, 1]
        np.testing.assert_equal(joined(parts), observations)
    with pytest.raises(ValueError, match="at least one observation"):
        list(chunks(array[:0], 3))
    assert evenly_spaced(3).tolist() == [0, 1, 2]
