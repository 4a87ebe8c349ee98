"""Many of the source's quadrotors stepped at once, as a Stable-Baselines3 ``VecEnv``."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.vec_env.actions import box_actions
from sb3_entropy.vec_env.batch import BatchVecEnv, Info, Moved
from sb3_entropy_quadrotor.paper import PaperQuadrotorEnv, check_no_options
from sb3_entropy_quadrotor.paper_model import DT, TARGET_SPEED, Array, advance_all, scattered, target_at

#: the target's velocity
_TARGET = np.array([[TARGET_SPEED], [0.0], [0.0]])


class PaperVecEnv(BatchVecEnv):
    """
    A batch of :class:`~sb3_entropy_quadrotor.paper.PaperQuadrotorEnv` with the same parameters. What it is to a
    ``DummyVecEnv`` holds but for the last bits: NumPy's sine is not the mathematical library's.

    :param world: one of them, which answers for what they share
    :param n_envs: the number of environments N
    :param max_episode_steps: after how many steps an episode is cut, if the source's time limit does not end it before
    :raises TypeError: if a number is not whole
    :raises ValueError: if a number is less than 1
    """

    world: PaperQuadrotorEnv

    def __init__(self, world: PaperQuadrotorEnv, n_envs: int, max_episode_steps: int | None = None):
        super().__init__(world, n_envs, max_episode_steps)
        self._states = np.zeros((12, n_envs))

    def begin(self, which: NDArray[np.int64], options: Sequence[Mapping[str, Any]]) -> tuple[NDArray[Any], list[Info]]:
        for given in options:
            check_no_options(given)
        states = np.zeros((12, len(which)))
        states[:6] = scattered(np.array([self.generators[i].random(6) for i in which.tolist()])).T
        self._states[:, which] = states
        return _observed(states, -states[:3]), [{"time": 0.0} for _ in options]

    def checked(self, actions: Any) -> Array:
        return box_actions(actions, self.num_envs, 4)

    def move(self, actions: Array) -> Moved:
        world, steps = self.world, self.steps
        self._states = states = advance_all(self._states, world.middle + world.gain * actions.T)
        off = -states[:3]
        off[0] += target_at(steps)
        (x, y, z), (roll, pitch, yaw) = abs(off), abs(states[6:9])
        position = -5.0 * (x + y + z)
        attitude = -(roll + pitch + yaw)
        late = steps >= world.most_steps
        said = {"time": DT * steps, "reward_terms": {"position": position, "attitude": attitude}}
        return Moved(_observed(states, off), position + attitude, late & world.terminates, said, late)

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """
        :return: where each quadrotor is, as one of them draws it, without the way that led there
        :raises RuntimeError: if MuJoCo has no renderer
        """
        targets = target_at(self.steps).tolist()
        return [
            self.world.picture("rgb_array", state, target)
            for state, target in zip(self._states.T.tolist(), targets, strict=True)
        ]


def _observed(states: Array, off: Array) -> NDArray[np.float32]:
    """
    :param states: of many, shape (12, N)
    :param off: target less position, shape (3, N)
    :return: what each observes, shape (N, 9)
    """
    return np.concatenate((off, states[6:9], _TARGET - states[3:6])).T.astype(np.float32, order="C")
