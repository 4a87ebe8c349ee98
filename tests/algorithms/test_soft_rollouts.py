"""The parts of a soft rollout: buffers that grow and leave out, entropies in a batch, sums over episodes."""

from typing import Any

import numpy as np
import pytest
import torch as th
from contracts.envs import ACTIONS, make_env, make_vec_env
from contracts.models import build, policy_for
from contracts.pairs import combinations
from stable_baselines3.common.buffers import DictRolloutBuffer, RolloutBuffer

from sb3_entropy import SPPO
from sb3_entropy.algorithms.common.episode_sums import EpisodeSums
from sb3_entropy.algorithms.on_policy import soft_returns
from sb3_entropy.algorithms.on_policy.buffers import (
    SoftDictRolloutBuffer,
    SoftRolloutBuffer,
    SoftRollouts,
    soft_buffer_class,
)
from sb3_entropy.algorithms.on_policy.soft_returns import rollout_entropies


class Mine(RolloutBuffer):
    """A user's own."""


class MyDict(DictRolloutBuffer):
    """A user's own, for Dict observations."""


@pytest.mark.parametrize(
    ("chosen", "observations", "expected"),
    [
        (None, "vector", SoftRolloutBuffer),
        (None, "dict", SoftDictRolloutBuffer),
        (RolloutBuffer, "vector", SoftRolloutBuffer),
        (DictRolloutBuffer, "dict", SoftDictRolloutBuffer),
        (SoftRolloutBuffer, "vector", SoftRolloutBuffer),
    ],
)
def test_the_buffer_that_is_taken(chosen: Any, observations: str, expected: type) -> None:
    assert soft_buffer_class(chosen, make_env(observations).observation_space) is expected


@pytest.mark.parametrize(("chosen", "observations"), [(Mine, "vector"), (MyDict, "dict")])
def test_a_users_buffer_is_extended(chosen: type, observations: str) -> None:
    cls = soft_buffer_class(chosen, make_env(observations).observation_space)
    assert issubclass(cls, SoftRollouts)
    assert issubclass(cls, chosen)
    assert cls.__name__ == f"Soft{chosen.__name__}"
    model = build(SPPO, make_env(observations), policy=policy_for(observations), rollout_buffer_class=chosen)
    assert isinstance(model.learn(16).rollout_buffer, chosen)


@pytest.mark.parametrize(
    ("observations", "actions", "chunk"), combinations(("vector", "dict", "image"), ACTIONS, (7, 1024))
)
def test_entropies_are_those_of_single_states(
    observations: str, actions: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soft_returns, "CHUNK", chunk)
    scheme = {"std_scheme": "global_local", "std_scheme_kwargs": {"source_offsets": True}} if actions == "box" else {}
    env = make_vec_env(3, observations=observations, actions=actions)
    policy = policy_for(observations)
    model = build(SPPO, env, policy=policy, policy_kwargs=scheme, n_epochs=1, learning_rate=0.0)
    seen = {}
    soft_rewards = model.rollout_buffer.soft_rewards

    def looked_at(buffer: Any, dones: np.ndarray) -> Any:
        entropies = rollout_entropies(model.policy, buffer)
        for t, n in ((0, 0), (5, 2), (15, 1)):
            stored = buffer.observations
            state = {k: v[t, n][None] for k, v in stored.items()} if isinstance(stored, dict) else stored[t, n][None]
            as_tensor = (
                {k: th.as_tensor(v) for k, v in state.items()} if isinstance(state, dict) else th.as_tensor(state)
            )
            with th.no_grad():
                seen[t, n] = (entropies[t, n], model.policy.get_distribution(as_tensor).entropy().item())
        assert entropies.shape == (16, 3)
        assert entropies.std() > 0
        return soft_rewards(buffer, dones)

    model.rollout_buffer.soft_rewards = looked_at
    model.learn(48)
    assert len(seen) == 3
    for found, expected in seen.values():
        assert found == pytest.approx(expected, rel=1e-5)


def test_stored_rewards_stay_as_they_are() -> None:
    soft, hard = (build(SPPO, ent_coef=ent_coef, learning_rate=0.0).learn(16) for ent_coef in (0.5, 0.0))
    assert np.array_equal(soft.rollout_buffer.rewards, hard.rollout_buffer.rewards)
    assert not np.array_equal(soft.rollout_buffer.returns, hard.rollout_buffer.returns)


def test_a_buffer_grows_and_is_trimmed() -> None:
    space = make_env("dict").observation_space
    buffer = SoftDictRolloutBuffer(2, space, make_env().action_space, n_envs=1)
    added = []
    for t in range(5):
        if buffer.full:
            buffer.grow()
        observation = {key: np.asarray(value)[None] for key, value in space.sample().items()}
        added.append(observation)
        buffer.add(observation, np.full((1, 2), t), np.array([float(t)]), np.zeros(1), th.zeros(1), th.zeros(1))
    assert buffer.buffer_size == 8
    buffer.trim()
    assert buffer.buffer_size == 5
    assert buffer.full
    assert buffer.rewards[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    for t, observation in enumerate(added):
        assert np.array_equal(buffer.observations["vector"][t], observation["vector"])
    buffer.compute_returns_and_advantage(th.zeros(1), np.ones(1))
    buffer.keep = np.array([[True], [False], [True], [True], [False]])
    batch = next(iter(buffer.get(None)))
    assert sorted(batch.actions[:, 0].tolist()) == [0.0, 2.0, 3.0]
    buffer.reset()
    assert buffer.keep is None


def test_sums_over_episodes_that_rollouts_cut() -> None:
    """Against a plain running sum, with episodes that end at any step, or with the rollout, or not at all in it."""
    rng = np.random.default_rng(0)
    sums = EpisodeSums(n_envs=3, window=1000)
    running, expected = np.zeros(3), []
    for _ in range(20):
        values, ends = rng.normal(size=(6, 3)), []
        for t in range(6):
            running += values[t]
            for env in np.flatnonzero(rng.random(3) < 0.15):
                ends.append((t, int(env)))
                expected.append(running[env])
                running[env] = 0.0
        sums.add(values, ends)
    assert list(sums.finished) == pytest.approx(expected)
    assert sums.running == pytest.approx(running)
    assert sums.mean() == pytest.approx(np.mean(expected))
    assert EpisodeSums(1, 5).mean() is None
    few = EpisodeSums(1, window=2)
    few.add(np.array([[1.0], [2.0], [3.0]]), [(0, 0), (1, 0), (2, 0)])
    assert few.mean() == 2.5
