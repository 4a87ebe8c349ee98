"""How the box of actions is cut in two: A1 and A2, of given shares of its volume."""

from abc import ABC, abstractmethod

import numpy as np

from sb3_entropy.errors import check_choice, check_number
from sb3_entropy_bifurcation.task import Array


class Cut(ABC):
    """
    Divides [−1, 1]^A by one coordinate x. Of A1 there is what is asked for; A2 is the rest.

    :param coordinate: the index of x
    """

    def __init__(self, coordinate: int):
        self.coordinate = coordinate

    @abstractmethod
    def continues(self, action: Array, share: float) -> bool:
        """
        :param action: of the unit box, shape (A,)
        :param share: |A1| / (|A1| + |A2|), in (0, 1)
        :return: whether it is in A1
        """

    @abstractmethod
    def middles(self, share: float) -> tuple[float, float]:
        """
        :param share: as above
        :return: x of an action in A1, and of one in A2
        """


class HalfSpace(Cut):
    """
    A1 is x > 1 − 2·share, at one side of the box.

    A policy of one action, or a Gaussian whose tanh saturates, reaches it however small it is.
    """

    def continues(self, action: Array, share: float) -> bool:
        return bool(action[self.coordinate] > 1 - 2 * share)

    def middles(self, share: float) -> tuple[float, float]:
        return 1 - share, -share


class Band(Cut):
    """A1 is |x| < share, as in the source's toy: it asks for a precise action, in the middle of the box."""

    def continues(self, action: Array, share: float) -> bool:
        return bool(abs(action[self.coordinate]) < share)

    def middles(self, share: float) -> tuple[float, float]:
        return 0.0, (1 + share) / 2


CUTS: dict[str, type[Cut]] = {"half_space": HalfSpace, "band": Band}


def make_cut(cut: str, coordinate: int, n_actions: int) -> Cut:
    """
    :param cut: ``"half_space"`` or ``"band"``
    :param coordinate: by which it cuts, 0 … A − 1
    :param n_actions: A
    :return: the cut
    :raises TypeError: if the coordinate is no whole number
    :raises ValueError: if there is no such cut or coordinate
    """
    check_choice("cut", cut, CUTS)
    check_number("coordinate", coordinate, 0, n_actions - 1, integer=True)
    return CUTS[cut](int(coordinate))


def unit(action: Array, low: Array, high: Array) -> Array:
    """
    :param action: shape (A,), within the box
    :param low: its lower corner
    :param high: its upper corner
    :return: the action with the box scaled to [−1, 1]^A, as an actor of Stable-Baselines3 has it
    """
    return np.asarray(2 * (action - low) / (high - low) - 1)
