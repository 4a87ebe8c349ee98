"""What is marked on a landscape of Q: the mode of the policy, both maxima, gradients, and what is far from data."""

from typing import Any

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from sb3_entropy.landscape.q.found import QLandscape
from sb3_entropy.landscape.q.smoothness import SIDE
from sb3_entropy.plots.theme import Theme

DARK_RIM, WHITE = "#14171C", "#FFFFFF"
#: of the mode, of the greatest plain and of the greatest soft Q: shapes, sizes and colours, told apart by each
SHAPES: dict[str, tuple[str, float, str]] = {
    "mode": ("P", 8.5, "#FFFFFF"),
    "plain": ("*", 14.0, "#D55E00"),
    "soft": ("D", 7.0, "#CC79A7"),
}
NAMES = {"mode": "the policy's mode", "plain": "greatest plain Q", "soft": "greatest soft Q"}
#: an arrow's length, of the panel's width: of a slope that would climb the whole range within a side of the box, or a
#: steeper one, and the least
ARROW, SHORTEST = 0.18, 0.06
HATCH = "///"


def mark_style(which: str) -> dict[str, Any]:
    """
    :param which: one of :data:`SHAPES`
    :return: how a point is drawn
    """
    shape, size, colour = SHAPES[which]
    return {
        "marker": shape,
        "markersize": size,
        "markerfacecolor": colour,
        "markeredgecolor": DARK_RIM,
        "markeredgewidth": 0.8,
        "linestyle": "none",
        "clip_on": False,
        "zorder": 6,
        "path_effects": [effects.withStroke(linewidth=2.0, foreground=WHITE)],
    }


def arrow(
    axes: Axes, start: np.ndarray, slope: np.ndarray, width: float, spans: np.ndarray, colour: str, rim: str
) -> None:
    """
    An arrow along a gradient, short where it is weak; none where it is 0.

    :param axes: a panel whose limits are set
    :param start: where, in the panel's units, (x, y)
    :param slope: the gradient in the coordinates of [−1, 1], (x, y)
    :param width: the range of Q
    :param spans: what the panel's axes span in those coordinates, (x, y)
    :param colour: its colour
    :param rim: of its edge
    """
    shown = slope / spans
    length = float(np.linalg.norm(shown))
    if not length > 0:
        return
    at = axes.transAxes.inverted().transform(axes.transData.transform(start))
    strength = min(1.0, SIDE * float(np.linalg.norm(slope)) / width) if width > 0 else 0.0
    end = at + max(SHORTEST, ARROW * strength) * shown / length
    drawn = axes.annotate(
        "",
        xy=(float(end[0]), float(end[1])),
        xytext=(float(at[0]), float(at[1])),
        xycoords="axes fraction",
        textcoords="axes fraction",
        annotation_clip=False,
        zorder=5,
        arrowprops={
            "arrowstyle": "-|>,head_length=0.5,head_width=0.25",
            "color": colour,
            "linewidth": 1.8,
            "shrinkA": 0,
            "shrinkB": 0,
            "path_effects": [effects.withStroke(linewidth=3.4, foreground=rim), effects.Normal()],
        },
    )
    # An arrow that leaves the box takes no room in the layout.
    drawn.set_in_layout(False)


def handles(found: QLandscape, theme: Theme) -> tuple[list[Line2D], list[str]]:
    """
    :param found: a landscape
    :param theme: the colours
    :return: what stands for the marks that it has, and their names
    """
    marks = [which for which in SHAPES if which != "soft" or found.soft is not None]
    drawn = [Line2D([], [], **mark_style(which)) for which in marks]
    arrow_style: dict[str, Any] = {"color": theme.ink, "linewidth": 1.8, "marker": ">", "markersize": 5}
    drawn.append(Line2D([], [], **arrow_style))
    return drawn, [*(NAMES[which] for which in marks), "gradient of Q at the mode"]


def mass_levels(density: np.ndarray, shares: tuple[float, ...] = (0.9, 0.5)) -> list[float]:
    """
    :param density: on a grid, NaN outside the box
    :param shares: of the mass on the grid
    :return: above which densities they lie, ascending, each once; none of a density that is 0 or not finite
    """
    values = np.sort(density[np.isfinite(density)])[::-1]
    if not values.size or not values[0] > values[-1]:
        return []
    mass = np.cumsum(values) / values.sum()
    levels = {float(values[int(np.searchsorted(mass, share))]) for share in shares}
    return sorted(level for level in levels if level < values[0])
