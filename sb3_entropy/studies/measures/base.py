"""What a measure is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm


@dataclass(frozen=True)
class Curves:
    """
    What a run has recorded.

    :param steps: environment steps at the T evaluation points, shape (T,)
    :param values: by name, shape (T,); NaN where there was nothing to record
    """

    steps: np.ndarray
    values: Mapping[str, np.ndarray]

    def last(self, name: str, share: float = 0.1) -> float:
        """
        :param name: a curve's name
        :param share: how much of the run counts as its end
        :return: the mean of the curve's last ⌈share · T⌉ points
        """
        return float(self.values[name][-max(1, int(np.ceil(share * len(self.steps)))) :].mean())


@dataclass(frozen=True)
class Glimpse:
    """
    What a measure sees of a training at an evaluation point. It must change nothing, and its random numbers must come
    from ``rng`` or from PyTorch's global generator, which is put back afterwards.

    :param model: the model as it is now
    :param states: at most 256 observations that the policy visits when it samples its actions, as tensors
    :param rng: a generator of its own
    """

    model: BaseAlgorithm
    states: Any
    rng: np.random.Generator


class Measure(ABC):
    """
    One number for one finished run, from its curves.

    :cvar description: one line for the report
    :cvar unit: e.g. ``"return"``, ``"nats"``; empty for shares and counts
    :cvar higher_is_better: ``None`` if neither is
    :cvar curves: the names of the curves that it reads
    :cvar yes_or_no: whether every score is 1, yes, or 0, no: its mean is then a share of runs
    """

    description: ClassVar[str]
    unit: ClassVar[str]
    higher_is_better: ClassVar[bool | None]
    curves: ClassVar[tuple[str, ...]]
    yes_or_no: ClassVar[bool] = False

    @abstractmethod
    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the run's score
        """


class ObservingMeasure(Measure):
    """
    A measure that looks at the model during training.

    :cvar version: to be raised when ``observe`` returns other numbers than before: finished runs are then done again
    """

    version: ClassVar[int] = 1

    @abstractmethod
    def observe(self, glimpse: Glimpse) -> dict[str, float]:
        """
        Called at every evaluation point.

        :param glimpse: the model and states that it visits
        :return: values by the names of curves
        """
