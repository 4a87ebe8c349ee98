"""Tables of OpenML, without OpenML: scikit-learn's own client, answered by hand."""

import gzip
import io
import json
import time
from email.message import Message
from hashlib import md5
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request
from urllib.response import addinfourl

import numpy as np
import pytest
from sb3_entropy_bandits.data import load_classification, tabular

URLOPEN = "sklearn.datasets._openml.urlopen"


def arff(towns: tuple[str, ...] = ("Ulm", "Bern"), grades: tuple[str, ...] = ("good", "bad", "bad")) -> str:
    """:return: twelve rows, whose towns and grades take turns"""
    rows = "".join(f"{i}.5,{towns[i % len(towns)]},{grades[i % len(grades)]}\n" for i in range(12))
    attributes = f"size REAL\n@ATTRIBUTE town {{{','.join(towns)}}}\n@ATTRIBUTE grade {{{','.join(set(grades))}}}"
    return f"@RELATION towns\n@ATTRIBUTE {attributes}\n@DATA\n{rows}"


def feature(index: int, name: str, kind: str, is_target: bool) -> dict[str, str]:
    flags = {"is_target": str(is_target).lower(), "is_ignore": "false", "is_row_identifier": "false"}
    return {"index": str(index), "name": name, "data_type": kind, "number_of_missing_values": "0", **flags}


class OpenML:
    """What openml.org would answer for the table above, with the id 7 and the name "towns"."""

    def __init__(self, targets: tuple[str, ...] = ("grade",), content: str = arff()) -> None:
        kinds = {"size": "numeric", "town": "nominal", "grade": "nominal"}
        features = [feature(i, name, kind, name in targets) for i, (name, kind) in enumerate(kinds.items())]
        description = {
            "id": "7",
            "name": "towns",
            "description": "Twelve towns.",
            "version": "1",
            "format": "ARFF",
            "status": "active",
            "url": "https://www.openml.org/data/v1/download/7/towns.arff",
            "md5_checksum": md5(content.encode(), usedforsecurity=False).hexdigest(),
        }
        found = {"did": 7, "name": "towns", "version": 1, "status": "active"}
        size = {"name": "NumberOfInstances", "value": "12.0"}
        api = "https://www.openml.org/api/v1/json/data"
        self.asked: list[str] = []
        self.answers = {
            f"{api}/list/data_name/towns/limit/2/status/active/": json.dumps({"data": {"dataset": [found]}}),
            f"{api}/7": json.dumps({"data_set_description": description}),
            f"{api}/features/7": json.dumps({"data_features": {"feature": features}}),
            f"{api}/qualities/7": json.dumps({"data_qualities": {"quality": [size]}}),
            description["url"]: content,
        }

    def __call__(self, request: Request, *_: Any, **__: Any) -> addinfourl:
        url = request.full_url
        self.asked.append(url)
        if url not in self.answers:
            raise HTTPError(url, 412, "Precondition failed", Message(), io.BytesIO())
        return addinfourl(io.BytesIO(self.answers[url].encode()), Message(), url, 200)


@pytest.mark.parametrize("openml", [7, "towns"])
def test_a_table_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, openml: int | str) -> None:
    server = OpenML()
    monkeypatch.setattr(URLOPEN, server)
    folder = tmp_path / "not yet there"
    data = tabular(openml=openml, folder=folder, test_share=0.25, standardise=False)
    assert data.name == f"openml {openml}"
    assert len(data.x_train) + len(data.x_test) == 12
    for x, y in ((data.x_train, data.y_train), (data.x_test, data.y_test)):
        row = (x[:, 0] - 0.5).astype(int)
        np.testing.assert_array_equal(x[:, 1], row % 2 == 1)  # town=Bern
        np.testing.assert_array_equal(x[:, 2], row % 2 == 0)  # town=Ulm
        np.testing.assert_array_equal(y, np.array([1, 0, 0])[row % 3])  # good is the second in sorted order
    n_asked = len(server.asked)
    assert list(folder.iterdir()) == [folder / "openml"]
    again = tabular(openml=openml, folder=folder, test_share=0.25)
    assert len(server.asked) == n_asked
    assert again.x_train.std(axis=0) == pytest.approx(1, rel=1e-6)
    monkeypatch.setenv("SB3_ENTROPY_DATA", str(folder))
    assert load_classification("tabular", openml=openml) is load_classification("tabular", openml=openml)


def test_another_target_and_tables_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(URLOPEN, OpenML(targets=()))
    assert tabular(openml=7, target="town", folder=tmp_path).x_train.shape[1] == 3
    with pytest.raises(ValueError, match=r"OpenML's 7 has 0 target columns \(\), but one is needed: pass target='…'"):
        tabular(openml=7, folder=tmp_path)
    with pytest.raises(
        ValueError, match=r"no table for 7 with the target 'twon': .*pass its id, and one of its columns"
    ):
        tabular(openml=7, target="twon", folder=tmp_path)


