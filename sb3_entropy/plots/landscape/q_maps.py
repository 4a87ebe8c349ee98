"""Panels of a landscape of Q over two coordinates of the action: maps."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from sb3_entropy.landscape.q.found import QLandscape
from sb3_entropy.plots.landscape.plane import COLOURS
from sb3_entropy.plots.landscape.q_marks import DARK_RIM, HATCH, WHITE, arrow, mark_style, mass_levels
from sb3_entropy.plots.style import SMALL, dress, label_axis, number, number_axis
from sb3_entropy.plots.theme import Theme

#: of a difference, white where it is 0
DIVERGING = "PuOr"


def draw_maps(figure: Figure, axes: np.ndarray, found: QLandscape, theme: Theme) -> None:
    """
    :param figure: a figure
    :param axes: its panels, a row of plain, soft and their difference for each state; or plain alone, one a state
    :param found: a landscape over planes
    :param theme: the colours
    """
    units = found.planes.axes(found.action_space)
    difference = found.difference
    # Below a panel there may be another, which has the same axis.
    lowest = len(found.states) - axes.shape[1] if difference is None else len(found.states) - 1
    for state, name in enumerate(found.states.names):
        if difference is None:
            panels = {"plain": axes.ravel()[state]}
        else:
            panels = dict(zip(("plain", "soft", "difference"), axes[state], strict=True))
        for which, panel in panels.items():
            title = {"plain": f"plain Q, {name}", "soft": "soft Q", "difference": "soft − plain"}[which]
            dress(panel, theme, title, grid="both")
            panel.grid(False)
            panel.set_box_aspect(1)
            _map(figure, panel, found, which, state, theme)
            for axis in ("x", "y"):
                number_axis(panel, axis)
            left = which == "plain"
            label_axis(
                panel,
                theme,
                x=units[0].label if state >= lowest else "",
                y=units[1].label if left else "",
            )
            panel.tick_params(labelleft=left)


def _map(figure: Figure, axes: Axes, found: QLandscape, which: str, state: int, theme: Theme) -> None:
    units = found.planes.axes(found.action_space)
    grid = [unit.offset + unit.scale * found.grid[state, axis] for axis, unit in enumerate(units)]
    spans = np.array([one[-1] - one[0] for one in found.grid[state]])
    half = [(one[1] - one[0]) / 2 for one in grid]
    limits = [float(end) for one, margin in zip(grid, half, strict=True) for end in (one[0] - margin, one[-1] + margin)]
    difference = found.difference
    style: dict[str, Any]
    if which == "difference" and difference is not None:
        values, rim, line = difference[state], WHITE, DARK_RIM
        reach = float(np.nanmax(np.abs(values))) or 1.0
        style = {"cmap": DIVERGING, "vmin": -reach, "vmax": reach}
    else:
        values, rim, line = found.surfaces[which].lowered[state], DARK_RIM, WHITE
        style = {"cmap": COLOURS}
    # As a picture of one pixel a value: thousands of paths would make a page of megabytes.
    image = axes.imshow(values.T, origin="lower", extent=limits, aspect="auto", interpolation="none", **style)  # type: ignore[arg-type]
    if found.density is not None and (levels := mass_levels(found.density[state])):
        density = np.ma.masked_invalid(found.density[state])
        axes.contour(
            *grid, density.T, levels=levels, colors=line, linewidths=1.0, linestyles=["--", "-"][: len(levels)]
        )
    if found.far is not None and found.far[state].any():
        hatched = axes.contourf(
            *grid, found.far[state].T.astype(float), levels=[0.5, 1.5], colors="none", hatches=[HATCH]
        )
        hatched.set(edgecolor=to_rgba(line, 0.6), linewidth=0.0)
    axes.set_xlim(limits[0], limits[1])
    axes.set_ylim(limits[2], limits[3])
    marked = {"mode": found.mode, "plain": found.plain.best} | ({} if found.soft is None else {"soft": found.soft.best})
    for mark in ("plain", "soft", "mode"):
        if mark in marked:
            x, y = (unit.offset + unit.scale * c for unit, c in zip(units, marked[mark][state], strict=True))
            axes.plot([x], [y], **mark_style(mark))
    if which in found.surfaces:
        start = np.array([u.offset + u.scale * c for u, c in zip(units, found.mode[state], strict=True)])
        surface = found.surfaces[which]
        arrow(axes, start, surface.slope[state], float(surface.ranges[state]), spans, line, rim)
    bar = figure.colorbar(image, ax=axes, shrink=0.9, pad=0.02, aspect=22, format=lambda value, _: number(value))
    bar.outline.set_visible(False)
    bar.ax.locator_params(nbins=5)
    bar.ax.tick_params(colors=theme.faint, labelcolor=theme.ink, labelsize=SMALL - 0.5, length=2)
