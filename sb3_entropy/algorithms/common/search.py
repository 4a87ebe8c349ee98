"""What a search over an algorithm's arguments draws from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Between:
    """
    A number between two bounds, both included: a whole one if the bounds are.

    :param low: the least
    :param high: the largest
    :param log: whether its logarithm is drawn uniformly
    """

    low: float
    high: float
    log: bool = False


#: by argument: bounds, or the choices; rl-zoo's spellings, as ``n_steps_pow`` for the power of 2 that n_steps is
SearchSpace = Mapping[str, Between | Sequence[Any]]
