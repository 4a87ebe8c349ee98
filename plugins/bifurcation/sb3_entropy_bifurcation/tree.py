"""The bifurcation's parameters, checked, and its exact model."""

from dataclasses import dataclass, fields

import numpy as np

from sb3_entropy.errors import check_number
from sb3_entropy.mdp import TabularMDP

#: the states by index: where an episode starts, where precision pays, where nothing matters, and the ends of these
START, PRECISE, SURE, INSIDE, OUTSIDE, SETTLED = range(6)
N_STATES = 6


@dataclass(frozen=True)
class Tree:
    """
    Two steps: to the left, an action inside a narrow band pays and every other one costs dearly; to the right, every
    action costs a little.

    =====  =======================  ============================
    state  what an action does      what that pays
    =====  =======================  ============================
    0      a > 0: to 2, else to 1   nothing
    1      \\|a\\| < h: to 3, else to 4  ``inside``, or ``outside``
    2      any: to 5                ``sure``
    3-5    the episode is over
    =====  =======================  ============================

    :param half_width: h, in (0, 1)
    :param inside: what an action in the band pays
    :param outside: what one beside it pays
    :param sure: what every action in state 2 pays
    :raises TypeError: if one is not a number
    :raises ValueError: if one is not finite, or h not in (0, 1)
    """

    half_width: float = 0.1
    inside: float = 1.0
    outside: float = -20.0
    sure: float = -1.0

    def __post_init__(self) -> None:
        check_number("half_width", self.half_width, 0.0, 1.0, open_low=True)
        if self.half_width >= 1.0:
            raise ValueError(
                f"half_width must be < 1, but {self.half_width!r} was given: every action would be inside."
            )
        for name in ("inside", "outside", "sure"):
            check_number(name, getattr(self, name))
        for field in fields(self):
            object.__setattr__(self, field.name, float(getattr(self, field.name)))

    def to_mdp(self, gamma: float) -> TabularMDP:
        """
        The exact model: the actions of a state that do the same are one, and weigh what there is of them.

        :param gamma: discount factor
        :return: ``P`` (6, 2, 6), ``R`` (6, 2), and ``log_measure`` (6, 2). Actions 0 and 1 are a ≤ 0 and a > 0, of
            measure 1 each, but in state 1 \\|a\\| < h and the rest, of measure 2h and 2 − 2h. States 3 to 5 are
            absorbing, and entropy is not counted in them
        """
        P = np.zeros((N_STATES, 2, N_STATES))
        P[START, 0, PRECISE] = P[START, 1, SURE] = 1.0
        P[PRECISE, 0, INSIDE] = P[PRECISE, 1, OUTSIDE] = 1.0
        P[SURE, :, SETTLED] = 1.0
        for end in (INSIDE, OUTSIDE, SETTLED):
            P[end, :, end] = 1.0
        R = np.zeros((N_STATES, 2))
        R[PRECISE], R[SURE] = (self.inside, self.outside), self.sure
        measure = np.ones((N_STATES, 2))
        measure[PRECISE] = 2 * self.half_width, 2 - 2 * self.half_width
        return TabularMDP(P=P, R=R, rho=np.eye(N_STATES)[START], gamma=gamma, log_measure=np.log(measure))
