"""A controller for ``model="paper"`` that needs no training."""

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sb3_entropy_quadrotor.paper import PaperQuadrotorEnv
from sb3_entropy_quadrotor.paper_model import ARM, DT, JX, JY, KT, MASS, MOST_SPEED
from sb3_entropy_quadrotor.parameters import GRAVITY

#: of error in m, error of velocity in m/s, angle in rad and its rate in rad/s, to angular acceleration in rad/s²
ACROSS = (2.766, 3.552, 21.397, 5.410)
#: of error in m and error of velocity in m/s, to acceleration in m/s²
UPWARD = (26.767, 8.209)
#: the least cosine of the tilt that thrust makes up for
_LEAST = 0.3


class PaperController:
    """
    Linear-quadratic regulators of :func:`~sb3_entropy_quadrotor.paper_model.advance` about hovering, for three chains
    that do not touch one another there: along x with the pitch, along y with the roll, and along z.

    - x' = x + Δt v', v' = v + Δt g θ, θ' = θ + Δt q', q' = q + Δt u: u = −K (e, ė, θ, q) with K of the weights
      (5, 1, 30, 1) on the state and 0.3 on u; along y the same with −φ for θ;
    - z' = z + Δt v', v' = v + Δt a: weights (20, 1) and 0.005; lift m (g + a)/(cos φ cos θ).

    Both are turned into rotor speeds by the inverse of u₁ to u₄, yaw torque 0. Rates, which are not observed, are the
    angles' differences, exactly as the source moves them: they are the state that ``predict`` hands on. Weights were
    chosen on seeds 100 to 119.

    :param env: a :class:`~sb3_entropy_quadrotor.paper.PaperQuadrotorEnv`, wrapped or not, whose actions are used
    :raises TypeError: if it is another environment
    """

    def __init__(self, env: gym.Env[Any, Any]):
        world = env.unwrapped
        if not isinstance(world, PaperQuadrotorEnv):
            raise TypeError(f"A PaperController flies model='paper', but {env!r} was given: PDController flies others.")
        self._middle, self._gain = world.middle, world.gain

    def predict(
        self,
        observation: NDArray[np.float32],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """
        As a model's, for ``evaluate_policy``.

        :param observation: shape (9,) or (N, 9)
        :param state: the angles of the step before, shape (3,) or (N, 3); ``None``: there was none
        :param episode_start: where there was none, shape (N,)
        :param deterministic: of no account
        :return: the actions, shape (4,) or (N, 4), and the angles
        """
        seen = np.asarray(observation, np.float64)
        angles = seen[..., 3:6].copy()
        before = angles if state is None else state
        if episode_start is not None:
            begun = np.reshape(episode_start, (*angles.shape[:-1], 1))
            before = np.where(begun, angles, before)
        roll, pitch, _ = np.moveaxis(angles, -1, 0)
        p, q, _ = np.moveaxis((angles - before) / DT, -1, 0)
        x, y, z, _, _, _, vx, vy, vz = np.moveaxis(seen, -1, 0)
        k_x, k_v, k_angle, k_rate = ACROSS
        pitched = k_x * x + k_v * vx - k_angle * pitch - k_rate * q
        rolled = -(k_x * y + k_v * vy) - k_angle * roll - k_rate * p
        upright = np.maximum(np.cos(roll) * np.cos(pitch), _LEAST)
        lift = MASS * np.maximum(GRAVITY + UPWARD[0] * z + UPWARD[1] * vz, 0.0) / upright
        each, rolling, pitching = lift / (4 * KT), rolled * JX / (2 * ARM * KT), pitched * JY / (2 * ARM * KT)
        squares = np.stack([each + rolling, each + pitching, each - rolling, each - pitching], axis=-1)
        speeds = np.sqrt(np.clip(squares, 0.0, MOST_SPEED**2))
        actions = np.clip((speeds - self._middle) / self._gain, -1.0, 1.0).astype(np.float32)
        return actions, angles
