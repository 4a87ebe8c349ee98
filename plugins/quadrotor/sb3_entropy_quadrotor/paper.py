"""The source's quadrotor as a Gymnasium environment."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sb3_entropy.errors import check_choice, check_number
from sb3_entropy_quadrotor.actions import checked_action
from sb3_entropy_quadrotor.flight import quaternion_of
from sb3_entropy_quadrotor.paper_model import ARM, DT, TARGET_SPEED, advance, drawn_state, speeds_range
from sb3_entropy_quadrotor.rendering import METADATA, Camera, check_render_mode

Observation = NDArray[np.float32]

#: the longest episode, in s. Yaw rates grow by up to 0.0265 rad/s², and with them the explicit Euler step of the source
#: lets roll and pitch rates grow: in 100 s by a factor of about 500, after 250 s beyond all numbers
LONGEST = 100.0
#: how high above the tiles z = 0 is drawn, in m
_RAISED = 2.0


class PaperQuadrotorEnv(gym.Env[Observation, NDArray[np.float32]]):
    """
    The quadrotor of the public code of Zhang, Chang and Gao, "When maximum entropy misleads policy optimization", ICML
    2025 (ruipengZ/maxent-mislead): ``gym.make("entropy/Quadrotor-v0", model="paper")``.

    *Task*: a target that moves at 1.5 m/s along x, at y = z = 0. *Dynamics*: 0.1 s a step, see
    :func:`~sb3_entropy_quadrotor.paper_model.advance`. *Action*: in [−1, 1]⁴, an affine map to rotor speeds w; by
    default all that the source has, w = 5 (a + 1) ∈ [0, 10], whose thrust is up to 19.6 times the weight.

    *Observation*, 9 numbers: target − position in m, roll, pitch and yaw in rad, target's velocity − velocity in m/s;
    no angular velocity and no time. *Reward*: −5 ‖target − position‖₁/m − (|roll| + |pitch| + |yaw|)/rad; the terms are
    in ``info["reward_terms"]``. *Start*: position within ±(0.1, 0.1, 1) m, velocity within ±0.1 m/s.

    *End*: after 4 s. In the source the episode then terminates, though no observation says when
    (``limit="terminate"``); here it is truncated, and what would follow has its value.

    Nothing else ends an episode: the quadrotor may turn over, and no ground is below it. The rules are the source's,
    but for the number of bits of an observation, 32, and the box of the actions.

    :param task: ``"line"``, the source's only one
    :param actions: ``"rotors"``, the source's only ones
    :param action_range: ``"full"``, or ``"hover"``, w = 2.257 (1 + span · a)
    :param span: of the range ``"hover"``
    :param time_limit: in s, at most 100; beyond 25 s, ``gym.make`` needs a ``max_episode_steps`` too
    :param limit: what the time limit does, ``"truncate"`` or, as in the source, ``"terminate"``
    :param render_mode: ``"rgb_array"`` (image), ``"human"`` (window) or ``None``
    :param width: of the image, in pixels
    :param height: of the image, in pixels
    :raises TypeError: if a parameter has the wrong type
    :raises ValueError: if a parameter is out of its range
    """

    metadata = {**METADATA, "render_fps": 10}  # noqa: RUF012  (as Gymnasium declares it)

    def __init__(
        self,
        *,
        task: str = "line",
        actions: str = "rotors",
        action_range: str = "full",
        span: float = 0.4,
        time_limit: float = 4.0,
        limit: str = "truncate",
        render_mode: str | None = None,
        width: int = 480,
        height: int = 360,
    ):
        check_choice("task of model='paper'", task, ["line"])
        check_choice("actions of model='paper'", actions, ["rotors"])
        check_number("time_limit", time_limit, DT, LONGEST)
        check_choice("limit", limit, ["truncate", "terminate"])
        check_render_mode(render_mode, width, height)
        self.middle, self.gain = speeds_range(action_range, span)
        self.most_steps, self.terminates = round(time_limit / DT), limit == "terminate"
        # Without an end in itself, but finite, which Gymnasium's checker asks for.
        farthest = float(np.finfo(np.float32).max)
        self.observation_space = spaces.Box(-farthest, farthest, (9,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (4,), np.float32)
        self.render_mode = render_mode
        self.camera = Camera(ARM / 2, width, height, self.metadata["render_fps"])
        self._state: list[float] = [0.0] * 12
        self._steps = 0
        self._over = True

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """
        Begin an episode.

        :param seed: of ``np_random``
        :param options: there are none
        :return: the observation, and ``info``
        :raises ValueError: if an option is given
        """
        super().reset(seed=seed)
        check_no_options(options)
        self._state, self._steps, self._over = drawn_state(self.np_random), 0, False
        self.camera.forget()
        if self.render_mode == "human":
            self.render()
        return self._observe(), {"time": 0.0}

    def step(self, action: NDArray[np.float32]) -> tuple[Observation, SupportsFloat, bool, bool, dict[str, Any]]:
        """
        Fly for 0.1 s.

        :param action: shape (4,); what lies outside [−1, 1] is clipped to it
        :return: observation, reward, whether the time is over and terminates, whether it is over and truncates, and
            ``info``: ``time`` in s and ``reward_terms``
        :raises ValueError: if the action is not four finite numbers
        :raises gymnasium.error.ResetNeeded: if no episode has begun, or the last one is over
        """
        if self._over:
            raise gym.error.ResetNeeded("Call reset() before step(): no episode has begun, or the last one is over.")
        speeds = [self.middle + self.gain * a for a in checked_action(action)]
        self._state = state = advance(self._state, speeds, math.sin, math.cos)
        self._steps += 1
        x, y, z, _, _, _, roll, pitch, yaw, *_ = state
        position = -5.0 * (abs(self._target() - x) + abs(y) + abs(z))
        attitude = -(abs(roll) + abs(pitch) + abs(yaw))
        self._over = self._steps >= self.most_steps
        info = {"time": self._steps * DT, "reward_terms": {"position": position, "attitude": attitude}}
        if self.render_mode == "human":
            self.render()
        elif self.render_mode is not None:
            self.camera.remember((x, y, z + _RAISED))
        over = self._over
        return self._observe(), position + attitude, over and self.terminates, over and not self.terminates, info

    def _target(self) -> float:
        return TARGET_SPEED * DT * max(self._steps - 1, 0)

    def _observe(self) -> Observation:
        x, y, z, vx, vy, vz, roll, pitch, yaw, *_ = self._state
        seen = [self._target() - x, -y, -z, roll, pitch, yaw, TARGET_SPEED - vx, -vy, -vz]
        return np.array(seen, dtype=np.float32)

    def render(self) -> Any:
        """
        :return: with ``"rgb_array"`` an image of shape (height, width, 3), uint8; else ``None``. The
            ground is at z = 0, but does not stop it
        :raises RuntimeError: if there is no renderer or, for ``"human"``, no display
        """
        if self.render_mode is None:
            gym.logger.warn("render() draws nothing without a render mode: make the environment with render_mode=…")
            return None
        return self.picture(self.render_mode, self._state, self._target())

    def picture(self, mode: str, state: Sequence[float], target: float) -> NDArray[np.uint8] | None:
        """
        :param mode: ``"rgb_array"`` or ``"human"``
        :param state: of a quadrotor, 12 numbers
        :param target: x of its target, in m
        :return: the image; ``None`` where it is shown in a window
        :raises RuntimeError: if there is no renderer or no display
        """
        x, y, z, _, _, _, *angles = state[:9]
        path = [(target + TARGET_SPEED * DT * ahead, 0.0, _RAISED) for ahead in range(30)]
        place, goal = (x, y, z + _RAISED), (target, 0.0, _RAISED)
        return self.camera.picture(mode, place, quaternion_of(*angles), goal, path)

    def close(self) -> None:
        """Close window and renderer."""
        self.camera.close()


def check_no_options(options: Mapping[str, Any] | None) -> None:
    """
    :param options: what was given to ``reset()``
    :raises ValueError: if there are any
    """
    if options:
        raise ValueError(f"model='paper' has no options of reset(), but {options!r} was given.")
