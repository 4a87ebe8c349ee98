"""How far critics are from what was returned in episodes that they were not made from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sb3_entropy.statistics import Interval, interval

#: a slope of returns on Q, whose 1 is right, that is taken to be right enough
SLOPES = (0.5, 2.0)
#: parts of the standard deviation of returns: of a bias, and of the spread between critics, that is taken to be small
SMALL = 0.5
#: part of the weight of a return that may be the critics' own before it is said
BORROWED = 0.05


@dataclass(frozen=True)
class Agreement:
    """
    Of pairs of one kind: Q̄, the mean of the critics, against returns G. Intervals are of whole episodes.

    :param bias: mean of Q̄ − G
    :param rmse: root mean square of it
    :param slope: of the least-squares line G = c + bQ̄; 1 where differences of Q are differences of returns
    :param correlation: of Q̄ and G
    :param spread: root mean variance between the critics, which are made independently; NaN of one
    :param deviation: standard deviation of G, in whose light the others are to be seen
    :param n: pairs
    :param n_episodes: episodes
    """

    bias: Interval
    rmse: Interval
    slope: Interval
    correlation: Interval
    spread: float
    deviation: float
    n: int
    n_episodes: int

    def doubts(self) -> list[str]:
        """:return: why these critics should not be trusted, in words; none if nothing speaks against them"""
        found = []
        low, high = SLOPES
        if not np.isfinite(self.slope.value):
            found.append("Q or the returns are all the same, so that nothing can be said of their differences")
        elif self.slope.high < 1 and self.slope.value < low:
            found.append(f"Q differs more than returns do (slope {self.slope.value:.2g}): its landscape is too steep")
        elif self.slope.low > 1 and self.slope.value > high:
            found.append(f"Q differs less than returns do (slope {self.slope.value:.2g}): its landscape is too flat")
        if not self.correlation.low > 0:
            found.append("Q and returns may be unrelated: the interval of their correlation holds 0")
        if self.spread > SMALL * self.deviation:
            found.append(f"critics that were made independently differ by {self.spread:.3g}")
        excludes = self.bias.low > 0 or self.bias.high < 0
        if excludes and abs(self.bias.value) > SMALL * self.deviation:
            found.append(f"Q is {'above' if self.bias.value > 0 else 'below'} returns by {abs(self.bias.value):.3g}")
        return found


@dataclass(frozen=True)
class Calibration:
    """
    Q(s, a) of held-out pairs, and the discounted return that followed, Σ γᵗ r; all plain.

    Held-out episodes are played on beyond a time limit that can be set later. Where one was cut all the same, at T,
    γᵀ⁻ᵗ Q(s_T, a) stands for what would have followed, with the critics' own mean; no pair has more than half of its
    weight there.

    :param predicted: Q of each of K critics, shape (K, n)
    :param returned: what followed, shape (n,)
    :param random_first: whether a was drawn uniformly from the box and not from the policy, shape (n,)
    :param episodes: the episode of each, shape (n,)
    :param borrowed: γᵀ⁻ᵗ where the episode was cut, 0 where it ended, shape (n,); None for 0
    """

    predicted: np.ndarray
    returned: np.ndarray
    random_first: np.ndarray
    episodes: np.ndarray
    borrowed: np.ndarray | None = None

    def agreement(self, random_first: bool, *, level: float = 0.95, seed: int = 0) -> Agreement | None:
        """
        :param random_first: of which pairs: whether their action was drawn uniformly
        :param level: of the intervals
        :param seed: of the bootstrap
        :return: what they say; None if there are none
        """
        own = np.asarray(self.random_first) == random_first
        if not own.any():
            return None
        predicted, returned = self.predicted[:, own].mean(axis=0), self.returned[own]
        _, numbers = np.unique(self.episodes[own], return_inverse=True)
        n_episodes = int(numbers.max()) + 1
        # Centred, so that sums of squares lose nothing.
        p, r = predicted - predicted.mean(), returned - returned.mean()
        shift = float(predicted.mean() - returned.mean())
        terms = [np.ones_like(p), p, r, p * p, r * r, p * r]
        sums = np.stack([np.bincount(numbers, term, n_episodes) for term in terms], axis=1)
        error = p - r + shift
        squares = np.bincount(numbers, error * error, n_episodes)

        def bootstrapped(statistic: Callable[[np.ndarray], float]) -> Interval:
            """An episode is drawn as a whole: what is resampled is its number."""
            return interval(
                np.arange(n_episodes, dtype=np.float64),
                lambda drawn: statistic(np.ravel(drawn).astype(int)),
                level=level,
                rng=np.random.default_rng(seed),
            )

        def bias(drawn: np.ndarray) -> float:
            n, sp, sr, *_ = sums[drawn].sum(axis=0)
            return float((sp - sr) / n + shift)

        def rmse(drawn: np.ndarray) -> float:
            return float(np.sqrt(squares[drawn].sum() / sums[drawn, 0].sum()))

        def slope(drawn: np.ndarray) -> float:
            pp, _, pr = _moments(sums[drawn].sum(axis=0))
            return float(pr / pp) if pp > 0 else 0.0

        def correlation(drawn: np.ndarray) -> float:
            pp, rr, pr = _moments(sums[drawn].sum(axis=0))
            return float(pr / np.sqrt(pp * rr)) if pp > 0 and rr > 0 else 0.0

        nothing = Interval(np.nan, np.nan, np.nan, level, "none")
        varies = np.ptp(predicted) > 0 and np.ptp(returned) > 0
        spread = (
            float(np.sqrt(self.predicted[:, own].var(axis=0, ddof=1).mean())) if len(self.predicted) > 1 else np.nan
        )
        return Agreement(
            bootstrapped(bias),
            bootstrapped(rmse),
            bootstrapped(slope) if varies else nothing,
            _inside(bootstrapped(correlation)) if varies else nothing,
            spread,
            float(returned.std()),
            int(own.sum()),
            n_episodes,
        )

    def sentences(self) -> list[str]:
        """:return: what it says, and when to distrust the critics, in words"""
        said, doubts = [], []
        for random_first, what in ((False, "the policy's own actions"), (True, "uniformly drawn actions")):
            found = self.agreement(random_first)
            if found is None:
                doubts.append(f"nothing is known of {what}: no held-out return is mostly the environment's own")
                continue
            said.append(
                f"Of {what} ({found.n} pairs in {found.n_episodes} held-out episodes): Q − return {_told(found.bias)}, "
                f"root mean square {_told(found.rmse)}; slope {_told(found.slope)}, correlation "
                f"{_told(found.correlation)}; returns vary by {found.deviation:.3g}, independent critics by "
                f"{found.spread:.3g}."
            )
            doubts += [f"of {what}, {doubt}" for doubt in found.doubts()]
        if self.borrowed is not None and len(self.borrowed) and self.borrowed.mean() > BORROWED:
            said.append(
                f"Episodes were cut by their time limit: {100 * self.borrowed.mean():.0f} % of the weight of a return "
                "is, on average, the critics' own estimate of what would have followed."
            )
        if doubts:
            said.append(f"Distrust these critics: {'; '.join(doubts)}.")
        else:
            said.append("Nothing here speaks against these critics, where their data are.")
        return said


def _moments(sums: np.ndarray) -> tuple[float, float, float]:
    """:return: the centred sums of squares of Q̄ and of G, and of their product"""
    n, p, r, pp, rr, pr = sums.tolist()
    return pp - p * p / n, rr - r * r / n, pr - p * r / n


def _inside(found: Interval) -> Interval:
    """The interval without what a correlation cannot be."""
    low, high = np.clip([found.low, found.high], -1, 1).tolist()
    return Interval(found.value, low, high, found.level, found.method)


def _told(found: Interval) -> str:
    return f"{found.value:.3g} [{found.low:.3g}, {found.high:.3g}]".replace("-", "−")
