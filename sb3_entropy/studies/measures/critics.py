"""Measures of SAC-AdaEnt's critics, from its training's log: ``evaluation: {log: [train/plain_share]}`` records it."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.base import Measure, end

MEASURES.register("plain_share")(
    Measure(
        "Share of states in which the plain critics teach, in the minibatches at the last quarter of the points.",
        "",
        None,
        ("train/plain_share",),
        end(0.25),
    )
)
MEASURES.register("soft_minus_plain")(
    Measure(
        "What the soft critics say of an action beyond the plain ones, in the minibatches at the last quarter of the "
        "points.",
        "return",
        None,
        ("train/soft_minus_plain",),
        end(0.25),
    )
)
