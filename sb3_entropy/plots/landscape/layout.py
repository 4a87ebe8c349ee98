"""Panels side by side, one a condition, and the limits that they share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sb3_entropy.plots.style import SMALL, new_figure
from sb3_entropy.plots.theme import Theme

#: more conditions than these are no figure any more
MOST_PANELS = 12
#: limits are shared unless one panel's would be so many times wider than another's
SHARED = 10


@dataclass(frozen=True)
class Sheet:
    """
    :param figure: with its title
    :param axes: one a panel, row by row
    :param columns: how many stand in a row
    """

    figure: Figure
    axes: tuple[Axes, ...]
    columns: int


def check_some(founds: Mapping[str, Any]) -> None:
    """
    :param founds: what was found, by condition
    :raises ValueError: if there is nothing, or more than fits on a figure
    """
    if not 1 <= len(founds) <= MOST_PANELS:
        raise ValueError(
            f"A figure shows 1 to {MOST_PANELS} conditions, but {len(founds)} were given. Draw them in several figures."
        )


def sheet(count: int, theme: Theme, title: str, subtitle: str, *, height: float, single: tuple[float, float]) -> Sheet:
    """
    :param count: how many panels
    :param theme: the colours
    :param title: what is drawn
    :param subtitle: how to read it
    :param height: of a row where there are several panels, in inches
    :param single: width and height of the figure where there is one
    :return: the figure and its panels
    """
    columns = count if count <= 3 else 2 if count == 4 else 3
    rows = -(-count // columns)
    size = single if count == 1 else (3.35 * columns + 0.6, height * rows + 0.9)
    figure = new_figure(*size, theme, title, subtitle)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for unused in axes[count:]:
        unused.set_visible(False)
    return Sheet(figure, tuple(axes[:count]), columns)


def reaches(each: Sequence[np.ndarray]) -> list[float]:
    """
    :param each: of every panel, what must be seen around 0
    :return: half the width of the axis around 0 of every panel: the same for all, unless they are too different
    """
    own = [float(np.abs(values[np.isfinite(values)]).max(initial=0.0)) * 1.08 or 1.0 for values in each]
    return [max(own)] * len(own) if max(own) <= SHARED * min(own) else own


def key_below(figure: Figure, handles: Sequence[Line2D], names: Sequence[str], theme: Theme) -> None:
    """
    :param figure: a figure
    :param handles: marks
    :param names: what they stand for
    :param theme: the colours
    """
    longest = max(map(len, names), default=1)
    drawn = figure.legend(
        handles,
        names,
        loc="outside lower left",
        ncols=max(1, int(figure.get_figwidth() / (0.5 + 0.075 * longest))),
        frameon=False,
        fontsize=SMALL,
        handlelength=1.6,
        columnspacing=1.4,
    )
    for text in drawn.get_texts():
        text.set_color(theme.ink)
