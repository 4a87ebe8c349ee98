"""Each arm's score: every run as a dot, the estimate with its interval."""

from typing import Literal

import numpy as np
from matplotlib.figure import Figure

from sb3_entropy.plots.study.estimates import drawn_estimates, in_words, interval_words
from sb3_entropy.plots.study.figure_data import ArmData, FigureData
from sb3_entropy.plots.style import (
    add_note,
    describe,
    dress,
    frame,
    label_axis,
    new_figure,
    nothing_to_draw,
    number_axis,
)
from sb3_entropy.plots.theme import Theme
from sb3_entropy.registry import FIGURES

MAX_ROWS = 40
_MANY_DOTS = 1500
_MAX_ENVIRONMENTS = 12


@FIGURES.register("scores")
def draw(
    data: FigureData,
    theme: Theme,
    *,
    measure: str | None = None,
    statistic: Literal["mean", "iqm", "median"] | None = None,
) -> Figure:
    """
    One panel an environment, one row an arm.

    :param data: the study's data
    :param theme: the colours
    :param measure: the measure's name; the study's first if ``None``
    :param statistic: what the runs are summarised by; the study's if ``None``
    :return: the figure
    :raises ValueError: if the study has no such measure
    """
    info = data.measure(measure)
    title = info.description.rstrip(".")
    scored = [arm for arm in data.arms if np.isfinite(arm.scores.get(info.key, np.array([]))).any()]
    if not scored:
        return nothing_to_draw(theme, title, "No finished run has this score yet.")
    environments = [env for env in data.environments if any(arm.environment == env for arm in scored)]
    labels = list(dict.fromkeys(arm.label for arm in scored))
    shown, drawn_in = labels[:MAX_ROWS], environments[:_MAX_ENVIRONMENTS]
    chosen = statistic or data.statistic
    subtitle = f"a dot a run; {interval_words(chosen, data.level, {arm.scored(info.key) for arm in scored})}"
    if len(shown) < len(labels) or len(drawn_in) < len(environments):
        subtitle += f"; the first {len(shown)} of {len(labels)} arms"
    columns = min(3, len(drawn_in))
    rows = -(-len(drawn_in) // columns)
    width = {1: 7.2, 2: 9.0, 3: 10.6}[columns]
    figure = new_figure(width, rows * (0.27 * len(shown) + 0.75) + 0.75, theme, title, subtitle)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for unused in panels[len(drawn_in) :]:
        unused.set_visible(False)
    said = []
    cut = False
    for axes, environment in zip(panels, drawn_in, strict=False):
        arms = [arm for arm in scored if arm.environment == environment and arm.label in shown]
        estimates = drawn_estimates(
            [arm.scores[info.key] for arm in arms], chosen, data.level, data.seed, info.yes_or_no
        )
        for arm, estimate in zip(arms, estimates, strict=True):
            row = shown.index(arm.label)
            index = data.groups.index(arm.group)
            dots = _dots(arm, info.key)
            axes.plot(
                dots,
                row + _jitter(len(dots)),
                "o",
                color=theme.mark(index),
                alpha=0.45,
                markersize=3.6,
                markeredgewidth=0,
                rasterized=len(dots) * len(arms) > _MANY_DOTS,
            )
            axes.plot([estimate.low, estimate.high], [row, row], color=theme.ink, linewidth=1.8, solid_capstyle="butt")
            axes.plot(estimate.value, row, "D", color=theme.ink, markersize=5, markeredgewidth=0)
            said.append(f"{arm.label} in {environment} {in_words(estimate)}")
        dress(axes, theme, environment if len(environments) > 1 else "", grid="x")
        number_axis(axes, "x", 4 if columns > 1 else 6)
        ends = np.array([end for estimate in estimates for end in (estimate.low, estimate.high)])
        left, right, beyond = frame(np.concatenate([arm.scores[info.key] for arm in arms]), ends)
        axes.set_xlim(left, right)
        cut = cut or beyond
        axes.set_yticks(range(len(shown)), shown)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        label_axis(axes, theme, x=info.unit or info.key.replace("_", " "))
    if cut:
        add_note(figure, "intervals are cut at the frame")
    return describe(figure, f"{title}: {subtitle}. " + "; ".join(said[:12]) + ".")


def _dots(arm: ArmData, measure: str) -> np.ndarray:
    values = arm.scores[measure]
    return np.asarray(values[np.isfinite(values)])


def _jitter(n: int) -> np.ndarray:
    """Heights that part dots of equal score, shape (n,): the same every time."""
    return (np.arange(n) * 0.618034 % 1 - 0.5) * (0.36 if n > 1 else 0.0)
