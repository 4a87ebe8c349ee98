"""What is noise in a figure of returns: bands of a mean, crosses of single directions."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy.special import stdtrit

from sb3_entropy.plots.theme import Theme

Ends = tuple[np.ndarray, np.ndarray]


def mean_band(returns: np.ndarray, level: float) -> Ends:
    """
    :param returns: shape (T, n)
    :param level: the confidence of each by itself
    :return: Student's interval of the mean, lower and upper ends, shape (T,) each; NaN of one episode, which says
        nothing of noise
    """
    mean, n = returns.mean(axis=1), returns.shape[1]
    if n < 2:
        return np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    half = float(stdtrit(n - 1, (1 + level) / 2)) * returns.std(axis=1, ddof=1) / np.sqrt(n)
    return mean - half, mean + half


def crosses(axes: Axes, at: Ends, x: Ends | None, y: Ends | None, theme: Theme) -> None:
    """
    :param axes: a panel
    :param at: where points are, x and y
    :param x: ends of their intervals along x; None if there is no noise
    :param y: along y
    :param theme: the colours
    """
    # The more there are, the fainter is each.
    alpha = float(np.clip(20 / max(len(at[0]), 1), 0.16, 0.6))
    style: dict[str, Any] = {"color": theme.faint, "linewidth": 0.7, "alpha": alpha, "zorder": 1.5}
    if x is not None:
        axes.hlines(at[1], *x, **style)
    if y is not None:
        axes.vlines(at[0], *y, **style)


def level_words(level: float, is_exact: bool, what: str) -> str:
    """
    :param level: the confidence
    :param is_exact: whether there is no noise
    :param what: what shows it
    :return: how noise is drawn
    """
    return "no noise" if is_exact else f"{what}: {100 * level:g} % intervals, each by itself"
