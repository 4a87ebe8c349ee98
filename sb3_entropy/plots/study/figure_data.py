"""What the figures of a study are drawn from: plain arrays for every arm in every environment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sb3_entropy.errors import unknown
from sb3_entropy.plots.settings import settings_text
from sb3_entropy.statistics import Difference, Interval


@dataclass(frozen=True)
class ArmData:
    """
    The finished runs of one arm in one environment.

    :param label: the arm with its swept values, e.g. ``sppo, ent_coef=0.3``
    :param group: the arm's name, e.g. ``sppo``
    :param settings: the swept values by hyperparameter
    :param environment: the environment's id
    :param seeds: one a run, ascending, shape (n,)
    :param steps: environment steps at the evaluation points, shape (T,)
    :param curves: by name, shape (n, T); NaN where nothing was recorded
    :param scores: by measure, shape (n,); NaN where there is none
    """

    label: str
    group: str
    settings: Mapping[str, Any]
    environment: str
    seeds: np.ndarray
    steps: np.ndarray
    curves: Mapping[str, np.ndarray]
    scores: Mapping[str, np.ndarray]

    def scored(self, measure: str) -> int:
        """
        :param measure: a measure's name
        :return: how many of the runs have that score
        """
        return int(np.isfinite(self.scores.get(measure, np.empty(0))).sum())


@dataclass(frozen=True)
class Comparison:
    """
    A comparison of two arms, as the study asks for it.

    :param criterion: the criterion's name
    :param measure: what is compared
    :param unit: of the measure; empty if it has none
    :param treatment: an arm's label
    :param control: another's
    :param environment: an id, or ``"all"`` for normalised scores of all of them
    :param difference: treatment − control; ``None`` if there is nothing to compare yet
    :param improvement: P(treatment > control), or ``None``
    :param p_adjusted: after Holm; NaN if there is none
    :param outcome: ``"supported"``, ``"refuted"`` or ``"undecided"``
    :param margins: the differences at which the rule draws its line, in the measure's unit
    :param decides: whether the claim's verdict rests on it
    """

    criterion: str
    measure: str
    unit: str
    treatment: str
    control: str
    environment: str
    difference: Difference | None
    improvement: Interval | None
    p_adjusted: float
    outcome: str
    margins: tuple[float, ...] = (0.0,)
    decides: bool = True


@dataclass(frozen=True)
class MeasureInfo:
    """
    :param key: the measure's name
    :param description: one line
    :param unit: e.g. ``"return"``, ``"nats"``; empty for shares and counts
    :param higher_is_better: ``None`` if neither is
    :param yes_or_no: whether every score is 1 or 0
    """

    key: str
    description: str
    unit: str = ""
    higher_is_better: bool | None = None
    yes_or_no: bool = False


@dataclass(frozen=True)
class FigureData:
    """
    :param study: the study's name
    :param arms: one for every arm and environment that has finished runs, in the study's order
    :param measures: by name, the study's first measure first
    :param comparisons: the comparisons of the rule
    :param score_ranges: what counts as 0 and as 1, by environment, for those that say so
    :param level: of the intervals
    :param statistic: what a group of runs is summarised by where a figure is not told otherwise
    :param seed: of the resampling, so that a figure drawn twice is one figure
    :param failed: how many runs have failed, by arm's label and environment, where any have
    """

    study: str
    arms: tuple[ArmData, ...]
    measures: Mapping[str, MeasureInfo]
    comparisons: tuple[Comparison, ...] = ()
    score_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    level: float = 0.95
    statistic: str = "mean"
    seed: int = 0
    failed: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def groups(self) -> list[str]:
        """:return: the arms' names, in order"""
        return list(dict.fromkeys(arm.group for arm in self.arms))

    @property
    def environments(self) -> list[str]:
        """:return: the environments' ids, in order"""
        return list(dict.fromkeys(arm.environment for arm in self.arms))

    @property
    def swept(self) -> list[str]:
        """:return: the hyperparameters of which there is more than one value"""
        values: dict[str, list[Any]] = {}
        for arm in self.arms:
            for key, value in arm.settings.items():
                seen = values.setdefault(key, [])
                if value not in seen:
                    seen.append(value)
        return [key for key, seen in values.items() if len(seen) > 1]

    def values_of(self, key: str) -> list[Any]:
        """
        :param key: a swept hyperparameter
        :return: its values, in order
        """
        seen: list[Any] = []
        for arm in self.arms:
            if key in arm.settings and arm.settings[key] not in seen:
                seen.append(arm.settings[key])
        return seen

    def pair(self, treatment: str, control: str) -> tuple[str, str, str]:
        """
        :param treatment: an arm's label
        :param control: another's
        :return: both without the swept values that they share, and these: ``("sppo", "ppo", "ent_coef=0.3")``
        """
        settings = {arm.label: (arm.group, arm.settings) for arm in self.arms if arm.label in (treatment, control)}
        if len(settings) < 2:
            return treatment, control, ""
        (name, mine), (other, theirs) = settings[treatment], settings[control]
        shared = {key: value for key, value in mine.items() if key in theirs and theirs[key] == value}
        names = [
            ", ".join([group, *(settings_text({key: values[key]}) for key in values if key not in shared)])
            for group, values in ((name, mine), (other, theirs))
        ]
        return names[0], names[1], settings_text(shared)

    def measure(self, key: str | None) -> MeasureInfo:
        """
        :param key: a measure's name, or ``None`` for the first
        :return: the measure
        :raises ValueError: if the study has no such measure
        """
        if key is None and self.measures:
            return next(iter(self.measures.values()))
        self._check("measure of this study", str(key), self.measures)
        return self.measures[str(key)]

    def check_curve(self, name: str) -> None:
        """
        :param name: a curve's name
        :raises ValueError: if no run has recorded it
        """
        recorded = dict.fromkeys(name for arm in self.arms for name in arm.curves)
        if recorded:
            self._check("recorded curve", name, recorded)

    def check_swept(self, keys: Iterable[str]) -> None:
        """
        :param keys: hyperparameters
        :raises ValueError: if one is not swept in this study
        """
        for key in keys:
            self._check("swept hyperparameter of this study", key, dict.fromkeys(self.swept))

    @staticmethod
    def _check(kind: str, key: str, available: Mapping[str, Any]) -> None:
        if key not in available:
            raise ValueError(unknown(kind, key, available))
