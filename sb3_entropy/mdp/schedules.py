"""The temperature τ as a function of the number of updates that have been made."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sb3_entropy.errors import check_number
from sb3_entropy.mdp.tabular import Array

#: 0 for the first update
Schedule = Callable[[int], float]


@dataclass(frozen=True)
class Constant:
    """
    :param tau: τ of every update
    :raises TypeError: if it is not a number
    :raises ValueError: if it is not finite
    """

    tau: float

    def __post_init__(self) -> None:
        check_number("tau", self.tau)

    def __call__(self, update: int) -> float:
        """
        :param update: which update
        :return: τ
        """
        return self.tau


@dataclass(frozen=True)
class Decay:
    """
    ``max(first · factorᵘ, floor)``: a factor an update. Ahmed et al. 2019 have 1 × 0.99ᵘ.

    :param first: τ of the first update
    :param factor: in (0, 1]
    :param floor: what τ does not fall below, unless ``first`` is less
    :raises TypeError: if one is not a number
    :raises ValueError: if one is out of its range
    """

    first: float
    factor: float
    floor: float = 0.0

    def __post_init__(self) -> None:
        check_number("first", self.first, 0.0)
        check_number("factor", self.factor, 0.0, 1.0, open_low=True)
        check_number("floor", self.floor, 0.0)

    def __call__(self, update: int) -> float:
        """
        :param update: which update
        :return: τ
        """
        return max(self.first * self.factor**update, min(self.first, self.floor))


@dataclass(frozen=True)
class Linear:
    """
    From ``first`` in a straight line to ``last``, which is reached after ``updates`` updates and kept.

    :param first: τ of the first update
    :param last: τ in the end
    :param updates: how many updates it takes
    :raises TypeError: if one is not a number
    :raises ValueError: if one is out of its range
    """

    first: float
    last: float
    updates: int

    def __post_init__(self) -> None:
        check_number("first", self.first)
        check_number("last", self.last)
        check_number("updates", self.updates, 1, integer=True)

    def __call__(self, update: int) -> float:
        """
        :param update: which update
        :return: τ
        """
        share = min(update / self.updates, 1.0)
        return (1 - share) * self.first + share * self.last


def temperatures(tau: float | Schedule, updates: int) -> Array:
    """
    :param tau: τ of every update, or a function of the update's number
    :param updates: how many
    :return: τ of each, shape (updates,)
    :raises TypeError: if ``tau`` is neither, or a value of it is not a number
    :raises ValueError: if a value is not finite; the message names the update
    """
    schedule = tau if callable(tau) else Constant(tau)
    values = []
    for update in range(updates):
        value = schedule(update)
        check_number(f"tau({update})", value)
        values.append(float(value))
    return np.array(values)
