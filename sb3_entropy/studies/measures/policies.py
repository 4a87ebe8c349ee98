"""Measures of the policy in the states that it visits, and what looks at it there."""

import math
from collections.abc import Mapping

from sb3_entropy.policies.describing import describe_policy
from sb3_entropy.policies.laws import has_law
from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.base import Glimpse, Measure, end


def look_at_policy(glimpse: Glimpse) -> Mapping[str, float]:
    """
    :param glimpse: the model and states that it visits
    :return: ``entropy`` in nats, mean over the states, unless it is not known, or −∞, as a deterministic policy's over
        a box is; ``outside_box`` in [0, 1], mean over states and action dimensions, 0 for what lives inside the box
    """
    policy = glimpse.model.policy
    if not has_law(policy):
        return {}
    values = describe_policy(policy, glimpse.states)
    seen = {name: values[f"train/{name}"] for name in ("entropy", "outside_box") if f"train/{name}" in values}
    if not math.isfinite(seen.get("entropy", math.nan)):
        seen.pop("entropy", None)
    return {"outside_box": 0.0, **seen} if values else {}


MEASURES.register("entropy")(
    Measure(
        "Entropy of the policy in the states that it visits, over the last tenth of the evaluation points.",
        "nats",
        None,
        ("policy/entropy",),
        end(),
        look_at_policy,
    )
)
# Outside the box clipping makes all actions alike.
MEASURES.register("outside_box")(
    Measure(
        "Share of the policy's density outside the action box, a dimension, over the last tenth of the points.",
        "",
        False,
        ("policy/outside_box",),
        end(),
        look_at_policy,
    )
)
