"""Episodes of a policy, in environments of its own: to fit critics on, to look at, to hold critics against."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.wrappers import TimeLimit

from sb3_entropy.environments import find_env
from sb3_entropy.landscape.candidates.normalizing import Normalizer
from sb3_entropy.landscape.q.critics import Behaviour
from sb3_entropy.landscape.q.transitions import Transitions
from sb3_entropy.policies.looking import own_randomness
from sb3_entropy.policies.observations import joined

#: environments that are stepped side by side
AT_ONCE = 16
#: steps after which an episode is cut, as by a time limit
LONGEST = 10_000

#: by the numbers of episodes and the steps in them, shape (E,) each: which actions are to be drawn uniformly
Mix = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def never(episodes: np.ndarray, steps: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """:return: that no action is to be drawn uniformly"""
    return np.zeros(len(episodes), dtype=bool)


def mixed(share: float) -> Mix:
    """
    :param share: of uniform actions
    :return: what draws each action uniformly with this probability, and the first of every other episode always
    """

    def mix(episodes: np.ndarray, steps: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return np.asarray((rng.random(len(episodes)) < share) | ((steps == 0) & (episodes % 2 == 0) & (share > 0)))

    return mix


def once_at(moments: np.ndarray) -> Mix:
    """
    :param moments: of each episode the step whose action alone is drawn uniformly
    :return: what says so
    """
    return lambda episodes, steps, rng: np.asarray(steps == moments[episodes])


@dataclass(frozen=True)
class Played:
    """
    Episodes, the steps of each in order of time.

    :param transitions: all of their steps
    :param steps: which step of its episode each is, from 0, shape (n,)
    :param uniform: whether its action was drawn uniformly, shape (n,)
    """

    transitions: Transitions
    steps: np.ndarray
    uniform: np.ndarray


class Stage:
    """
    Copies of an environment, and a policy in them.

    :param env: an id, or a function without arguments that makes one
    :param behaviour: π
    :param observation_space: the agent's
    :param action_space: the agent's
    :param normalizer: what π sees observations through
    :param env_kwargs: settings of an environment that is named by its id

    :ivar limit: after how many steps Gymnasium's ``TimeLimit`` cuts an episode; None if there is none

    :raises TypeError: if ``env`` is neither
    :raises ValueError: if there is no such environment, it is not the agent's, or settings are given beside a function
    """

    def __init__(
        self,
        env: str | Callable[[], gym.Env[Any, Any]],
        behaviour: Behaviour,
        observation_space: Any,
        action_space: Any,
        normalizer: Normalizer,
        env_kwargs: dict[str, Any] | None = None,
    ):
        if not isinstance(env, str) and not callable(env):
            raise TypeError(f"env must be an id or a function that makes an environment, but {env!r} was given.")
        if env_kwargs and not isinstance(env, str):
            raise ValueError(
                f"env_kwargs are settings of an environment that is named by its id, but {env_kwargs!r} was given "
                f"beside {env!r}. Let the function make it with them."
            )
        self._make = (lambda: gym.make(find_env(env), **(env_kwargs or {}))) if isinstance(env, str) else env
        self.behaviour, self.normalizer = behaviour, normalizer
        self._envs: list[gym.Env[Any, Any]] = []
        self._add()
        limits = [wrapper._max_episode_steps for wrapper in _time_limits(self._envs[0])]
        self.limit: int | None = min(limits, default=None)
        for what, here, of_agent in (
            ("observations", self._envs[0].observation_space, observation_space),
            ("actions", self._envs[0].action_space, action_space),
        ):
            if here != of_agent:
                self.close()
                raise ValueError(
                    f"The environment is not the agent's: its {what} are {here}, and the agent's {of_agent}. Name the "
                    "one that it was trained in, with the same settings and wrappers."
                )
        low, high = (np.asarray(side, dtype=np.float64) for side in (action_space.low, action_space.high))
        self._space, self._low, self._high = action_space, low, high

    def play(
        self,
        seed: int,
        *,
        mix: Mix = never,
        episodes: int | None = None,
        steps: int | None = None,
        beyond: int = 0,
        every: int = 1,
    ) -> Played:
        """
        :param seed: of everything: episodes, actions, and global generators that the environment may draw from, which
            are given back as they were
        :param mix: which actions are drawn uniformly from the box, and not by π
        :param episodes: how many whole ones; None for as many as there are
        :param steps: how many steps altogether, the last episodes being cut there; None for as many as there are
        :param beyond: how many steps a time limit is set later
        :param every: k, of every k-th episode alone
        :return: them
        :raises ValueError: if a reward or an observation is not finite
        """
        with own_randomness(seed):
            return self._played(np.random.default_rng(seed), mix, episodes, steps, (beyond, every))

    def close(self) -> None:
        """Close the environments."""
        for env in self._envs:
            env.close()
        self._envs = []

    def _add(self) -> None:
        self._envs.append(self._make())

    def _played(
        self, rng: np.random.Generator, mix: Mix, episodes: int | None, steps: int | None, later: tuple[int, int]
    ) -> Played:
        n_envs = AT_ONCE if episodes is None else min(AT_ONCE, episodes)
        while len(self._envs) < n_envs:
            self._add()
        begun, running = 0, list(range(n_envs))
        numbers, ages = np.zeros(n_envs, dtype=int), np.zeros(n_envs, dtype=int)
        current: list[Any] = [None] * n_envs
        for i in running:
            current[i], numbers[i] = self._begin(i, begun, later, rng), begun
            begun += 1
        columns: list[list[Any]] = [[] for _ in range(8)]
        n_steps = 0
        while running and (steps is None or n_steps < steps):
            running = running if steps is None else running[: steps - n_steps]
            seen = self._seen([current[i] for i in running])
            actions, _ = self.behaviour.sample(seen, rng)
            uniform = np.asarray(mix(numbers[running], ages[running], rng))
            actions = np.where(uniform[:, None], rng.uniform(-1, 1, size=actions.shape), actions)
            outcomes = [self._step(i, action) for i, action in zip(running, actions, strict=True)]
            following, rewards, terminated, truncated = (list(each) for each in zip(*outcomes, strict=True))
            row = (seen, actions, rewards, self._seen(following), terminated, numbers[running], ages[running], uniform)
            for column, value in zip(columns, row, strict=True):
                column.append(value)
            n_steps += len(running)
            still = []
            for place, i in enumerate(running):
                current[i], ages[i] = following[place], ages[i] + 1
                if terminated[place] or truncated[place] or ages[i] >= LONGEST:
                    if episodes is not None and begun >= episodes:
                        continue
                    current[i], numbers[i], ages[i] = self._begin(i, begun, later, rng), begun, 0
                    begun += 1
                still.append(i)
            running = still
        return _in_order(columns)

    def _begin(self, i: int, number: int, later: tuple[int, int], rng: np.random.Generator) -> Any:
        beyond, every = later
        for wrapper in _time_limits(self._envs[i]):
            wrapper._max_episode_steps = (self.limit or 0) + (beyond if number % every == every - 1 else 0)
        observation, _ = self._envs[i].reset(seed=int(rng.integers(2**31)))
        return observation

    def _step(self, i: int, action: np.ndarray) -> tuple[Any, float, bool, bool]:
        inner = (action.reshape(self._low.shape) + 1) / 2
        given = np.clip(self._low + inner * (self._high - self._low), self._low, self._high)
        observation, reward, terminated, truncated, _ = self._envs[i].step(given.astype(self._space.dtype))
        if not np.isfinite(float(reward)):
            raise ValueError(f"The environment gave the reward {reward}. Critics need finite ones: mend it.")
        return observation, float(reward), bool(terminated), bool(truncated)

    def _seen(self, observations: list[Any]) -> Any:
        if isinstance(observations[0], dict):
            return self.normalizer({key: np.stack([each[key] for each in observations]) for key in observations[0]})
        return self.normalizer(np.stack(observations))


def _time_limits(env: gym.Env[Any, Any]) -> Iterator["TimeLimit[Any, Any]"]:
    while isinstance(env, gym.Wrapper):
        if isinstance(env, TimeLimit):
            yield env
        env = env.env


def _in_order(columns: list[list[Any]]) -> Played:
    """:return: what was played side by side, episode after episode"""
    seen, actions, rewards, following, terminated, numbers, ages, uniform = map(joined, columns)
    order = np.lexsort((ages, numbers))
    transitions = Transitions(
        seen, actions, np.asarray(rewards), following, np.asarray(terminated, dtype=bool), numbers
    ).rows(order)
    return Played(transitions, ages[order], uniform[order])
