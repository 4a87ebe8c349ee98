"""Soft and plain Q over the actions, in a few states (Zhang et al. 2025)."""

from matplotlib.figure import Figure

from sb3_entropy.landscape.q.found import QLandscape
from sb3_entropy.plots.landscape.layout import MOST_PANELS, key_below
from sb3_entropy.plots.landscape.q_lines import draw_lines, line_handles
from sb3_entropy.plots.landscape.q_maps import draw_maps
from sb3_entropy.plots.landscape.q_marks import handles
from sb3_entropy.plots.style import describe, new_figure
from sb3_entropy.plots.theme import Theme

#: heights of a row, and widths of a panel, of maps and of lines, in inches
ROWS, COLUMNS = {2: 2.85, 1: 2.15}, {2: 3.15, 1: 4.9}


def draw(found: QLandscape, theme: Theme) -> Figure:
    """
    :param found: a landscape
    :param theme: the colours
    :return: a row for each state: of maps plain, soft and their difference, of lines both in one panel and their
        difference; without soft critics plain Q alone, one panel a state
    :raises ValueError: if there are more states than fit on a figure
    """
    count, n_axes = len(found.states), found.planes.n_axes
    if count > MOST_PANELS:
        raise ValueError(
            f"A figure shows 1 to {MOST_PANELS} states, but {count} were given. Draw them in several figures."
        )
    beside = 1 if found.soft is None else n_axes + 1
    columns = min(2 if n_axes == 1 or count == 4 else 3, count) if found.soft is None else beside
    rows = -(-count // columns) if found.soft is None else count
    title, subtitle = title_of(found), _subtitle(found)
    width = max(COLUMNS[n_axes] * columns + 0.3, 7.2)
    figure = new_figure(width, ROWS[n_axes] * rows + 0.9, theme, title, subtitle)
    axes = figure.subplots(rows, columns, squeeze=False)
    for unused in axes.ravel()[count * beside :]:
        unused.set_visible(False)
    drawn, names = handles(found, theme)
    if n_axes == 2:
        draw_maps(figure, axes, found, theme)
    else:
        draw_lines(axes, found, theme)
        lines, of_lines = line_handles(found, theme)
        drawn, names = [*lines, *drawn], [*of_lines, *names]
    key_below(figure, drawn, names, theme)
    return describe(figure, f"{title} {' '.join(found.sentences()[:count])}")


def title_of(found: QLandscape) -> str:
    """
    :param found: a landscape
    :return: whose it is, of which α, and what has to be said with it
    """
    what = "plain Q" if found.soft is None else f"plain Q and soft Q at α = {found.soft.ent_coef:.3g}"
    title = " ".join([f"{found.name}: {what} over the actions.", *found.remarks])
    # No line ends within an equation.
    return title.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")


def _subtitle(found: QLandscape) -> str:
    parts = [
        "Q less its greatest value" if found.soft is None else "Q less its greatest value; the difference less its mean"
    ]
    if found.planes.n_axes == 1 and found.plain.spread[0, 0] == found.plain.spread[0, 0]:
        parts.append("bands: ± the standard deviation of critics, of the shape")
    if found.density is not None and found.planes.n_axes == 2:
        parts.append("lines: where 50 % and, dashed, 90 % of the policy's mass lie")
    if found.far is not None and found.far.any():
        parts.append("hatched: far from the data of the critics")
    return "; ".join(parts)
