"""Many environments of one task stepped at once, as a Stable-Baselines3 ``VecEnv``."""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sb3_entropy.vec_env.batch import BatchVecEnv, Info, Moved
from sb3_entropy_vehicle.numerics import ARRAYS, FLOATS, State
from sb3_entropy_vehicle.task import Array, Task


class TaskVecEnv(BatchVecEnv):
    """
    A batch of environments with the same parameters, made by ``make_sb3_vec_env`` of their class. What it is to a
    ``DummyVecEnv`` holds up to the rounding of NumPy's functions, which is not always that of ``math``'s.

    :param world: one of them, which answers for what they share
    :param task: its mechanics
    :param n_envs: the number of environments N
    :param max_episode_steps: after how many steps an episode is cut; never if ``None``
    :raises TypeError: if a number is not whole
    :raises ValueError: if a number is less than 1
    """

    def __init__(self, world: gym.Env[Any, Any], task: Task, n_envs: int, max_episode_steps: int | None = None):
        super().__init__(world, n_envs, max_episode_steps, {"path": self.path})
        self.task = task
        self._states: Array = np.zeros((len(task.start(np.random.default_rng(0), None)), n_envs))
        self._diverged = task.ends.index("diverged")

    def path(self, i: int) -> tuple[State, ...]:
        """:return: the state of environment i: the way that led there is not kept"""
        return (self._states[:, i].tolist(),)

    def begin(self, which: NDArray[np.int64], options: Sequence[Mapping[str, Any]]) -> tuple[NDArray[Any], list[Info]]:
        task = self.task
        starts = [task.start(self.generators[i], given) for i, given in zip(which.tolist(), options, strict=True)]
        self._states[:, which] = np.array(starts).T
        seen = np.array([task.observe(start, FLOATS) for start in starts], np.float32)
        return seen, [task.describe(start) for start in starts]

    def checked(self, actions: Any) -> Array:
        return self.task.checked(actions, self.num_envs)

    def move(self, actions: Array) -> Moved:
        task = self.task
        with np.errstate(all="ignore"):
            outcome = task.step(self._states, list(actions.T), ARRAYS)
            states = ARRAYS.stack(outcome.state)
            finite = np.isfinite(states)
        ends = np.zeros(self.num_envs, dtype=np.int64) + outcome.end
        terms = outcome.terms
        if np.count_nonzero(finite) < finite.size:
            lost = ~finite.all(axis=0)
            states[:, lost], ends[lost] = self._states[:, lost], self._diverged
            terms = {name: np.where(lost, 0.0, term) for name, term in terms.items()}
        self._states = states
        rewards = sum(terms.values(), np.zeros(self.num_envs))
        said = {**task.describe(states), "reward_terms": terms, "ended": [task.ends[end] for end in ends.tolist()]}
        seen = ARRAYS.stack(task.observe(states, ARRAYS)).T.astype(np.float32, order="C")
        return Moved(seen, rewards, ends > 0, said)

    def get_images(self) -> Sequence[NDArray[np.uint8]]:
        """:return: where each environment stands, as one of them draws it, without the way that led there"""
        return [self.task.image([state]) for state in self._states.T.tolist()]
