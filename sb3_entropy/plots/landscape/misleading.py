"""A misleading score: beside its null, and state by state."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sb3_entropy.landscape.q.conclusion import decimals
from sb3_entropy.landscape.q.misleading import Misleading
from sb3_entropy.plots.landscape.layout import key_below
from sb3_entropy.plots.style import NORMAL, SMALL, describe, dress, label_axis, new_figure, number_axis
from sb3_entropy.plots.theme import Theme

SIZE = (7.2, 3.9)
ROWS = {"score": "score", "null": "null", "excess": "excess"}


def draw(found: Misleading, theme: Theme) -> Figure:
    """
    :param found: of an agent
    :param theme: the colours
    :return: score, null and excess with their intervals, and m(s) of every state against the range of plain Q there
    """
    title = "What is given up where soft Q is greatest"
    how = f"as a share of plain Q's range over the actions; bars: {100 * found.level:g} % intervals"
    figure = new_figure(*SIZE, theme, title, how)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.35))
    _shares(left, found, theme)
    handles = _states(right, found, theme)
    key_below(figure, handles, ["argmax by soft Q", "by another plain Q (null)"], theme)
    said = "; ".join(
        f"{name} {decimals(each.value)} [{decimals(each.low)}, {decimals(each.high)}]"
        for name, each in ((name, getattr(found, name)) for name in ROWS)
    )
    return describe(figure, f"{title}, {found.name}: {said}.")


def _shares(axes: Axes, found: Misleading, theme: Theme) -> None:
    dress(axes, theme, "Over all states", grid="x")
    axes.axvline(0, color=theme.faint, linewidth=0.9, zorder=0)
    for row, name in enumerate(ROWS):
        each, colour = getattr(found, name), (theme.mark(0), theme.mark(6), theme.mark(1))[row]
        if np.isfinite(each.low):
            axes.plot([each.low, each.high], [row, row], color=colour, linewidth=2.2, solid_capstyle="butt")
        axes.plot(each.value, row, "o", color=colour, markersize=7, markeredgewidth=0)
        label = (theme.label(0), theme.label(6), theme.label(1))[row]
        axes.annotate(
            decimals(each.value),
            (each.value, row),
            xytext=(0, 9),
            textcoords="offset points",
            ha="center",
            fontsize=SMALL,
            color=label,
            fontweight="bold",
        )
    axes.set_yticks(range(len(ROWS)), list(ROWS.values()), fontsize=NORMAL)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(ROWS) - 0.4, -0.7)
    axes.margins(x=0.15)
    number_axis(axes, "x", 4)
    label_axis(axes, theme, x="Σ regret / Σ range")


def _states(axes: Axes, found: Misleading, theme: Theme) -> list[Line2D]:
    """States with a large range decide the score: they are on the right."""
    dress(axes, theme, f"In each of {len(found.episodes):,} states", grid="both")
    width = found.ranges.mean(axis=0)
    handles: list[Line2D] = []
    for values, colour, size, shape in (
        (found.of_states, theme.mark(0), 4.6, "o"),
        (found.null_of_states, theme.mark(6), 3.4, "D"),
    ):
        alpha = float(np.clip(30 / len(values) ** 0.5, 0.2, 0.8))
        (drawn,) = axes.plot(width, values, shape, color=colour, markersize=size, alpha=alpha, markeredgewidth=0)
        handles.append(drawn)
    axes.set_ylim(-0.04, 1.04)
    if width.max() > 0:
        axes.set_xlim(-0.03 * width.max(), 1.05 * width.max())
    number_axis(axes, "x", 5)
    number_axis(axes, "y", 6)
    label_axis(axes, theme, x="range of plain Q over the actions (return)", y="m(s)")
    return handles
