"""What a task is, to one environment and to a batch of them."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sb3_entropy.errors import check_number, unknown
from sb3_entropy.vec_env.actions import box_actions
from sb3_entropy_vehicle.numerics import FLOATS, Number, Ops, State

Array = NDArray[np.float64]


class Outcome(NamedTuple):
    """
    What a step leads to. Numbers are floats, or of shape (N,).

    :param state: the next state
    :param terms: what the reward is the sum of, by name
    :param end: why the episode is over, as an index into ``Task.ends``; 0: it goes on
    """

    state: State
    terms: dict[str, Number]
    end: Number


class Task(ABC):
    """
    The mechanics of a task. A state is a sequence of numbers, floats or arrays of shape (N,), and what is done to it is
    written for both.
    """

    observation_space: spaces.Box
    #: [−1, 1] in each of A directions
    action_space: spaces.Box
    #: why an episode can be over
    ends: tuple[str | None, ...] = (None, "diverged")
    #: what a step's reward is the sum of
    terms: tuple[str, ...]
    #: numbers that ``reset(options=…)`` takes: their least and greatest value
    options: Mapping[str, tuple[float, float]] = {}
    #: the seconds of a step
    dt: float

    @abstractmethod
    def begin(self, rng: np.random.Generator, options: Mapping[str, float]) -> list[float]:
        """
        :param rng: the environment's generator, the only source of chance
        :param options: numbers that are checked
        :return: the first state
        """

    @abstractmethod
    def step(self, state: State, action: Sequence[Number], ops: Ops) -> Outcome:
        """
        :param state: of an episode that goes on
        :param action: A numbers, inside the box
        :param ops: numbers or arrays
        :return: what they lead to
        """

    @abstractmethod
    def observe(self, state: State, ops: Ops) -> Sequence[Number]:
        """
        :param state: a state
        :param ops: numbers or arrays
        :return: what the agent sees, O numbers within the bounds of the space
        """

    @abstractmethod
    def describe(self, state: State) -> dict[str, Number]:
        """
        :param state: a state
        :return: what ``info`` says of it
        """

    @abstractmethod
    def image(self, path: Sequence[State]) -> NDArray[np.uint8]:
        """
        :param path: the states of the episode so far; none before the first
        :return: a picture, shape (height, width, 3)
        """

    def start(self, rng: np.random.Generator, given: Mapping[str, Any] | None) -> list[float]:
        """
        :param rng: the environment's generator
        :param given: the options of ``reset()``
        :return: the first state
        :raises TypeError: if an option is not a number
        :raises ValueError: if there is no such option, or it is out of its range
        """
        for name, value in (given or {}).items():
            if name not in self.options:
                raise ValueError(unknown("option of reset()", name, self.options))
            check_number(f'options["{name}"]', value, *self.options[name])
        return self.begin(rng, {name: float(value) for name, value in (given or {}).items()})

    def try_step(self, state: State, action: Sequence[float]) -> Outcome:
        """
        :param state: of one environment
        :param action: of one environment
        :return: what they lead to; a simulation that has diverged stays where it was, pays nothing, and is over
        """
        try:
            outcome = self.step(state, action, FLOATS)
            if math.isfinite(sum(outcome.state)):
                return outcome
        except (ArithmeticError, ValueError):
            pass  # where arrays would go on with what is no number
        return Outcome(state, dict.fromkeys(self.terms, 0.0), self.ends.index("diverged"))

    def checked(self, actions: Any, n: int) -> Array:
        """
        :param actions: what was given for n actions
        :param n: how many are due
        :return: them, clipped to [−1, 1], shape (n, A)
        :raises ValueError: if they are not n·A finite numbers
        """
        return box_actions(actions, n, self.action_space.shape[0])
