"""What can be said of slopes, curvatures, directions and points from the returns of a probe, and how surely."""

from sb3_entropy.landscape.inference.directions import CLASSES, Directions, classify_directions, classify_exact
from sb3_entropy.landscape.inference.estimates import Estimates, changes, curvatures, exact_estimates, slopes
from sb3_entropy.landscape.inference.extrapolation import Extrapolation, covariance_of_steps, richardson
from sb3_entropy.landscape.inference.hypotheses import NULLS, DirectionTest, direction_test, least_episodes
from sb3_entropy.landscape.inference.points import PointClass, classify_point, exactly
from sb3_entropy.landscape.inference.returns import ProbeReturns
from sb3_entropy.landscape.inference.shares import ShareBound, share_of_directions
from sb3_entropy.landscape.inference.split import SelectedDirection, select_direction, split_sample
from sb3_entropy.landscape.inference.trace import (
    MeanCurvature,
    expected_extremes,
    mean_curvature,
    random_curvature_std,
)

__all__ = [
    "CLASSES",
    "NULLS",
    "DirectionTest",
    "Directions",
    "Estimates",
    "Extrapolation",
    "MeanCurvature",
    "PointClass",
    "ProbeReturns",
    "SelectedDirection",
    "ShareBound",
    "changes",
    "classify_directions",
    "classify_exact",
    "classify_point",
    "covariance_of_steps",
    "curvatures",
    "direction_test",
    "exact_estimates",
    "exactly",
    "expected_extremes",
    "least_episodes",
    "mean_curvature",
    "random_curvature_std",
    "richardson",
    "select_direction",
    "share_of_directions",
    "slopes",
    "split_sample",
]
