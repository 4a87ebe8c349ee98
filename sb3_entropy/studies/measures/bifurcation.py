"""Measures of entropic bifurcation extensions, each of the worst of a run's processes, as its certificate says."""

from functools import partial

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.base import Measure, end

_measure = partial(Measure, score=end(0.0))

MEASURES.register("bifurcation_holds")(
    _measure("Whether the certificate of every process holds.", "", True, ("bifurcation/holds",), yes_or_no=True)
)
MEASURES.register("bifurcation_target")(
    _measure("Largest deviation of the soft-optimal policy from its target.", "", False, ("bifurcation/target",))
)
MEASURES.register("bifurcation_plain_value")(
    _measure("Largest change of a value without entropy.", "return", False, ("bifurcation/plain_value",))
)
MEASURES.register("bifurcation_plain_regret")(
    _measure(
        "Largest loss, in the process as it was, by what is best without entropy now.",
        "return",
        False,
        ("bifurcation/plain_regret",),
    )
)
MEASURES.register("bifurcation_soft_value")(
    _measure("Largest change of a soft value.", "return", None, ("bifurcation/soft_value",))
)
MEASURES.register("bifurcation_soft_policy")(
    _measure(
        "Largest change of a probability of the soft-optimal policy in other states.",
        "",
        None,
        ("bifurcation/soft_policy",),
    )
)
MEASURES.register("bifurcation_moved")(
    _measure(
        "How far the soft-optimal policy was moved to its target, in total variation, on average.",
        "",
        None,
        ("bifurcation/moved",),
    )
)
