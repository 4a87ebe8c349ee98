"""The store: one SQLite file that knows its tables by the files in :mod:`sb3_entropy.store.tables`."""

import functools
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from sb3_entropy.store.errors import StoreError, translated
from sb3_entropy.store.locking import study_lock
from sb3_entropy.store.opening import MEMORY, check_journal, open_database
from sb3_entropy.store.table import Table
from sb3_entropy.store.tables.runs import Runs
from sb3_entropy.store.tables.studies import Studies
from sb3_entropy.store.transactions import read_transaction, write_transaction

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T", bound=Table)


class Database:
    """
    One SQLite file with all tables. Every method of a table is one transaction, so that a process killed at any moment
    leaves all of it or nothing. What a method that returned has written is in the file, and, but for artifacts, in no
    other beside it.
    Several processes may use one store at once, each with its own object.

    :param path: the file, made if it is not there; ``:memory:`` for a store that ends with the object
    :param timeout: how long to wait for another process that writes, in seconds
    :raises StoreError: if there is something else than a store, or one of a newer version, or half of
        a recording, or it cannot be opened
    :raises StoreFull: if the disk is full
    """

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 60.0) -> None:
        given = os.fspath(path)
        #: the file, absolute
        self.path = given if given == MEMORY else os.path.realpath(os.path.expanduser(given))
        #: whether it ends with the object, and has no folder
        self.in_memory = given == MEMORY
        self._connection, self.read_only = open_database(self.path, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back. Closing twice is no mistake."""
        self._connection.close()

    def lock(self, study: str) -> AbstractContextManager[None]:
        """
        :param study: the study's name
        :return: to be held while the study is run; other studies may be run on the store meanwhile
        :raises StoreError: if the store can only be read; on entering, if somebody else runs this study on it
        """
        self._check_writable()
        return study_lock(self.path, study)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """For tables: all queries of the block see one state."""
        with self._translating(), read_transaction(self._connection):
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """For tables: the block's changes are all in the file when it ends, or none if it raises."""
        self._check_writable()
        with self._translating(), write_transaction(self._connection):
            yield self._connection

    def _check_writable(self) -> None:
        if self.read_only:
            raise StoreError(
                f"The store {self.path} can only be read. Give yourself the right to write to the file and to its "
                "folder, or name another store."
            )
        with self._translating():
            check_journal(self._connection, self.path)

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise translated(error, self.path) from error


def _of(table: type[T], method: Callable[Concatenate[T, P], R]) -> Callable[Concatenate[Database, P], R]:
    @functools.wraps(method)
    def call(store: Database, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return method(table(store), *args, **kwargs)

    return call


class Store(Database):
    """
    A database with what studies do with it at hand: ``store.record(run)`` is ``Runs(store).record(run)``. Other tables
    are named: ``Evaluations(store)``, ``Artifacts(store)``.
    """

    record = _of(Runs, Runs.record)
    record_all = _of(Runs, Runs.record_all)
    set_scores = _of(Runs, Runs.set_scores)
    status = _of(Runs, Runs.status)
    set_members = _of(Studies, Studies.set_members)
    members = _of(Studies, Studies.members)
    studies = _of(Studies, Studies.counts)
    runs = _of(Studies, Studies.runs)
    content = _of(Studies, Studies.content)
    fingerprint = _of(Studies, Studies.fingerprint)
    verdict = _of(Studies, Studies.verdict)
    set_verdict = _of(Studies, Studies.set_verdict)
