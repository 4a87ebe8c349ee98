"""The tables of the page, and the same as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sb3_entropy.plots.study.estimates import score_estimates
from sb3_entropy.plots.study.figure_data import ArmData, FigureData
from sb3_entropy.statistics import Interval
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.published import published_values
from sb3_entropy.studies.results import StudyResults
from sb3_entropy.studies.spec import Study


@dataclass(frozen=True)
class ScoreRow:
    """
    :param arm: the finished runs
    :param done: how many were finished or have failed
    :param counts: how many have a finite score, by measure
    :param estimates: by measure; ``None`` if no run has that score
    """

    arm: ArmData
    done: int
    counts: dict[str, int]
    estimates: dict[str, Interval | None]

    @property
    def n_text(self) -> str:
        """:return: how many runs have scores: ``5``, or ``1 of 5``, ``1 to 4 of 5`` where some have none"""
        low, high = min(self.counts.values(), default=self.done), max(self.counts.values(), default=self.done)
        shown = f"{low}" if low == high else f"{low} to {high}"
        return shown if low == self.done else f"{shown} of {self.done}"

    def n_of(self, measure: str) -> str:
        """
        :param measure: one of the measures
        :return: e.g. ``(n = 1)`` where measures rest on different numbers of runs; else empty
        """
        return f" (n = {self.counts[measure]})" if len(set(self.counts.values())) > 1 else ""


def statistic_of(study: Study, measure: str) -> str:
    """
    :param study: a study
    :param measure: one of its measures
    :return: the statistic of the first criterion that uses it, or else of the study's first criterion
    """
    criteria = [*study.criteria, *study.exhibits]
    of_measure = [criterion.statistic for criterion in criteria if criterion.measure == measure]
    return (of_measure or [criterion.statistic for criterion in criteria] or ["mean"])[0]


def score_rows(study: Study, data: FigureData) -> list[ScoreRow]:
    """
    :param study: a study
    :param data: its data
    :return: one row an arm and environment, those without any finished run last
    """
    estimates: dict[str, list[Interval | None]] = {}
    for measure in data.measures:
        columns = [arm.scores[measure] for arm in data.arms]
        scored = [index for index, column in enumerate(columns) if np.isfinite(column).any()]
        found: list[Interval | None] = [None] * len(columns)
        chosen = [columns[index] for index in scored]
        info, statistic = data.measures[measure], statistic_of(study, measure)
        estimated = score_estimates(chosen, statistic, data.level, data.seed, info.yes_or_no)
        for index, interval in zip(scored, estimated, strict=True):
            found[index] = interval
        estimates[measure] = found
    rows = []
    for index, arm in enumerate(data.arms):
        counts = {measure: int(np.isfinite(arm.scores[measure]).sum()) for measure in data.measures}
        done = len(arm.seeds) + data.failed.get((arm.label, arm.environment), 0)
        rows.append(ScoreRow(arm, done, counts, {measure: estimates[measure][index] for measure in data.measures}))
    finished = {(arm.label, arm.environment) for arm in data.arms}
    empty, none = dict.fromkeys(data.measures, 0), dict.fromkeys(data.measures)
    for (label, environment), failed in data.failed.items():
        if (label, environment) not in finished:
            nothing = ArmData(label, label, {}, environment, np.empty(0, int), np.empty(0), {}, {})
            rows.append(ScoreRow(nothing, failed, empty, none))
    return rows


def scores_csv(plan: Plan, data: FigureData, rows: Sequence[ScoreRow]) -> str:
    """
    :param plan: a study's
    :param data: its data
    :param rows: its table
    :return: one line an arm, environment and measure; with the source's number in the last column, if it has any
    :raises ValueError: if a published number belongs to nothing in the study
    """
    study, published = plan.study, published_values(plan)
    swept = list(dict.fromkeys(key for arm in data.arms for key in arm.settings))
    lines = []
    for row in rows:
        arm = row.arm
        which = [arm.label, arm.group, *(arm.settings.get(key, "") for key in swept), arm.environment]
        for measure, found in row.estimates.items():
            if found is not None:
                numbers = [found.value, found.low, found.high, found.level, found.method]
                theirs = [published.get((measure, arm.environment, arm.label), "")] if published else []
                counts = [row.counts[measure], row.done]
                lines.append([*which, measure, statistic_of(study, measure), *counts, *numbers, *theirs])
    tail = ["environment", "measure", "statistic", "n", "runs", "value", "low", "high", "level", "method"]
    return _csv(["arm", "group", *swept, *tail, *(["published"] if published else [])], lines)


def comparisons_csv(data: FigureData) -> str:
    """
    :param data: a study's data
    :return: one line a comparison
    """
    header = ["criterion", "decides", "measure", "unit", "treatment", "control", "environment", "difference"]
    header += ["low", "high", "n", "p_adjusted", "probability_of_improvement", "probability_low", "probability_high"]
    lines = []
    for c in data.comparisons:
        d, p = c.difference, c.improvement
        line: list[Any] = [c.criterion, c.decides, c.measure, c.unit, c.treatment, c.control, c.environment]
        line += [d.value, d.low, d.high, d.n] if d else [""] * 4
        line += [c.p_adjusted, *((p.value, p.low, p.high) if p else ("",) * 3), c.outcome]
        lines.append(line)
    return _csv([*header, "outcome"], lines)


def runs_csv(results: StudyResults) -> str:
    """
    :param results: a study's results
    :return: one line a run, with its scores
    """
    measures = results.study.measures
    lines = (
        [run.arm, run.environment, run.seed, run.status, run.run_id, *(run.scores.get(key, "") for key in measures)]
        for run in results.runs
    )
    return _csv(["arm", "environment", "seed", "status", "run_id", *measures], lines)


def _csv(header: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    return buffer.getvalue()
