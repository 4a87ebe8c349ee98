"""A controller that needs no training: what the tasks ask for, and what can be reached."""

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sb3_entropy.errors import check_number
from sb3_entropy_quadrotor.env import QuadrotorEnv
from sb3_entropy_quadrotor.parameters import GRAVITY

Array = NDArray[np.float64]


class PDController:
    """
    Two cascaded PD loops with feed-forward, on what is observed (Lee, Leok and McClamroch, "Geometric tracking control
    of a quadrotor UAV on SE(3)", CDC 2010, without integral):

    - f = m (a_d + K_p e + K_v ė + g e₃), in N, the force that is wanted; thrust F = f · R e₃;
    - R_d has f's direction for its third axis, and heads along x as far as it can (yaw 0);
    - τ = J (−K_R e_R − K_Ω Ω), in N m, e_R = ½ (R_dᵀ R − Rᵀ R_d)^∨; gyroscopic torques are neglected.

    It takes the nominal mass and thrust for the true ones. Where a *realistic* quadrotor differs by 10 % in both, it
    sinks by up to g (1.1/0.9 − 1)/k_z = 4.5 cm with k_z = 49 s⁻². The gains were chosen on seeds 100 to 129.

    :param env: a :class:`QuadrotorEnv`, wrapped or not, whose airframe and action map are used
    :param position_gain: K_p across and along z, in s⁻²
    :param velocity_gain: K_v across and along z, in s⁻¹
    :param attitude_gain: K_R of roll and pitch, and of yaw, in s⁻²
    :param rate_gain: K_Ω of roll and pitch, and of yaw, in s⁻¹
    :raises TypeError: if it is another environment
    :raises ValueError: if a gain is not positive
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        *,
        position_gain: tuple[float, float] = (12.0, 49.0),
        velocity_gain: tuple[float, float] = (6.0, 10.0),
        attitude_gain: tuple[float, float] = (140.0, 25.0),
        rate_gain: tuple[float, float] = (22.0, 8.0),
    ):
        world = env.unwrapped
        if not isinstance(world, QuadrotorEnv):
            raise TypeError(f"A PDController flies a QuadrotorEnv, but {env!r} was given: model='paper' is none.")
        gains = []
        for name, pair in (
            ("position_gain", position_gain),
            ("velocity_gain", velocity_gain),
            ("attitude_gain", attitude_gain),
            ("rate_gain", rate_gain),
        ):
            for i in (0, 1):
                check_number(f"{name}[{i}]", pair[i], 0.0, open_low=True)
            gains.append(np.array([pair[0], pair[0], pair[1]]))
        self._kp, self._kv, self._kr, self._kw = gains
        self._mass, self._inertia = world.airframe.mass, np.array(world.airframe.inertia)
        self._map = world.action_map

    def action(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """
        :param observation: shape (28,)
        :return: the action, shape (4,)
        """
        seen = observation.astype(np.float64)
        error, rate_of_error, R, rates, acceleration = (
            seen[:3],
            seen[3:6],
            seen[6:15].reshape(3, 3),
            seen[15:18],
            seen[21:24],
        )
        force = self._mass * (acceleration + self._kp * error + self._kv * rate_of_error + [0.0, 0.0, GRAVITY])
        up = force / max(float(np.sqrt(force @ force)), 1e-9)
        left = np.array([0.0, up[2], -up[1]])  # up × e₁
        left = left / max(float(np.sqrt(left @ left)), 1e-9)
        forward = np.array([left[1] * up[2] - left[2] * up[1], left[2] * up[0], -left[1] * up[0]])
        turned = np.stack([forward, left, up]) @ R  # R_dᵀ R
        skew = 0.5 * (turned - turned.T)
        attitude_error = np.array([skew[2, 1], skew[0, 2], skew[1, 0]])
        torque = self._inertia * (-self._kr * attitude_error - self._kw * rates)
        return self._map.action(np.array([max(float(force @ R[:, 2]), 0.0), *torque])).astype(np.float32)

    def predict(
        self,
        observation: NDArray[np.float32],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """
        As a model's, for ``evaluate_policy``.

        :param observation: shape (28,) or (N, 28)
        :param state: of no account: there is none
        :param episode_start: of no account
        :param deterministic: of no account
        :return: the actions, shape (4,) or (N, 4), and the state as it was given
        """
        if observation.ndim == 1:
            return self.action(observation), state
        return np.stack([self.action(one) for one in observation]), state
