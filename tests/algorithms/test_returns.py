"""GAE on soft rewards, and V-trace on-policy: bit for bit Stable-Baselines3's, and by sums over the steps to come."""

from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3.common.buffers import DictRolloutBuffer, RolloutBuffer

from sb3_entropy.algorithms.common.returns import soft_gae, soft_vtrace
from sb3_entropy.algorithms.on_policy.buffers import soft_buffer_class

BOX = spaces.Box(-1, 1, (2,), np.float32)
DISCOUNTS = [(0.99, 0.95), (1.0, 1.0), (0.9, 0.0), (0.0, 0.5), (0.37, 1.0)]


class Mine(RolloutBuffer):
    """A user's own, with Stable-Baselines3's returns."""


class InDoublePrecision(RolloutBuffer):
    """A user's own, whose values are not float32."""

    def reset(self) -> None:
        super().reset()
        self.values = self.values.astype(np.float64)


class Halved(RolloutBuffer):
    """A user's own, with returns of its own."""

    def compute_returns_and_advantage(self, last_values: th.Tensor, dones: np.ndarray) -> None:
        self.rewards_seen = self.rewards
        super().compute_returns_and_advantage(last_values, dones)
        self.advantages = self.advantages / 2


class HalvedDict(Halved, DictRolloutBuffer):  # type: ignore[misc]
    """The same of Dict observations."""


def fill(
    cls: type, seed: int, n_steps: int, n_envs: int, gamma: float, lam: float
) -> tuple[Any, th.Tensor, np.ndarray]:
    """A full buffer with random rewards, values and ends, and what follows it."""
    rng = np.random.default_rng(seed)
    space = spaces.Dict({"x": BOX}) if issubclass(cls, DictRolloutBuffer) else BOX
    buffer = cls(n_steps, space, BOX, gamma=gamma, gae_lambda=lam, n_envs=n_envs)
    for name, scale in (("rewards", 3.0), ("values", 10.0)):
        held = getattr(buffer, name)
        held[:] = rng.normal(scale=scale, size=held.shape)
    buffer.episode_starts[:] = rng.random((n_steps, n_envs)) < 0.2
    buffer.pos, buffer.full = n_steps, True
    last = th.tensor(rng.normal(scale=10.0, size=(n_envs, 1)), dtype=th.float32)
    return buffer, last, rng.random(n_envs) < 0.5


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("gamma", "lam"), DISCOUNTS)
@pytest.mark.parametrize("cls", [RolloutBuffer, DictRolloutBuffer, Mine, InDoublePrecision, Halved, HalvedDict])
def test_is_bit_for_bit_that_of_stable_baselines3(cls: Any, gamma: float, lam: float, seed: int) -> None:
    size = (seed, 1 + 13 * seed, 1 + seed % 3, gamma, lam)
    theirs, last, dones = fill(cls, *size)
    ours, _, _ = fill(soft_buffer_class(cls, theirs.observation_space), *size)
    bonus = np.random.default_rng(9).random(theirs.rewards.shape, dtype=np.float32)
    raw, theirs.rewards = theirs.rewards, theirs.rewards + bonus
    ours.soft_rewards = lambda buffer, dones: buffer.rewards + bonus
    theirs.compute_returns_and_advantage(last, dones)
    ours.compute_returns_and_advantage(last, dones)
    for name in ("advantages", "returns"):
        found, expected = getattr(ours, name), getattr(theirs, name)
        assert found.dtype == expected.dtype
        assert found.tobytes() == expected.tobytes()
    assert ours.rewards.tobytes() == raw.tobytes()
    if issubclass(cls, Halved):
        assert np.array_equal(ours.rewards_seen, raw + bonus)


@pytest.mark.parametrize("bounds", [(1.0, 1.0, 1.0), (3.7, 1.6, 2.2)])
def test_vtrace_on_policy_is_bit_for_bit_what_stable_baselines3_returns(bounds: tuple[float, float, float]) -> None:
    """No action's ratio is anything but 1."""
    for seed, (gamma, lam) in enumerate(DISCOUNTS):
        theirs, last, dones = fill(RolloutBuffer, seed, 1 + 17 * seed, 1 + seed % 3, gamma, lam)
        bonus = np.random.default_rng(seed).random(theirs.rewards.shape, dtype=np.float32)
        parts = theirs.values, theirs.episode_starts, last.numpy().flatten(), dones
        log_probs = -np.float32(9) * np.random.default_rng(8).random(theirs.rewards.shape, dtype=np.float32)
        of_bounds = dict(zip(("rho_bar", "c_bar", "pg_rho_bar"), bounds, strict=True))
        theirs.rewards += bonus
        found = soft_vtrace(
            theirs.rewards, *parts, log_probs, log_probs.copy(), gamma, lam, advantage="gae", **of_bounds
        )
        theirs.compute_returns_and_advantage(last, dones)
        assert found.targets.dtype == found.advantages.dtype == np.float32
        assert found.targets.tobytes() == theirs.returns.tobytes()
        assert found.advantages.tobytes() == theirs.advantages.tobytes()


@pytest.mark.parametrize(("gamma", "lam"), DISCOUNTS)
def test_is_the_discounted_sum_of_td_errors_up_to_the_episodes_end(gamma: float, lam: float) -> None:
    rng = np.random.default_rng(1)
    n_steps, n_envs = 11, 3
    rewards, values = rng.normal(size=(2, n_steps, n_envs))
    last = rng.normal(size=n_envs)
    ends = rng.random((n_steps, n_envs)) < 0.25
    starts = np.vstack([np.ones((1, n_envs)), ends[:-1]])
    kept = [array.copy() for array in (rewards, values, starts, last)]
    found = soft_gae(rewards, values, starts, last, ends[-1], gamma, lam)
    following = np.vstack([values[1:], last])
    for env in range(n_envs):
        for t in range(n_steps):
            expected = 0.0
            for k in range(t, n_steps):
                bootstrap = 0.0 if ends[k, env] else gamma * following[k, env]
                expected += (gamma * lam) ** (k - t) * (rewards[k, env] + bootstrap - values[k, env])
                if ends[k, env]:
                    break
            assert found[t, env] == pytest.approx(expected, abs=1e-12)
    for array, before in zip((rewards, values, starts, last), kept, strict=True):
        np.testing.assert_array_equal(array, before)


def test_with_lambda_1_and_no_values_it_is_the_reward_to_go() -> None:
    rewards = np.array([[1.0], [2.0], [4.0], [8.0]])
    zeros, starts = np.zeros((4, 1)), np.array([[1.0], [0.0], [1.0], [0.0]])
    found = soft_gae(rewards, zeros, starts, np.array([100.0]), np.array([True]), 0.5, 1.0)
    np.testing.assert_array_equal(found[:, 0], [2.0, 2.0, 8.0, 8.0])
    cut_off = soft_gae(rewards, zeros, starts, np.array([100.0]), np.array([False]), 0.5, 1.0)
    np.testing.assert_array_equal(cut_off[:, 0], [2.0, 2.0, 8.0 + 25.0, 8.0 + 50.0])
