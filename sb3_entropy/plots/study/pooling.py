"""Scores and curves of several environments put together, on the scale that the study gives each of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from sb3_entropy.plots.study.figure_data import ArmData, FigureData

POOLED = "all"


@dataclass(frozen=True)
class Pool:
    """
    :param data: the study's data with one entry an arm, in the environment ``"all"``
    :param scores: by arm's label, shape (n, K): seeds that all K environments share × environments
    :param environments: those that are in it
    :param normalised: whether 0 and 1 are the ends of the environments' score ranges
    :param note: what was left out, if anything
    """

    data: FigureData
    scores: Mapping[str, np.ndarray]
    environments: tuple[str, ...]
    normalised: bool
    note: str


def normalise(values: np.ndarray, score_range: tuple[float, float] | None) -> np.ndarray:
    """
    :param values: scores or returns, any shape
    :param score_range: what counts as 0 and as 1; ``None`` leaves the values as they are
    :return: (values − low)/(high − low)
    """
    if score_range is None:
        return values
    low, high = score_range
    return (values - low) / (high - low)


def pool_scores(data: FigureData, measure: str) -> Pool:
    """
    :param data: a study's data
    :param measure: a measure's name
    :return: its scores, pooled
    """
    return _pool(data, {(a.label, a.environment): (a, a.scores[measure]) for a in data.arms if measure in a.scores})


def pool_curves(data: FigureData, curve: str) -> tuple[Pool, Mapping[str, np.ndarray], bool]:
    """
    :param data: a study's data
    :param curve: a curve's name
    :return: the pool, whose scores are the curves, shape (n, K, T); by arm's label where the T points lie, in
        environment steps or, if the environments' differ, as shares of the training; whether they are shares
    """
    recorded = {(a.label, a.environment): (a, a.curves[curve]) for a in data.arms if curve in a.curves}
    points = {len(arm.steps) for arm, _ in recorded.values()}
    shares = len({tuple(arm.steps.tolist()) for arm, _ in recorded.values()}) > 1
    if len(points) > 1:
        grid = np.linspace(1 / min(points), 1, min(points))
        recorded = {key: (arm, _resampled(arm, values, grid)) for key, (arm, values) in recorded.items()}
    places = {}
    for (label, _), (arm, values) in recorded.items():
        n = values.shape[1]
        places[label] = np.arange(1, n + 1) / n if shares else arm.steps.astype(float)
    return _pool(data, recorded), places, shares


def _resampled(arm: ArmData, values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    share = arm.steps / arm.steps[-1]
    return np.array([np.interp(grid, share, row) for row in values])


def _pool(data: FigureData, values: Mapping[tuple[str, str], tuple[ArmData, np.ndarray]]) -> Pool:
    everywhere = data.environments
    used = [env for env in everywhere if env in data.score_ranges] if len(everywhere) > 1 else everywhere
    left_out = [env for env in everywhere if env not in used]
    note = f"without {', '.join(left_out)}, which has no score_range" if left_out else ""
    pooled: dict[str, np.ndarray] = {}
    arms = []
    for label in dict.fromkeys(arm.label for arm in data.arms):
        parts = [values[label, env] for env in used if (label, env) in values]
        if not parts or len(parts) < len(used):
            continue
        finite = [np.isfinite(v).reshape(len(v), -1).any(axis=1) for _, v in parts]
        seeds = [arm.seeds[ok] for (arm, _), ok in zip(parts, finite, strict=True)]
        common = reduce(np.intersect1d, seeds)
        if not len(common):
            continue
        pooled[label] = np.stack(
            [normalise(v[np.isin(arm.seeds, common)], data.score_ranges.get(arm.environment)) for arm, v in parts],
            axis=1,
        )
        arms.append(replace(parts[0][0], environment=POOLED, seeds=common))
    normalised = bool(used) and all(env in data.score_ranges for env in used)
    return Pool(replace(data, arms=tuple(arms)), pooled, tuple(used), normalised, note)
