"""What a probe is: a question about the neighbourhood of a point, and what was found."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from sb3_entropy.landscape.objectives.base import Objective
from sb3_entropy.store import Store

#: told how many of how many episodes there are
Watch = Callable[[int, int], None]


@dataclass(frozen=True)
class Found(ABC):
    """
    What a probe has found of one objective; figures are drawn from it.

    :param about: what the objective is, plain data
    """

    about: dict[str, Any]

    @abstractmethod
    def sentences(self) -> list[str]:
        """:return: what can be said, with the numbers that it rests on"""

    @abstractmethod
    def numbers(self) -> dict[str, float]:
        """:return: the main figures by name, without ``landscape/``, as they are logged and measured"""


class Probe(ABC):
    """A dataclass of settings, which are all that determines, beside the objective, what is evaluated."""

    #: its name on the command line
    key: ClassVar[str]

    @abstractmethod
    def cost(self, objective: Objective) -> int:
        """
        :param objective: what is to be looked at
        :return: how many episodes that takes
        """

    @abstractmethod
    def run(self, objective: Objective, store: Store | None = None, watch: Watch | None = None) -> Found:
        """
        :param objective: what is looked at, around its θ₀
        :param store: where evaluations are found and kept; None to keep none
        :param watch: told of the progress
        :return: what was found
        :raises ValueError: if probe and objective do not fit
        :raises NotFiniteError: if a return is not finite; the others are kept
        """
