"""A study as files, and back."""

import json
import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pandas
import pytest

from sb3_entropy.store import Member, Store, StoreError, StoreFull, export_study, import_study

from .examples import edge_runs, files, make_member, make_run

FILES = ["curves.csv", "definitions.json", "runs.csv"]


@pytest.fixture
def store() -> Iterator[Store]:
    """A study with finished, failed and missing runs, unusual ones, and one in two places."""
    with Store(":memory:") as store:
        members = [make_member(i) for i in range(4)]
        members += [Member("study", "odd, αrm", "e", i, run.run_id) for i, run in enumerate(edge_runs())]
        members += [Member("study", "again", "e", 1, "run0001"), Member("study", "odd, αrm", "e", -7, "absent")]
        store.set_members("study", members)
        store.record_all([make_run(0), make_run(1), make_run(3, "failed"), *edge_runs()])
        yield store


def test_an_import_is_the_exact_inverse(store: Store, tmp_path: Path) -> None:
    written = export_study(store, "study", tmp_path / "deep" / "study")
    assert sorted(path.name for path in written) == sorted(files(tmp_path / "deep" / "study")) == FILES
    assert all(path.parent == tmp_path / "deep" / "study" for path in written)
    with Store(tmp_path / "new.sqlite") as other:
        assert import_study(other, tmp_path / "deep" / "study") == "study"
        assert other.content("study") == store.content("study")
        assert other.members("study") == store.members("study")
        for (_, a), (_, b) in zip(store.runs("study"), other.runs("study"), strict=True):
            assert (a and a.recorded) == (b and b.recorded)
        export_study(other, "study", tmp_path / "again")
    assert files(tmp_path / "again") == files(tmp_path / "deep" / "study")


def test_another_export_replaces_the_files_and_nothing_else(store: Store, tmp_path: Path) -> None:
    export_study(store, "study", tmp_path)
    (tmp_path / "README").write_text("mine")
    first = files(tmp_path)
    export_study(store, "study", tmp_path)
    assert files(tmp_path) == first
    store.record(make_run(2))
    export_study(store, "study", tmp_path)
    assert {name for name, data in files(tmp_path).items() if data != first[name]} == set(FILES)
    assert len(list(tmp_path.iterdir())) == 4


def test_definitions_are_shared_and_have_no_seed(tmp_path: Path) -> None:
    with Store(":memory:") as store:
        store.set_members("study", [make_member(i) for i in range(5)])
        store.record_all([*(make_run(i) for i in range(4)), replace(make_run(4), definition={"seed": 4, "other": 1})])
        export_study(store, "study", tmp_path)
    definitions = json.loads((tmp_path / "definitions.json").read_text())["definitions"]
    assert [entry["definition"] for entry in definitions] == [
        {"algorithm": "sppo", "hyperparams": {"gamma": 0.9, "layers": [64, 64]}},
        {"other": 1},
    ]


def test_pandas_reads_the_files(store: Store, tmp_path: Path) -> None:
    export_study(store, "study", tmp_path)
    runs = pandas.read_csv(tmp_path / "runs.csv")
    assert list(runs.columns[:8]) == [
        "arm",
        "environment",
        "seed",
        "status",
        "run_id",
        "definition",
        "error",
        "recorded",
    ]
    assert list(runs.status[:4]) == ["finished", "finished", "missing", "failed"]
    assert runs.final_return[1] == pytest.approx(make_run(1).scores["final_return"], rel=1e-14)
    assert json.loads(runs.error[3]) == make_run(3, "failed").error
    curves = pandas.read_csv(tmp_path / "curves.csv")
    assert tuple(curves["curve/5"][curves["run"] == 1]) == pytest.approx(make_run(1).curves["curve/5"], rel=1e-14)
    assert len((tmp_path / "runs.csv").read_text().splitlines()) == len(runs) + 1


def test_line_ends_that_version_control_changes_do_no_harm(store: Store, tmp_path: Path) -> None:
    export_study(store, "study", tmp_path)
    for name in FILES:
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes().replace(b"\n", b"\r\n"))
    with Store(":memory:") as other:
        import_study(other, tmp_path)
        assert other.content("study") == store.content("study")


