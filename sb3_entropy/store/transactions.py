"""
Transactions that are in the one file when they have ended, and a mark in the file while one has not.

With SQLite's rollback journal a transaction changes the file itself; what stood there before is in ``FILE-journal``
until all is written. A process that is killed in the middle leaves both, and whoever opens the file next undoes the
half. A copy of the file alone could not be undone, and nothing in it would show that it is half of one state and half
of another. So a transaction marks the file's header and takes the mark away in a second one. The header is in the first
page, and SQLite writes pages in ascending order: whatever else of the transaction is in a file, the mark is.
"""

import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

#: a bit of the user version in the file's header; what is below is the version of the tables
MARK = 1 << 16


@contextmanager
def read_transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """
    :param connection: in autocommit mode; all queries of the block see one state
    """
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


@contextmanager
def write_transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """
    The block's changes are all in the file when it ends, or none if it raises. Others can read until then.

    Others that read when it ends are waited for, however long: what is to be written may have taken hours.

    :param connection: in autocommit mode
    :raises sqlite3.Error: if another one writes for longer than the connection's timeout, or the disk does not take it
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute(f"PRAGMA user_version = {user_version(connection) | MARK}")
        # Nobody may see the mark of one who lives: the lock is kept until it is gone, and with it the journal.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        _commit(connection)
    finally:
        if connection.in_transaction:
            connection.execute("PRAGMA locking_mode = NORMAL")
            connection.execute("ROLLBACK")
        else:
            try:
                version = user_version(connection)
                if version & MARK:
                    connection.execute(f"PRAGMA user_version = {version & ~MARK}")
            finally:
                connection.execute("PRAGMA locking_mode = NORMAL")
                user_version(connection)  # the lock is given back with the next access


def user_version(connection: sqlite3.Connection) -> int:
    """
    :param connection: an open database
    :return: the number that SQLite keeps in the header for applications: the tables' version, and :data:`MARK`
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _commit(connection: sqlite3.Connection) -> None:
    while True:
        try:
            connection.execute("COMMIT")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            path = connection.execute("PRAGMA database_list").fetchone()[2]
            warnings.warn(
                f"Another process keeps reading the store {path}, so that nothing can be written. It is waited for, "
                "and nothing is lost; close it, or its open query.",
                stacklevel=2,
            )
