"""What actors and a learner do, in seconds: the numbers that a queueing model begins with."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import ceil, isfinite

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.errors import check_number


class Times(ABC):
    """A distribution of times, in seconds."""

    @property
    @abstractmethod
    def mean(self) -> float:
        """:return: the expected time"""

    @abstractmethod
    def draw(self, size: int, generator: np.random.Generator) -> NDArray[np.float64]:
        """
        :param size: how many
        :param generator: of the random numbers
        :return: independent times, of shape (size,)
        """


@dataclass(frozen=True)
class Constant(Times):
    """
    Always the same time.

    :param seconds: it
    :raises ValueError: if it is negative or not finite
    """

    seconds: float

    def __post_init__(self) -> None:
        check_number("seconds", self.seconds, low=0)

    @property
    def mean(self) -> float:
        return self.seconds

    def draw(self, size: int, generator: np.random.Generator) -> NDArray[np.float64]:
        return np.full(size, self.seconds)


@dataclass(frozen=True)
class Exponential(Times):
    """
    P(time > t) = exp(−t / mean).

    :param seconds: the mean
    :raises ValueError: if it is negative or not finite
    """

    seconds: float

    def __post_init__(self) -> None:
        check_number("seconds", self.seconds, low=0)

    @property
    def mean(self) -> float:
        return self.seconds

    def draw(self, size: int, generator: np.random.Generator) -> NDArray[np.float64]:
        return generator.exponential(self.seconds, size)


@dataclass(frozen=True)
class Measured(Times):
    """
    Each of the measured times with the same probability, independently.

    :param samples: measured times in seconds
    :raises ValueError: if there is none, or one is negative or not finite
    """

    samples: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.samples or not all(isfinite(sample) and sample >= 0 for sample in self.samples):
            raise ValueError(
                f"samples must be at least one time in seconds, none negative, but {self.samples!r} was given."
            )

    @property
    def mean(self) -> float:
        return sum(self.samples) / len(self.samples)

    def draw(self, size: int, generator: np.random.Generator) -> NDArray[np.float64]:
        return np.asarray(self.samples)[generator.integers(len(self.samples), size=size)]


ZERO = Constant(0.0)


@dataclass(frozen=True)
class Load:
    """
    What one round of an actor costs: it gets weights, takes T steps of its N environments, and sends the fragment,
    which the learner then learns from. A step here is one step of the actor's whole VecEnv.

    :param wait: a step's time that no processor works for
    :param compute: a step's processor time, of the environments and of the policy
    :param fragment: the learner's time for a fragment: it is received and made part of a batch
    :param update: the learner's time for an update, with the weights' being put where the actors get them
    :param latency: of a round in the network, both ways together, however much there is to send
    :param down: the time that the learner's link is taken by one actor's weights: their bytes over its bandwidth
    :param up: the same of a fragment
    :param n_steps: T
    :param n_envs: N
    :param n_fragments: k, fragments of an update; its actors are asked again right after it
    :param cores: of each machine
    :param actors_per_machine: the most that a machine has; None for all of them on one
    :param learner_apart: whether the learner has a core that no actor works on
    :raises TypeError: if a count is not a whole number
    :raises ValueError: if a number is out of its range, or nothing takes time
    """

    wait: Times = ZERO
    compute: Times = ZERO
    fragment: Times = ZERO
    update: Times = ZERO
    latency: Times = ZERO
    down: float = 0.0
    up: float = 0.0
    n_steps: int = 20
    n_envs: int = 1
    n_fragments: int = 1
    cores: int = 1
    actors_per_machine: int | None = None
    learner_apart: bool = True

    def __post_init__(self) -> None:
        for name in ("n_steps", "n_envs", "n_fragments", "cores"):
            check_number(name, getattr(self, name), low=1, integer=True)
        if self.actors_per_machine is not None:
            check_number("actors_per_machine", self.actors_per_machine, low=1, integer=True)
        check_number("down", self.down, low=0)
        check_number("up", self.up, low=0)
        if self.round == 0:
            raise ValueError("A round of an actor takes no time at all. Give wait, compute, fragment or update a time.")

    @property
    def frames(self) -> int:
        """:return: of a fragment, T · N"""
        return self.n_steps * self.n_envs

    @property
    def learning(self) -> float:
        """:return: the learner's mean time for one fragment, s_f + s_u / k"""
        return self.fragment.mean + self.update.mean / self.n_fragments

    @property
    def thinking(self) -> float:
        """:return: the mean time of a round for which nobody queues, T · wait + latency"""
        return self.n_steps * self.wait.mean + self.latency.mean

    @property
    def computing(self) -> float:
        """:return: the mean processor time of a fragment, T · compute"""
        return self.n_steps * self.compute.mean

    @property
    def round(self) -> float:
        """:return: the mean time of a round of an actor that is alone, with k = 1 or its share of the update"""
        return self.thinking + self.computing + self.down + self.up + self.learning

    def machines(self, n_actors: int) -> int:
        """
        :param n_actors: how many actors there are
        :return: on how many machines
        """
        return 1 if self.actors_per_machine is None else ceil(n_actors / self.actors_per_machine)

    def crowded(self, n_actors: int) -> bool:
        """
        :param n_actors: how many actors there are
        :return: whether somebody can find all cores of a machine taken: it has more actors, and the learner where that
            has no core of its own, than cores
        """
        fullest = n_actors if self.actors_per_machine is None else min(n_actors, self.actors_per_machine)
        return fullest + (not self.learner_apart) > self.cores

    def check_actors(self, n_actors: int) -> None:
        """
        :param n_actors: how many actors there are
        :raises TypeError: if that is not a whole number
        :raises ValueError: if it is not enough for an update
        """
        check_number("n_actors", n_actors, low=1, integer=True)
        if n_actors < self.n_fragments:
            raise ValueError(
                f"{n_actors} actors never have the {self.n_fragments} fragments of an update: each waits for the "
                "update before it collects again. n_actors must be at least n_fragments."
            )
