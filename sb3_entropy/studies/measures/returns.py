"""Measures of what is earned: by deterministic actions, by sampled ones, and in the training itself."""

import numpy as np

from sb3_entropy.registry import MEASURES
from sb3_entropy.statistics import area_under_curve, drawdown
from sb3_entropy.studies.measures.base import Measure, end

DETERMINISTIC = ("deterministic/return",)
#: the mean of the last 100 training episodes
TRAINING = ("train/return",)


def spread(steps: np.ndarray, values: np.ndarray) -> float:
    """:return: the standard deviation over the last quarter of the points; a mean that still rises is spread by that"""
    return float(values[-max(1, len(values) // 4) :].std())


MEASURES.register("final_return")(
    Measure(
        "Mean deterministic return over the last tenth of the evaluation points.", "return", True, DETERMINISTIC, end()
    )
)
MEASURES.register("late_return")(
    Measure(
        "Mean deterministic return over the last quarter of the evaluation points.",
        "return",
        True,
        DETERMINISTIC,
        end(0.25),
    )
)
MEASURES.register("mean_return")(
    Measure(
        "Mean deterministic return over training: the area under the learning curve divided by its span.",
        "return",
        True,
        DETERMINISTIC,
        lambda steps, values: float(area_under_curve(steps, values)),
    )
)
MEASURES.register("drawdown")(
    Measure(
        "Largest fall of the deterministic return below its best so far: small is steady.",
        "return",
        False,
        DETERMINISTIC,
        lambda steps, values: float(drawdown(values)),
    )
)
MEASURES.register("late_spread")(
    Measure(
        "Standard deviation of the deterministic return over the last quarter of the points: small is steady.",
        "return",
        False,
        DETERMINISTIC,
        spread,
    )
)
MEASURES.register("final_sampled_return")(
    Measure(
        "Mean return with sampled actions over the last tenth of the evaluation points.",
        "return",
        True,
        ("stochastic/return",),
        end(),
    )
)
# Of entropy/Bifurcation-v0: each way to an end pays what no other does.
MEASURES.register("goes_right")(
    Measure(
        "Whether the deterministic actions of the last evaluation lead to state 2 of the bifurcation: they earn −1.",
        "",
        None,
        DETERMINISTIC,
        lambda steps, values: float(values[-1] == -1.0) if np.isfinite(values[-1]) else float("nan"),
        yes_or_no=True,
    )
)
# What learning curves of the literature usually show. Its actions are sampled, and it lags by up to 100 episodes.
MEASURES.register("final_training_return")(
    Measure(
        "Mean return of the last 100 training episodes, over the last tenth of the evaluation points.",
        "return",
        True,
        TRAINING,
        end(),
    )
)
MEASURES.register("late_training_spread")(
    Measure(
        "Standard deviation of the moving training return over the last quarter of the points.",
        "return",
        False,
        TRAINING,
        spread,
    )
)
