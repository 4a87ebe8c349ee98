"""Environments that say little, and an engine whose actors die or are late as a plan says."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from sb3_entropy.engines import ActorDied, make_engine

#: how long each episode is
LENGTH = 7


class Still(gym.Env[np.ndarray, np.int64]):
    """
    It always looks the same, gives 1 a step, and ends after :data:`LENGTH` steps; its infos say in which process it is.

    :param slow: the seed of the one whose steps take long
    :param seconds: how long they take
    :param raises: in which process's step it raises: not in that with this id
    """

    observation_space = spaces.Box(-1, 1, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, slow: int | None = None, seconds: float = 0.0, raises: str = ""):
        self.slow, self.seconds, self.raises = slow, seconds, raises
        self.seed: int | None = None
        self.t = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.seed = self.seed if seed is None else seed
        self.t = 0
        return np.zeros(2, np.float32), {}

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        if self.raises and os.path.exists(self.raises):
            raise ZeroDivisionError("of this environment")
        if self.slow is not None and self.seed == self.slow:
            time.sleep(self.seconds)
        self.t += 1
        return np.zeros(2, np.float32), 1.0, self.t == LENGTH, False, {"pid": os.getpid(), "seed": self.seed}


class Raises(Still):
    """It cannot be made in another process, though it can be here."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        raise FileNotFoundError("no such ROM: pong.bin")


class Troubled:
    """
    The engine ``"serial"``, but for what a plan says of calls: an actor's process dies, or its answer is late.

    :param plan: by an actor's number, what becomes of its calls, one after the other and of all who had the number:
        ``"dies"``, or after how many looks at it the answer has come; those not spoken of are answered at once
    """

    def __init__(self, plan: dict[int, list[Any]]):
        self.plan = {index: [*fates] for index, fates in plan.items()}
        self.inner = make_engine("serial")
        self.share, self.now, self.closed = self.inner.share, 0, 0
        self.spawned: list[int] = []

    def spawn(self, cls: Any, arguments: Any, place: Any) -> "Unlucky":
        self.spawned.append(place.index)
        return Unlucky(self, place.index, self.inner.spawn(cls, arguments, place))

    def wait(self, answers: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        assert answers
        self.now = max(self.now + 1, min(answer.due for answer in answers))
        return [one for one in answers if one.due <= self.now], [one for one in answers if one.due > self.now]

    def close(self) -> None:
        self.closed += 1
        self.inner.close()


class Unlucky:
    """An actor of that engine."""

    def __init__(self, engine: Troubled, index: int, actor: Any):
        self.engine, self.index, self.actor, self.close = engine, index, actor, actor.close

    def call(self, method: str, *args: Any) -> Any:
        fates = self.engine.plan.get(self.index, [])
        fate = fates.pop(0) if fates else 0
        answer: Any = Future()
        if fate == "dies":
            answer.set_exception(ActorDied("The actor's process was killed by SIGKILL."))
        else:
            answer = self.actor.call(method, *args)
        answer.due = self.engine.now + (0 if fate == "dies" else fate)
        return answer
