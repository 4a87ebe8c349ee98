"""All that was recorded is in the one file, and a copy that lacks what stood beside it says so."""

import multiprocessing
import os
import resource
import shutil
import signal
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sb3_entropy.store import Artifacts, Evaluations, Member, Store, StoreError, schema, transactions

from .examples import make_evaluation, make_member, make_run

FORK = multiprocessing.get_context("fork")
RUNS = [f"run{i:04d}" for i in range(9)]


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A store with four runs; no warning may be given."""
    path = tmp_path / "runs.sqlite"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Store(path) as store:
            store.set_members("study", [make_member(i) for i in range(4)])
            store.record_all(make_run(i) for i in range(4))
        yield path


def recorded(path: Path) -> list[str]:
    with Store(path) as store:
        assert store._connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return sorted(store.status(RUNS))


def copied(path: Path, *suffixes: str) -> Path:
    """The file and what is named beside it, elsewhere."""
    folder = path.parent / "-".join(["copy", *suffixes])
    folder.mkdir()
    for suffix in ("", *suffixes):
        shutil.copy(f"{path}{suffix}", folder)
    return folder / path.name


def died(action: Callable[[], Any]) -> int:
    """The signal that ends a process in which ``action`` is called."""
    process = FORK.Process(target=action)
    process.start()
    process.join(30)
    assert process.exitcode is not None
    return -process.exitcode


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_what_was_recorded_is_in_the_file_when_the_process_is_killed(path: Path, number: signal.Signals) -> None:
    def record_and_die() -> None:
        store = Store(path)
        store.record(make_run(4))
        if number != signal.SIGKILL:  # which a background job may ignore, and coverage catches
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    assert died(record_and_die) == number
    assert recorded(copied(path)) == RUNS[:5]
    assert [file.name for file in path.parent.iterdir() if file.is_file()] == ["runs.sqlite"]


def test_what_was_recorded_is_in_the_file_while_the_store_is_open(path: Path) -> None:
    with Store(path) as store, Store(path) as other:
        assert store.record(make_run(4))
        assert other.record(make_run(5))
        assert recorded(copied(path)) == RUNS[:6]


def grow(store: Store) -> None:
    """Needs more pages than the file has."""
    store.record(make_run(4, points=200))


def change(store: Store) -> None:
    """Needs as many."""
    store.set_members("study", [Member("study", "sppo", "CartPole-v1", i, f"run{i:04d}") for i in range(4)])


def evaluate(store: Store) -> None:
    """Needs more pages too."""
    Evaluations(store).add(make_evaluation(i) for i in range(20))


def keep(store: Store) -> None:
    """Needs as many, and a file beside them."""
    Artifacts(store).keep("run0001", "model.zip", b"model")


def others(path: Path) -> tuple[int, list[str]]:
    """How many evaluations there are, and what is kept of the second run."""
    with Store(path) as store:
        kept = [artifact.name for artifact in Artifacts(store).of("run0001")]
        assert [Artifacts(store).path("run0001", name).read_bytes() for name in kept] == [b"model"] * len(kept)
        return len(Evaluations(store).keys()), kept


def die_amid_pages(path: Path, write: Callable[[Store], None]) -> None:
    """By a limit to the size of files: the first page that lies beyond the file's end is the end of the process."""
    store = Store(path)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size,) * 2)
    write(store)


def die_after_pages(path: Path, write: Callable[[Store], None] = grow) -> None:
    """All is written, and the mark is still there."""

    def commit(connection: sqlite3.Connection) -> None:
        connection.execute("COMMIT")
        os.kill(os.getpid(), signal.SIGKILL)

    store = Store(path)
    transactions._commit = commit
    write(store)


@pytest.mark.parametrize("write", [grow, evaluate])
def test_a_copy_of_half_a_recording_is_refused_and_the_original_undoes_it(
    path: Path, write: Callable[[Store], None]
) -> None:
    before = path.read_bytes()
    assert died(lambda: die_amid_pages(path, write)) == signal.SIGXFSZ
    assert len(path.read_bytes()) == len(before)
    assert path.read_bytes() != before  # half of the pages
    copy, whole = copied(path), copied(path, "-journal")
    for _ in range(2):
        with pytest.raises(
            StoreError, match=r"in the middle of a recording.*runs\.sqlite-journal\).*Open the original"
        ):
            Store(copy)
    assert recorded(whole) == recorded(path) == RUNS[:4]
    assert others(whole) == others(path) == (0, [])
    assert path.read_bytes()[:100] == before[:100]


@pytest.mark.parametrize(
    ("write", "runs", "rest"),
    [
        (grow, RUNS[:5], (0, [])),
        (change, RUNS[:4], (0, [])),
        (evaluate, RUNS[:4], (20, [])),
        (keep, RUNS[:4], (0, ["model.zip"])),
    ],
)
def test_a_recording_that_is_whole_but_for_its_mark(
    path: Path, write: Callable[[Store], None], runs: list[str], rest: tuple[int, list[str]]
) -> None:
    """From the copy alone it cannot be told from half a one."""
    assert died(lambda: die_after_pages(path, write)) == signal.SIGKILL
    copy, whole = copied(path), copied(path, "-journal")
    with pytest.raises(StoreError, match=r"It may be half of the recording, or all of it but .* or copy both files"):
        Store(copy)
    if write is keep:
        shutil.copytree(f"{path}.artifacts", f"{whole}.artifacts")
    for file in (whole, path):
        assert recorded(file) == runs
        assert others(file) == rest
        assert not os.path.exists(f"{file}-journal")
        assert recorded(file) == runs


