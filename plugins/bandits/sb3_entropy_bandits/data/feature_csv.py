"""CSV files of songs: an id and ten audio features a line."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sb3_entropy_bandits.data.csv_table import read_table

FEATURES = (
    "acousticness",
    "danceability",
    "energy",
    "instrumentalness",
    "liveness",
    "loudness",
    "mode",
    "speechiness",
    "tempo",
    "valence",
)
RANGE = (-1.0, 2.0)
UNITS = "loudness in dB / 60 + 1, tempo in bpm / 200, all others as Spotify gives them, in [0, 1]"


@dataclass(frozen=True, eq=False)
class Songs:
    """
    :param ids: what names each song: its ``id``, without blanks at its ends
    :param features: shape (N, 10), in the order of ``FEATURES``
    """

    ids: tuple[str, ...]
    features: npt.NDArray[np.float64]


def read_songs(path: Path) -> Songs:
    """
    :param path: a CSV file whose first line names the columns: ``id`` and the ten features, in any order, among others
    :return: its songs, in the order of the lines
    :raises ValueError: if it is no table as :func:`~sb3_entropy_bandits.data.csv_table.read_table` reads them, lacks a
        column or has no song, an id is empty or stands there twice, or a cell is no number within the features' range
    """
    lines: dict[str, int] = {}
    rows: list[list[float]] = []
    explanation = f" Needed are id, {', '.join(FEATURES)}, with {UNITS}."
    for line, cells in read_table(path, ("id", *FEATURES), explanation):
        note_id(lines, cells["id"], path, line)
        rows.append([_number(cells[feature], path, feature, line) for feature in FEATURES])
    if not rows:
        raise ValueError(f"{path} has no songs: a line of column names must be followed by a line a song.")
    return Songs(tuple(lines), np.array(rows))


def note_id(lines: dict[str, int], cell: str, path: Path, line: int) -> str:
    """
    :param lines: on which line each id stands; the song's is put in
    :param cell: its id, perhaps between blanks
    :param path: the file, for messages
    :param line: where in it
    :return: the id without the blanks
    :raises ValueError: if the id is empty, or stands on an earlier line
    """
    song = cell.strip()
    if not song:
        raise ValueError(f"{path}, line {line}, column 'id': the song has none. Give it one, or remove the line.")
    if song in lines:
        raise ValueError(
            f"{path}, line {line}, column 'id': {song!r} stands on line {lines[song]} already (blanks around it do not "
            "count). A song counts once: remove one of the lines."
        )
    lines[song] = line
    return song


def _number(cell: str, path: Path, column: str, line: int) -> float:
    try:
        number = math.nan if "_" in cell else float(cell)  # Python reads 0_1 as 1
    except ValueError:
        number = math.nan
    if not RANGE[0] <= number <= RANGE[1]:
        raise ValueError(
            f"{path}, line {line}, column {column!r}: {cell!r} is not a number between {RANGE[0]:g} and {RANGE[1]:g}. "
            f"The units are {UNITS}. Mend or remove the line."
        )
    return number
