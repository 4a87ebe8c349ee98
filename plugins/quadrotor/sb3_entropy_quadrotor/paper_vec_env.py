"""Many of the source's quadrotors stepped at once, as a Stable-Baselines3 ``VecEnv``."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.vec_env.batch import BatchVecEnv, Info, Moved, box_actions
from sb3_entropy_quadrotor.paper import PaperQuadrotorEnv, check_no_options, observed
from sb3_entropy_quadrotor.paper_model import DT, advance, drawn_state, target_at


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
        self._states[:, which] = np.array([drawn_state(self.generators[i]) for i in which.tolist()]).T
        return observed(self._states[:, which], self.steps[which]), [{"time": 0.0} for _ in options]

    def checked(self, actions: Any) -> NDArray[np.float64]:
        return box_actions(actions, self.num_envs, 4)

    def move(self, actions: NDArray[np.float64]) -> Moved:
        world, steps = self.world, self.steps
        states = np.array(advance(list(self._states), list(world.middle + world.gain * actions.T), np.sin, np.cos))
        self._states = states
        x, y, z, _, _, _, roll, pitch, yaw, *_ = states
        position = -5.0 * (abs(target_at(steps) - x) + abs(y) + abs(z))
        attitude = -(abs(roll) + abs(pitch) + abs(yaw))
        late = steps >= world.most_steps
        said = {"time": DT * steps, "reward_terms": {"position": position, "attitude": attitude}}
        return Moved(observed(states, steps), position + attitude, late & world.terminates, said, late)

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """:return: nothing for each: the batch is not drawn"""
        return [None for _ in range(self.num_envs)]
