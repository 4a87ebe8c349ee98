"""Open a store's file, or say why not; nothing is changed before it is known to be a store, or empty."""

import os
import sqlite3
import struct
import time
import warnings
from pathlib import Path
from urllib.parse import quote

from sb3_entropy.store.errors import StoreError, is_full, translated
from sb3_entropy.store.errors import full as disk_full
from sb3_entropy.store.schema import check_version, migrate
from sb3_entropy.store.transactions import MARK, read_transaction, user_version, write_transaction

MEMORY = ":memory:"
_MAGIC = b"SQLite format 3\x00"


def open_database(path: str, timeout: float) -> tuple[sqlite3.Connection, bool]:
    """
    :param path: the store's file, absolute; ``:memory:`` for one that lives as long as the connection
    :param timeout: how long to wait for another process that writes, in seconds
    :return: the connection, in autocommit mode, and whether the store can only be read
    :raises StoreError: if there is something else, or it cannot be opened
    """
    if path == MEMORY:
        memory = sqlite3.connect(MEMORY, isolation_level=None)
        memory.execute("PRAGMA foreign_keys = ON")
        migrate(memory, path, read_only=False)
        return memory, False
    _check_place(Path(path))
    read_only = os.path.exists(path) and not (os.access(path, os.W_OK) and os.access(os.path.dirname(path), os.W_OK))
    has_journal = os.path.exists(path + "-journal")  # SQLite removes it
    lacks_log = _lacks_log(path)
    connection: sqlite3.Connection | None = None
    try:
        connection = _connect(path, timeout, read_only, lacks_log)
        connection.execute("PRAGMA foreign_keys = ON")
        _check_mark(connection, path, read_only, has_journal)
        if not read_only:
            _leave_log(connection, timeout)
        migrate(connection, path, read_only)
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.Error):
            # A file that is shorter than its header says is damaged, for SQLite.
            damaged = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CORRUPT
            half = damaged and not has_journal and _version(_header(Path(path))) & MARK
            raise (_maybe_half(path) if half else translated(error, path)) from error
        raise
    if lacks_log:
        warnings.warn(
            f"The store {path} was written by an earlier sb3-entropy or another program, with a log beside it (-wal) "
            "that is not there. If the file was closed in good order, nothing is missing. If it is a copy of one "
            "that was in use, or whose process was killed, runs that stand in the log are missing here: copy the -wal "
            "too, or open the original once and copy it then.",
            stacklevel=4,
        )
    return connection, read_only


def _check_place(path: Path) -> None:
    if path.is_dir():
        raise StoreError(f"{path} is a folder, but a store is a file. Name a file in it, e.g. {path / 'runs.sqlite'}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            raise StoreError(f"{path} is no ordinary file. Name another file for the store.")
        header = _header(path) if path.exists() else b""
    except OSError as error:
        if is_full(error):
            raise disk_full(str(path)) from error
        raise StoreError(f"The store {path} cannot be opened: {error.strerror}. Name another file.") from error
    if not header:
        if not os.access(path.parent, os.W_OK):
            raise StoreError(
                f"There is no store {path}, and its folder cannot be written to. Name a file in a folder of yours."
            )
        return
    if not header.startswith(_MAGIC) or len(header) < 100:
        raise StoreError(
            f"{path} is not a store of runs: it is no SQLite database. It was left as it is. Name another file."
        )
    check_version(struct.unpack_from(">i", header, 68)[0], _version(header) & ~MARK, str(path))


def _header(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(100)


def _version(header: bytes) -> int:
    version: int = struct.unpack_from(">i", header, 60)[0]
    return version


def _connect(path: str, timeout: float, read_only: bool, copied: bool) -> sqlite3.Connection:
    if not read_only:
        connection = sqlite3.connect(path, timeout=timeout, isolation_level=None)
        connection.execute("PRAGMA cache_spill = OFF")  # pages are written when a transaction ends, in their order
        return connection
    # SQLite cannot open a file of this kind without making its log, which one who may not write cannot do.
    mode = "immutable=1" if copied else "mode=ro"
    return sqlite3.connect(f"file:{quote(path)}?{mode}", uri=True, timeout=timeout, isolation_level=None)


def _lacks_log(path: str) -> bool:
    """Whether a write-ahead log belongs to the file, as to those of earlier sb3-entropies, and is not beside it."""
    log_is_there = os.path.exists(path + "-wal")
    return not log_is_there and os.path.exists(path) and _header(Path(path))[18:20] == b"\x02\x02"


def _check_mark(connection: sqlite3.Connection, path: str, read_only: bool, has_journal: bool) -> None:
    with read_transaction(connection):
        marked = user_version(connection) & MARK
    if marked and not has_journal:
        raise _maybe_half(path)
    if marked and not read_only:
        with write_transaction(connection):  # all was written but this: it takes the mark away
            pass


def _maybe_half(path: str) -> StoreError:
    return StoreError(
        f"{path} is a copy that was made in the middle of a recording, while a process wrote to the store or after it "
        "was killed there. It may be half of the recording, or all of it but for the sign that it has ended: the copy "
        f"alone does not tell, the journal ({os.path.basename(path)}-journal) that stood beside the original does. "
        "Open the original once, e.g. by `sb3-entropy study list --store FILE`, and copy it then; or copy both files. "
        "If there is neither, name another store, import there what was exported, and run the rest anew; "
        "`sqlite3 FILE .recover` shows what can be read here, which may mix two states."
    )


def _leave_log(connection: sqlite3.Connection, timeout: float) -> None:
    """Takes what is in the write-ahead log of an earlier version into the file; not while another one uses the log."""
    deadline = time.monotonic() + min(timeout, 5)
    while _journal_mode(connection) == "wal":
        try:
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                return
            time.sleep(0.02)


def check_journal(connection: sqlite3.Connection, path: str) -> None:
    """
    :param connection: an open store
    :param path: its file, for messages
    :raises StoreError: if what is written now would not be in the file itself, but in a log beside it
    """
    if _journal_mode(connection) == "wal":
        raise StoreError(
            f"The store {path} is in use by an earlier sb3-entropy, or another program, that keeps what is new in a "
            "log beside it. It can be read meanwhile; to write to it, wait for that program or close it."
        )


def _journal_mode(connection: sqlite3.Connection) -> str:
    mode: str = connection.execute("PRAGMA journal_mode").fetchone()[0]
    return mode
