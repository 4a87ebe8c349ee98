"""The comparisons that decide the study: each difference with its interval, the margin, and what follows."""

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sb3_entropy.plots.study.estimates import FEWEST_DRAWN, in_words
from sb3_entropy.plots.study.figure_data import Comparison, FigureData
from sb3_entropy.plots.style import describe, dress, label_axis, new_figure, nothing_to_draw, number_axis
from sb3_entropy.plots.theme import Theme
from sb3_entropy.registry import FIGURES

MAX_ROWS = 40
#: letters of a label in one line; an interaction names four arms
MAX_LETTERS = 60
_SIGNS = {"supported": "●", "refuted": "✕", "undecided": "○"}
_MARKERS = {"supported": "o", "refuted": "X", "undecided": "o"}


@FIGURES.register("differences")
def draw(data: FigureData, theme: Theme, *, criteria: list[str] | None = None, also: bool = True) -> Figure:
    """
    A forest plot: one panel a criterion, one row a comparison.

    :param data: the study's data
    :param theme: the colours
    :param criteria: the names of those to draw; all if ``None``
    :param also: whether those that decide nothing are drawn too if ``criteria`` is ``None``
    :return: the figure
    :raises ValueError: if there is no such criterion
    """
    title = "Treatment − control"
    names = list(dict.fromkeys(comparison.criterion for comparison in data.comparisons))
    unknown_names = [name for name in criteria or [] if name not in names]
    if unknown_names and names:
        raise ValueError(f"The study has no criterion {unknown_names[0]!r}. It has: {', '.join(names)}.")
    shown = [
        (name, [c for c in data.comparisons if c.criterion == name and c.difference is not None])
        for name in (criteria or dict.fromkeys(c.criterion for c in data.comparisons if c.decides or also))
    ]
    kept = [(name, rows[:MAX_ROWS], len(rows)) for name, rows in shown if rows]
    if not kept:
        return nothing_to_draw(theme, title, "No comparison has runs on both sides yet.")
    subtitle = f"on shared seeds, with {100 * data.level:g} % intervals; dotted: the margin; grey: decides nothing"
    if all(c.decides for _, rows, _ in kept for c in rows):
        subtitle = subtitle.removesuffix("; grey: decides nothing")
    few = [_few(c) for _, rows, _ in kept for c in rows]
    if all(few):
        subtitle = subtitle.replace(
            f"with {100 * data.level:g} % intervals", "a small dot a pair, too few for intervals"
        )
    elif any(few):
        subtitle += f"; of fewer than {FEWEST_DRAWN} pairs a small dot each instead of an interval"
    heights = [len(rows) * _height(rows, data) for _, rows, _ in kept]
    figure = new_figure(8.6, 0.30 * sum(heights) + 0.95 * len(kept) + 0.7, theme, title, subtitle)
    panels = figure.subplots(len(kept), 1, squeeze=False, height_ratios=[height + 1.2 for height in heights])
    for axes, (name, rows, total) in zip(panels.ravel(), kept, strict=True):
        heading = name if total == len(rows) else f"{name}: the first {len(rows)} of {total} comparisons"
        _draw_criterion(axes, heading, rows, theme, data)
    said = "; ".join(_in_words(c) for _, rows, _ in kept for c in rows[:8])
    return describe(figure, f"{title}: {subtitle}. {said}.")


