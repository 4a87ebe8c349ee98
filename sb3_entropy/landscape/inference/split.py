"""Select on one half of the episodes, estimate on the other: what was selected for its noise does not keep it."""

from dataclasses import dataclass

import numpy as np

from sb3_entropy.errors import check_number
from sb3_entropy.landscape.inference.returns import ProbeReturns


@dataclass(frozen=True)
class SelectedDirection:
    """
    :param index: which of the K directions it is
    :param estimation: its returns in the episodes that it was not selected by, K = 1
    """

    index: int
    estimation: ProbeReturns


def split_sample(returns: ProbeReturns, rng: np.random.Generator) -> tuple[ProbeReturns, ProbeReturns]:
    """
    The common episodes are divided at random. The surplus of R⁰ goes to the estimation: it does not depend on the
    directions' returns in either half, and it favours none of the directions.

    :param returns: n ≥ 4 episodes a direction
    :param rng: where the division is drawn from
    :return: for selection ⌊n/2⌋ episodes, for estimation the others
    :raises ValueError: with fewer episodes
    """
    if returns.n < 4:
        raise ValueError(
            f"A split needs four episodes a direction, two for either half, but there are {returns.n}. Give more, or "
            "estimate in new episodes."
        )
    order = rng.permutation(returns.n)
    first, second = np.sort(order[: returns.n // 2]), np.sort(order[returns.n // 2 :])

    def half(episodes: np.ndarray, surplus: bool) -> ProbeReturns:
        centre = [returns.common[episodes], returns.centre[returns.n :] if surplus else returns.centre[:0]]
        return ProbeReturns(
            returns.plus[:, episodes], returns.minus[:, episodes], np.concatenate(centre), returns.alpha
        )

    return half(first, False), half(second, True)


def select_direction(returns: ProbeReturns, quantile: float = 0.9, *, rng: np.random.Generator) -> SelectedDirection:
    """
    The direction whose Δ⁺ is nearest to a quantile of all Δ⁺, by default the direction of improvement of Ahmed et al.
    2019 (section 2), selected on one half of the episodes. To measure it on the same episodes is the winner's curse:
    its Δ⁺ and its curvature are then too large on average.

    :param returns: n ≥ 4 episodes a direction
    :param quantile: in [0, 1]; 1 for the greatest Δ⁺
    :param rng: where the division is drawn from
    :return: the direction, with its returns in the other half
    :raises ValueError: with fewer episodes
    """
    check_number("quantile", quantile, low=0, high=1)
    selection, estimation = split_sample(returns, rng)
    means = selection.plus.mean(axis=1)  # R̄⁰ is the same for all
    index = int(np.argmin(np.abs(means - np.quantile(means, quantile))))
    return SelectedDirection(index, estimation.of(index))
