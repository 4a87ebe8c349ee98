"""Measures of the landscape around a policy, from what the probes say of it."""

from functools import partial

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.base import Measure, end

_measure = partial(Measure, score=end(0.0))


MEASURES.register("landscape_improving")(
    _measure("Share of random directions in which one side improves.", "", None, ("landscape/improving",))
)
MEASURES.register("landscape_improving_by_margin")(
    _measure(
        "Share of random directions in which one side improves by more than a margin.",
        "",
        None,
        ("landscape/improving_by_margin",),
    )
)
MEASURES.register("landscape_slope")(
    _measure("Length of the gradient.", "return", None, ("landscape/slope",)),
)
MEASURES.register("landscape_slope_error")(
    _measure("Largest error of a slope along a random direction.", "return", False, ("landscape/slope_error",))
)
MEASURES.register("landscape_curvature")(
    _measure("Mean curvature along random directions.", "return", None, ("landscape/curvature_mean",))
)
MEASURES.register("landscape_curvature_error")(
    _measure("Largest error of a curvature along a random direction.", "return", False, ("landscape/curvature_error",))
)
MEASURES.register("landscape_negative")(
    _measure(
        "Share of random directions with an estimated curvature below 0.", "", None, ("landscape/curvature_negative",)
    )
)
MEASURES.register("landscape_negative_detectable")(
    _measure(
        "Share of random directions whose curvature's interval lies below 0.",
        "",
        None,
        ("landscape/curvature_negative_detectable",),
    )
)
MEASURES.register("landscape_within_noise")(
    _measure("Share of random directions whose curvature's interval holds 0.", "", None, ("landscape/within_noise",))
)
MEASURES.register("landscape_eigenvalue_min")(
    _measure("Smallest eigenvalue of the Hessian.", "return", None, ("landscape/eigenvalue_min",))
)
MEASURES.register("landscape_eigenvalue_max")(
    _measure("Largest eigenvalue of the Hessian.", "return", None, ("landscape/eigenvalue_max",))
)
MEASURES.register("landscape_saddle")(
    _measure(
        "Whether the spectrum says that the point is a saddle.", "", None, ("landscape/is_saddle",), yes_or_no=True
    )
)
MEASURES.register("landscape_ridge")(
    _measure(
        "Whether the spectrum says that the point is a maximum that is not strict.",
        "",
        None,
        ("landscape/is_ridge",),
        yes_or_no=True,
    )
)
MEASURES.register("landscape_valley")(
    _measure(
        "Whether the line between two solutions is somewhere lower than both.",
        "",
        None,
        ("landscape/valley",),
        yes_or_no=True,
    )
)
MEASURES.register("landscape_valley_depth")(
    _measure(
        "How far the line between two solutions falls below the lower one.", "return", None, ("landscape/valley_depth",)
    )
)
MEASURES.register("landscape_monotone")(
    _measure(
        "Whether the line from the first of two solutions to the second falls nowhere.",
        "",
        None,
        ("landscape/monotone",),
        yes_or_no=True,
    )
)
MEASURES.register("landscape_return")(
    _measure("The objective at the point that is looked at.", "return", None, ("landscape/return",))
)
