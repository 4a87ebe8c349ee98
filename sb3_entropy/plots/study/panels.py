"""Which arms share a panel: one panel an environment and value of what else was swept."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from sb3_entropy.plots.settings import settings_text, short, text_of
from sb3_entropy.plots.study.figure_data import ArmData, FigureData

MAX_PANELS = 24
MAX_LINES = 14
MAX_VALUES = 6
MOST_AT_ENDS = 4


@dataclass(frozen=True)
class Line:
    """
    One arm, or one arm at several values, in a panel.

    :param label: what tells it from the others in its panel
    :param colour: index into the theme's colours
    :param dash: index of the dash pattern; 0 is a full line
    :param arms: one, or one a value of what varies within the panel
    """

    label: str
    colour: int
    dash: int
    arms: tuple[ArmData, ...]


@dataclass(frozen=True)
class Panel:
    """
    :param environment: the environment's id
    :param title: what tells this panel from the others; may be empty
    :param lines: in the study's order
    """

    environment: str
    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Grid:
    """
    :param panels: row by row
    :param columns: how many stand in a row
    :param note: what was left out, if anything
    """

    panels: tuple[Panel, ...]
    columns: int
    note: str = ""

    @property
    def size(self) -> tuple[float, float]:
        """:return: width and height of a figure, in inches"""
        if len(self.panels) <= 1:
            return 7.2, 4.3
        return min(3.35 * self.columns + 0.6, 10.6), 2.3 * self.rows + 1.4

    @property
    def panel_height(self) -> float:
        """:return: about the height of a panel, in inches"""
        return 3.0 if len(self.panels) <= 1 else 1.75

    @property
    def names(self) -> dict[str, tuple[int, int]]:
        """:return: index of colour and of dash pattern by a line's label"""
        return {line.label: (line.colour, line.dash) for panel in self.panels for line in panel.lines}

    @property
    def names_at_ends(self) -> bool:
        """:return: whether the names are few and short enough to stand at the lines' ends"""
        longest = 40 if len(self.panels) <= 1 else 14
        return len(self.names) <= MOST_AT_ENDS and max(map(len, self.names), default=0) <= longest

    @property
    def rows(self) -> int:
        """:return: how many rows"""
        return -(-len(self.panels) // self.columns) if self.panels else 0


def arrange(data: FigureData, facet: Sequence[str] | None = None, within: Sequence[str] = ()) -> Grid:
    """
    :param data: a study's data
    :param facet: the swept hyperparameters of which every value has its own panel; if ``None``, those that more than
        one arm sweeps, and those of many values
    :param within: hyperparameters that vary along a line
    :return: the panels. An arm that lacks a hyperparameter stands in the panels of all its values
    :raises ValueError: if ``facet`` names what is not swept
    """
    keys = [key for key in _shared(data) if key not in within] if facet is None else list(facet)
    data.check_swept(keys)
    values = [data.values_of(key) for key in keys]
    environments, groups = data.environments, data.groups
    # The first hyperparameter runs along a row.
    wanted_ones = [dict(zip(reversed(keys), each, strict=True)) for each in itertools.product(*reversed(values))]
    panels: list[Panel] = []
    for environment, wanted in itertools.product(environments, wanted_ones):
        arms = [arm for arm in data.arms if arm.environment == environment]
        shown = [arm for arm in arms if all(arm.settings.get(k, v) == v for k, v in wanted.items())]
        if not any(wanted.keys() <= arm.settings.keys() for arm in shown):
            continue
        title = [environment] if len(environments) > 1 else []
        title += [f"{short(key)} = {text_of(wanted[key])}" for key in keys]
        panels.append(Panel(environment, ", ".join(title), _lines(shown, groups, {*keys, *within})))
        if len(panels) == MAX_PANELS:
            break
    complete = [arm for arm in data.arms if set(keys) <= arm.settings.keys()]
    total = len({(arm.environment, *(str(arm.settings[key]) for key in keys)) for arm in complete})
    lines = max((len(panel.lines) for panel in panels), default=0)
    columns = len(values[0]) if values and len(values[0]) <= 4 else min(3, len(panels) or 1)
    notes = []
    if total > len(panels):
        notes.append(f"the first {len(panels)} of {total} panels")
    if lines > MAX_LINES:
        notes.append(f"the first {MAX_LINES} of {lines} arms")
    kept = tuple(Panel(p.environment, p.title, p.lines[:MAX_LINES]) for p in panels)
    return Grid(kept, columns, " and ".join(notes))


def _shared(data: FigureData) -> list[str]:
    """A hyperparameter that one arm alone sweeps makes lines rather than panels, if they are few."""
    varied = {
        key: sum(
            len({str(a.settings[key]) for a in data.arms if a.group == g and key in a.settings}) > 1
            for g in data.groups
        )
        for key in data.swept
    }
    return [key for key, groups in varied.items() if groups > 1 or len(data.values_of(key)) > MAX_VALUES]


def _lines(arms: Sequence[ArmData], groups: Sequence[str], fixed: set[str]) -> tuple[Line, ...]:
    together: dict[tuple[str, str], list[ArmData]] = {}
    for arm in arms:
        others = {key: value for key, value in arm.settings.items() if key not in fixed}
        together.setdefault((arm.group, settings_text(others)), []).append(arm)
    several = {group for group in groups if sum(group == name for name, _ in together) > 1}
    one_a_group = not several
    lines = []
    for index, ((group, rest), members) in enumerate(together.items()):
        number = groups.index(group) if one_a_group else index
        label = f"{group}, {rest}" if group in several and rest else group
        lines.append(Line(label, number, number // 7, tuple(members)))
    return tuple(lines)
