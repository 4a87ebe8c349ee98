"""The paper's quadrotor against rotation matrices and Euler's equations, and its batch against it."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from sb3_entropy_quadrotor.paper import PaperQuadrotorEnv
from scipy.spatial.transform import Rotation
from stable_baselines3.common.vec_env import DummyVecEnv

from sb3_entropy.vec_env.native import make_native_vec_env

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


@pytest.mark.parametrize(
    "settings",
    [{}, {"limit": "terminate", "time_limit": 0.7}, {"max_episode_steps": 9, "action_range": "hover"}],
)
def test_the_batch_is_step_by_step_a_dummy_vec_env(settings: dict[str, Any]) -> None:
    settings = {"model": "paper", **settings}
    batch = make_native_vec_env(ENV_ID, 3, seed=5, **settings)
    dummy = DummyVecEnv([lambda: gym.make(ENV_ID, **settings)] * 3)
    dummy.seed(5)
    np.testing.assert_array_equal(batch.reset(), dummy.reset())
    for actions in np.random.default_rng(0).uniform(-1.1, 1.1, size=(45, 3, 4)).astype(np.float32):
        (obs, rewards, dones, infos), expected = batch.step(actions), dummy.step(actions)
        np.testing.assert_allclose(obs, expected[0], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(rewards, expected[1], rtol=1e-6)
        np.testing.assert_array_equal(dones, expected[2])
        assert (obs.dtype, rewards.dtype) == (np.float32, np.float32)
        for info, other in zip(infos, expected[3], strict=True):
            last, other_last = info.pop("terminal_observation", None), other.pop("terminal_observation", None)
            assert (last is None) == (other_last is None)
            if last is not None:
                np.testing.assert_allclose(last, other_last, rtol=1e-6, atol=1e-6)
            assert info.pop("reward_terms") == pytest.approx(other.pop("reward_terms"), rel=1e-9)
            assert info == pytest.approx(other)
        assert batch.reset_infos == dummy.reset_infos


def test_the_batch_answers_for_its_environments() -> None:
    batch = make_native_vec_env(ENV_ID, 2, model="paper")
    assert batch.get_attr("most_steps") == [40, 40]
    assert batch.env_is_wrapped(gym.Wrapper) == [False, False]
    assert batch.env_method("_target") == [0.0, 0.0]
    assert batch.get_images() == [None, None]
    with pytest.raises(AttributeError, match="most_steps of a batch of environments cannot be set"):
        batch.set_attr("most_steps", 3)
    with pytest.raises(AttributeError, match=r"step\(\) of one environment in a batch cannot be called"):
        batch.env_method("step", np.zeros(4))
    batch.reset()
    for actions in (np.full((2, 4), np.nan), np.zeros((3, 4)), np.array([["a"] * 4] * 2)):
        with pytest.raises(ValueError, match=r"2 actions of shape \(4,\) must be given, of finite numbers, but"):
            batch.step(actions)
    batch.set_options({"time": 1.0})
    with pytest.raises(ValueError, match=r"no options of reset\(\)"):
        batch.reset()
    with pytest.raises(ValueError, match="max_episode_steps must be a whole number ≥ 1, but 0"):
        make_native_vec_env(ENV_ID, 2, model="paper", max_episode_steps=0)
    batch.close()


def test_the_models_of_mujoco_have_no_batch() -> None:
    with pytest.raises(
        ValueError, match=r"model='paper' alone has a native batch, but model='rotor'.*dummy or subproc"
    ):
        make_native_vec_env(ENV_ID, 2, model="rotor")
    with pytest.raises(ValueError, match="Unknown model 'rotors'"):
        make_native_vec_env(ENV_ID, 2, model="rotors")
