"""The scores that a comparison of a verdict rests on, pair by pair."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sb3_entropy.statistics.scores import Array
from sb3_entropy.studies.results import StudyResults
from sb3_entropy.studies.verdict import POOLED, ComparisonResult

#: finite scores by seed
BySeed = Mapping[int, float]


@dataclass(frozen=True)
class Pairs:
    """
    :param treatment: scores, shape (n, K): of the stated seeds that both arms have finished, in every environment that
        counts; normalised if these are put together
    :param control: likewise
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

    def pairs(self, measure: str, comparison: ComparisonResult) -> Pairs | None:
        """
        :param measure: what is compared
        :param comparison: a comparison of the verdict
        :return: its pairs; ``None`` if it is not of two arms that share a seed
        """
        study = self.results.study
        pooled = comparison.environment == POOLED
        environments = list(study.environments) if pooled else [comparison.environment]
        tables = [
            [self.of(label, env_id, measure) for env_id in environments]
            for label in (comparison.treatment, comparison.control)
        ]
        shared = set.intersection(*(set(of_env) for of_arm in tables for of_env in of_arm))
        if not shared:
            return None
        x, y = (np.array([[of_env[seed] for of_env in of_arm] for seed in sorted(shared)]) for of_arm in tables)
        if pooled:
            ranges = np.array([study.environments[env_id].score_range for env_id in environments], dtype=float)
            x, y = ((scores - ranges[:, 0]) / (ranges[:, 1] - ranges[:, 0]) for scores in (x, y))
        return Pairs(x, y)
