"""What is opened, what is refused, and that what is refused stays as it was."""

import importlib
import multiprocessing
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sb3_entropy.store import Artifacts, Evaluations, Store, StoreError, schema

from .examples import files, make_evaluation, make_member, make_run

FORK = multiprocessing.get_context("fork")
NOBODY = 65534
VERSION = len(schema.MIGRATIONS)


def foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE runs (x)")
    connection.commit()
    connection.close()


def newer(path: Path) -> None:
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (foreign, "is an SQLite database of another program.*left as it is.*Name another file"),
        (
            newer,
            rf"written by a newer sb3-entropy: its version is {VERSION + 1}, and this one knows up to {VERSION}.*Inst",
        ),
        (lambda path: path.write_text("arm,seed\nppo,1\n" * 100), "is not a store of runs: it is no SQLite database"),
        (lambda path: path.write_bytes(b"SQLite format 3\x00"), "it is no SQLite database"),
        (os.mkfifo, "is no ordinary file"),
    ],
    ids=["foreign", "newer", "text", "cut in the header", "pipe"],
)
def test_something_else_is_refused_and_stays_as_it_was(
    tmp_path: Path, make: Callable[[Path], Any], message: str
) -> None:
    path = tmp_path / "runs.sqlite"
    make(path)
    before = None if path.is_fifo() else files(tmp_path)
    with pytest.raises(StoreError, match=message) as caught:
        Store(path)
    assert str(path) in str(caught.value)
    assert before is None or files(tmp_path) == before


def test_a_newer_version_that_is_still_in_the_log_is_refused(tmp_path: Path) -> None:
    """Its writer was killed: the file's header still has the old version."""
    path = tmp_path / "a.sqlite"
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA user_version = 7")
    copy = tmp_path / "copy" / "a.sqlite"
    copy.parent.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    connection.close()
    assert b"\x00\x00\x00\x07" not in copy.read_bytes()[60:64]
    with pytest.raises(StoreError, match="its version is 7"):
        Store(copy)


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"is a folder, but a store is a file.*e\.g\. .*runs\.sqlite"):
        Store(tmp_path)


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(tmp_path / "file" / "runs.sqlite")


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    """That is what is left if the process is killed just before the tables are made."""
    path = tmp_path / "runs.sqlite"
    path.touch()
    with Store(path) as store:
        assert store.record(make_run(1))


def test_a_store_that_was_cut_short_is_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    with Store(path) as store:
        store.set_members("study", [make_member(i) for i in range(20)])
        store.record_all(make_run(i) for i in range(20))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 3])
    with pytest.raises(StoreError, match=r"the file is damaged.*\.recover"), Store(path) as store:
        store.runs("study")
    assert path.read_bytes() == data[: len(data) // 3]


def test_another_writer_is_waited_for_and_then_named_as_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    with Store(path) as first, Store(path, timeout=0.05) as second, first.writing():
        with pytest.raises(StoreError, match="another process has been writing to it for too long"):
            second.record(make_run(1))
        assert second.studies() == {}  # reading goes on


def test_an_older_version_is_migrated_in_one_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs.sqlite"
    with Store(path) as store:
        store.set_members("study", [make_member(1)])
        store.record(make_run(1))
        before = store.content("study")
    broken = ("ALTER TABLE runs ADD COLUMN note TEXT", "CREATE TABLE runs (x)")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, broken))
    with pytest.raises(StoreError, match="already exists"):
        Store(path)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS[:-1], broken[:1]))
    with Store(path) as store:
        assert store.content("study") == before
        assert store._connection.execute("PRAGMA user_version").fetchone() == (VERSION + 1,)
        assert store._connection.execute("SELECT note FROM runs").fetchall() == [(None,)]
    with Store(path) as store:
        assert store.content("study") == before


#: the tables as the first version made them, which is in people's folders
FIRST = (
    "CREATE TABLE runs (id INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, status TEXT NOT NULL CHECK (status IN "
    "('finished', 'failed')), steps TEXT NOT NULL, definition TEXT NOT NULL, recorded TEXT NOT NULL, error TEXT)",
    "CREATE INDEX runs_status ON runs (run_id, status)",
    "CREATE TABLE members (study TEXT NOT NULL, position INTEGER NOT NULL, arm TEXT NOT NULL, "
    "environment TEXT NOT NULL, seed INTEGER NOT NULL, run_id TEXT NOT NULL, PRIMARY KEY (study, position), "
    "UNIQUE (study, arm, environment, seed)) WITHOUT ROWID",
    "CREATE TABLE scores (run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, measure TEXT NOT NULL, "
    "value CHECK (typeof(value) IN ('real', 'null')), PRIMARY KEY (run, measure)) WITHOUT ROWID",
    "CREATE TABLE curves (run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, name TEXT NOT NULL, "
    "step INTEGER NOT NULL, value CHECK (typeof(value) IN ('real', 'null')), PRIMARY KEY (run, name, step)) "
    "WITHOUT ROWID",
    "CREATE TABLE verdicts (study TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, verdict TEXT NOT NULL) WITHOUT ROWID",
    "CREATE VIEW results AS SELECT m.study, m.arm, m.environment, m.seed, s.measure, s.value, "
    "coalesce(r.status, 'missing') AS status FROM members m LEFT JOIN runs r ON r.run_id = m.run_id "
    "LEFT JOIN scores s ON s.run = r.id ORDER BY m.study, m.position, s.measure",
    "CREATE VIEW learning_curves AS SELECT m.study, m.arm, m.environment, m.seed, c.name AS curve, c.step, c.value "
    "FROM members m JOIN runs r ON r.run_id = m.run_id JOIN curves c ON c.run = r.id",
)


