"""The paper's quadrotor against rotation matrices and Euler's equations, and its batch against it."""

import gymnasium as gym
import numpy as np
import pytest
from sb3_entropy_quadrotor.paper import PaperQuadrotorEnv
from scipy.spatial.transform import Rotation

ENV_ID = "entropy/Quadrotor-v0"
J = np.diag([0.75, 0.75, 1.3])


def oracle(state: np.ndarray, speeds: np.ndarray) -> np.ndarray:
    """Newton and Euler in matrices: what the source writes out component by component."""
    x, v, angles, rates = state.reshape(4, 3)
    squares = speeds**2
    lift = Rotation.from_euler("ZYX", angles[::-1]).as_matrix()[:, 2] * 0.313 * squares.sum() / 0.65
    v = v + 0.1 * (lift - [0.0, 0.0, 9.81])
    arms = np.array([[1, 0, -1, 0], [0, 1, 0, -1]]) * 0.313
    torque = 0.23 * np.array([*(arms @ squares), 7.5e-4 * squares @ [1, -1, 1, -1]])
    rates = rates + 0.1 * np.linalg.solve(J, torque - np.cross(rates, J @ rates))
    return np.concatenate([x + 0.1 * v, v, angles + 0.1 * rates, rates])


def test_it_flies_as_newton_and_euler_say() -> None:
    env = PaperQuadrotorEnv()
    env.reset(seed=4)
    state = np.array(env._state)
    for k, action in enumerate(np.random.default_rng(0).uniform(-1.2, 1.2, (40, 4)), start=1):
        state = oracle(state, 5 * (np.clip(action, -1, 1) + 1))
        seen, reward, terminated, truncated, info = env.step(action)
        target = np.array([0.15 * (k - 1), 0.0, 0.0])  # one step late, as there
        expected = [*(target - state[:3]), *state[6:9], *([1.5, 0.0, 0.0] - state[3:6])]
        np.testing.assert_allclose(seen, expected, rtol=1e-5, atol=1e-5)
        terms = [-5 * abs(target - state[:3]).sum(), -abs(state[6:9]).sum()]
        assert reward == pytest.approx(sum(terms))
        assert info == {
            "time": pytest.approx(0.1 * k),
            "reward_terms": pytest.approx({"position": terms[0], "attitude": terms[1]}),
        }
        assert (terminated, truncated) == (False, k == 40)
    assert abs(state[9:]).max() > 0.3


def test_it_starts_as_there() -> None:
    env = PaperQuadrotorEnv()
    seen = np.array([env.reset(seed=seed)[0] for seed in range(200)])
    low = np.array([-0.1, -0.1, -1, 0, 0, 0, 1.4, -0.1, -0.1])
    high = np.array([0.1, 0.1, 1, 0, 0, 0, 1.6, 0.1, 0.1])
    assert ((seen >= low - 1e-6) & (seen <= high + 1e-6)).all()
    np.testing.assert_allclose(seen.min(axis=0), low, atol=0.03)
    np.testing.assert_allclose(seen.max(axis=0), high, atol=0.03)
    with pytest.raises(ValueError, match=r"no options of reset\(\), but \{'time': 1\}"):
        env.reset(options={"time": 1})


def test_its_hovering_speed_hovers() -> None:
    env = PaperQuadrotorEnv(action_range="hover", span=0.2)
    first = env.reset(seed=0)[0]
    for _ in range(10):
        seen = env.step(np.zeros(4))[0]
    np.testing.assert_allclose(seen[6:], first[6:], atol=1e-6)
    np.testing.assert_allclose(seen[2], first[2] + first[8] * 0.1 * 10, atol=1e-6)
    assert env.step(np.ones(4))[0][8] < seen[8]  # more thrust: it rises, so that the error of its velocity falls


@pytest.mark.parametrize(("limit", "end"), [("truncate", (False, True)), ("terminate", (True, False))])
def test_its_time_limit(limit: str, end: tuple[bool, bool]) -> None:
    env = gym.make(ENV_ID, model="paper", limit=limit, time_limit=0.5)
    env.reset(seed=0)
    assert [env.step(np.zeros(4, dtype=np.float32))[2:4] for _ in range(5)] == [(False, False)] * 4 + [end]


def test_the_longest_episode_stays_finite() -> None:
    """Actions that let the rates grow fastest, through the yaw rate; longer episodes would leave the finite numbers."""
    env = PaperQuadrotorEnv(time_limit=100.0)
    env.reset(seed=0)
    for _ in range(1000):
        seen, reward, _, truncated, _ = env.step(np.array([1.0, -1.0, 1.0, -0.9]))
        assert np.isfinite(seen).all()
        assert np.isfinite(reward)
    assert truncated
    assert max(map(abs, env._state[9:])) < 1e4
    with pytest.raises(ValueError, match=r"time_limit must be a number between 0.1 and 100, but 1000.0"):
        PaperQuadrotorEnv(time_limit=1000.0)
