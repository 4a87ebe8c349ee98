"""Measures of a policy in the held-out contexts of a bandit, and what looks at it there."""

from collections.abc import Mapping
from functools import partial

from sb3_entropy.bandits.evaluation import evaluate_bandit
from sb3_entropy.bandits.surface import find_bandit
from sb3_entropy.policies.probabilities import has_action_probabilities
from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.base import Glimpse, Measure, end


def look_at_bandit(glimpse: Glimpse) -> Mapping[str, float]:
    """
    :param glimpse: the model, whose environments are asked for contexts
    :return: the numbers of a :class:`~sb3_entropy.callbacks.BanditEvaluation` on the whole evaluation set, and
        ``cumulative_regret``, the training's so far; none where ``find_bandit`` finds no bandit, or the policy gives
        its actions no probabilities
    """
    model = glimpse.model
    bandit = find_bandit(model.get_env())
    if bandit is None or not has_action_probabilities(model.policy):
        return {}
    evaluation = evaluate_bandit(model, *bandit.evaluation_set(), glimpse.rng)
    return {**evaluation.scalars(), "cumulative_regret": bandit.cumulative_regret()}


_measure = partial(Measure, observer=look_at_bandit)

MEASURES.register("sampled_reward")(
    _measure(
        "Expected reward of a sampled action in a bandit's held-out contexts.",
        "reward",
        True,
        ("bandit/sampled_reward",),
        end(),
    )
)
# These two have curves of their own, since a study may measure one without sampled_reward.
MEASURES.register("mean_sampled_reward")(
    _measure(
        "Expected reward of a sampled action in held-out contexts, mean over all evaluation points.",
        "reward",
        True,
        ("bandit/mean_sampled_reward",),
        # The points are evenly spaced: the area under the learning curve, divided by its span.
        lambda steps, values: float(values.mean()),
        records={"bandit/mean_sampled_reward": "sampled_reward"},
    )
)
MEASURES.register("late_sampled_reward")(
    _measure(
        "Expected reward of a sampled action in held-out contexts, mean over the last half of the points.",
        "reward",
        True,
        ("bandit/late_sampled_reward",),
        end(0.5),
        records={"bandit/late_sampled_reward": "sampled_reward"},
    )
)
MEASURES.register("argmax_reward")(
    _measure(
        "Mean reward of the most probable action in a bandit's held-out contexts.",
        "reward",
        True,
        ("bandit/argmax_reward",),
        end(),
    )
)
MEASURES.register("mean_regret")(
    _measure(
        "Expected regret of a sampled action in a bandit's held-out contexts.",
        "reward",
        False,
        ("bandit/mean_regret",),
        end(),
    )
)
# Σ_t (max_a r̄(x_t, a) − r̄(x_t, a_t)) over all contexts of the training, in which its actions are sampled.
MEASURES.register("cumulative_regret")(
    _measure(
        "Regret of the whole training: what the best actions would have earned beyond those that were taken.",
        "reward",
        False,
        ("bandit/cumulative_regret",),
        lambda steps, values: float(values[-1]),
    )
)
MEASURES.register("optimal_coverage")(
    _measure(
        "Effective number of the best actions that are played, as a share of a context's best actions.",
        "",
        True,
        ("bandit/optimal_coverage",),
        end(),
    )
)
MEASURES.register("actions_used")(
    _measure(
        "Actions that are drawn in more than 0.5 % of a bandit's held-out contexts.",
        "",
        None,
        ("bandit/actions_used",),
        end(),
    )
)
MEASURES.register("effective_actions")(
    _measure(
        "How many equally frequent actions are as diverse as those drawn in a bandit's held-out contexts.",
        "",
        None,
        ("bandit/effective_actions",),
        end(),
    )
)
MEASURES.register("gini")(
    _measure(
        "Gini's coefficient of how often actions are drawn in a bandit's held-out contexts: 0 is evenly.",
        "",
        None,
        ("bandit/gini",),
        end(),
    )
)
MEASURES.register("top_share")(
    _measure(
        "Share of the action that is drawn most often in a bandit's held-out contexts.",
        "",
        None,
        ("bandit/top_share",),
        end(),
    )
)
MEASURES.register("test_entropy")(
    _measure("Entropy of the policy in a bandit's held-out contexts.", "nats", None, ("bandit/entropy",), end())
)
# At a change that comes half-way, say. It reads what test_entropy records.
MEASURES.register("halfway_entropy")(
    Measure(
        "Entropy of the policy in held-out contexts at the last point of the training's first half.",
        "nats",
        None,
        ("bandit/entropy",),
        lambda steps, values: float(values[max(0, len(steps) // 2 - 1)]),
    )
)