def schema_of(path: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
    connection.close()
    return [(name, " ".join(sql.split()).replace("( ", "(")) for name, sql in rows]


def test_a_store_of_the_first_version_is_brought_up(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    connection = sqlite3.connect(path)
    for statement in FIRST:
        connection.execute(statement)
    connection.execute("INSERT INTO runs VALUES (1, 'run0001', 'finished', '[5]', '{\"seed\": 1}', '{}', NULL)")
    connection.execute("INSERT INTO members VALUES ('study', 0, 'arm', 'e', 1, 'run0001')")
    connection.execute("INSERT INTO curves VALUES (1, 'c', 5, 0.5)")
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    with Store(path) as store:
        assert store.runs("study")[0][1].curves == {"c": (0.5,)}  # type: ignore[union-attr]
        assert Evaluations(store).add([make_evaluation(1)]) == 1
        assert Artifacts(store).keep("run0001", "model.zip", b"model")
        assert store._connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    Store(tmp_path / "new.sqlite").close()
    assert schema_of(path) == schema_of(tmp_path / "new.sqlite")


TOYS = f"""
from sb3_entropy.store.table import Table

SCHEMA = {{{VERSION + 1}: ("CREATE TABLE toys (name TEXT PRIMARY KEY)",)}}


class Toys(Table):
    def add(self, name):
        with self._store.writing() as connection:
            connection.execute("INSERT INTO toys VALUES (?)", (name,))
"""


def test_a_new_table_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs.sqlite"
    content = example_store(path)
    (tmp_path / "toys.py").write_text(TOYS)
    monkeypatch.setattr(schema.tables, "__path__", [*schema.tables.__path__, str(tmp_path)])
    monkeypatch.setattr(schema, "MIGRATIONS", schema.find_migrations())
    toys: Any = importlib.import_module("sb3_entropy.store.tables.toys")
    monkeypatch.delitem(sys.modules, "sb3_entropy.store.tables.toys")
    with Store(path) as store:
        toys.Toys(store).add("ball")
        assert store._connection.execute("SELECT name FROM toys").fetchall() == [("ball",)]
        assert store.content("study") == content


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that other users can reach; pytest's own are closed to them."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def as_somebody_else(action: Callable[[], str]) -> str:
    """What ``action`` returns, or the StoreError it ends with, in a process that is not root's."""

    def child() -> None:
        if os.getuid() == 0:
            os.setuid(NOBODY)
        try:
            results.put(action())
        except StoreError as error:
            results.put(f"StoreError: {error}")

    results: Any = FORK.Queue()
    process = FORK.Process(target=child)
    process.start()
    result: str = results.get(timeout=30)
    process.join()
    return result


def example_store(path: Path) -> str:
    with Store(path) as store:
        store.set_members("study", [make_member(1), make_member(2)])
        store.record(make_run(1))
        return store.content("study")


@pytest.mark.parametrize("closed", ["file", "folder", "both"])
def test_a_store_that_can_only_be_read_is_read(shared: Path, closed: str) -> None:
    path = shared / "runs.sqlite"
    content = example_store(path)
    path.chmod(0o444 if closed != "folder" else 0o666)
    shared.chmod(0o555 if closed != "file" else 0o777)
    before = files(shared)

    def read() -> str:
        with Store(path) as store:
            store.set_members("study", [make_member(1), make_member(2)])  # as they are: nothing to write
            assert store.read_only
            return store.content("study")

    def write() -> str:
        with Store(path) as store:
            return str(store.record(make_run(2)))

    def lock() -> str:
        with Store(path) as store, store.lock("study"):
            return "locked"

    def evaluate() -> str:
        with Store(path) as store:
            assert Evaluations(store).missing([make_evaluation(1).key])
            return str(Evaluations(store).add([make_evaluation(1)]))

    def keep() -> str:
        with Store(path) as store:
            assert Artifacts(store).of("run0001") == []
            return str(Artifacts(store).keep("run0001", "model.zip", b"model"))

    assert as_somebody_else(read) == content
    for action in (write, lock, evaluate, keep):
        assert "can only be read. Give yourself the right to write to the file and to its folder" in as_somebody_else(
            action
        )
    assert files(shared) == before


def test_a_closed_folder_is_read_while_its_owner_writes(shared: Path) -> None:
    path = shared / "runs.sqlite"
    content = example_store(path)

    def read() -> str:
        with Store(path) as store:
            return store.content("study")

    with Store(path) as store, store.writing():
        store._connection.execute("DELETE FROM runs")
        assert os.path.getsize(f"{path}-journal") > 0
        shared.chmod(0o555)
        assert as_somebody_else(read) == content


def test_no_store_in_a_folder_of_somebody_else(shared: Path) -> None:
    shared.chmod(0o555)
    message = as_somebody_else(lambda: str(Store(shared / "runs.sqlite")))
    assert message.startswith("StoreError: There is no store")
    assert "cannot be written to" in message
    assert "cannot be opened: Permission denied" in as_somebody_else(
        lambda: str(Store(shared / "deep" / "runs.sqlite"))
    )


def test_a_file_that_may_not_even_be_read(shared: Path) -> None:
    path = shared / "runs.sqlite"
    example_store(path)
    path.chmod(0o000)
    assert "cannot be opened: Permission denied" in as_somebody_else(lambda: str(Store(path)))


def test_an_older_store_that_can_only_be_read(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shared / "runs.sqlite"
    example_store(path)
    path.chmod(0o444)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("ALTER TABLE runs ADD COLUMN note TEXT",)))
    assert "of an older version and can only be read" in as_somebody_else(lambda: str(Store(path)))
