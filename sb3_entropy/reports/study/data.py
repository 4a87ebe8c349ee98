"""From a study's results to the arrays that its figures and tables are made of."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from sb3_entropy.plots.study.figure_data import ArmData, Comparison, FigureData, MeasureInfo
from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.criteria import Criterion
from sb3_entropy.studies.results import RunView, StudyResults


def figure_data(results: StudyResults) -> FigureData:
    """
    :param results: a study's results
    :return: the same in arrays: finished runs alone
    """
    study = results.study
    cells: dict[tuple[str, str], list[RunView]] = {}
    for run in results.runs:
        if run.status == "finished":
            cells.setdefault((run.arm, run.environment), []).append(run)
    order = list(dict.fromkeys(run.arm for run in results.runs))
    environments = list(study.environments)
    arms = [_arm(cells[label, env], study.measures) for env in environments for label in order if (label, env) in cells]
    return FigureData(
        study=study.name,
        arms=tuple(arms),
        measures={key: measure_info(key) for key in study.measures},
        comparisons=comparisons(results),
        score_ranges={env: spec.score_range for env, spec in study.environments.items() if spec.score_range},
        level=study.level,
        statistic=study.criteria[0].statistic if study.criteria else "mean",
        failed=Counter((run.arm, run.environment) for run in results.runs if run.status == "failed"),
    )


def measure_info(key: str) -> MeasureInfo:
    """
    :param key: a measure's name
    :return: what it is; a measure that is not installed here is known by its name alone
    """
    if key not in MEASURES:
        return MeasureInfo(key, f"{key}, a measure that is not installed here")
    measure = MEASURES.get(key)
    return MeasureInfo(key, measure.description, measure.unit, measure.higher_is_better, measure.yes_or_no)


def comparisons(results: StudyResults) -> tuple[Comparison, ...]:
    """
    :param results: a study's results
    :return: the comparisons of its verdict, and after them those that decide nothing
    """
    study, verdict = results.study, results.verdict
    return tuple(
        Comparison(
            criterion=criterion.name,
            measure=criterion.measure,
            unit=criterion.unit,
            treatment=comparison.treatment,
            control=comparison.control,
            environment=comparison.environment,
            difference=comparison.difference,
            improvement=comparison.improvement,
            p_adjusted=comparison.p_adjusted,
            outcome=comparison.outcome,
            margins=_margins(stated),
            decides=decides,
        )
        for decides, stated_of, judged in (
            (True, study.criteria, verdict.criteria),
            (False, study.exhibits, verdict.exhibits),
        )
        for stated, criterion in zip(stated_of, judged, strict=True)
        for comparison in criterion.comparisons
    )


def _margins(criterion: Criterion) -> tuple[float, ...]:
    margin = criterion.margin
    lines = {"greater": (margin,), "less": (-margin,), "not_less": (-margin,), "not_greater": (margin,)}
    return lines.get(criterion.expect, (-margin, margin))


def _arm(runs: Sequence[RunView], measures: Sequence[str]) -> ArmData:
    runs = sorted(runs, key=lambda run: run.seed)
    first = runs[0]
    # All runs of an arm are evaluated at the same steps, unless its length was changed between two of them.
    common = Counter(tuple(run.steps) for run in runs).most_common(1)[0][0]
    steps = np.asarray(common, dtype=float)
    names = dict.fromkeys(name for run in runs for name in run.curves)
    return ArmData(
        label=first.arm,
        group=first.group,
        settings=first.settings,
        environment=first.environment,
        seeds=np.array([run.seed for run in runs]),
        steps=steps,
        curves={name: np.stack([_on(steps, run, name) for run in runs]) for name in names},
        scores={key: np.array([float(run.scores.get(key, np.nan)) for run in runs]) for key in measures},
    )


def _on(steps: np.ndarray, run: RunView, name: str) -> np.ndarray:
    """The run's curve at these steps, NaN where it has none of them; shape (T,)."""
    values = run.curves.get(name)
    if values is not None and len(values) == len(steps) and np.array_equal(run.steps, steps):
        return np.asarray(values, dtype=float)
    placed = np.full(len(steps), np.nan)
    if values is not None and len(steps):
        _, here, there = np.intersect1d(steps, run.steps, return_indices=True)
        placed[here] = np.asarray(values, dtype=float)[there]
    return placed
