"""The colours of a figure, on light and on dark ground."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """
    Colours as ``#rrggbb``. What is read has a contrast of 4.5 or more with the ground, what is only seen of 2.2.

    :param name: ``"light"`` or ``"dark"``
    :param ground: what the figure lies on
    :param ink: text
    :param faint: text that steps back
    :param grid: lines that are hardly there
    :param marks: lines, dots and bands, one after the other
    :param labels: the same hues for text
    :param outcomes: ``"supported"``, ``"refuted"`` and ``"undecided"``
    """

    name: str
    ground: str
    ink: str
    faint: str
    grid: str
    marks: tuple[str, ...]
    labels: tuple[str, ...]
    outcomes: dict[str, str]

    def mark(self, index: int) -> str:
        """
        :param index: from 0
        :return: the colour of a line; after the last comes the first again
        """
        return self.marks[index % len(self.marks)]

    def label(self, index: int) -> str:
        """
        :param index: from 0
        :return: the colour of a text of the same hue
        """
        return self.labels[index % len(self.labels)]


# Okabe and Ito's palette: told apart by all common forms of colour vision, and in print. On dark ground its light
# blue and orange stand for its blue and vermilion; on light ground text takes darker tones of the same hues.
LIGHT = Theme(
    name="light",
    ground="#FFFFFF",
    ink="#23272E",
    faint="#5F6772",
    grid="#E4E7EB",
    marks=("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D"),
    labels=("#0067A1", "#AD4C00", "#00714F", "#9C3F73", "#855C00", "#1B6B9C", "#4D4D4D"),
    outcomes={"supported": "#00714F", "refuted": "#AD4C00", "undecided": "#4F5B6B"},
)
DARK = Theme(
    name="dark",
    ground="#14171C",
    ink="#E6E9ED",
    faint="#9AA4B1",
    grid="#2B313A",
    marks=("#56B4E9", "#E69F00", "#00B384", "#CC79A7", "#F0E442", "#D55E00", "#B8BEC6"),
    labels=("#6FC0ED", "#EDAE2B", "#1CC398", "#DB98BC", "#F0E442", "#F08A45", "#B8BEC6"),
    outcomes={"supported": "#1CC398", "refuted": "#F08A45", "undecided": "#A3AEBC"},
)
THEMES = {theme.name: theme for theme in (LIGHT, DARK)}
