"""The tables, and how a store of an older version becomes one of this version."""

import sqlite3

from sb3_entropy.store.errors import StoreError
from sb3_entropy.store.transactions import MARK, read_transaction, user_version, write_transaction

#: in the file's header, so that nobody takes another program's database for a store: "SB3e"
APPLICATION_ID = 0x53423365

# A column without a type keeps a float bit for bit; one of type REAL makes 0.0 of -0.0. NaN is stored as NULL.
_FIRST = (
    """CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL CHECK (status IN ('finished', 'failed')),
        steps TEXT NOT NULL,
        definition TEXT NOT NULL,
        recorded TEXT NOT NULL,
        error TEXT)""",
    "CREATE INDEX runs_status ON runs (run_id, status)",
    """CREATE TABLE members (
        study TEXT NOT NULL,
        position INTEGER NOT NULL,
        arm TEXT NOT NULL,
        environment TEXT NOT NULL,
        seed INTEGER NOT NULL,
        run_id TEXT NOT NULL,
        PRIMARY KEY (study, position),
        UNIQUE (study, arm, environment, seed)) WITHOUT ROWID""",
    """CREATE TABLE scores (
        run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        measure TEXT NOT NULL,
        value CHECK (typeof(value) IN ('real', 'null')),
        PRIMARY KEY (run, measure)) WITHOUT ROWID""",
    """CREATE TABLE curves (
        run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        step INTEGER NOT NULL,
        value CHECK (typeof(value) IN ('real', 'null')),
        PRIMARY KEY (run, name, step)) WITHOUT ROWID""",
    """CREATE TABLE verdicts (
        study TEXT PRIMARY KEY,
        fingerprint TEXT NOT NULL,
        verdict TEXT NOT NULL) WITHOUT ROWID""",
    """CREATE VIEW results AS
        SELECT m.study, m.arm, m.environment, m.seed, s.measure, s.value, coalesce(r.status, 'missing') AS status
        FROM members m LEFT JOIN runs r ON r.run_id = m.run_id LEFT JOIN scores s ON s.run = r.id
        ORDER BY m.study, m.position, s.measure""",
    """CREATE VIEW learning_curves AS
        SELECT m.study, m.arm, m.environment, m.seed, c.name AS curve, c.step, c.value
        FROM members m JOIN runs r ON r.run_id = m.run_id JOIN curves c ON c.run = r.id""",
)

#: MIGRATIONS[v] turns a store of version v into one of version v + 1; an empty file is version 0
MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST,)


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
