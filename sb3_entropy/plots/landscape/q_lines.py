"""Panels of a landscape of Q over one coordinate of the action: lines."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D

from sb3_entropy.landscape.q.found import QLandscape
from sb3_entropy.plots.landscape.q_marks import HATCH, arrow, mark_style
from sb3_entropy.plots.style import dress, label_axis, number_axis
from sb3_entropy.plots.theme import Theme

#: of a panel's height, the strip of the density
STRIP = 0.2
_INDEX = {"plain": 0, "soft": 1}


def draw_lines(axes: np.ndarray, found: QLandscape, theme: Theme) -> None:
    """
    :param axes: panels, a row of both Qs and their difference for each state; or plain alone, one a state
    :param found: a landscape over lines
    :param theme: the colours
    """
    (unit,) = found.planes.axes(found.action_space)
    difference = found.difference
    # Below a panel there may be another, which has the same axis.
    lowest = len(found.states) - axes.shape[1] if difference is None else len(found.states) - 1
    for state, name in enumerate(found.states.names):
        panel = axes.ravel()[state] if difference is None else axes[state, 0]
        x = unit.offset + unit.scale * found.grid[state, 0]
        label = unit.label if state >= lowest else ""
        dress(panel, theme, f"Q, {name}")
        _lines(panel, found, state, x, theme)
        if difference is not None:
            beside = axes[state, 1]
            dress(beside, theme, "soft − plain")
            beside.axhline(0, color=theme.faint, linewidth=0.9)
            beside.plot(x, difference[state], color=theme.mark(2), linewidth=1.9)
            beside.axvline(unit.offset + unit.scale * found.mode[state, 0], color=theme.faint, linewidth=1, ls=":")
            _finish(beside, x, found, state, theme, label)
        _finish(panel, x, found, state, theme, label)


def line_handles(found: QLandscape, theme: Theme) -> tuple[list[Line2D], list[str]]:
    """
    :param found: a landscape
    :param theme: the colours
    :return: what stands for its lines, and their names
    """
    drawn = [Line2D([], [], color=theme.mark(_INDEX[which]), linewidth=2) for which in found.surfaces]
    names = [f"{which} Q" for which in found.surfaces]
    if found.density is not None:
        drawn.append(Line2D([], [], color=theme.faint, linewidth=7, alpha=0.45))
        names.append("the policy's density")
    return drawn, names


def _lines(axes: Axes, found: QLandscape, state: int, x: np.ndarray, theme: Theme) -> None:
    (unit,) = found.planes.axes(found.action_space)
    lowest = min(float(np.nanmin(surface.lowered[state])) for surface in found.surfaces.values()) or -1.0
    # Below the lines there is room for the strip, above for what marks the maxima.
    bottom = lowest * (1 + 0.06) if found.density is None else lowest / (1 - STRIP) * 1.04
    top = -0.1 * lowest
    axes.set_ylim(bottom, top)
    axes.set_xlim(x[0], x[-1])
    if found.density is not None:
        density = np.where(np.isfinite(found.density[state]), found.density[state], 0.0)
        scaled = density / (density.max() or 1.0) * 0.85 * STRIP * (top - bottom)
        axes.fill_between(x, bottom, bottom + scaled, color=theme.faint, alpha=0.45, linewidth=0, zorder=1)
    mode = unit.offset + unit.scale * float(found.mode[state, 0])
    axes.axvline(mode, color=theme.faint, linewidth=1, linestyle=":", zorder=1)
    axes.plot([mode], [bottom], **mark_style("mode"))
    spans = np.array([x[-1] - x[0], 1.0])
    for which, surface in found.surfaces.items():
        colour, values = theme.mark(_INDEX[which]), surface.lowered[state]
        spread = surface.spread[state]
        if np.isfinite(spread).any():
            axes.fill_between(x, values - spread, values + spread, color=colour, alpha=0.18, linewidth=0, zorder=2)
        axes.plot(x, values, color=colour, linewidth=1.9, zorder=3)
        at = unit.offset + unit.scale * float(surface.best[state, 0])
        axes.plot([at], [0.0], **mark_style(which))
        height = float(np.interp(mode, x, values))
        slope, width = np.array([float(surface.slope[state, 0]), 0.0]), float(surface.ranges[state])
        arrow(axes, np.array([mode, height]), slope, width, spans, colour, theme.ground)


def _finish(axes: Axes, x: np.ndarray, found: QLandscape, state: int, theme: Theme, label: str) -> None:
    axes.set_xlim(x[0], x[-1])
    if found.far is not None and found.far[state].any():
        low, high = axes.get_ylim()
        drawn = axes.fill_between(x, low, high, where=found.far[state].tolist(), facecolor="none", linewidth=0.0)
        drawn.set(hatch=HATCH, edgecolor=to_rgba(theme.faint, 0.5), zorder=0)
        axes.set_ylim(low, high)
    number_axis(axes, "x", 6)
    number_axis(axes, "y", 4)
    label_axis(axes, theme, x=label)
