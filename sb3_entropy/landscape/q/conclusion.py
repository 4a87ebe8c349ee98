"""What a misleading score says in words, and when not to believe it."""

from typing import TYPE_CHECKING

import numpy as np

from sb3_entropy.landscape.q.calibration import Calibration
from sb3_entropy.statistics import Interval

if TYPE_CHECKING:
    from sb3_entropy.landscape.q.misleading import Misleading

#: an excess below this share of the range is called small
NEGLIGIBLE = 0.05
#: fits that differ by more of their range than this do not agree on where the maximum is
DISAGREE = 0.25
#: critics that explain less of the returns than this and miss them by more than such a share of their range say little
EXPLAINED, MISSED = 0.5, 0.5
#: of fewer held-out returns nothing is concluded
FEWEST = 10
TRY = (
    "Try a smaller α, SACAdaEnt, whose actor follows plain critics where the two kinds disagree, or PPO, which is not "
    "drawn to entropy."
)
#: to SACAdaEnt
TRY_BESIDE = "Try a smaller α, or PPO, which is not drawn to entropy."


def says_who(found: "Misleading") -> list[str]:
    """
    :param found: a score
    :return: the figures, and what their intervals cover
    """
    episodes = len(np.unique(found.episodes))
    lines = [
        f"{found.name}: in {_counted(len(found.episodes), 'visited state')} of {_counted(episodes, 'episode')} the "
        f"actions where its soft critics (α = {found.ent_coef:g}) are greatest give up {_share(found.score)} of the "
        "plain critics' range over the actions.",
        f"Where one plain critic is greatest another gives up {_share(found.null)}: the null, which is noise alone. "
        f"The excess is {_share(found.excess)}.",
        f"In units of return the regret is {_plain(found.regret)} a state, {_plain(found.excess_regret)} more than the "
        f"null's; the mean range is {decimals(found.range)}.",
    ]
    percent = f"{100 * found.level:g} %"
    if found.are_own:
        lines.append(
            f"The agent's own {found.n_critics} critics of a kind learn towards one target from the same minibatches. "
            "They are not independent: the null shows less noise than there is, and the excess is too great by that. "
            "Critics that are fitted afterwards are (--refits 3)."
        )
    if found.score.method == "none":
        lines.append("There is no interval: it takes two episodes at least, and scores that vary.")
    elif found.n_critics == 2:
        lines.append(
            f"The intervals ({percent}) are of other episodes of this policy alone. Two critics of a kind do not tell "
            "how others would differ: take three or more (--refits 3)."
        )
    else:
        lines.append(
            f"The intervals ({percent}) are of other episodes of this policy and of other fits, of which there are "
            f"{found.n_critics} of a kind. They cover no other training of the agent, and nothing that all fits have "
            "in common."
        )
    if found.calibration is not None:
        lines.append(_calibrated(found.calibration, found.range))
    return lines


def conclusion(found: "Misleading") -> str:
    """
    :param found: a score
    :return: whether entropy misleads this agent, by how much, how sure that is, and what to try
    """
    excess = found.excess
    if not found.range > 0:
        return (
            f"By these critics actions make no difference here, and entropy cannot mislead this agent{_caveats(found)}"
        )
    if reason := distrust(found):
        return (
            f"Whether entropy misleads this agent cannot be told from these critics: {reason}. Fit them for longer "
            f"(--updates) and on more episodes before you believe the excess of {_percent(excess.value)} either way."
        )
    if not np.isfinite(excess.low):
        return f"One episode does not tell how sure the excess of {_percent(excess.value)} is. Play more: --episodes."
    return _verdict(found)


