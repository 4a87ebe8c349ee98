"""A recorded curve against environment steps, with intervals."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sb3_entropy.plots.study.estimates import FEWEST_DRAWN, curve_estimate, interval_words
from sb3_entropy.plots.study.figure_data import FigureData
from sb3_entropy.plots.study.panels import Panel, arrange
from sb3_entropy.plots.style import (
    DASHES,
    add_note,
    describe,
    dress,
    finish_grid,
    frame,
    legend,
    name_ends,
    new_figure,
    nothing_to_draw,
    number_axis,
    panel_grid,
)
from sb3_entropy.plots.theme import Theme
from sb3_entropy.registry import FIGURES

_TITLES = {
    "deterministic/return": "Return of the deterministic policy",
    "stochastic/return": "Return with sampled actions",
    "policy/entropy": "Entropy of the policy, in nats",
    "policy/outside_box": "Share of the policy's density outside the action box",
    "train/ent_coef": "Temperature α",
    "train/return": "Return during training",
}


@FIGURES.register("learning_curves")
def draw(
    data: FigureData,
    theme: Theme,
    *,
    curve: str = "deterministic/return",
    statistic: Literal["mean", "iqm", "median"] | None = None,
    facet: list[str] | None = None,
    runs: bool = False,
) -> Figure:
    """
    One panel an environment and combination of swept values; one line an arm, with its interval as a band.

    :param data: the study's data
    :param theme: the colours
    :param curve: the name of a recorded curve
    :param statistic: of the runs at an evaluation point; the study's if ``None``
    :param facet: the swept hyperparameters that have panels of their own; all if ``None``
    :param runs: whether every run is a thin line too, as it is where runs are too few to draw an interval
    :return: the figure
    :raises ValueError: if no run has recorded the curve, or ``facet`` names what is not swept
    """
    title = _TITLES.get(curve, curve)
    data.check_curve(curve)
    grid = arrange(data, facet)
    if not grid.panels:
        return nothing_to_draw(theme, title, "No run has finished yet.")
    chosen = statistic or data.statistic
    drawn_arms = [arm for panel in grid.panels for line in panel.lines for arm in line.arms]
    counts = {_recorded(arm.curves.get(curve)) for arm in drawn_arms}
    subtitle = interval_words(chosen, data.level, counts)
    figure = new_figure(*grid.size, theme, title, f"{subtitle}; {grid.note}" if grid.note else subtitle)
    panels: list[_Drawn] = []
    for axes, panel in zip(panel_grid(figure, grid), grid.panels, strict=True):
        panels.append(_draw_panel(axes, panel, data, theme, curve, chosen, runs))
        dress(axes, theme, panel.title)
        number_axis(axes, "x", 4)
        number_axis(axes, "y")
    cut = False
    for environment in data.environments:
        # One scale an environment, so that panels can be compared.
        mine = [drawn for drawn in panels if drawn.panel.environment == environment]
        values, bands = ([part for drawn in mine for part in getattr(drawn, name)] for name in ("values", "bands"))
        if values:
            low, high, beyond = frame(np.concatenate(values), np.concatenate(bands))
            cut = cut or beyond
            for drawn in mine:
                drawn.axes.set_ylim(low, high)
        if grid.names_at_ends:
            for drawn in mine:
                name_ends(drawn.axes, drawn.ends, grid.panel_height)
    if cut:
        add_note(figure, "bands are cut at the frame")
    finish_grid(figure.axes[: len(grid.panels)], grid.columns, theme, "environment steps")
    if not grid.names_at_ends:
        legend(figure, grid, theme)
    said = "; ".join(map(_in_words, panels[:12]))
    return describe(figure, f"{title} against environment steps: {subtitle}. {said}.")


@dataclass(frozen=True)
class _Drawn:
    """A panel with where its lines end (height, name, colour), its runs' values and its bands, in flat arrays."""

    axes: Axes
    panel: Panel
    ends: list[tuple[float, str, str]]
    values: list[np.ndarray]
    bands: list[np.ndarray]


def _draw_panel(
    axes: Axes, panel: Panel, data: FigureData, theme: Theme, curve: str, statistic: str, runs: bool
) -> _Drawn:
    drawn = _Drawn(axes, panel, [], [], [])
    last = 0.0
    for line in panel.lines:
        arm = line.arms[0]
        values = arm.curves.get(curve)
        if values is None or not np.isfinite(values).any():
            continue
        colour = theme.mark(line.colour)
        value, low, high = curve_estimate(values, statistic, data.level, data.seed)
        single = runs or _recorded(values) < FEWEST_DRAWN
        if single:
            axes.plot(arm.steps, values.T, color=colour, linewidth=0.6, alpha=0.35, rasterized=values.size > 4000)
        axes.fill_between(arm.steps, low, high, color=colour, alpha=0.2, linewidth=0)
        dash = DASHES[line.dash % len(DASHES)]
        axes.plot(arm.steps, value, color=colour, linewidth=1.9, linestyle=dash, solid_capstyle="round")
        drawn.values.extend([values.ravel() if single else value, value])
        drawn.bands.extend([low, high])
        last = max(last, float(arm.steps[-1]))
        drawn.ends.append((float(value[np.isfinite(value)][-1]), line.label, theme.label(line.colour)))
    if last:
        axes.set_xlim(0, last)
    return drawn


def _recorded(values: np.ndarray | None) -> int:
    """How many runs have a number anywhere on the curve."""
    return 0 if values is None else int(np.isfinite(values).any(axis=1).sum())


def _in_words(drawn: _Drawn) -> str:
    ends = ", ".join(f"{name} {value:.4g}" for value, name, _ in drawn.ends)
    return f"{drawn.panel.title or drawn.panel.environment} ends at {ends or 'nothing recorded'}"
