"""A controller for ``entropy/TorqueAcrobot-v0`` that needs no training."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.errors import check_number
from sb3_entropy_vehicle.acrobot import DT, MAX_TORQUE, TorqueAcrobot, derivative
from sb3_entropy_vehicle.numerics import ARRAYS, FLOATS, rk4

Array = NDArray[np.float64]

#: xᵀPx within which the regulator takes over, and the most that is charged where a plan ends farther off
NEAR, MOST = 12.0, 100.0
#: of an action, squared, in the regulator's cost
EFFORT = 0.01


class Balance:
    """
    Model-predictive control by the cross-entropy method (Rubinstein 1999), which hands over to a linear-quadratic
    regulator. With x the state less upright and P, K from the Riccati equation of the step of 0.2 s about it, with the
    task's own cost and 0.01 u²,

    - where xᵀPx < 12, about 6° off: u = −Kx;
    - elsewhere u is the first of a plan of ``horizon`` actions. Around the plan of the step before, ``candidates`` are
      drawn, each is simulated, by −Kx as soon as it comes near, and costs −Σ r + min(100, xᵀPx at its end); mean and
      standard deviation of the best tenth are those of the next draw, ``iterations`` times.

    The regulator inside of the simulation is what makes a plan precise enough: the arm's errors grow by 1.76 a step.
    Noise is drawn once, so that the controller is a function of the observation and its plan. The numbers were chosen
    on seeds 100 to 159.

    :param env: an environment of ``entropy/TorqueAcrobot-v0``, wrapped or not
    :param horizon: actions of a plan
    :param candidates: at least 20
    :param iterations: draws
    :raises TypeError: if the environment is another, or a number is not whole
    :raises ValueError: if a number is too small
    """

    def __init__(self, env: Any, horizon: int = 12, candidates: int = 200, iterations: int = 4):
        task = getattr(getattr(env, "unwrapped", env), "task", None)
        if not isinstance(task, TorqueAcrobot):
            raise TypeError(f"Balance moves entropy/TorqueAcrobot-v0, but {env!r} was given.")
        check_number("horizon", horizon, 1, integer=True)
        check_number("candidates", candidates, 20, integer=True)
        check_number("iterations", iterations, 1, integer=True)
        self._task = task
        self._noise = np.random.default_rng(0).standard_normal((iterations, horizon, candidates))
        self._value, self._gain = regulator()

    def predict(
        self,
        observation: NDArray[np.float32],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Array]:
        """
        :param observation: shape (6,) or (N, 6)
        :param state: plans, shape (horizon,) or (N, horizon); ``None``: there are none
        :param episode_start: where there are none, shape (N,)
        :param deterministic: without influence
        :return: actions, shape (1,) or (N, 1), and plans
        """
        seen = np.atleast_2d(np.asarray(observation, np.float64))
        cos1, sin1, cos2, sin2, rate1, rate2 = seen.T
        now = np.stack([np.arctan2(sin1, cos1), np.arctan2(sin2, cos2), rate1, rate2])
        plans = np.zeros((len(seen), self._noise.shape[1]))
        if state is not None:
            kept = np.ones(len(seen), bool) if episode_start is None else ~np.reshape(episode_start, -1).astype(bool)
            plans[kept] = np.atleast_2d(state)[kept]
        away, actions = self._regulated(now)
        far = away >= NEAR
        if far.any():
            plans[far] = self._planned(now[:, far], plans[far])
            actions[far] = plans[far, 0]
        following = np.concatenate([np.where(far[:, None], plans[:, 1:], 0.0), np.zeros((len(seen), 1))], axis=1)
        if np.ndim(observation) == 1:
            return actions.astype(np.float32), following[0]
        return actions[:, None].astype(np.float32), following

    def _regulated(self, state: Array) -> tuple[Array, Array]:
        """:return: xᵀPx and −Kx within [−1, 1], of states of shape (4, N)"""
        x = np.stack([ARRAYS.wrapped(state[0] - np.pi / 2), *state[1:]])
        return np.sum((self._value @ x) * x, axis=0), np.clip(-self._gain @ x, -1.0, 1.0)

    def _planned(self, now: Array, plans: Array) -> Array:
        mean, std = plans.T, np.full(plans.T.shape, 0.8)
        for noise in self._noise:
            drawn = np.clip(mean[:, :, None] + std[:, :, None] * noise[:, None, :], -1.0, 1.0)
            drawn[:, :, 0] = mean
            best = np.argsort(self._costs(now, drawn), axis=1)[:, : drawn.shape[2] // 10]
            elite = np.take_along_axis(drawn, best[None], axis=2)
            mean, std = elite.mean(axis=2), elite.std(axis=2) + 0.03
        return np.asarray(mean.T)

    def _costs(self, now: Array, actions: Array) -> Array:
        """:return: of each candidate, shape (n, C), from states of shape (4, n) by actions of shape (H, n, C)"""
        n, candidates = actions.shape[1:]
        state, cost = np.repeat(now, candidates, axis=1), np.zeros(n * candidates)
        for planned in actions.reshape(len(actions), -1):
            away, regulated = self._regulated(state)
            moved = self._task.step(state, [np.where(away < NEAR, regulated, planned)], ARRAYS)
            state, cost = np.stack(moved.state), cost - sum(moved.terms.values())
        return (cost + np.minimum(MOST, self._regulated(state)[0])).reshape(n, candidates)


def regulator() -> tuple[Array, Array]:
    """
    :return: P, shape (4, 4), and K, shape (4,), of the least Σ x₁² + x₂² + 0.1 x₃² + 0.1 x₄² + 0.01 u² about upright,
        with xₜ₊₁ = A xₜ + B uₜ from central differences of the environment's step
    """
    from scipy.linalg import solve_discrete_are

    def step(state: Array, action: float) -> Array:
        return np.array(rk4(lambda now: derivative(now, MAX_TORQUE * action, FLOATS), state.tolist(), DT))

    upright, small = np.array([np.pi / 2, 0.0, 0.0, 0.0]), 1e-5
    ways = small * np.eye(4)
    a = np.stack([(step(upright + way, 0.0) - step(upright - way, 0.0)) / (2 * small) for way in ways], axis=1)
    b = (step(upright, small) - step(upright, -small))[:, None] / (2 * small)
    value = solve_discrete_are(a, b, np.diag([1.0, 1.0, 0.1, 0.1]), np.array([[EFFORT]]))
    return value, (b.T @ value @ a / (EFFORT + b.T @ value @ b))[0]
