"""What all figures of a study look like: calm axes, a title that says what is drawn, names at the lines' ends."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sb3_entropy.plots.study.panels import Grid
from sb3_entropy.plots.theme import Theme

DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
SMALL, NORMAL, LARGE = 8.5, 9.5, 12
_POINTS = 72.0
_LABEL_GAP = 12.5
_LEFT = 0.008
_HEAD = 40
#: the mean width of a letter, in font sizes
_BOLD, _REGULAR = 0.62, 0.53


def new_figure(width: float, height: float, theme: Theme, title: str, subtitle: str) -> Figure:
    """
    :param width: in inches
    :param height: in inches
    :param theme: the colours
    :param title: what is drawn
    :param subtitle: how to read it
    :return: a figure with nothing but its title
    """
    title, title_room = _wrapped(title, width, LARGE, _BOLD)
    subtitle, subtitle_room = _wrapped(subtitle, width, NORMAL, _REGULAR)
    height += (title_room + subtitle_room) / _POINTS
    figure = Figure(figsize=(width, height), layout="constrained", facecolor=theme.ground)
    heads = (4, 5 + 1.5 * LARGE + title_room, _HEAD + title_room + subtitle_room)
    top, below, panels = (1 - points / (height * _POINTS) for points in heads)
    engine = figure.get_layout_engine()
    engine.set(rect=(0, 0, 1, panels), h_pad=0.07, w_pad=0.06, hspace=0.05, wspace=0.03)  # type: ignore[union-attr, call-arg]
    style = {"fontsize": LARGE, "fontweight": "bold", "color": theme.ink}
    figure.suptitle(title, x=_LEFT, y=top, ha="left", va="top", **style).set_in_layout(False)
    lower = figure.text(_LEFT, below, subtitle, fontsize=NORMAL, color=theme.faint, va="top")
    lower.set_in_layout(False)
    return figure


def _wrapped(text: str, width: float, size: float, advance: float) -> tuple[str, float]:
    """:return: the text in lines that fit the width in inches, and the points that lines after the first take"""
    lines = textwrap.wrap(text, int(width * _POINTS * (1 - 2 * _LEFT) / (advance * size)), break_long_words=False)
    return "\n".join(lines), 1.3 * size * max(0, len(lines) - 1)


def describe(figure: Figure, text: str) -> Figure:
    """
    :param figure: a figure
    :param text: what it shows, for those who do not see it
    :return: the figure, with the text as its label
    """
    figure.set_label(text)
    return figure


def panel_grid(figure: Figure, grid: Grid) -> list[Axes]:
    """
    :param figure: a figure
    :param grid: its panels
    :return: axes, one a panel
    """
    axes = figure.subplots(grid.rows, grid.columns, squeeze=False).ravel()
    for unused in axes[len(grid.panels) :]:
        unused.set_visible(False)
    return list(axes[: len(grid.panels)])


def dress(axes: Axes, theme: Theme, title: str = "", grid: str = "y") -> None:
    """
    :param axes: a panel
    :param theme: the colours
    :param title: what tells it from the others
    :param grid: ``"x"``, ``"y"`` or ``"both"``
    """
    axes.set_facecolor("none")
    if title:
        axes.set_title(title, loc="left", fontsize=NORMAL, color=theme.ink)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(theme.faint)
    axes.spines[["left", "bottom"]].set_linewidth(0.8)
    axes.tick_params(colors=theme.faint, labelcolor=theme.ink, labelsize=SMALL, width=0.8, length=3)
    axes.grid(axis=grid, color=theme.grid, linewidth=0.8)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def number(value: float) -> str:
    """
    :param value: a number
    :return: it in few characters, with a minus sign that is one
    """
    if value == 0:
        return "0"
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * size or (letter == "M" and abs(value) >= size):
            return f"{value / size:g}{letter}".replace("-", "−")
    return f"{value:g}".replace("-", "−")


def number_axis(axes: Axes, which: str, ticks: int = 5) -> None:
    """
    :param axes: a panel
    :param which: ``"x"`` or ``"y"``
    :param ticks: at most this many
    """
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(round(value, 12))))


def label_axis(axes: Axes, theme: Theme, x: str = "", y: str = "") -> None:
    """
    :param axes: a panel
    :param theme: the colours
    :param x: what runs to the right
    :param y: what runs upwards
    """
    if x:
        axes.set_xlabel(x, fontsize=SMALL, color=theme.faint)
    if y:
        axes.set_ylabel(y, fontsize=SMALL, color=theme.faint)


def frame(shown: np.ndarray, intervals: np.ndarray) -> tuple[float, float, bool]:
    """
    Limits that a few very wide intervals do not blow up.

    :param shown: what must be seen, e.g. every run's values; any shape, NaN is left out
    :param intervals: ends of intervals; they widen the limits by at most a third
    :return: low, high, and whether an interval reaches beyond them
    """
    seen, ends = shown[np.isfinite(shown)], intervals[np.isfinite(intervals)]
    if not seen.size:
        return 0.0, 1.0, False
    low, high = float(seen.min()), float(seen.max())
    span = high - low or abs(high) * 0.2 or 1.0
    inner = [float(min(low, *ends)), float(max(high, *ends))] if ends.size else [low, high]
    bottom, top = max(inner[0], low - span / 3), min(inner[1], high + span / 3)
    pad = 0.04 * (top - bottom or span)
    return bottom - pad, top + pad, inner[0] < bottom - pad or inner[1] > top + pad


def add_note(figure: Figure, note: str) -> None:
    """
    :param figure: of :func:`new_figure`
    :param note: what its subtitle is to say as well
    """
    _, subtitle = figure.texts[:2]
    subtitle.set_text(f"{subtitle.get_text()}; {note}")


def finish_grid(axes: Sequence[Axes], columns: int, theme: Theme, x: str) -> None:
    """
    Name the x axis below the lowest panels, and leave out numbers that a neighbour shows.

    :param axes: panels whose limits are set, row by row
    :param columns: how many stand in a row
    :param theme: the colours
    :param x: what runs to the right
    """
    one_x = len({panel.get_xlim() for panel in axes}) == 1
    for index, panel in enumerate(axes):
        left = axes[index - 1] if index % columns else None
        panel.tick_params(
            labelbottom=not one_x or index >= len(axes) - columns,
            labelleft=left is None or left.get_ylim() != panel.get_ylim(),
        )
        if index >= len(axes) - columns:
            label_axis(panel, theme, x=x)


def name_ends(axes: Axes, ends: Sequence[tuple[float, str, str]], height: float) -> None:
    """
    Write each name at the end of its line, moved apart where two would overlap.

    :param axes: a panel whose limits are set
    :param ends: where each line ends on the y axis, its name and the name's colour
    :param height: of the panel, in inches
    """
    gap = _LABEL_GAP / (height * _POINTS)
    to_panel = axes.transData + axes.transAxes.inverted()
    ordered = sorted((float(to_panel.transform((0, y))[1]), name, colour) for y, name, colour in ends)
    heights: list[float] = []
    for wanted, _, _ in ordered:
        heights.append(max(wanted, heights[-1] + gap) if heights else wanted)
    # Pushed up from the lowest, all of them come half the way back.
    lift = (heights[-1] - ordered[-1][0]) / 2 if heights else 0.0
    for placed, (_, name, colour) in zip(heights, ordered, strict=True):
        axes.annotate(
            name,
            (1, placed - lift),
            xycoords="axes fraction",
            xytext=(5, 0),
            textcoords="offset points",
            color=colour,
            fontsize=SMALL,
            fontweight="bold",
            va="center",
            annotation_clip=False,
        )


def legend(figure: Figure, grid: Grid, theme: Theme) -> None:
    """
    :param figure: a figure with more lines than can be named at their ends
    :param grid: its panels
    :param theme: the colours
    """
    names = grid.names
    handles = [
        Line2D([], [], color=theme.mark(colour), linestyle=DASHES[dash % len(DASHES)], linewidth=2)
        for colour, dash in names.values()
    ]
    longest = max(map(len, names), default=1)
    drawn = figure.legend(
        handles,
        list(names),
        loc="outside lower left",
        ncols=max(1, int(grid.size[0] / (0.5 + 0.075 * longest))),
        frameon=False,
        fontsize=SMALL,
        handlelength=1.8,
        columnspacing=1.4,
    )
    for text, (colour, _) in zip(drawn.get_texts(), names.values(), strict=True):
        text.set_color(theme.label(colour))


def nothing_to_draw(theme: Theme, title: str, reason: str) -> Figure:
    """
    :param theme: the colours
    :param title: what would have been drawn
    :param reason: why it is not
    :return: a figure that says so
    """
    figure = new_figure(7.2, 1.1, theme, title, reason)
    return describe(figure, f"{title}: {reason}")
