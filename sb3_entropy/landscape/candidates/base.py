"""K policies with parameters of their own, acting on rows of observations of their own."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from sb3_entropy.landscape.candidates.heads import Head
from sb3_entropy.landscape.candidates.normalizing import Normalizer

#: what the law of an action is made of, see :mod:`sb3_entropy.landscape.candidates.heads`
Leaves = tuple[np.ndarray, ...]


class Stack(ABC):
    """The networks of C candidates. What one of them computes does not depend on the others, nor on their number."""

    @abstractmethod
    def leaves(self, observations: Any) -> Leaves:
        """
        :param observations: S for each candidate, as the environments give them, shape (C, S, …), or a dict of such
        :return: in each what the law of the action is made of, shape (C, S, …), or one that broadcasts
        """

    @abstractmethod
    def keep(self, candidates: np.ndarray) -> None:
        """
        :param candidates: which of the C go on, as an index of NumPy's; the others are forgotten
        """


class Networks(ABC):
    """The arithmetic of one architecture. It can be sent to another process."""

    #: what computes, for :meth:`~sb3_entropy.landscape.objectives.base.Objective.describe`
    name: str

    @abstractmethod
    def stack(self, thetas: np.ndarray) -> Stack:
        """
        :param thetas: C candidates, shape (C, P)
        :return: their networks
        """


@dataclass(frozen=True)
class Candidates:
    """
    What acts: networks, what the action is made with, and what observations are normalised with.

    :param networks: the arithmetic of the architecture
    :param head: makes actions of what the networks give
    :param normalizer: what happens to observations first
    """

    networks: Networks
    head: Head
    normalizer: Normalizer
