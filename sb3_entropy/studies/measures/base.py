"""What a measure is, and what an observer is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm


@dataclass(frozen=True)
class Glimpse:
    """
    What an observer sees of a training at an evaluation point. It must change nothing, and its random numbers must come
    from ``rng`` or from PyTorch's global generator, which is put back afterwards.

    :param model: the model as it is now
    :param states: at most 256 observations that the policy visits when it samples its actions, as tensors
    :param rng: a generator of its own
    """

    model: BaseAlgorithm
    states: Any
    rng: np.random.Generator


#: the first parts of the curves that a run records without an observer
RECORDED = ("deterministic", "stochastic", "train", "rollout", "time")
#: looks at the model, once an evaluation point for all measures together, and gives numbers by their names
Observer = Callable[[Glimpse], Mapping[str, float]]
#: a number for a run: of the environment steps at its T evaluation points, shape (T,), and of each curve, shape (T,)
Score = Callable[..., float]


@dataclass(frozen=True)
class Measure:
    """
    One number for one finished run, from its curves.

    :param description: one line for the report
    :param unit: e.g. ``"return"``, ``"nats"``; empty for shares and counts
    :param higher_is_better: ``None`` if neither is
    :param curves: the names of the curves that it reads
    :param score: the number, ``score(steps, *curves)``: steps at the T evaluation points and each curve, NaN where
        there was nothing to record, all of shape (T,)
    :param observer: what looks at the model during the training, if anything must
    :param records: what is recorded of what the observer sees: its names for the numbers, by the names of the curves
        that they become. Without it a curve ``bandit/gini`` is what the observer calls ``gini``
    :param version: of a measure with an observer: to be raised when it sees other numbers than before. Finished runs
        are then done again
    :param yes_or_no: whether every score is 1, yes, or 0, no: its mean is then a share of runs
    :raises ValueError: if what the observer sees would be recorded as a curve that every run has
    """

    description: str
    unit: str
    higher_is_better: bool | None
    curves: tuple[str, ...]
    score: Score
    observer: Observer | None = None
    records: Mapping[str, str] = field(default_factory=dict)
    version: int = 1
    yes_or_no: bool = False

    def __post_init__(self) -> None:
        taken = [curve for curve in self.records or self.curves if curve.partition("/")[0] in RECORDED]
        if self.observer is not None and taken:
            raise ValueError(
                f"The measure {self.description!r} has an observer, but {', '.join(taken)} is recorded without one. "
                "Say in records which curves become of what the observer sees: records={'mine/gini': 'gini'}."
            )

    def recorded(self, seen: Mapping[str, float]) -> dict[str, float]:
        """
        :param seen: what the observer has seen
        :return: the values of this measure's curves; NaN for what it has not
        """
        names = self.records or {curve: curve.rpartition("/")[2] for curve in self.curves}
        return {curve: float(seen.get(name, float("nan"))) for curve, name in names.items()}


def end(share: float = 0.1) -> Score:
    """
    :param share: how much of the run counts as its end
    :return: the mean of a curve's last ⌈share · T⌉ points
    """

    def score(steps: np.ndarray, values: np.ndarray) -> float:
        return float(values[-max(1, int(np.ceil(share * len(steps)))) :].mean())

    return score
