"""The scores that a comparison of a verdict rests on, pair by pair."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sb3_entropy.statistics.scores import Array
from sb3_entropy.studies.criteria import Criterion, Number
from sb3_entropy.studies.results import StudyResults
from sb3_entropy.studies.rules import POOLED, is_share
from sb3_entropy.studies.verdict import ComparisonResult

#: finite scores by seed
BySeed = Mapping[int, float]


@dataclass(frozen=True)
class Pairs:
    """
    :param treatment: scores, shape (n, K): of the stated seeds that all arms have finished, in every environment that
        counts; normalised if these are put together. Of an interaction the difference of its first pair of arms
    :param control: likewise: the control's, the number it is, or the difference of the second pair
    """

    treatment: Array
    control: Array

    @property
    def n(self) -> int:
        """:return: pairs of runs"""
        return len(self.treatment)

    @property
    def differences(self) -> Array:
        """:return: treatment − control, the mean over environments, shape (n,)"""
        return np.asarray((self.treatment - self.control).mean(axis=1))

    @property
    def columns(self) -> tuple[Array, Array]:
        """:return: each run's score, the mean over environments: of treatment and control, both of the shape (n,)"""
        return self.treatment.mean(axis=1), self.control.mean(axis=1)


class Scores:
    """
    :param results: a study's results
    """

    def __init__(self, results: StudyResults):
        self.results = results

    @cached_property
    def _table(self) -> dict[tuple[str, str, str], dict[int, float]]:
        table: dict[tuple[str, str, str], dict[int, float]] = {}
        for run in self.results.runs:
            for measure, value in run.scores.items():
                if np.isfinite(value):
                    table.setdefault((run.arm, run.environment, measure), {})[run.seed] = value
        return table

    def of(self, arm: str, environment: str, measure: str) -> BySeed:
        """
        :param arm: a variant's label
        :param environment: where
        :param measure: a measure's name
        :return: the finite scores of the seeds that the study states
        """
        found = self._table.get((arm, environment, measure), {})
        return {seed: found[seed] for seed in self.results.study.seeds if seed in found}

    def pairs(self, stated: Criterion, comparison: ComparisonResult) -> Pairs | None:
        """
        :param stated: the criterion that the comparison belongs to
        :param comparison: a comparison of the verdict
        :return: its pairs; ``None`` if its arms share no seed, or if it is of shares of runs, a midpoint or ranks,
            which are no scores
        """
        if is_share(stated) or stated.midpoint is not None or stated.ranks_with is not None:
            return None
        study = self.results.study
        pooled = comparison.environment == POOLED
        environments = list(study.environments) if pooled else [comparison.environment]
        tables = [[self.of(label, env_id, stated.measure) for env_id in environments] for label in comparison.sides]
        shared = sorted(set.intersection(*(set(of_env) for of_arm in tables for of_env in of_arm)))
        if not shared:
            return None
        sides = [np.array([[of_env[seed] for of_env in of_arm] for seed in shared]) for of_arm in tables]
        if pooled:
            ranges = np.array([study.environments[env_id].score_range for env_id in environments], dtype=float)
            sides = [(scores - ranges[:, 0]) / (ranges[:, 1] - ranges[:, 0]) for scores in sides]
        if isinstance(stated.control, Number):
            return Pairs(sides[0], np.full_like(sides[0], stated.control.value))
        return Pairs(*sides) if stated.minus is None else Pairs(sides[0] - sides[1], sides[2] - sides[3])
