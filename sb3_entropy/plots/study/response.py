"""A score against a hyperparameter that was swept."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from sb3_entropy.plots.settings import short, text_of
from sb3_entropy.plots.study.estimates import drawn_estimates, interval_words
from sb3_entropy.plots.study.figure_data import FigureData
from sb3_entropy.plots.study.panels import Line, arrange
from sb3_entropy.plots.style import (
    DASHES,
    describe,
    dress,
    finish_grid,
    legend,
    name_ends,
    new_figure,
    nothing_to_draw,
    number,
    number_axis,
    panel_grid,
)
from sb3_entropy.plots.theme import Theme
from sb3_entropy.registry import FIGURES

_LOG_RATIO = 8


@FIGURES.register("response")
def draw(
    data: FigureData,
    theme: Theme,
    *,
    x: str | None = None,
    measure: str | None = None,
    statistic: Literal["mean", "iqm", "median"] | None = None,
    scale: Literal["auto", "log", "linear", "ordinal"] = "auto",
) -> Figure:
    """
    One panel an environment and value of what else was swept; one line an arm. An arm that lacks the hyperparameter
    is a level line.

    :param data: the study's data
    :param theme: the colours
    :param x: the swept hyperparameter; the first if ``None``
    :param measure: the measure's name; the study's first if ``None``
    :param statistic: what the runs are summarised by; the study's if ``None``
    :param scale: of the x axis. ``"auto"``: ``"log"`` for positive numbers that span a factor of 8, ``"ordinal"``,
        evenly spaced, if 0 is among such numbers or not all are numbers, else ``"linear"``
    :return: the figure
    :raises ValueError: if there is no such measure, or ``x`` is not swept
    """
    info = data.measure(measure)
    title = info.description.rstrip(".")
    if not data.arms:
        return nothing_to_draw(theme, title, "No run has finished yet.")
    if not data.swept:
        return nothing_to_draw(theme, title, "This study sweeps no hyperparameter.")
    key = x or data.swept[0]
    data.check_swept([key])
    values = _in_order(data.values_of(key))
    chosen_scale = _scale(values) if scale == "auto" else scale
    places = [float(value) for value in values] if chosen_scale != "ordinal" else list(map(float, range(len(values))))
    chosen = statistic or data.statistic
    grid = arrange(data, within=[key])
    subtitle = interval_words(chosen, data.level, {arm.scored(info.key) for arm in data.arms})
    figure = new_figure(*grid.size, theme, title, f"{subtitle}; {grid.note}" if grid.note else subtitle)
    said = []
    drawn = []
    for axes, panel in zip(panel_grid(figure, grid), grid.panels, strict=True):
        ends: list[tuple[float, str, str]] = []
        drawn.append((axes, panel.environment, ends))
        for number_of, line in enumerate(panel.lines):
            points = _points(line, key, values, info.key, chosen, data)
            if not points:
                continue
            offset = (number_of - (len(panel.lines) - 1) / 2) * 0.012
            end = _draw_line(axes, line, points, places, offset, chosen_scale, theme)
            ends.append((end, line.label, theme.label(line.colour)))
            at = ", ".join(
                f"{value:.4g}" if i is None else f"{value:.4g} at {text_of(values[i])}" for i, value, _, _ in points
            )
            said.append(f"{panel.title or panel.environment}: {line.label} {at}")
        dress(axes, theme, panel.title)
        number_axis(axes, "y")
        _x_axis(axes, places, values, chosen_scale)
    for environment in data.environments:
        # One scale an environment, so that panels can be compared.
        limits = [axes.get_ylim() for axes, env, _ in drawn if env == environment]
        for axes, env, ends in drawn:
            if env == environment:
                axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
                if grid.names_at_ends:
                    name_ends(axes, ends, grid.panel_height)
    finish_grid([axes for axes, _, _ in drawn], grid.columns, theme, short(key))
    if not grid.names_at_ends:
        legend(figure, grid, theme)
    return describe(figure, f"{title} against {key}: {subtitle}. " + "; ".join(said[:12]) + ".")


Point = tuple[int | None, float, float, float]


def _points(line: Line, key: str, values: Sequence[Any], measure: str, statistic: str, data: FigureData) -> list[Point]:
    """(index of the value or None, estimate, low, high) of each arm of the line, from left to right."""
    arms = [arm for arm in line.arms if np.isfinite(arm.scores.get(measure, np.array([]))).any()]
    is_yes_or_no = measure in data.measures and data.measures[measure].yes_or_no
    estimates = drawn_estimates([arm.scores[measure] for arm in arms], statistic, data.level, data.seed, is_yes_or_no)
    points: list[Point] = [
        (values.index(arm.settings[key]) if key in arm.settings else None, e.value, e.low, e.high)
        for arm, e in zip(arms, estimates, strict=True)
    ]
    return sorted(points, key=lambda point: -1 if point[0] is None else point[0])


def _draw_line(
    axes: Axes, line: Line, points: list[Point], places: list[float], offset: float, scale: str, theme: Theme
) -> float:
    """Returns the height at which the line ends."""
    colour, dash = theme.mark(line.colour), DASHES[line.dash % len(DASHES)]
    level = [point for point in points if point[0] is None]
    for _, value, low, high in level:
        axes.axhline(value, color=colour, linewidth=1.4, linestyle=(0, (5, 2)))
        if np.isfinite([low, high]).all():
            axes.axhspan(low, high, color=colour, alpha=0.13, linewidth=0)
    swept = [(places[point[0]], *point[1:]) for point in points if point[0] is not None]
    if not swept:
        return level[-1][1]
    at, values, lows, highs = map(np.array, zip(*swept, strict=True))
    # Lines step aside a little, so that their intervals do not hide each other.
    span = np.log(max(places) / min(places)) if scale == "log" else max(places) - min(places)
    at = at * np.exp(offset * span) if scale == "log" else at + offset * span
    axes.plot(at, values, color=colour, linewidth=1.7, linestyle=dash, marker="o", markersize=4.5, markeredgewidth=0)
    axes.vlines(at, lows, highs, color=colour, linewidth=1.4, alpha=0.75)
    return float(values[-1])


def _in_order(values: list[Any]) -> list[Any]:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return sorted(values) if numbers else values


def _scale(values: Sequence[Any]) -> str:
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return "ordinal"
    positive = [value for value in values if value > 0]
    wide = bool(positive) and max(positive) >= _LOG_RATIO * min(positive)
    if not wide:
        return "linear"
    return "log" if len(positive) == len(values) else "ordinal"


def _x_axis(axes: Axes, places: list[float], values: Sequence[Any], scale: str) -> None:
    if scale == "log":
        axes.set_xscale("log")
    texts = [number(v) if isinstance(v, int | float) and not isinstance(v, bool) else text_of(v) for v in values]
    named = dict(zip(places, texts, strict=True))
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: named.get(value, f"{value:g}")))
    if len(places) > 1 and scale != "log":
        pad = 0.06 * (max(places) - min(places))
        axes.set_xlim(min(places) - pad, max(places) + pad)
