"""Genres and songs of Spotify, the recommendation task of Starnes, Dereventsov, Webster 2023."""

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sb3_entropy_bandits.data.csv_table import read_table
from sb3_entropy_bandits.data.feature_csv import FEATURES, Songs, note_id, read_songs
from sb3_entropy_bandits.data.folder import data_folder

DIRECTORY = "spotify/starnes2023"
TOP = "top50.csv"
NAMES = "spotify_top50.csv"


@dataclass(frozen=True, eq=False)
class SpotifyData:
    """
    What listeners like, and what can be recommended. The arrays are kept as read-only copies.

    :param genres: row g is the mean of the features over genre g's playlist, shape (G, F)
    :param tracks: row a is the features of song a, an action, shape (A, F)
    :param genre_names: G names, sorted
    :param track_names: A names
    :param feature_names: F names
    :raises ValueError: if the shapes do not fit, or a value is not finite
    """

    genres: npt.NDArray[np.float64]
    tracks: npt.NDArray[np.float64]
    genre_names: tuple[str, ...]
    track_names: tuple[str, ...]
    feature_names: tuple[str, ...]

    def __post_init__(self) -> None:
        for field, names in (("genres", self.genre_names), ("tracks", self.track_names)):
            kept = np.array(getattr(self, field), dtype=np.float64)
            shape = (len(names), len(self.feature_names))
            if kept.shape != shape or not kept.size or not np.isfinite(kept).all():
                not_finite = int((~np.isfinite(kept)).sum())
                raise ValueError(
                    f"{field} must be finite numbers of shape {shape}, a row for each name and a column for each "
                    f"feature, but has the shape {kept.shape} and {not_finite} numbers that are not finite."
                )
            kept.flags.writeable = False
            object.__setattr__(self, field, kept)


def load_spotify(
    *,
    folder: str | os.PathLike[str] | None = None,
    genres: str | os.PathLike[str] | None = None,
    top: str | os.PathLike[str] | None = None,
) -> SpotifyData:
    """
    The songs of the paper, ``<folder>/spotify/starnes2023/data/*.csv``, or one's own.

    A file a genre, ``<genre>.csv``, and ``top50.csv`` with the songs that can be recommended; each with the columns
    ``id`` and the ten features, loudness as dB / 60 + 1 and tempo as bpm / 200, so that all are of the order of 1. The
    names of the songs are read from ``spotify_top50.csv`` (columns ``id`` and ``name``) in the directory of ``top``
    or the one above it; without such a file they are the ids. A process reads files that stay as they are once: it
    gives the same object again.

    :param folder: the data folder; None for the one that the environment variable ``SB3_ENTROPY_DATA`` names
    :param genres: a directory with one's own genre files instead; no data folder is needed then
    :param top: one's own file of songs to recommend; None for ``top50.csv`` in the directory of the genres
    :return: with the files as published: 20 genres, 50 songs, 10 features
    :raises FileNotFoundError: if no folder is given, or a file is not there
    :raises ValueError: if a file lacks a column, or a row does not fit its header; if an id stands twice in it, or a
        cell is no number in range
    """
    if genres is None:
        directory = data_folder(folder, f"{DIRECTORY}/data/<genre>.csv and {TOP}") / DIRECTORY / "data"
    else:
        directory = Path(genres).expanduser().resolve()
    top_file = directory / TOP if top is None else Path(top).expanduser().resolve()
    tables = [file for file in directory.glob("*") if file.suffix.lower() == ".csv"]
    files = [file for file in tables if file.name not in (TOP, NAMES) and file != top_file]
    files.sort(key=lambda file: file.stem)
    if not files:
        raise FileNotFoundError(
            f"There is no genre in {directory}: a file <genre>.csv for each was looked for there. Put them there, or "
            "pass genres='…', a directory with one CSV file a genre."
        )
    if not top_file.is_file():
        raise FileNotFoundError(
            f"The songs to recommend were looked for in {top_file}, which is not there. Put the file there, or pass "
            "top='…', a CSV file with one song a line."
        )
    near = (place / NAMES for place in (top_file.parent, top_file.parent.parent))
    named = next((file for file in near if file.is_file()), None)
    return _read(_as_it_is(top_file), named and _as_it_is(named), *map(_as_it_is, files))


class _File(NamedTuple):
    """A file, and what changes when it is written anew."""

    path: Path
    changed: int
    size: int


def _as_it_is(path: Path) -> _File:
    status = path.stat()
    return _File(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _read(top: _File, names: _File | None, *genres: _File) -> SpotifyData:
    songs = read_songs(top.path)
    means = np.stack([read_songs(file.path).features.mean(axis=0) for file in genres])
    tracks = songs.ids if names is None else _track_names(songs, names.path)
    return SpotifyData(means, songs.features, tuple(file.path.stem for file in genres), tracks, FEATURES)


def _track_names(songs: Songs, file: Path) -> tuple[str, ...]:
    names, lines = {}, dict[str, int]()
    for line, cells in read_table(file, ("id", "name")):
        names[note_id(lines, cells["id"], file, line)] = cells["name"]
    return tuple(names.get(song) or song for song in songs.ids)
