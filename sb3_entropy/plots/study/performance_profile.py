"""The share of runs that reach a score, for every score."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from sb3_entropy.plots.study.estimates import counted, profile_estimate
from sb3_entropy.plots.study.figure_data import FigureData
from sb3_entropy.plots.study.panels import arrange
from sb3_entropy.plots.study.pooling import pool_scores
from sb3_entropy.plots.style import (
    DASHES,
    describe,
    dress,
    finish_grid,
    legend,
    new_figure,
    nothing_to_draw,
    number_axis,
    panel_grid,
)
from sb3_entropy.plots.theme import Theme
from sb3_entropy.registry import FIGURES

_THRESHOLDS = 101


@FIGURES.register("performance_profile")
def draw(data: FigureData, theme: Theme, *, measure: str | None = None, facet: list[str] | None = None) -> Figure:
    """
    One line an arm: the share of runs, over all environments, whose score is greater than τ (Agarwal et al. 2021).

    :param data: the study's data
    :param theme: the colours
    :param measure: the measure's name; the study's first if ``None``
    :param facet: the swept hyperparameters that have panels of their own; all if ``None``
    :return: the figure. Scores of several environments are normalised by their ``score_range``; an environment
        without one is then left out, and the figure says so
    :raises ValueError: if the study has no such measure
    """
    info = data.measure(measure)
    title = f"Share of runs above a score: {info.key.replace('_', ' ')}"
    pool = pool_scores(data, info.key)
    if not pool.scores:
        reason = pool.note or "no arm has finished runs in all of them"
        return nothing_to_draw(theme, title, f"There are no scores to put together: {reason}.")
    grid = arrange(pool.data, facet)
    notes = [counted({len(scores) for scores in pool.scores.values()}), f"{100 * data.level:g} % bands"]
    notes += [note for note in (pool.note, grid.note) if note]
    figure = new_figure(*grid.size, theme, title, "; ".join(notes))
    everything = np.concatenate([scores[np.isfinite(scores)] for scores in pool.scores.values()])
    low, high = float(everything.min()), float(everything.max())
    pad = 0.03 * (high - low) or 0.5
    thresholds = np.linspace(low - pad, high + pad, _THRESHOLDS)
    said = []
    for axes, panel in zip(panel_grid(figure, grid), grid.panels, strict=True):
        for line in panel.lines:
            scores = pool.scores[line.arms[0].label]
            value, below, above = profile_estimate(scores, thresholds, data.level, data.seed)
            colour = theme.mark(line.colour)
            axes.fill_between(thresholds, below, above, color=colour, alpha=0.18, linewidth=0)
            dash = DASHES[line.dash % len(DASHES)]
            axes.plot(thresholds, value, color=colour, linewidth=1.9, linestyle=dash)
            said.append(f"{line.arms[0].label}: half of the runs are above {np.nanmedian(scores):.4g}")
        dress(axes, theme, panel.title)
        number_axis(axes, "x", 5)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlim(thresholds[0], thresholds[-1])
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    unit = "normalised score τ" if pool.normalised else f"score τ ({info.unit})" if info.unit else "score τ"
    finish_grid(figure.axes[: len(grid.panels)], grid.columns, theme, unit)
    legend(figure, grid, theme)
    return describe(figure, f"{title}. {'; '.join(said[:12])}.")
