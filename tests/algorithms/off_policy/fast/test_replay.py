"""Transitions are those of Stable-Baselines3's buffers, from the same draws."""

from typing import Any

import numpy as np
import pytest
import torch as th
from stable_baselines3.common.buffers import NStepReplayBuffer, ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize

from algorithms.off_policy.fast.worlds import PENDULUM, path_of, sac
from sb3_entropy.algorithms.off_policy.fast.replay import can_gather

#: by name: SAC's arguments, and whether transitions are gathered
BUFFERS: dict[str, tuple[dict[str, Any], bool]] = {
    "one": ({}, True),
    "three": ({"n_envs": 3}, True),
    "full": ({"n_envs": 2, "buffer_size": 500}, True),
    "without timeouts": ({"replay_buffer_kwargs": {"handle_timeout_termination": False}}, True),
    "one array of observations": (
        {"optimize_memory_usage": True, "replay_buffer_kwargs": {"handle_timeout_termination": False}},
        False,
    ),
    "n steps": ({"replay_buffer_class": NStepReplayBuffer, "replay_buffer_kwargs": {"n_steps": 3}}, False),
}


def assert_same_samples(path: Any, buffer: ReplayBuffer, env: VecNormalize | None = None) -> ReplayBufferSamples:
    """Equal numbers of one type, and the generator where it would be. :return: ours"""
    made = []
    for sample in (lambda: buffer.sample(29, env=env), lambda: path.sample(29)):
        np.random.seed(7)
        made.append((sample(), np.random.get_state()))
    for name in ReplayBufferSamples._fields:
        theirs, ours = (getattr(samples, name) for samples, _ in made)
        assert (theirs is None) == (ours is None)
        if ours is not None:
            assert ours.dtype is theirs.dtype
            assert th.equal(ours, theirs)
    assert made[0][1][1].tolist() == made[1][1][1].tolist()
    assert made[0][1][2] == made[1][1][2]
    return made[1][0]


@pytest.mark.parametrize("name", BUFFERS)
def test_samples(name: str) -> None:
    settings, gathers = BUFFERS[name]
    model = sac(PENDULUM, **settings)
    buffer = model.replay_buffer
    assert can_gather(buffer) is gathers
    assert buffer.full is (name == "full")
    assert_same_samples(path_of(model), buffer)


def test_samples_are_copies() -> None:
    model = sac(PENDULUM)
    before = model.replay_buffer.observations.copy()
    path_of(model).sample(50).observations.zero_()
    np.testing.assert_array_equal(model.replay_buffer.observations, before)


def test_episodes_that_a_time_limit_ended_go_on() -> None:
    model = sac(PENDULUM)
    buffer = model.replay_buffer
    assert (buffer.dones * buffer.timeouts).any()
    found = path_of(model).sample(400).dones
    assert 0 < float(found.mean()) < float(buffer.dones[:300].mean())


def test_what_is_normalised_is_sampled_by_the_buffer() -> None:
    model = sac(PENDULUM)
    env = VecNormalize(model.get_env())
    env.obs_rms.mean += 2.0
    env.ret_rms.var *= 4.0
    samples = assert_same_samples(path_of(model, env=env), model.replay_buffer, env)
    assert float(samples.observations.mean()) < -1


def test_a_buffer_that_samples_in_its_own_way_is_asked() -> None:
    model = sac(PENDULUM)
    model.replay_buffer.sample = lambda batch_size, env=None: (batch_size, env)
    assert not can_gather(model.replay_buffer)
    assert path_of(model).sample(5) == (5, None)
