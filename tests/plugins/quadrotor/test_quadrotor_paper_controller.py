"""The controller of model="paper": optimal where it says so, and better than chance."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from sb3_entropy_quadrotor import PaperController
from sb3_entropy_quadrotor.paper_controller import ACROSS, UPWARD
from sb3_entropy_quadrotor.paper_model import HOVER_SPEED, advance
from scipy.linalg import solve_discrete_are
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

ENV_ID = "entropy/Quadrotor-v0"


def step_by_state_and_torque() -> tuple[np.ndarray, np.ndarray]:
    """Slopes of a step about hovering, of (x, vx, pitch, q) by themselves and by the angular acceleration."""
    order, h = [0, 3, 7, 10], 1e-6

    def after(state: Any, u: float) -> np.ndarray:
        full = np.zeros(12)
        full[order] = state
        more = u * 0.75 / (2 * 0.23 * 0.313)
        squares = HOVER_SPEED**2 + np.array([0.0, more, 0.0, -more])
        return np.array(advance(full.tolist(), np.sqrt(squares).tolist(), np.sin, np.cos))[order]

    slopes = [(after(h * e, 0.0) - after(-h * e, 0.0)) / (2 * h) for e in np.eye(4)]
    return np.array(slopes).T, ((after(np.zeros(4), h) - after(np.zeros(4), -h)) / (2 * h))[:, None]


def gains(a: np.ndarray, b: np.ndarray, weights: Any, effort: float) -> np.ndarray:
    p = solve_discrete_are(a, b, np.diag(weights), np.array([[effort]]))
    found: np.ndarray = np.linalg.solve(effort + b.T @ p @ b, b.T @ p @ a)[0]
    return found


def test_its_gains_are_those_of_the_riccati_equation() -> None:
    a, b = step_by_state_and_torque()
    np.testing.assert_allclose(ACROSS, gains(a, b, (5.0, 1.0, 30.0, 1.0), 0.3), rtol=1e-3)
    a, b = np.array([[1.0, 0.1], [0.0, 1.0]]), np.array([[0.01], [0.1]])
    np.testing.assert_allclose(UPWARD, gains(a, b, (20.0, 1.0), 0.005), rtol=1e-3)


@pytest.mark.parametrize("settings", [{}, {"action_range": "hover", "span": 1.0}])
def test_it_follows_the_target(settings: dict[str, Any]) -> None:
    env = Monitor(gym.make(ENV_ID, model="paper", **settings))
    env.reset(seed=0)
    returns, lengths = evaluate_policy(PaperController(env), env, 5, return_episode_rewards=True)  # type: ignore[arg-type]
    assert lengths == [40] * 5
    assert min(returns) > -150  # type: ignore[type-var]
    chance = []
    env.action_space.seed(0)
    env.reset(seed=0)
    for _ in range(40):
        chance.append(env.step(env.action_space.sample())[1])
    assert sum(map(float, chance)) < -500
    controller, seen, before, errors = PaperController(env), env.reset(seed=1)[0], None, []
    for _ in range(40):
        action, before = controller.predict(seen, before)
        seen = env.step(action)[0]
        errors.append(abs(seen[:3]).max())
    assert max(errors[30:]) < 0.1


def test_it_flies_many_and_knows_where_each_began() -> None:
    controller, rng = PaperController(gym.make(ENV_ID, model="paper")), np.random.default_rng(0)
    seen, before = rng.uniform(-0.3, 0.3, (3, 9)).astype(np.float32), rng.uniform(-0.3, 0.3, (3, 3))
    actions, angles = controller.predict(seen, before, np.array([False, True, False]))
    assert (actions.shape, actions.dtype, actions[0].tolist() != actions[1].tolist()) == ((3, 4), np.float32, True)
    for i, own in enumerate((before[0], None, before[2])):
        np.testing.assert_array_equal(controller.predict(seen[i], own)[0], actions[i])
    np.testing.assert_array_equal(controller.predict(seen[1], before[1], np.array([True]))[0], actions[1])
    np.testing.assert_array_equal(angles, seen[:, 3:6].astype(np.float64))
    with pytest.raises(TypeError, match=r"A PaperController flies model='paper', but .*: PDController flies others"):
        PaperController(gym.make(ENV_ID))
