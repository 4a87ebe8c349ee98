"""Statistics of scores of runs: estimates, intervals of known coverage, comparisons. Knows nothing of learning."""

from sb3_entropy.statistics.aggregates import iqm, mean, median, optimality_gap
from sb3_entropy.statistics.control_variate import Contrasts, paired_contrasts
from sb3_entropy.statistics.crossed import crossed_ratio
from sb3_entropy.statistics.differences import Difference, Equivalence, equivalence, paired_difference
from sb3_entropy.statistics.diversity import effective_number, gini, n_used, top_share
from sb3_entropy.statistics.dose_response import midpoint_difference
from sb3_entropy.statistics.improvement import probability_of_improvement
from sb3_entropy.statistics.intervals import Interval, curve_interval, interval, sample_efficiency
from sb3_entropy.statistics.matched_sets import MatchedSets, matched_sets
from sb3_entropy.statistics.multiplicity import benjamini_hochberg, benjamini_yekutieli, holm
from sb3_entropy.statistics.one_sample import difference_from, share_difference
from sb3_entropy.statistics.profiles import performance_profile
from sb3_entropy.statistics.rank_correlation import rank_correlation
from sb3_entropy.statistics.sign_flip import SignFlip, sign_flip
from sb3_entropy.statistics.steadiness import area_under_curve, dispersion, drawdown
from sb3_entropy.statistics.tabulated import coverage, simulated, size

__all__ = [
    "Contrasts",
    "Difference",
    "Equivalence",
    "Interval",
    "MatchedSets",
    "SignFlip",
    "area_under_curve",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "coverage",
    "crossed_ratio",
    "curve_interval",
    "difference_from",
    "dispersion",
    "drawdown",
    "effective_number",
    "equivalence",
    "gini",
    "holm",
    "interval",
    "iqm",
    "matched_sets",
    "mean",
    "median",
    "midpoint_difference",
    "n_used",
    "optimality_gap",
    "paired_contrasts",
    "paired_difference",
    "performance_profile",
    "probability_of_improvement",
    "rank_correlation",
    "sample_efficiency",
    "share_difference",
    "sign_flip",
    "simulated",
    "size",
    "top_share",
]
