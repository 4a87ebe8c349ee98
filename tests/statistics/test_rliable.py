"""Percentile intervals are rliable's: against its definition with scipy, and against itself where it is installed."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from sb3_entropy.statistics import interval, performance_profile, probability_of_improvement

#: replicates of ours, against fewer of theirs
B, THEIRS = 200_000, 2_000
#: of scores of shape (…, runs, tasks)
AGGREGATES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "iqm": lambda scores: stats.trim_mean(scores.reshape(*scores.shape[:-2], -1), 0.25, axis=-1),
    "mean": lambda scores: scores.mean(axis=-2).mean(axis=-1),
    "optimality_gap": lambda scores: 1.0 - np.minimum(scores, 1.0).mean(axis=(-2, -1)),
}
SCORES = [np.random.default_rng(0).lognormal(size=size) for size in ((10, 5), (10, 1), (5, 3))]


def _agrees(scores: np.ndarray, statistic: str, low: float, high: float) -> bool:
    """
    Whether a quantile of ``THEIRS`` replicates lies where ours says: within 4.5 standard deviations of its share, so a
    false alarm at either end has a probability of 7·10⁻⁶, were the seeds not fixed.
    """
    spread = 4.5 * np.sqrt(0.025 * 0.975 / THEIRS) + 1e-3  # and ours is not exact either
    ends = [
        interval(scores, statistic, level=level, method="percentile", replicates=B, rng=np.random.default_rng(1))
        for level in (1 - 2 * (0.025 - spread), 1 - 2 * (0.025 + spread))
    ]
    return ends[0].low <= low <= ends[1].low and ends[1].high <= high <= ends[0].high


@pytest.mark.parametrize("scores", SCORES, ids=lambda scores: f"{len(scores)} runs")
def test_stratified_resampling_with_scipy(scores: np.ndarray) -> None:
    """Agarwal et al. 2021: within each task runs are drawn with replacement, and the statistic is taken of them all."""
    runs, tasks = scores.shape
    rng = np.random.default_rng(7)
    drawn = np.stack(
        [np.stack([scores[rng.choice(runs, runs), task] for task in range(tasks)], axis=1) for _ in range(THEIRS)]
    )
    for name, aggregate in AGGREGATES.items():
        values = aggregate(drawn)
        assert interval(scores, name, method="percentile", rng=rng).value == pytest.approx(aggregate(scores))
        assert _agrees(scores, name, *np.quantile(values, [0.025, 0.975]))


def test_the_comparison_would_notice() -> None:
    """Resampling whole runs, in all tasks the same, is another interval where the tasks are correlated."""
    shared = np.random.default_rng(0).normal(size=(10, 1))
    scores = shared + 0.1 * np.random.default_rng(1).normal(size=(10, 5))
    rng = np.random.default_rng(7)
    values = [AGGREGATES["iqm"](scores[rng.choice(10, 10)]) for _ in range(THEIRS)]
    assert not _agrees(scores, "iqm", *np.quantile(values, [0.025, 0.975]))


@pytest.mark.parametrize("scores", SCORES, ids=lambda scores: f"{len(scores)} runs")
def test_rliable_itself(scores: np.ndarray) -> None:
    """rliable 1.2.0 needs pandas < 3, so it is installed apart, if at all: ``PYTHONPATH=<folder> pytest …``."""
    library = pytest.importorskip("rliable.library", reason="rliable is not installed")
    metrics = pytest.importorskip("rliable.metrics", reason="rliable is not installed")
    np.random.seed(0)
    aggregates = {name: getattr(metrics, f"aggregate_{name}") for name in AGGREGATES}
    values, ends = library.get_interval_estimates(
        {"ours": scores}, lambda drawn: np.array([aggregate(drawn) for aggregate in aggregates.values()]), reps=THEIRS
    )
    for index, name in enumerate(AGGREGATES):
        ours = interval(scores, name, method="percentile", rng=np.random.default_rng(1))
        assert ours.value == pytest.approx(values["ours"][index], rel=1e-12)
        assert _agrees(scores, name, *ends["ours"][:, index])
    other = np.random.default_rng(3).lognormal(size=(7, scores.shape[1]))
    assert probability_of_improvement(scores, other).value == pytest.approx(
        metrics.probability_of_improvement(scores, other)
    )
    thresholds = np.array([0.5, 1.0, 2.0])
    shares, _ = library.create_performance_profile({"ours": scores}, thresholds, reps=100)
    assert performance_profile(scores, thresholds)[0] == pytest.approx(shares["ours"])