def _verdict(found: "Misleading") -> str:
    excess, at, caveats = found.excess, f"at α = {found.ent_coef:.3g}", _caveats(found)
    level = f"{100 * found.level:g} % sure" + (" of other episodes, not of other fits" if found.n_critics == 2 else "")
    advice = TRY_BESIDE if found.are_own else TRY
    between = f"{_percent(excess.low)} to {_percent(excess.high)}"
    if excess.low > NEGLIGIBLE:
        return (
            f"Entropy misleads this agent {at}: it gives up {_percent(excess.value)} of the difference that actions "
            f"can make ({between}, {level}), beyond what noise gives up{caveats} {advice}"
        )
    if excess.low > 0:
        is_little = excess.high <= NEGLIGIBLE
        size = "a little" if is_little else "at least a little"
        return (
            f"Entropy misleads this agent {size} {at}: by {_percent(excess.value)} of the difference that actions can "
            f"make ({between}, {level}){caveats} {'It is hardly worth a change.' if is_little else advice}"
        )
    if excess.high <= NEGLIGIBLE:
        return (
            f"Entropy does not mislead this agent {at}: at most {_percent(max(excess.high, 0.0))} of the difference "
            f"that actions can make is given up to it ({level}){caveats} If the agent fails, look for another cause: "
            "exploration, steps, networks."
        )
    return (
        f"Whether entropy misleads this agent {at} is not decided: the excess lies somewhere from {between} ({level}). "
        "More refits (--refits) and more episodes (--episodes) narrow it."
    )


def _caveats(found: "Misleading") -> str:
    """:return: the end of a verdict's sentence, and what it rests on, if that is less than it should be"""
    doubts = []
    if found.are_own:
        doubts.append("its critics are the agent's own, which are not independent, so that the excess is too great")
    if found.calibration is None or not np.isfinite(errors_of(found.calibration)[0]):
        doubts.append("no held-out returns vouch for its critics")
    return f". Believe that with care: {', and '.join(doubts)}." if doubts else "."


def distrust(found: "Misleading") -> str:
    """
    :param found: a score
    :return: why its critics are not to be believed; empty if nothing speaks against them
    """
    if found.calibration is not None:
        missed, explained = errors_of(found.calibration)
        # Where returns do not vary, there is nothing to explain, and a miss is a miss all the same.
        if not explained >= EXPLAINED and missed > MISSED * found.range:
            return (
                f"they miss the held-out returns of uniformly drawn actions by {decimals(missed)} (root mean square), "
                f"and their range over the actions is {decimals(found.range)}"
            )
        agreement = found.calibration.agreement(True, level=found.level)
        if np.isfinite(explained) and agreement is not None and not agreement.correlation.low > 0:
            return "they may be unrelated to the held-out returns of uniformly drawn actions"
    if found.null.value > DISAGREE and not found.excess.low > 0:
        return f"two plain fits give up {_percent(found.null.value)} of the range to each other"
    return ""


def errors_of(calibration: Calibration) -> tuple[float, float]:
    """
    :param calibration: Q of held-out pairs and what followed
    :return: the root mean square of mean Q − return, and the share of the returns' variance that mean Q explains, −∞ …
        1, of actions that were drawn uniformly, since a policy's own hardly differ; NaN of fewer than ten of these, and
        the share also where returns do not vary
    """
    uniform = np.asarray(calibration.random_first, dtype=bool)
    if uniform.sum() < FEWEST:
        return float("nan"), float("nan")
    returned = calibration.returned[uniform]
    squares = float(((calibration.predicted[:, uniform].mean(axis=0) - returned) ** 2).mean())
    spread = float(returned.var())
    return squares**0.5, 1 - squares / spread if spread > 0 else float("nan")


def decimals(value: float) -> str:
    """
    :param value: a number
    :return: it with three digits that count
    """
    return f"{value:.3g}".replace("-", "−")


def _calibrated(calibration: Calibration, range_: float) -> str:
    missed, explained = errors_of(calibration)
    if not np.isfinite(missed):
        return (
            f"Whether the critics are right is not known: there are {int(np.sum(calibration.random_first))} held-out "
            f"returns of uniformly drawn actions, and {FEWEST} or more are needed."
        )
    share = f", which explains {_percent(max(explained, 0.0))} of their variance" if np.isfinite(explained) else ""
    return (
        f"Plain Q misses the held-out returns of uniformly drawn actions by {decimals(missed)} (root mean "
        f"square{share}), beside a mean range over the actions of {decimals(range_)}."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %".replace("-", "−")


def _share(found: Interval) -> str:
    if not np.isfinite(found.low):
        return _percent(found.value)
    return f"{_percent(found.value)} [{_percent(found.low)}, {_percent(found.high)}]"


def _plain(found: Interval) -> str:
    if not np.isfinite(found.low):
        return decimals(found.value)
    return f"{decimals(found.value)} [{decimals(found.low)}, {decimals(found.high)}]"


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
