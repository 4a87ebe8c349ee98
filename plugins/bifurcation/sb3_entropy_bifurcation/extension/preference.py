"""A share of the box that prefers an action."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sb3_entropy.errors import check_number
from sb3_entropy_bifurcation.task import Array


@dataclass(frozen=True)
class Preference:
    """
    share(s, a) = least·(greatest/least)^(1 − ‖a − a*‖ / D), D = 1 + max|a*ᵢ| the greatest distance there is in a box,
    ‖·‖ its greatest coordinate: log share falls linearly from the preferred action a* to what is furthest from it.

    Where r_T is far below what to go on is worth, the soft value of a falls short of that of a* by
    α log(greatest/least)·‖a − a*‖/D: a pull of α log(greatest/least)/D to each unit of the action.

    :param action: a*, of the unit box, shape (A,), or a function of the observation that returns it
    :param least: the share of what is furthest from a*, in (0, greatest)
    :param greatest: that of a*, below 1
    :raises TypeError: if a number is none
    :raises ValueError: if one is out of its range; an action that is out of the box, or its function's, when it is used
    """

    action: Sequence[float] | Callable[[Array], Any]
    least: float = 0.01
    greatest: float = 0.9

    def __post_init__(self) -> None:
        check_number("least", self.least, 0.0, open_low=True)
        check_number("greatest", self.greatest, 0.0, open_low=True)
        if not self.least < self.greatest < 1:
            raise ValueError(
                f"least and greatest must be shares with least < greatest < 1, but {self.least!r} and "
                f"{self.greatest!r} were given."
            )

    def __call__(self, observation: Array, action: Array) -> float:
        preferred = np.asarray(self.action(observation) if callable(self.action) else self.action, dtype=np.float64)
        if preferred.shape != action.shape or not (abs(preferred) <= 1).all():
            raise ValueError(
                f"The preferred action must be of the unit box [−1, 1]^{len(action)}, but {preferred} was given."
            )
        far = abs(action - preferred).max() / (1 + abs(preferred).max())
        return float(self.least * (self.greatest / self.least) ** (1 - far))
