"""The songs of Starnes et al. 2023 and files of one's own."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bandit_data_files import real_data, write
from sb3_entropy_bandits.data import SpotifyData, load_spotify
from sb3_entropy_bandits.data.feature_csv import FEATURES, read_songs

HEADER = ",".join(("", "id", *FEATURES))


def song(name: str, *values: float) -> str:
    """:return: a line of a CSV file; features that are not given are 0.5"""
    cells = [*map(str, values), *["0.5"] * (10 - len(values))]
    return ",".join(("0", name, *cells))


def lines(*text: str) -> bytes:
    return "\n".join((HEADER, *text, "")).encode()


def own_files(folder: Path) -> Path:
    rock = lines(song("r1", 0.1, 0.2), song("r2", 0.3, 0.8))
    jazz = lines(song("j1", 1.0, -0.25))
    top = lines(song("t1", 0.9), song("t2", 0.7), song("t3", 0.0))
    return write(folder, {"rock.csv": rock, "jazz.csv": jazz, "top50.csv": top, "notes.txt": b"not read"})


def test_genres_are_means_and_songs_are_rows(tmp_path: Path) -> None:
    data = load_spotify(genres=own_files(tmp_path / "mine"))
    assert data.genre_names == ("jazz", "rock")
    assert data.track_names == ("t1", "t2", "t3")
    assert data.feature_names == FEATURES
    np.testing.assert_allclose(data.genres, [[1.0, -0.25, *[0.5] * 8], [0.2, 0.5, *[0.5] * 8]], rtol=1e-15)
    np.testing.assert_array_equal(data.tracks[:, 0], [0.9, 0.7, 0.0])
    with pytest.raises(ValueError, match="read-only"):
        data.genres[0, 0] = 1


def test_files_are_read_once_and_again_when_they_have_changed(tmp_path: Path) -> None:
    genres = own_files(tmp_path / "mine")
    data = load_spotify(genres=genres)
    assert load_spotify(genres=str(genres)) is data
    write(genres, {"rock.csv": lines(song("r1", 0.25, 0.75))})
    again = load_spotify(genres=genres)
    np.testing.assert_allclose(again.genres[1, :2], [0.25, 0.75], rtol=1e-15)
    write(genres, {"spotify_top50.csv": b"id,name\nt1,A song\n"})
    assert load_spotify(genres=genres).track_names == ("A song", "t2", "t3")
    np.testing.assert_allclose(data.genres[1, :2], [0.2, 0.5], rtol=1e-15)


def test_the_order_of_columns_does_not_matter(tmp_path: Path) -> None:
    columns = ("valence", "comment", *reversed(FEATURES[:-1]), "id")
    values = {name: str(i / 10) for i, name in enumerate(FEATURES)} | {"id": "s", "comment": '"a, b"'}
    text = f"\ufeff{','.join(columns)}\r\n{','.join(values[name] for name in columns)}\r\n"
    write(tmp_path, {"a.csv": text.encode()})
    np.testing.assert_array_equal(read_songs(tmp_path / "a.csv").features, [[i / 10 for i in range(10)]])


def test_songs_of_ones_own_and_their_names(tmp_path: Path) -> None:
    genres = own_files(tmp_path / "mine")
    names = b"id,name,artist\n t9,A song,B\n"
    write(tmp_path / "other", {"best.csv": lines(song("t9"), song("t8")), "spotify_top50.csv": names})
    data = load_spotify(genres=genres, top=tmp_path / "other/best.csv")
    assert data.track_names == ("A song", "t8")
    assert data.genre_names == ("jazz", "rock")
    # A file of songs or names that lies among the genres is none of them.
    write(genres, {"best.csv": lines(song("t9")), "spotify_top50.csv": names})
    assert load_spotify(genres=genres, top=genres / "best.csv").genre_names == ("jazz", "rock")
    # Nor does a genre get lost by how its file's name is written.
    write(genres, {"folk.CSV": lines(song("f1"))})
    assert load_spotify(genres=genres, top=genres / "best.csv").genre_names == ("folk", "jazz", "rock")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"rock.csv lacks the column\(s\) id, acousticness, .*; it has none. Needed are id, .*tempo in bpm / 200"),
        (
            HEADER.replace(",mode", "").replace("tempo", "Tempo").encode(),
            r"lacks the column\(s\) mode, tempo; it has .*Tempo",
        ),
        (lines(), r"rock.csv has no songs"),
        (
            lines(song("a"), song("b", 0.1, 0.2, 0.3).replace("0.3", "loud")),
            r"rock.csv, line 3, column 'energy': 'loud' is",
        ),
        (lines(song("a").replace("0.5", "", 1)), r"line 2, column 'acousticness': '' is not a number"),
        (
            lines(song("a").replace("0.5", "nan", 1)),
            r"line 2, column 'acousticness': 'nan' is not a number between -1 and 2",
        ),
        (lines(song("a").replace("0.5", "inf", 1)), r"line 2, column 'acousticness': 'inf'"),
        (lines(song("a")[:-4]), r"line 2, column 'valence': the row ends before it, with 11 cells for 12 columns"),
        # Decimal commas: twenty cells, all of them in range.
        (
            lines(song("a"), song("b").replace("0.5", "0,5")),
            r"rock.csv, line 3: 22 cells, but the header has 12 columns: after the last, 'valence', stands '0'",
        ),
        (lines(f"{song('a')},"), r"line 2: 13 cells, but the header has 12 columns: .* stands ''"),
        (lines(song("a").replace("0.5", '"0,5"', 1)), r"line 2, column 'acousticness': '0,5' is not a number"),
        (lines(song("a").replace("0.5", "0_1", 1)), r"line 2, column 'acousticness': '0_1' is not a number"),
        (
            lines(song("a")).replace(b",valence", b",valence,energy").replace(b"\n0,a", b"\n0.9,a"),
            r"rock.csv, line 1, column 'energy': the name stands more than once, over the columns 5 and 13",
        ),
        (HEADER.replace(",id", ",id,Tempo").encode(), r"line 1, column 'Tempo': .* over the columns 3 and 12"),
        (HEADER.replace(",", ";").encode(), r"lacks the column.* separated by commas, but ';' stands in the header"),
        (lines(song("a"), "", song("b"), song("a")), r"line 5, column 'id': 'a' stands on line 2 already"),
        (lines(song("a"), song("b"), song("a ")), r"rock.csv, line 4, column 'id': 'a' stands on line 2 already"),
        (lines(song(" ")), r"line 2, column 'id': the song has none"),
        # A quotation mark that swallows a song: what is left of the two is a row of the right length.
        (
            lines(song('"a'), song('b"')),
            r"rock.csv, line 2, column 'id': the cell runs on into the next line",
        ),
        (lines(song("a"), song('"b'), song("c")), r"rock.csv, line 3: unexpected end of data. A quotation mark"),
        (lines(song('"a"b')), r"rock.csv, line 2: .* A quotation mark that opens a cell must be closed"),
        (
            lines(song("a"), song("caf\xe9")).decode().encode("latin-1"),
            r"rock.csv, line 3, column 'id': the byte 0xe9 is not UTF-8; in Latin-1 it would be 'é'. Save the file",
        ),
        (lines(song("a")).decode().encode("utf-16"), r"rock.csv, line 1, column 1: the byte 0xff is not UTF-8"),
        (lines(song("a", *[0.5] * 8, 121.0)), r"column 'tempo': '121.0' is not .* tempo in bpm / 200.* Mend or remove"),
        (lines(song("a", *[0.5] * 5, -7.5)), r"column 'loudness': '-7.5' is not .* loudness in dB / 60 \+ 1"),
        (HEADER.encode() + b"\n\xff\xfe", r"rock.csv, line 2, column '': the byte 0xff is not UTF-8"),
    ],
)
def test_a_wrong_cell_is_named_by_file_line_and_column(tmp_path: Path, content: bytes, message: str) -> None:
    genres = own_files(tmp_path)
    write(genres, {"rock.csv": content})
    with pytest.raises(ValueError, match=message):
        load_spotify(genres=genres)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("id,name\nt1,One, or two\n", r"line 2: 3 cells, but the header has 2 columns: after the last, 'name', stands"),
        ("id,name\nt1,One\n\nt1,Two\n", r"line 4, column 'id': 't1' stands on line 2 already"),
        ("id,name\nt1,One\n t1,Two\n", r"spotify_top50.csv, line 3, column 'id': 't1' stands on line 2 already"),
        ("id,title\nt1,One\n", r"spotify_top50.csv lacks the column\(s\) name; it has id, title"),
    ],
)
def test_the_songs_names_are_read_as_strictly(tmp_path: Path, names: str, message: str) -> None:
    genres = own_files(tmp_path)
    write(genres, {"spotify_top50.csv": names.encode()})
    with pytest.raises(ValueError, match=message):
        load_spotify(genres=genres)


def test_what_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SB3_ENTROPY_DATA", raising=False)
    with pytest.raises(
        FileNotFoundError, match=r"No data folder .* spotify/starnes2023/data/<genre>.csv and top50.csv"
    ):
        load_spotify()
    with pytest.raises(FileNotFoundError, match=rf"no genre in {tmp_path}/spotify/starnes2023/data: .*genres='…'"):
        load_spotify(folder=tmp_path)
    (own_files(tmp_path / "mine") / "top50.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"looked for in .*mine/top50.csv, which is not there. .*top='…'"):
        load_spotify(genres=tmp_path / "mine")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("genres", np.zeros((2, 3)), r"genres must be finite numbers of shape \(2, 2\), .* has the shape \(2, 3\)"),
        ("tracks", np.array([[0, np.nan], [1, 2], [np.inf, 0]]), r"tracks must .* and 2 numbers that are not finite"),
        ("track_names", ("a",), r"tracks must be finite numbers of shape \(1, 2\)"),
    ],
)
def test_shapes_are_checked(field: str, value: Any, message: str) -> None:
    given: dict[str, Any] = {
        "genres": np.zeros((2, 2)),
        "tracks": np.ones((3, 2)),
        "genre_names": ("a", "b"),
        "track_names": ("c", "d", "e"),
        "feature_names": ("f", "g"),
    }
    made = SpotifyData(**given)
    given["tracks"][...] = 7  # the caller's own array can be written to, and is another
    np.testing.assert_array_equal(made.tracks, np.ones((3, 2)))
    with pytest.raises(ValueError, match=message):
        SpotifyData(**given | {field: value})


def test_the_papers_genres_are_the_means_that_its_authors_stored() -> None:
    folder = real_data()
    data = load_spotify(folder=folder)
    assert data.genres.shape == (20, 10)
    assert data.tracks.shape == (50, 10)
    with (folder / "spotify/starnes2023/spotify_features.csv").open(newline="") as file:
        _, *rows = csv.reader(file)
    assert data.genre_names == tuple(row[0] for row in rows)
    np.testing.assert_allclose(data.genres, [[float(cell) for cell in row[1:]] for row in rows], rtol=1e-12)
    assert data.track_names[1] == "Cruel Summer"
    assert data.tracks[1, 0] == 0.117
