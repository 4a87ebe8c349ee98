"""Measures of whether entropy has misled an agent, from critics that are fitted after its training."""

from functools import partial

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.base import Measure, end

_measure = partial(Measure, score=end(0.0))


MEASURES.register("misleading_score")(
    _measure(
        "What the actions where soft Q is greatest give up, as a share of plain Q's range, over visited states.",
        "",
        False,
        ("misleading/score",),
    )
)
MEASURES.register("misleading_null")(
    _measure("The same of the actions where another plain Q is greatest.", "", None, ("misleading/null",))
)
MEASURES.register("misleading_excess")(
    _measure("The score beyond its null.", "", False, ("misleading/excess",)),
)
MEASURES.register("misleading_regret")(
    _measure(
        "What the actions where soft Q is greatest give up by plain Q, mean over visited states.",
        "return",
        False,
        ("misleading/regret",),
    )
)
MEASURES.register("misleading_excess_regret")(
    _measure("The same beyond the null's.", "return", False, ("misleading/excess_regret",))
)
MEASURES.register("misleading_critical_excess")(
    _measure(
        "The score beyond its null in the states that look worst to one fit, judged by others.",
        "",
        False,
        ("misleading/critical_excess",),
    )
)
MEASURES.register("plain_q_range")(
    _measure("Range of plain Q over the actions, mean over visited states.", "return", None, ("misleading/range",))
)
MEASURES.register("soft_q_slope")(
    _measure(
        "Root mean square slope of soft Q along the box, in ranges of Q a side: small is smooth.",
        "",
        None,
        ("misleading/soft_slope",),
    )
)
MEASURES.register("soft_q_bend")(
    _measure("Root mean square second derivative of soft Q there, likewise.", "", None, ("misleading/soft_bend",))
)
MEASURES.register("plain_q_slope")(
    _measure("Root mean square slope of plain Q there, likewise.", "", None, ("misleading/plain_slope",))
)
MEASURES.register("plain_q_bend")(
    _measure("Root mean square second derivative of plain Q there.", "", None, ("misleading/plain_bend",))
)
# Of critics that are far off a misleading score says nothing.
MEASURES.register("plain_q_missed")(
    _measure(
        "Root mean square of plain Q minus the returns of held-out episodes after a first action at random.",
        "return",
        False,
        ("misleading/missed",),
    )
)
MEASURES.register("plain_q_explained")(
    _measure("Share of these returns' variance that plain Q explains.", "", True, ("misleading/explained",))
)
