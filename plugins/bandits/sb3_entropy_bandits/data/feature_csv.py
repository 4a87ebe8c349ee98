"""CSV files of songs: an id and ten audio features a line."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

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
    :param ids: what names each song: its ``id``
    :param features: shape (N, 10), in the order of ``FEATURES``
    """

    ids: tuple[str, ...]
    features: npt.NDArray[np.float64]


def read_songs(path: Path) -> Songs:
    """
    :param path: a CSV file whose first line names the columns: ``id`` and the ten features, in any order, among others
    :return: its songs, in the order of the lines
    :raises ValueError: if it lacks a column or has no song, or a cell is no number within the features' range
    """
    ids: list[str] = []
    rows: list[list[float]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            _check_header(path, reader.fieldnames or ())
            for cells in reader:
                ids.append(cells["id"] or "")
                rows.append([_number(cells[feature], path, feature, reader.line_num) for feature in FEATURES])
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is not a CSV file in UTF-8: {error}. Save it as such.") from error
    if not rows:
        raise ValueError(f"{path} has no songs: a line of column names must be followed by a line a song.")
    return Songs(tuple(ids), np.array(rows))


def _check_header(path: Path, found: Sequence[str]) -> None:
    missing = [column for column in ("id", *FEATURES) if column not in found]
    if missing:
        raise ValueError(
            f"{path} lacks the column(s) {', '.join(missing)}; it has {', '.join(found) or 'none'}. Needed are id, "
            f"{', '.join(FEATURES)}, with {UNITS}."
        )


def _number(cell: str | None, path: Path, column: str, line: int) -> float:
    try:
        number = float(cell if cell is not None else "")
    except ValueError:
        number = math.nan
    if not RANGE[0] <= number <= RANGE[1]:
        raise ValueError(
            f"{path}, line {line}, column {column!r}: {cell!r} is not a number between {RANGE[0]:g} and {RANGE[1]:g}. "
            f"The units are {UNITS}. Mend or remove the line."
        )
    return number
