"""Open a store's file, or say why not; nothing is changed before it is known to be a store, or empty."""

import os
import sqlite3
import struct
import time
from pathlib import Path
from urllib.parse import quote

from sb3_entropy.store.errors import StoreError, is_full, translated
from sb3_entropy.store.errors import full as disk_full
from sb3_entropy.store.network import is_network
from sb3_entropy.store.schema import check_version, migrate

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
    connection: sqlite3.Connection | None = None
    try:
        connection = _connect(path, timeout, read_only)
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection, path, read_only)
        if not read_only:
            _choose_journal(connection, path, timeout)
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.Error):
            raise translated(error, path) from error
        raise
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
    version, application = struct.unpack_from(">i4xi", header, 60)
    check_version(application, version, str(path))


def _header(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(100)


def _connect(path: str, timeout: float, read_only: bool) -> sqlite3.Connection:
    if not read_only:
        return sqlite3.connect(path, timeout=timeout, isolation_level=None)
    # Even to read, SQLite makes a log and its index beside the file, and one who may not write could not remove them.
    # Where nobody is writing there is neither log nor journal, and it can be told that the file rests.
    rests = not (os.path.exists(path + "-wal") or os.path.exists(path + "-journal"))
    mode = "immutable=1" if rests else "mode=ro"
    return sqlite3.connect(f"file:{quote(path)}?{mode}", uri=True, timeout=timeout, isolation_level=None)


def _choose_journal(connection: sqlite3.Connection, path: str, timeout: float) -> None:
    """
    The log (WAL) lets others read while one writes, but needs memory shared by all who use the store: not on a network.

    Either way is safe; so if another process is in the way of a change for longer than the timeout, it stays.
    """
    wanted = "delete" if is_network(path) else "wal"
    deadline = time.monotonic() + min(timeout, 5)
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != wanted:
        try:
            connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                return
            time.sleep(0.02)