def _draw_criterion(axes: Axes, heading: str, rows: list[Comparison], theme: Theme, data: FigureData) -> None:
    ends = []
    margins: set[float] = set()
    for row, comparison in enumerate(rows):
        difference = comparison.difference
        assert difference is not None
        colour = theme.outcomes.get(comparison.outcome, theme.faint) if comparison.decides else theme.faint
        pairs = _pairs(comparison, data) if _few(comparison) else np.empty(0)
        if _few(comparison):
            axes.plot(pairs, np.full(len(pairs), row), "o", color=colour, alpha=0.45, markersize=3.6, markeredgewidth=0)
        else:
            axes.plot([difference.low, difference.high], [row, row], color=colour, linewidth=1.9, solid_capstyle="butt")
            ends += [difference.low, difference.high]
        hollow = comparison.decides and comparison.outcome == "undecided"
        axes.plot(
            difference.value,
            row,
            _MARKERS.get(comparison.outcome, "o") if comparison.decides else "o",
            markersize=6.5,
            markeredgewidth=1.4 if hollow else 0.4,
            markerfacecolor=theme.ground if hollow else colour,
            markeredgecolor=colour,
        )
        axes.annotate(
            f"{_SIGNS.get(comparison.outcome, '')} {comparison.outcome}" if comparison.decides else "",
            (1, row),
            xycoords=("axes fraction", "data"),
            xytext=(8, 0),
            textcoords="offset points",
            fontsize=8.5,
            color=colour,
            fontweight="bold",
            va="center",
            annotation_clip=False,
        )
        ends += [difference.value, *pairs]
        margins.update(comparison.margins)
    finite = [value for value in ends if np.isfinite(value)] + [0.0]
    span = max(finite) - min(finite) or 1.0
    axes.axvline(0, color=theme.faint, linewidth=0.9, zorder=0)
    for margin in margins - {0.0}:
        # A margin far outside the data would squeeze it.
        if min(finite) - 0.5 * span <= margin <= max(finite) + 0.5 * span:
            axes.axvline(margin, color=theme.faint, linewidth=1.1, linestyle=(0, (1, 2)), zorder=0)
            finite.append(margin)
    pad = 0.06 * (max(finite) - min(finite) or 1.0)
    dress(axes, theme, heading, grid="x")
    axes.set_xlim(min(finite) - pad, max(finite) + pad)
    number_axis(axes, "x", 6)
    axes.set_yticks(range(len(rows)), [_label(c, data) for c in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    unit = f" ({rows[0].unit})" if rows[0].unit else ""
    label_axis(axes, theme, x=f"difference in {rows[0].measure.replace('_', ' ')}{unit}")


def _few(comparison: Comparison) -> bool:
    return comparison.difference is not None and comparison.difference.n < FEWEST_DRAWN


def _pairs(comparison: Comparison, data: FigureData) -> np.ndarray:
    """Treatment − control on each shared seed; none for environments that are put together."""
    both = [
        dict(zip(arm.seeds.tolist(), arm.scores.get(comparison.measure, []), strict=True))
        for label in (comparison.treatment, comparison.control)
        for arm in data.arms
        if (arm.label, arm.environment) == (label, comparison.environment) and comparison.measure in arm.scores
    ]
    if len(both) < 2:
        return np.empty(0)
    found = np.array([both[0][seed] - both[1][seed] for seed in both[0].keys() & both[1].keys()])
    return np.asarray(found[np.isfinite(found)])


def _height(rows: list[Comparison], data: FigureData) -> float:
    """:return: of a row, where one of a single line has 1"""
    return max(1 + 0.6 * _label(comparison, data).count("\n") for comparison in rows)


def _label(comparison: Comparison, data: FigureData) -> str:
    treatment, control, shared = data.pair(comparison.treatment, comparison.control)
    pair = f"{treatment} − {control}" + (f"  ({shared})" if shared else "")
    several = len(data.environments) > 1 or comparison.environment == "all"
    label = f"{comparison.environment}:  {pair}" if several else pair
    if len(label) <= MAX_LETTERS:
        return label
    return textwrap.fill(label, MAX_LETTERS, break_long_words=False, break_on_hyphens=False)


def _in_words(comparison: Comparison) -> str:
    assert comparison.difference is not None
    pair = f"{comparison.treatment} minus {comparison.control} in {comparison.environment}"
    return f"{pair}: {in_words(comparison.difference)}, {comparison.outcome}"
