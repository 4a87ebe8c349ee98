"""Aggregates against scipy and plain loops."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from sb3_entropy.statistics import interval, iqm, mean, median, optimality_gap


@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (4, 1), (5, 1), (10, 5), (7, 3), (50, 2)])
def test_against_scipy(shape: tuple[int, int]) -> None:
    scores = np.random.default_rng(0).lognormal(size=shape)
    assert iqm(scores) == pytest.approx(stats.trim_mean(scores, 0.25, axis=None), rel=1e-14)
    assert mean(scores) == pytest.approx(sum(scores.ravel().tolist()) / scores.size, rel=1e-14)
    assert median(scores) == pytest.approx(stats.trim_mean(scores, (scores.size - 1) // 2 / scores.size, axis=None))
    gap = sum(max(1.5 - score, 0.0) for score in scores.ravel().tolist()) / scores.size
    assert optimality_gap(scores, 1.5) == pytest.approx(gap, rel=1e-14)


def test_one_task_may_be_a_vector() -> None:
    scores = np.array([3.0, 1.0, 2.0, 10.0, 4.0])
    for aggregate in (mean, median, iqm, optimality_gap):
        assert aggregate(scores) == aggregate(scores[:, None])
    assert (mean(scores), median(scores), iqm(scores)) == (4.0, 3.0, 3.0)
    assert optimality_gap([0.5, 2.0, -1.0]) == pytest.approx(2.5 / 3)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros((2, 3, 4)), r"scores must have the shape \(runs, tasks\) or \(runs,\), but \(2, 3, 4\) was given"),
        (3.0, r"scores must have the shape"),
        (np.zeros((0, 3)), r"at least one run of one task, but the shape \(0, 3\)"),
        ([], "at least one run of one task"),
        ([1.0, np.nan, np.inf], "must be finite, but 2 of 3 are not. Leave out the runs"),
    ],
)
def test_wrong_scores(scores: Any, message: str) -> None:
    for aggregate in (mean, median, iqm, optimality_gap):
        with pytest.raises(ValueError, match=message):
            aggregate(scores)


def test_wrong_target() -> None:
    with pytest.raises(ValueError, match="target must be a number"):
        optimality_gap([1.0], np.inf)


def test_unknown_statistic() -> None:
    with pytest.raises(ValueError, match=r"Unknown statistic 'meen'\. Available: .* Did you mean 'mean'\?"):
        interval([1.0, 2.0], "meen", rng=np.random.default_rng(0))
