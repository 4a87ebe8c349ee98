"""Deficient support: where the target policy wants actions that the behaviour policy never plays."""

import warnings

from sb3_entropy.offline.checking import Array
from sb3_entropy.offline.feedback import LoggedFeedback

#: what the missing rewards do to each estimator, and whether the bound is the rewards' size or their range
_EFFECTS = {
    "ips": "IPS counts their reward as 0, and its expectation is off by up to {bound:.3g}",
    "snips": "SNIPS takes their reward for the mean one of the others, and its limit is off by up to {bound:.3g}",
    "direct_method": "the reward model extrapolates to them, and is off by up to {bound:.3g} there",
    "doubly_robust": "the reward model alone speaks for them, and the estimate is off by up to {bound:.3g}",
}


class DeficientSupportWarning(UserWarning):
    """An estimate is biased, because no reward could be logged for some of the actions that the target policy plays."""


def warn_of_deficient_support(log: LoggedFeedback, target: Array, method: str) -> None:
    """
    Warn if the target policy has mass on actions of behaviour probability 0. With m = (1/n) Σᵢ Σ_{a: b(a|xᵢ)=0} π(a|xᵢ)
    and rewards in [l, u], the bias is at most m·max(|l|, |u|) for IPS, and m·(u − l) for the others; l and u are
    the least and the greatest reward of the log. Without ``behaviour`` nothing is known, and nothing said.

    :param log: the log
    :param target: π(a|xᵢ), shape (n, A), checked
    :param method: which estimator is asked
    """
    if log.behaviour is None:
        return
    unsupported = target * log.deficient_actions()
    by_context = unsupported.sum(axis=1)
    mass = float(by_context.mean())
    if mass == 0:
        return
    low, high = float(log.rewards.min()), float(log.rewards.max())
    width = max(abs(low), abs(high)) if method == "ips" else high - low
    warnings.warn(
        f"The target policy plays actions that the behaviour policy never plays: with probability {mass:.3g} on "
        f"average, in {int((by_context > 0).sum())} of {len(log)} contexts, most often action "
        f"{int(unsupported.sum(axis=0).argmax())}. {_EFFECTS[method].format(bound=mass * width)} if their rewards lie "
        f"between {low:.3g} and {high:.3g}, as the logged ones do. No longer log mends this; log with a behaviour "
        "policy that plays every action.",
        DeficientSupportWarning,
        stacklevel=3,
    )
