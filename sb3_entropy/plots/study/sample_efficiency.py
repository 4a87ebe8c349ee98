"""The score of all environments together against the length of training."""

from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from sb3_entropy.plots.study.estimates import interval_words, pooled_curve_estimate
from sb3_entropy.plots.study.figure_data import FigureData
from sb3_entropy.plots.study.panels import arrange
from sb3_entropy.plots.study.pooling import pool_curves
from sb3_entropy.plots.style import (
    DASHES,
    describe,
    dress,
    finish_grid,
    label_axis,
    legend,
    name_ends,
    new_figure,
    nothing_to_draw,
    number_axis,
    panel_grid,
)
from sb3_entropy.plots.theme import Theme
from sb3_entropy.registry import FIGURES


@FIGURES.register("sample_efficiency")
def draw(
    data: FigureData,
    theme: Theme,
    *,
    curve: str = "deterministic/return",
    statistic: Literal["mean", "iqm", "median"] = "iqm",
    facet: list[str] | None = None,
) -> Figure:
    """
    One line an arm: the statistic of its runs in all environments at every evaluation point (Agarwal et al. 2021).

    :param data: the study's data
    :param theme: the colours
    :param curve: the name of a recorded curve
    :param statistic: of runs × environments
    :param facet: the swept hyperparameters that have panels of their own; all if ``None``
    :return: the figure. Returns of several environments are normalised by their ``score_range``; an environment
        without one is then left out, and the figure says so. Environments of other lengths meet at equal shares of
        their training
    :raises ValueError: if no run has recorded the curve
    """
    title = "Score of all environments against the length of training"
    data.check_curve(curve)
    pool, places, shares = pool_curves(data, curve)
    if not pool.scores:
        reason = pool.note or "no arm has finished runs in all of them"
        return nothing_to_draw(theme, title, f"There are no curves to put together: {reason}.")
    grid = arrange(pool.data, facet)
    notes = [interval_words(statistic, data.level, {len(curves) for curves in pool.scores.values()})]
    notes += [note for note in (pool.note, grid.note) if note]
    figure = new_figure(*grid.size, theme, title, "; ".join(notes))
    axes_of = panel_grid(figure, grid)
    said, ends_of = [], []
    for axes, panel in zip(axes_of, grid.panels, strict=True):
        ends = []
        for line in panel.lines:
            label = line.arms[0].label
            value, low, high = pooled_curve_estimate(pool.scores[label], statistic, data.level, data.seed)
            colour = theme.mark(line.colour)
            axes.fill_between(places[label], low, high, color=colour, alpha=0.2, linewidth=0)
            axes.plot(places[label], value, color=colour, linewidth=1.9, linestyle=DASHES[line.dash % len(DASHES)])
            ends.append((float(value[-1]), line.label, theme.label(line.colour)))
            said.append(f"{label} ends at {value[-1]:.4g}")
        ends_of.append(ends)
        dress(axes, theme, panel.title)
        number_axis(axes, "y")
        number_axis(axes, "x", 4)
        if shares:
            axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlim(0, max(float(places[line.arms[0].label][-1]) for line in panel.lines))
    lows, highs = zip(*(axes.get_ylim() for axes in axes_of), strict=True)
    for axes, ends in zip(axes_of, ends_of, strict=True):
        axes.set_ylim(min(lows), max(highs))
        if grid.names_at_ends:
            name_ends(axes, [end for end in ends if np.isfinite(end[0])], grid.panel_height)
    for axes in axes_of[:: grid.columns]:
        label_axis(axes, theme, y="normalised score" if pool.normalised else "score")
    finish_grid(axes_of, grid.columns, theme, "share of the training" if shares else "environment steps")
    if not grid.names_at_ends:
        legend(figure, grid, theme)
    return describe(figure, f"{title}. {'; '.join(said[:12])}.")