def test_finished_runs_stay_and_places_become_the_folder_s(tmp_path: Path) -> None:
    with Store(":memory:") as store, Store(":memory:") as other:
        store.set_members("study", [make_member(0), make_member(1)])
        store.record_all(make_run(i, writer="theirs") for i in range(2))
        export_study(store, "study", tmp_path)
        other.set_members("study", [make_member(0), make_member(5)])
        other.record_all([make_run(0, writer="mine"), make_run(1, "failed", "mine"), make_run(5, writer="mine")])
        import_study(other, tmp_path)
        hosts = {m.seed: record.recorded["host"] for m, record in other.runs("study") if record}
        assert hosts == {0: "mine", 1: "theirs"}
        assert other.status(["run0005"]) == {"run0005": "finished"}


def edited(name: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        (folder / name).write_text(change((folder / name).read_text(encoding="utf-8")), encoding="utf-8")

    return edit


def sealed(name: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    """Changed by somebody who renewed the checksum."""
    from sb3_entropy.store.exported import checksum

    def edit(folder: Path) -> None:
        edited(name, change)(folder)
        about = json.loads((folder / "definitions.json").read_text())
        about["sha256"][name] = checksum((folder / name).read_text(encoding="utf-8"))
        (folder / "definitions.json").write_text(json.dumps(about))

    return edit


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda folder: (folder / "runs.csv").unlink(),
            r"runs\.csv cannot be read: No such file.*runs\.csv, curves\.csv",
        ),
        (lambda folder: (folder / "definitions.json").unlink(), r"definitions\.json cannot be read"),
        (shutil.rmtree, r"definitions\.json cannot be read"),
        (edited("curves.csv", lambda text: text[:-20]), r"curves\.csv is not what was exported.*cut short"),
        (edited("runs.csv", lambda text: text.replace("finished", "failed", 1)), r"runs\.csv is not what was exported"),
        (edited("definitions.json", lambda text: text[:-9]), r"definitions\.json is damaged"),
        (edited("definitions.json", lambda text: "[]"), "is not of an exported study"),
        (edited("definitions.json", lambda text: '{"format": "other"}'), "does not say format: 'sb3-entropy study'"),
        (
            edited("definitions.json", lambda t: t.replace('"version": 1', '"version": 2')),
            "version 2, and this .* version 1",
        ),
        (edited("definitions.json", lambda t: t.replace('"sha256": {', '"sha": {')), "is not what was exported"),
        (edited("definitions.json", lambda t: t.replace('"definitions": [', '"definition": [')), "KeyError"),
        (lambda folder: (folder / "runs.csv").write_bytes(b"\xff\xfe"), r"runs\.csv is damaged"),
        (sealed("runs.csv", lambda text: text.replace("arm", "agent", 1)), "a header must begin with arm, environment"),
        (sealed("runs.csv", lambda text: text.replace("finished", "done", 1)), "Unknown status 'done'"),
        (sealed("runs.csv", lambda text: text + "x\n"), "is not a study as `export` writes it"),
        (sealed("runs.csv", lambda text: text + '"x\n'), "is not a study as `export` writes it"),
        (
            sealed("curves.csv", lambda text: text.replace("5000,", "5001,1,", 1)),
            "is not a study as `export` writes it",
        ),
        (
            sealed("curves.csv", lambda text: text.replace("0,5000,", "0,5000,x", 1)),
            "could not convert string to float",
        ),
    ],
)
def test_what_is_damaged_or_something_else_is_refused_and_the_store_stays(
    store: Store, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    folder = tmp_path / "study"
    export_study(store, "study", folder)
    before = files(folder)
    damage(folder)
    assert not folder.exists() or files(folder) != before
    with Store(":memory:") as other:
        with pytest.raises(StoreError, match=message) as caught:
            import_study(other, folder)
        assert not isinstance(caught.value, StoreFull)
        assert str(folder) in str(caught.value)
        assert other.studies() == {}
        assert other._connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def test_a_study_that_is_not_there(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"Unknown study 'stody'. Available: study. Did you mean 'study'\?"):
        export_study(store, "stody", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_folder_that_cannot_be_written(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match=r"The study cannot be exported to .*file"):
        export_study(store, "study", tmp_path / "file")


def test_floats_are_exact_in_text(tmp_path: Path) -> None:
    value = math.nextafter(0.1, 1)
    with Store(":memory:") as store:
        store.set_members("s", [Member("s", "a", "e", 0, "run0001")])
        store.record(replace(make_run(1), scores={"x": value, "y": -0.0, "z": -math.inf}))
        export_study(store, "s", tmp_path)
    assert (tmp_path / "runs.csv").read_text().splitlines()[1].endswith(f",{value!r},-0.0,-inf")
