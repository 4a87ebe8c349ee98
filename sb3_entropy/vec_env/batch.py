"""Many environments with the same parameters, stepped at once as arrays: what is common to their ``VecEnv``s."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium.utils.seeding import np_random
from numpy.typing import NDArray
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from sb3_entropy.errors import check_number
from sb3_entropy.vec_env.shared import SharedVecEnv

Info = dict[str, Any]
#: N values by name, arrays or lists of plain ones; or columns again, of a dictionary inside
Columns = dict[str, Any]


class Moved(NamedTuple):
    """
    What a step leads to, before anything that is over begins again.

    :param observations: shape (N, …), an array that nobody else holds
    :param rewards: shape (N,)
    :param terminated: whether the episode is over, shape (N,)
    :param infos: what each environment would say, by column, or a dictionary each
    :param truncated: whether the environment itself cuts it here, shape (N,)
    """

    observations: NDArray[Any]
    rewards: NDArray[Any]
    terminated: NDArray[np.bool_]
    infos: Columns | list[Info]
    truncated: NDArray[np.bool_] | bool = False


class BatchVecEnv(SharedVecEnv, ABC):
    """
    N environments in lockstep. Environment i is, for the same seed, step by step what the i-th of a ``DummyVecEnv`` is:
    it has a generator of its own, is cut at the limit, and begins again in the step in which it is done, with
    ``infos[i]["terminal_observation"]``, ``infos[i]["TimeLimit.truncated"]`` and ``reset_infos[i]``.

    What an environment brings is three methods: :meth:`begin`, :meth:`checked` and :meth:`move`; and ``get_images``.

    :param world: one of them, which answers for what they share
    :param n_envs: the number of environments N
    :param max_episode_steps: after how many steps an episode is cut; never if ``None``
    :param own: what an environment has for itself, besides ``np_random``: by an attribute's name, a function of its
        index; methods, rather than ``lambda``s, which cannot be pickled
    :raises TypeError: if a number is not whole
    :raises ValueError: if a number is less than 1, or a window is asked for
    """

    def __init__(
        self,
        world: gym.Env[Any, Any],
        n_envs: int,
        max_episode_steps: int | None = None,
        own: Mapping[str, Callable[[int], Any]] | None = None,
    ):
        check_number("n_envs", n_envs, 1, integer=True)
        if max_episode_steps is not None:
            check_number("max_episode_steps", max_episode_steps, 1, integer=True)
        self.limit = np.inf if max_episode_steps is None else max_episode_steps
        super().__init__(world, n_envs, {"np_random": self.generator, **(own or {})})
        #: of each environment
        self.generators = [np_random()[0] for _ in range(n_envs)]
        #: how many steps each has made in its episode, shape (N,)
        self.steps = np.zeros(n_envs, dtype=np.int64)
        self._begun = False
        self._actions: NDArray[Any] = np.zeros(0)

    def generator(self, i: int) -> np.random.Generator:
        """:return: what environment i draws from"""
        return self.generators[i]

    @abstractmethod
    def begin(self, which: NDArray[np.int64], options: Sequence[Mapping[str, Any]]) -> tuple[NDArray[Any], list[Info]]:
        """
        Begin episodes.

        :param which: of which environments, shape (n,)
        :param options: of ``reset()``, one mapping for each of them
        :return: first observations, shape (n, …), and ``info`` of each
        :raises ValueError: if there is no such option, or its value is not allowed
        """

    @abstractmethod
    def checked(self, actions: Any) -> NDArray[Any]:
        """
        :param actions: what was given for N actions
        :return: them, as :meth:`move` takes them
        :raises ValueError: if they are not N actions
        """

    @abstractmethod
    def move(self, actions: NDArray[Any]) -> Moved:
        """
        Step all. ``steps`` counts this step already.

        :param actions: what :meth:`checked` returned
        :return: what it leads to
        """

    def reset(self) -> NDArray[Any]:
        """
        :return: first observations, shape (N, …)
        :raises ValueError: if an option that was set is not known, its value is not allowed, or there are not as many
            mappings as environments
        """
        options: list[Mapping[str, Any]] = [given or {} for given in self._options]
        if len(options) != self.num_envs:
            self._reset_options()
            raise ValueError(
                f"set_options() takes one mapping for all, or one for each of the {self.num_envs} environments, but "
                f"{len(options)} were given."
            )
        for i, seed in enumerate(self._seeds):
            if seed is not None:
                self.generators[i] = np_random(seed)[0]
        self._reset_options()
        self.steps[:] = 0
        observations, self.reset_infos = self.begin(np.arange(self.num_envs), options)
        self._reset_seeds()
        self._begun = True
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """
        :param actions: one action an environment
        :raises ValueError: if they are something else
        :raises gymnasium.error.ResetNeeded: if no episode has begun
        """
        if not self._begun:
            raise gym.error.ResetNeeded("Call reset() before step(): no episode has begun.")
        self._actions = self.checked(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """:return: observations, rewards (N,), dones (N,) and infos; what is done has been reset"""
        self.steps += 1
        observations, rewards, terminated, said, truncated = self.move(self._actions)
        cut = ((self.steps >= self.limit) | truncated) & ~terminated
        dones = terminated | cut
        if isinstance(said, dict):
            infos = rows({**said, "TimeLimit.truncated": cut})
        else:
            infos = said
            for info, over in zip(infos, cut.tolist(), strict=True):
                info["TimeLimit.truncated"] = over
        if np.count_nonzero(dones):  # faster than any()
            over = np.flatnonzero(dones)
            for i in over.tolist():
                infos[i]["terminal_observation"] = observations[i].copy()
            self.steps[over] = 0
            observations[over], begun = self.begin(over, [{}] * len(over))
            for i, info in zip(over.tolist(), begun, strict=True):
                self.reset_infos[i] = info
        return observations, rewards.astype(np.float32), dones, infos


def rows(columns: Columns) -> list[Info]:
    """
    :param columns: at least one
    :return: N dictionaries of plain values, in the columns' order
    :raises ValueError: if they are not equally long
    """
    flat: list[Any] = []
    return _writer(_layout(columns, flat))(*flat)


def _layout(columns: Columns, flat: list[Any]) -> tuple[tuple[str, Any], ...]:
    """:return: the names, each with None or with the names inside; what they stand for is appended to ``flat``"""
    found: list[tuple[str, Any]] = []
    for name, column in columns.items():
        if isinstance(column, dict):
            found.append((name, _layout(column, flat)))
        else:
            flat.append(column.tolist() if isinstance(column, np.ndarray) else column)
            found.append((name, None))
    return tuple(found)


@lru_cache(maxsize=256)
def _writer(layout: tuple[tuple[str, Any], ...]) -> Callable[..., list[Info]]:
    """
    :return: what writes the dictionaries of this layout: ``lambda *columns: [{"a": v0, …} for v0, … in zip(…)]``. As
        ``collections.namedtuple`` does, the names are written into the source: three times faster than dict(zip(…)),
        and infos are most of what a step of a batch costs
    """
    numbers = count()

    def display(part: tuple[tuple[str, Any], ...]) -> str:
        values = (f"{str(name)!r}: {f'v{next(numbers)}' if inner is None else display(inner)}" for name, inner in part)
        return f"{{{', '.join(values)}}}"

    shown = display(layout)
    names = "".join(f"v{i}, " for i in range(next(numbers)))
    writer: Callable[..., list[Info]] = eval(f"lambda *columns: [{shown} for {names} in zip(*columns, strict=True)]")
    return writer
