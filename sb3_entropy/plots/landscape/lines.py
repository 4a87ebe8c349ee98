"""Names of lines: at their ends where these are few and short, else below the panel."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sb3_entropy.plots.landscape.layout import key_below
from sb3_entropy.plots.style import DASHES, name_ends
from sb3_entropy.plots.theme import Theme

MOST_AT_ENDS, LONGEST = 5, 16


def name_lines(figure: Figure, axes: Axes, ends: Sequence[tuple[float, str, str]], theme: Theme) -> None:
    """
    :param figure: the figure
    :param axes: its panel, whose limits are set
    :param ends: where each line ends on the y axis, its name and the name's colour; names may be empty
    :param theme: the colours
    """
    names = [name for _, name, _ in ends]
    if not any(names):
        return
    if len(ends) <= MOST_AT_ENDS and max(map(len, names)) <= LONGEST:
        name_ends(axes, ends, 3.0)
        return
    handles = [
        Line2D([], [], color=theme.mark(number), linestyle=DASHES[number // 7 % len(DASHES)], linewidth=2)
        for number in range(len(ends))
    ]
    key_below(figure, handles, names, theme)
