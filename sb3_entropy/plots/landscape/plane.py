"""A plane through θ₀: heat map and contours."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import stdtrit

from sb3_entropy.landscape.probes.plane import FoundPlane
from sb3_entropy.plots.landscape.layout import check_some, sheet
from sb3_entropy.plots.style import SMALL, describe, dress, label_axis, number, number_axis
from sb3_entropy.plots.theme import Theme

#: even in lightness, and read alike by all common forms of colour vision
COLOURS = "cividis"
LEVEL = 0.95


def draw(founds: Mapping[str, FoundPlane], theme: Theme) -> Figure:
    """
    :param founds: what was found, by condition
    :param theme: the colours
    :return: the mean return on the grid, one panel a condition, with colours of its own; a dot where it is not told
        apart from that of θ₀, by Student's interval of paired differences at 95 %, each by itself
    :raises ValueError: if there is nothing, or more than fits
    """
    check_some(founds)
    first = next(iter(founds.values()))
    noise = "no noise" if first.is_exact else f"dots: not told apart from θ₀ at {100 * LEVEL:g} %, each by itself"
    title = "The return in a plane through θ₀"
    drawn = sheet(
        len(founds), theme, title, f"Cross: θ₀; star: the greatest mean; {noise}", height=3.1, single=(6.2, 4.9)
    )
    said = []
    for axes, (name, found) in zip(drawn.axes, founds.items(), strict=True):
        dress(axes, theme, name, grid="both")
        axes.grid(False)
        _map(drawn.figure, axes, found, theme)
        index = drawn.axes.index(axes)
        for which in ("x", "y"):
            number_axis(axes, which)
        label_axis(axes, theme, x="along u", y="along v" if index % drawn.columns == 0 else "")
        middle = len(found.x) // 2
        mean = found.mean
        said.append(
            f"{name}: {mean[middle, middle]:.4g} at θ₀, between {mean.min():.4g} and {mean.max():.4g}".removeprefix(
                ": "
            )
        )
    return describe(drawn.figure, f"{title}: {'; '.join(said)}.")


def _map(figure: Figure, axes: Axes, found: FoundPlane, theme: Theme) -> None:
    x, mean = found.x, found.mean
    # Edges in the cells' colour: else the ground shines through the seams of a vector file.
    mesh = axes.pcolormesh(x, x, mean, cmap=COLOURS, shading="nearest", edgecolors="face", linewidth=0.2)
    if mean.max() > mean.min():
        axes.contour(x, x, mean, levels=7, colors="#FFFFFF", linewidths=0.7, alpha=0.75, negative_linestyles="solid")
    if not found.is_exact:
        rows, columns = np.nonzero(_untold(found.returns))
        axes.plot(x[columns], x[rows], ".", color="#FFFFFF", markersize=2.6, markeredgewidth=0, alpha=0.9)
    row, column = np.unravel_index(int(np.argmax(mean)), mean.shape)
    rim: dict[str, Any] = {"markeredgecolor": "#FFFFFF", "markerfacecolor": "#D55E00", "linestyle": "none"}
    axes.plot([0], [0], marker="P", markersize=9, markeredgewidth=1.0, **rim)
    axes.plot([x[column]], [x[row]], marker="*", markersize=13, markeredgewidth=0.9, **rim)
    axes.set_aspect("equal")
    bar = figure.colorbar(mesh, ax=axes, shrink=0.92, pad=0.02, aspect=26, format=lambda value, _: number(value))
    bar.outline.set_visible(False)
    if bar.solids is not None:  # matplotlib would make a picture of them
        bar.solids.set(rasterized=False, edgecolor="face", linewidth=0.2)
    bar.ax.tick_params(colors=theme.faint, labelcolor=theme.ink, labelsize=SMALL - 0.5, length=2)
    bar.set_label("return", fontsize=SMALL, color=theme.faint)


def _untold(returns: np.ndarray) -> np.ndarray:
    """:return: where the interval of the paired difference from θ₀ holds 0, shape (T, T); everywhere of one episode"""
    n, middle = returns.shape[2], returns.shape[0] // 2
    if n < 2:
        return np.ones(returns.shape[:2], dtype=bool)
    differences = returns - returns[middle, middle]
    half = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * differences.std(axis=2, ddof=1) / np.sqrt(n)
    untold = np.abs(differences.mean(axis=2)) <= half
    untold[middle, middle] = False
    return np.asarray(untold)
