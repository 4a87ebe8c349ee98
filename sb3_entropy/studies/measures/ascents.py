"""Measures of exact gradient ascents on finite processes, all of the end."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.base import Measure, end

MEASURES.register("ascended_return")(
    Measure("Exact return, without entropy, after the last update.", "return", True, ("ascent/return",), end(0.0))
)
MEASURES.register("ascended_entropy")(
    Measure(
        "Exact discounted entropy of an episode after the last update.", "nats", None, ("ascent/entropy",), end(0.0)
    )
)
MEASURES.register("suboptimal")(
    Measure(
        "Share of initialisations whose return ends no higher than that of the second-best goal.",
        "",
        False,
        ("ascent/suboptimal",),
        end(0.0),
    )
)
MEASURES.register("ascent_falls")(
    Measure(
        "After how many updates the objective was less than before: the steps were too long.",
        "",
        False,
        ("ascent/falls",),
        end(0.0),
    )
)
