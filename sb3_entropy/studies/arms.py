"""What stands beside an arm's statistic: the typical run, the mean, the worst run, and how many fail."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sb3_entropy.registry import MEASURES
from sb3_entropy.statistics import iqm, mean
from sb3_entropy.studies.paired import Scores
from sb3_entropy.studies.rules import POOLED
from sb3_entropy.studies.training import score
from sb3_entropy.studies.verdict import CriterionResult


@dataclass(frozen=True)
class FailureLine:
    """
    A run fails that is on the wrong side of the line, which lies half the way from the start to the best.

    :param start: the measure at the first evaluation, the median over all runs
    :param best: the best arm's IQM
    :param sign: 1 if higher is better, −1 if lower is
    """

    start: float
    best: float
    sign: int

    @property
    def at(self) -> float:
        """:return: the line, in the measure's unit"""
        return (self.start + self.best) / 2


@dataclass(frozen=True)
class ArmSummary:
    """
    :param label: the variant's label
    :param environment: where
    :param n: runs with a finite score
    :param done: runs that were finished or have failed
    :param iqm: the typical run; NaN without a score, as the others
    :param mean: of all runs
    :param worst: the worst run, the least if no side is better
    :param failures: runs that have failed, have no finite score, or lie beyond the failure line; ``None`` if there is
        no such line
    """

    label: str
    environment: str
    n: int
    done: int
    iqm: float
    mean: float
    worst: float
    failures: int | None


def failure_line(scores: Scores, measure: str, environment: str) -> FailureLine | None:
    """
    :param scores: of a study's runs
    :param measure: a measure's name
    :param environment: where
    :return: what divides the runs; ``None`` if the measure has no better side, or no arm's typical run is better than
        what the runs began with
    """
    higher = MEASURES.get(measure).higher_is_better if measure in MEASURES else None
    finished = [r for r in scores.results.runs if r.status == "finished" and r.environment == environment]
    if higher is None or not finished:
        return None
    sign = 1 if higher else -1
    began = [score(r.steps[:1], {k: v[:1] for k, v in r.curves.items()}, (measure,))[measure] for r in finished]
    reached = [list(scores.of(arm, environment, measure).values()) for arm in dict.fromkeys(r.arm for r in finished)]
    typical = [iqm(values) for values in reached if values]
    if not np.isfinite(began).any() or not typical:
        return None
    line = FailureLine(float(np.nanmedian(began)), sign * max(sign * value for value in typical), sign)
    return line if sign * line.best > sign * line.start else None


def arm_summaries(scores: Scores, criterion: CriterionResult) -> list[ArmSummary]:
    """
    :param scores: of a study's runs
    :param criterion: a judged criterion
    :return: one an arm that it compares, and environment
    """
    lines: dict[str, FailureLine | None] = {}
    found = []
    for label, environment in _cells(scores, criterion):
        if environment not in lines:
            lines[environment] = failure_line(scores, criterion.measure, environment)
        line = lines[environment]
        seeds = scores.results.study.seeds
        done = sum((r.arm, r.environment) == (label, environment) and r.seed in seeds for r in scores.results.runs)
        values = np.array(list(scores.of(label, environment, criterion.measure).values()))
        higher = MEASURES.get(criterion.measure).higher_is_better if criterion.measure in MEASURES else None
        worst = (values.max if higher is False else values.min)() if values.size else float("nan")
        below = int((line.sign * values < line.sign * line.at).sum()) if line else 0
        found.append(
            ArmSummary(
                label,
                environment,
                len(values),
                done,
                iqm(values) if values.size else float("nan"),
                mean(values) if values.size else float("nan"),
                float(worst),
                done - len(values) + below if line else None,
            )
        )
    return [arm for arm in found if arm.done]


def failure_notes(scores: Scores, criterion: CriterionResult) -> list[str]:
    """
    :param scores: of a study's runs
    :param criterion: a judged criterion
    :return: what counts as a failure, a sentence for each environment
    """
    environments = list(dict.fromkeys(environment for _, environment in _cells(scores, criterion)))
    notes = []
    for environment in environments:
        line = failure_line(scores, criterion.measure, environment)
        if line is not None:
            where = f" in {environment}" if len(environments) > 1 else ""
            at, start, best = (f"{value:.4g}".replace("-", "−") for value in (line.at, line.start, line.best))
            notes.append(
                f"A run{where} counts as a failure if it crashed, has no finite score, or ended on the wrong side of "
                f"{at}: half the way from {start}, the median at the first evaluation, to {best}, the best arm's IQM."
            )
    return notes


def _cells(scores: Scores, criterion: CriterionResult) -> Sequence[tuple[str, str]]:
    cells = []
    for comparison in criterion.comparisons:
        pooled = comparison.environment == POOLED
        environments = scores.results.study.environments if pooled else [comparison.environment]
        cells += [(label, env) for env in environments for label in reversed(comparison.sides)]
    return list(dict.fromkeys(cells))