def test_the_mark_is_the_first_to_be_written(path: Path) -> None:
    """And nothing before the end, even if there are more pages than SQLite's cache holds."""
    before = path.read_bytes()

    def commit(connection: sqlite3.Connection) -> None:
        assert path.read_bytes() == before
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096,) * 2)  # one page; the journal is there by now
        connection.execute("COMMIT")

    def die_after_one_page() -> None:
        store = Store(path)
        transactions._commit = commit
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        store._connection.execute("PRAGMA cache_size = 2")
        with store.writing() as connection:
            connection.execute("UPDATE curves SET value = -value")

    assert died(die_after_one_page) == signal.SIGXFSZ
    after = path.read_bytes()
    assert after[4096:] == before[4096:]
    assert int.from_bytes(after[60:64], "big") == transactions.MARK + int.from_bytes(before[60:64], "big")
    assert recorded(path) == RUNS[:4]


def test_after_an_error_and_an_interruption_there_is_no_mark(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(connection: sqlite3.Connection) -> None:
        connection.execute("COMMIT")
        raise KeyboardInterrupt

    with Store(path) as store:
        with pytest.raises(sqlite3.IntegrityError), transactions.write_transaction(store._connection):
            store._connection.executemany("INSERT INTO verdicts VALUES (?, '', '')", [("a",), ("a",)])
        assert store.verdict("a") is None
        assert recorded(copied(path)) == RUNS[:4]
        with monkeypatch.context() as patched:
            patched.setattr(transactions, "_commit", interrupted)
            with pytest.raises(KeyboardInterrupt):
                store.record(make_run(4))
        assert recorded(path) == RUNS[:5]
        assert not transactions.user_version(store._connection) & transactions.MARK
        assert store.record(make_run(5))


class LosesTheDisk(sqlite3.Connection):
    """Cannot take a mark away."""

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        if sql == f"PRAGMA user_version = {len(schema.MIGRATIONS)}":
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, *arguments)


def test_the_lock_is_given_back_even_if_the_mark_stays(path: Path) -> None:
    losing = sqlite3.connect(path, isolation_level=None, factory=LosesTheDisk)
    with pytest.raises(sqlite3.OperationalError, match="disk I/O error"), transactions.write_transaction(losing):
        losing.execute("INSERT INTO verdicts VALUES ('a', '', '')")
    other = sqlite3.connect(path, timeout=0.02, isolation_level=None)
    with transactions.write_transaction(other):  # and takes the mark with it
        assert other.execute("SELECT study FROM verdicts").fetchall() == [("a",)]
    losing.close()
    other.close()
    assert recorded(path) == RUNS[:4]


def test_one_who_reads_is_waited_for_and_nothing_is_lost(path: Path) -> None:
    with Store(path, timeout=0.02) as store, Store(path) as reader:
        reader._connection.execute("BEGIN")
        reader._connection.execute("SELECT * FROM runs").fetchone()
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = lambda message, *_, **__: (  # type: ignore[method-assign, assignment]
                told.append(str(message)),
                reader._connection.execute("ROLLBACK"),
            )
            told: list[str] = []
            assert store.record(make_run(4))
        assert len(told) == 1
        assert f"Another process keeps reading the store {path}" in told[0]
        assert recorded(path) == RUNS[:5]


def logged(path: Path) -> sqlite3.Connection:
    """A program that uses the store with a log beside it, as an earlier version did, and has recorded a run."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("INSERT INTO runs VALUES (99, 'run0004', 'finished', '[]', '{}', '{}', NULL)")
    return connection


def test_a_copy_without_the_log_of_an_earlier_version_says_so(path: Path) -> None:
    connection = logged(path)
    copy, whole = copied(path), copied(path, "-wal")
    connection.close()
    with pytest.warns(UserWarning, match=rf"{copy} was written by an earlier .*runs that stand in the log are missing"):
        assert recorded(copy) == RUNS[:4]
    assert recorded(copy) == RUNS[:4]  # said once
    assert recorded(whole) == RUNS[:5]
    assert recorded(copied(whole)) == RUNS[:5]


def test_beside_an_earlier_version_a_store_is_read_but_not_written_to(path: Path) -> None:
    connection = logged(path)
    with Store(path, timeout=0.02) as store:
        assert store.status(RUNS[4:5]) == {"run0004": "finished"}
        with pytest.raises(StoreError, match=r"in use by an earlier sb3-entropy, or another program.*read meanwhile"):
            store.record(make_run(5))
    connection.close()
    with pytest.warns(UserWarning, match="closed in good order, nothing is missing"), Store(path) as store:
        assert store.record(make_run(5))
    assert recorded(copied(path)) == RUNS[:6]
