"""Who trains how fast: contestants in turn, each measured in the middle of a long ``learn()``."""

import importlib
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv

from benchmarks.actors import environments
from benchmarks.timing.pairs import orders


@dataclass(frozen=True)
class Turn:
    """
    What was counted in one window.

    :param frames: steps of single environments
    :param seconds: by the clock on the wall
    :param cpu: seconds of processor time of the learner's process alone
    :param updates_cpu: of these, seconds in ``train()``
    :param updates: how many of them
    """

    frames: float
    seconds: float
    cpu: float = 0.0
    updates_cpu: float = 0.0
    updates: int = 0

    @property
    def rate(self) -> float:
        """:return: frames a second"""
        return self.frames / self.seconds


#: Someone who takes part: makes everything, trains, and says what one window had, from a seed.
Contestant = Callable[[int], Turn]


@dataclass(frozen=True)
class Window:
    """
    When a turn is measured. It begins so long after the first step: processes have started, and caches are warm.

    :param warm_up: seconds from the first step to the window
    :param seconds: of the window, at least
    """

    warm_up: float = 2.0
    seconds: float = 6.0


class Counting(BaseCallback):
    """
    Reads clocks and counters at both ends of the window, and ends the training after it.

    :param window: when
    """

    def __init__(self, window: Window) -> None:
        super().__init__()
        self.window = window
        self.updates, self.updates_cpu = 0, 0.0
        self._first: float | None = None
        self._ends: list[tuple[float, ...]] = []

    def _on_step(self) -> bool:
        now = time.perf_counter()
        self._first = now if self._first is None else self._first
        due = self._ends[0][0] + self.window.seconds if self._ends else self._first + self.window.warm_up
        if now >= due:
            self._ends.append((now, self.num_timesteps, time.process_time(), self.updates_cpu, self.updates))
        return len(self._ends) < 2

    @contextmanager
    def timing_updates(self, model: Any) -> Iterator[None]:
        """:param model: whose ``train()`` is timed, if it has one"""
        update = getattr(model, "train", None)
        if update is None:
            yield
            return

        def timed(*args: Any, **kwargs: Any) -> Any:
            begin = time.process_time()
            try:
                return update(*args, **kwargs)
            finally:
                self.updates += 1
                self.updates_cpu += time.process_time() - begin

        model.train = timed
        try:
            yield
        finally:
            del model.train

    def turn(self) -> Turn:
        """
        :return: what the window had
        :raises RuntimeError: if the training ended before it
        """
        if len(self._ends) < 2:
            raise RuntimeError("The training ended before the window did. Give it more steps, or a shorter window.")
        seconds, frames, cpu, updates_cpu, updates = (
            end - start for start, end in zip(self._ends[0], self._ends[1], strict=True)
        )
        return Turn(frames, seconds, cpu, updates_cpu, int(updates))


@dataclass(frozen=True)
class Player:
    """
    A model of ours, or of Stable-Baselines3.

    :param reference: its class, as ``module:name``
    :param env: a function of :mod:`benchmarks.actors.environments`
    :param n_envs: how many environments there are; of ours, each actor has as many
    :param vec_env: ``"DummyVecEnv"`` or ``"SubprocVecEnv"``
    :param settings: arguments of the class
    """

    reference: str
    env: str
    n_envs: int
    vec_env: str = "DummyVecEnv"
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """:return: e.g. ``SA2C, SubprocVecEnv(8)``"""
        name = self.reference.partition(":")[2]
        actors = f" × {self.settings['n_actors']} actors" if "n_actors" in self.settings else ""
        return f"{name}, {self.vec_env}({self.n_envs}){actors}"

    def make_env(self) -> VecEnv:
        """:return: the environments"""
        functions = [getattr(environments, self.env)] * self.n_envs
        return SubprocVecEnv(functions) if self.vec_env == "SubprocVecEnv" else DummyVecEnv(functions)

    def contestant(self, window: Window) -> Contestant:
        """
        :param window: when it is measured
        :return: what takes a turn: its processes start and end with it
        """

        def train(seed: int) -> Turn:
            module, _, name = self.reference.partition(":")
            cls = getattr(importlib.import_module(module), name)
            env = self.make_env()
            try:
                model = cls("MlpPolicy", env, seed=seed, device="cpu", **self.settings)
                counting = Counting(window)
                with counting.timing_updates(model):
                    model.learn(10**9, callback=counting)
                return counting.turn()
            finally:
                env.close()

        return train


def take_turns(contestants: dict[str, Contestant], rounds: int, seed: int = 0) -> dict[str, list[Turn]]:
    """
    :param contestants: by name
    :param rounds: in each of which everybody has a turn, in an order that is drawn, and in its reverse in the next
    :param seed: of the orders, and of the first round
    :return: their turns, a list a contestant
    """
    turns: dict[str, list[Turn]] = {name: [] for name in contestants}
    for number, order in enumerate(islice(orders(list(contestants), random.Random(seed)), rounds)):
        for name in order:
            turns[name].append(contestants[name](seed + number))
    return turns