def test_nominal_values_that_are_numbers_or_truth_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On these scikit-learn's reading by pandas fails (34892)."""
    monkeypatch.setattr(URLOPEN, OpenML(content=arff(("TRUE", "FALSE"), ("10", "2", "1"))))
    data = tabular(openml=7, folder=tmp_path, standardise=False)
    row = (data.x_train[:, 0] - 0.5).astype(int)
    np.testing.assert_array_equal(data.x_train[:, 1:], np.eye(2)[1 - row % 2])  # town=FALSE, town=TRUE
    np.testing.assert_array_equal(data.y_train, np.array([2, 1, 0])[row % 3])  # 10 comes after 2
    monkeypatch.setattr(URLOPEN, OpenML(content=arff(("10", "2", "01"), ("5%", "5"))))
    data = tabular(openml=7, folder=tmp_path / "other", standardise=False)
    row = (data.x_train[:, 0] - 0.5).astype(int)
    np.testing.assert_array_equal(data.x_train[:, 1:], np.eye(3)[np.array([1, 2, 0])[row % 3]])  # as texts: 01, 10, 2
    np.testing.assert_array_equal(data.y_train, (row + 1) % 2)  # and the sign counts


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            "0.5,Ulm,good,7",
            r"not as it declares itself: BadDataFormat: .*instance format: 0.5,Ulm,good,7. Take another",
        ),
        ("0.5,Ulm", r"BadDataFormat: .*: 0.5,Ulm. Take"),
        ("0.5,Ulm,", r"lacks values in 'grade' \(1\)"),
        ("0.5,Genf,good", r"BadNominalValue: Data value Genf not found in nominal declaration. Take"),
        ("half,Ulm,good", r"BadNumericalValue: Invalid numerical value. Take"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid cache, redownloading file:RuntimeWarning")
def test_a_row_that_is_not_as_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str, message: str
) -> None:
    monkeypatch.setattr(URLOPEN, OpenML(content=arff().replace("0.5,Ulm,good", wrong, 1)))
    with pytest.raises(ValueError, match=message):
        tabular(openml=7, folder=tmp_path)


@pytest.mark.parametrize(
    ("declared", "found", "message"),
    [
        ("@DATA", "", r"BadLayout: Invalid layout"),
        (arff().partition("@DATA\n")[2], "", r"StopIteration: it has no rows. Take"),
        ("grade {", "mark {", r"KeyError: 'grade'. Take"),
        ("{Ulm,Bern}", "{}", r"IndexError: list index out of range. Take"),
        ("0.5,Ulm", r"0.5,'U\q'", r"ValueError: Unsupported escape sequence"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid cache, redownloading file:RuntimeWarning")
def test_a_file_that_is_not_as_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: str, found: str, message: str
) -> None:
    monkeypatch.setattr(URLOPEN, OpenML(content=arff().replace(declared, found, 1)))
    with pytest.raises(ValueError, match=f"The file of OpenML's 7 is not as it declares itself: {message}"):
        tabular(openml=7, folder=tmp_path)


@pytest.mark.filterwarnings("ignore:Invalid cache, redownloading file:RuntimeWarning")
def test_a_file_that_was_cut_short_or_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(arff().encode())
    for content, fault in ((packed[:-20], "EOFError"), (b"no gzip file", "BadGzipFile")):
        server, header = OpenML(), Message()
        header["Content-Encoding"] = "gzip"

        def answer(
            request: Request, *_: Any, server: OpenML = server, header: Message = header, content: bytes = content
        ) -> addinfourl:
            if request.full_url.endswith(".arff"):
                return addinfourl(io.BytesIO(content), header, request.full_url, 200)
            return server(request)

        monkeypatch.setattr(URLOPEN, answer)
        with pytest.raises(ValueError, match=f"not as it declares itself: {fault}: "):
            tabular(openml=7, folder=tmp_path / fault)


@pytest.mark.parametrize("fault", [MemoryError("too large"), KeyError("ours"), RuntimeError("ours"), StopIteration()])
def test_a_fault_that_is_not_the_files_is_told_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def faulty(**_: Any) -> None:
        raise fault

    monkeypatch.setattr("sklearn.datasets.fetch_openml", faulty)
    with pytest.raises(type(fault)) as caught:
        tabular(openml=7, folder=tmp_path)
    assert caught.value is fault


def test_what_openml_does_not_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(URLOPEN, OpenML())
    with pytest.raises(
        ValueError, match=r"OpenML gives no table for 'twons': No active dataset twons found. Look it up"
    ):
        tabular(openml="twons", folder=tmp_path)


def test_without_a_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(URLOPEN, unreachable)
    monkeypatch.setattr(time, "sleep", lambda _: None)  # scikit-learn tries three times, a second apart
    message = r"OpenML's 'iris' could not be fetched: .*no route.*kept in .*openml. Without a connection, .*frame=…"
    with (
        pytest.warns(UserWarning, match="A network error occurred"),
        pytest.raises(ConnectionError, match=message),
    ):
        tabular(openml="iris", folder=tmp_path)


def test_without_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SB3_ENTROPY_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match=r"No data folder is given to look for openml/, where 'iris' is kept"):
        tabular(openml="iris")
