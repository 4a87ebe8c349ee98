"""Which states a policy is looked at in."""

from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer
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


def test_pieces_make_the_whole() -> None:
    array = np.arange(14).reshape(7, 2)
    for observations in (array, {"a": array, "b": array[:, 0]}):
        parts = list(chunks(observations, 3))
        assert [n_rows(part) for part in parts] == [3, 3, 1]
        np.testing.assert_equal(joined(parts), observations)
    with pytest.raises(ValueError, match="at least one observation"):
        list(chunks(array[:0], 3))
    assert evenly_spaced(3).tolist() == [0, 1, 2]
