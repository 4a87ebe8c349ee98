"""What stands beside an arm's statistic: the typical run, the mean, the worst run, and how many fail."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sb3_entropy.registry import MEASURES
from sb3_entropy.statistics import interval, iqm, mean
from sb3_entropy.studies.paired import Scores
from sb3_entropy.studies.rules import POOLED
from sb3_entropy.studies.verdict import CriterionResult
from sb3_entropy.studies.worker import score

#: of measures that can say that a run has failed: it has earned little
EARNED = ("return", "reward")


@dataclass(frozen=True)
class FailureLine:
    """
    A run fails that is on the wrong side of the line, which lies half the way from the start to the best.

    :param start: the measure at the first evaluation, the median over the runs of the arms that are compared
    :param best: the IQM of the best of these arms
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
    :param failures: runs that have failed, have no finite score, or lie beyond the failure line, if there is one
    """

    label: str
    environment: str
    n: int
    done: int
    iqm: float
    mean: float
    worst: float
    failures: int


def failure_line(scores: Scores, criterion: CriterionResult, environment: str) -> FailureLine | None:
    """
    :param scores: of a study's runs
    :param criterion: a judged criterion: its measure, and the arms that it compares
    :param environment: where
    :return: what divides the runs; ``None`` if the measure is no return or reward, has no better side, or the interval
        of no arm's IQM is beyond what the runs began with
    """
    measure, study = criterion.measure, scores.results.study
    known = MEASURES.get(measure) if measure in MEASURES else None
    if known is None or known.higher_is_better is None or known.unit not in EARNED:
        return None
    labels = [label for label, env_id in _cells(scores, criterion) if env_id == environment]
    runs = [r for r in scores.results.runs if r.environment == environment and r.arm in labels]
    finished = [r for r in runs if r.status == "finished" and r.seed in study.seeds]
    began = [score(r.steps[:1], {k: v[:1] for k, v in r.curves.items()}, (measure,))[measure] for r in finished]
    reached = [list(scores.of(label, environment, measure).values()) for label in labels]
    if not np.isfinite(began).any() or not any(reached):
        return None
    sign, start = 1 if known.higher_is_better else -1, float(np.nanmedian(began))
    ends = [interval(values, "iqm", level=study.level, rng=np.random.default_rng(0)) for values in reached if values]
    best = max(ends, key=lambda end: sign * end.value)
    # Of one run the ends are NaN, and nothing is known of it.
    return FailureLine(start, best.value, sign) if sign * (best.low if sign > 0 else best.high) > sign * start else None


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
            lines[environment] = failure_line(scores, criterion, environment)
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
                done - len(values) + below,
            )
        )
    return [arm for arm in found if arm.done]


def failure_notes(scores: Scores, criterion: CriterionResult) -> list[str]:
    """
    :param scores: of a study's runs
    :param criterion: a judged criterion
    :return: what counts as a failure: a sentence for each environment, and one for those without a failure line
    """
    environments = list(dict.fromkeys(environment for _, environment in _cells(scores, criterion)))
    notes, without = [], []
    for environment in environments:
        line = failure_line(scores, criterion, environment)
        where = f" in {environment}" if len(environments) > 1 else ""
        if line is None:
            without.append(environment)
            continue
        at, start, best = (f"{value:.4g}".replace("-", "−") for value in (line.at, line.start, line.best))
        notes.append(
            f"A run{where} counts as a failure if it crashed, has no finite score, or ended on the wrong side of "
            f"{at}: half the way from {start}, the median at the first evaluation, to {best}, the IQM of the best of "
            "these arms."
        )
    if without:
        where = f" in {', '.join(without)}" if len(without) < len(environments) else ""
        notes.append(
            f"A run{where} counts as a failure if it crashed or has no finite score. What else would be one is not "
            f"known: {_why_none(criterion.measure)}."
        )
    return notes


def _why_none(measure: str) -> str:
    known = MEASURES.get(measure) if measure in MEASURES else None
    if known is None or known.unit not in EARNED:
        return f"{measure} is no return or reward"
    if known.higher_is_better is None:
        return f"no side of {measure} is better"
    return "the interval of no arm's IQM is beyond what the runs began with"


def _cells(scores: Scores, criterion: CriterionResult) -> Sequence[tuple[str, str]]:
    cells = []
    for comparison in criterion.comparisons:
        pooled = comparison.environment == POOLED
        environments = scores.results.study.environments if pooled else [comparison.environment]
        cells += [(label, env) for env in environments for label in reversed(comparison.sides)]
    return list(dict.fromkeys(cells))
