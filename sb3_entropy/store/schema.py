"""How an empty file, or a store of an older version, becomes one of this version."""

import importlib
import pkgutil
import sqlite3

from sb3_entropy.store import tables
from sb3_entropy.store.errors import StoreError
from sb3_entropy.store.transactions import MARK, read_transaction, user_version, write_transaction

#: in the file's header, so that nobody takes another program's database for a store: "SB3e"
APPLICATION_ID = 0x53423365


def find_migrations() -> tuple[tuple[str, ...], ...]:
    """
    :return: the statements of all tables, by the version that they start from: ``[v]`` turns a store of version v into
        one of version v + 1; an empty file is version 0
    """
    by_version: dict[int, list[str]] = {}
    for module in sorted(pkgutil.iter_modules(tables.__path__), key=lambda module: module.name):
        schema: dict[int, tuple[str, ...]] = importlib.import_module(f"{tables.__name__}.{module.name}").SCHEMA
        for version, statements in schema.items():
            by_version.setdefault(version, []).extend(statements)
    return tuple(tuple(by_version.get(version, ())) for version in range(1, max(by_version) + 1))


MIGRATIONS = find_migrations()


def migrate(connection: sqlite3.Connection, path: str, read_only: bool) -> None:
    """
    Makes an empty file, or a store of an older version, one of this version, in one transaction.

    :param connection: an open database
    :param path: its file, for messages
    :param read_only: whether nothing may be written
    :raises StoreError: if it is another program's, or of a newer version, or an older one that may not be written to
    """
    with read_transaction(connection):  # another process may be making the tables right now
        version = _version(connection, path)
    if version == len(MIGRATIONS):
        return
    if read_only:
        raise StoreError(
            f"The store {path} is of an older version and can only be read, so it cannot be brought up to date. Copy "
            "it to where you may write, and open the copy."
        )
    with write_transaction(connection):
        # Another process may have done it while this one waited.
        for statements in MIGRATIONS[_version(connection, path) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _version(connection: sqlite3.Connection, path: str) -> int:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = user_version(connection) & ~MARK
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if not (application == version == 0 and empty):
        check_version(application, version, path)
    return version


def check_version(application: int, version: int, path: str) -> None:
    """
    :param application: the application id of an SQLite file
    :param version: its user version
    :param path: the file, for messages
    :raises StoreError: if it is another program's, or of a newer version than this one
    """
    if application != APPLICATION_ID:
        raise StoreError(
            f"{path} is an SQLite database of another program, not a store of runs. It was left as it is. Name another "
            "file for the store."
        )
    if version > len(MIGRATIONS):
        raise StoreError(
            f"The store {path} was written by a newer sb3-entropy: its version is {version}, and this one knows up to "
            f"{len(MIGRATIONS)}. It was left as it is. Install the newer sb3-entropy, or name another file for the "
            "store."
        )
