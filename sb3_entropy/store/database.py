"""The store: one SQLite file with runs, and which of them belong to which study."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, Self

from sb3_entropy.store import reading, writing
from sb3_entropy.store.checking import check_text, checked_members, checked_record, checked_scores
from sb3_entropy.store.errors import StoreError, translated
from sb3_entropy.store.locking import study_lock
from sb3_entropy.store.opening import MEMORY, check_journal, open_database
from sb3_entropy.store.records import Counts, Member, RunRecord, content
from sb3_entropy.store.transactions import read_transaction, write_transaction


class Store:
    """
    Runs in one SQLite file. A finished run is never replaced; every method is one transaction, so that a process killed
    at any moment leaves all of it or nothing. What a method that returned has written is in the file, and in no other
    beside it. Several processes may use one store at once, each with its own object.

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

    def record(self, record: RunRecord) -> bool:
        """
        :param record: a run that was done; it replaces a failed one, never a finished one
        :return: whether it was taken
        :raises ValueError: if it is inconsistent
        :raises TypeError: if it is not of numbers and plain data
        :raises StoreFull: if the disk is full; what was recorded before is intact
        :raises StoreError: if it cannot be written
        """
        return self.record_all([record]) == 1

    def record_all(self, records: Iterable[RunRecord]) -> int:
        """
        :param records: several runs, all or none of which are taken up, but for those that are finished already
        :return: how many were taken
        :raises ValueError: likewise TypeError, StoreFull and StoreError, as in :meth:`record`
        """
        checked = [checked_record(record) for record in records]
        with self._writing() as connection:
            return sum(writing.write_run(connection, record) for record in checked)

    def set_scores(self, run_id: str, scores: Mapping[str, float]) -> None:
        """
        :param run_id: a run that is there
        :param scores: measures computed later, by name; those of the same name are replaced, others stay
        :raises StoreError: if there is no such run, or it cannot be written
        :raises TypeError: if a value is not a number
        """
        checked = checked_scores(f"run {run_id!r}", scores)
        with self._writing() as connection:
            if not writing.write_scores(connection, run_id, checked):
                raise StoreError(f"There is no run {run_id!r} in the store {self.path}. Record it first.")

    def set_members(self, study: str, members: Iterable[Member]) -> None:
        """
        :param study: the study's name
        :param members: all its places, in the order in which they are to be shown; no runs are removed
        :raises ValueError: if a place is taken twice, or belongs to another study
        :raises StoreError: if it cannot be written
        """
        checked = checked_members(study, members)
        if checked == self.members(study):
            return  # a report of a store that can only be read
        with self._writing() as connection:
            writing.write_members(connection, study, checked)

    def members(self, study: str) -> list[Member]:
        """
        :param study: the study's name
        :return: its places, in the order given; none if there is no such study
        """
        with self._reading() as connection:
            return reading.members(connection, study)

    def studies(self) -> dict[str, Counts]:
        """
        :return: how far every study is, by name, in alphabetical order
        """
        with self._reading() as connection:
            return {name: Counts(*counts) for name, *counts in reading.counts(connection)}

    def status(self, run_ids: Iterable[str]) -> dict[str, str]:
        """
        :param run_ids: any runs
        :return: ``finished`` or ``failed`` by run; those that are not in the store are left out
        """
        with self._reading() as connection:
            return reading.status(connection, list(run_ids))

    def runs(self, study: str, curves: bool = True) -> list[tuple[Member, RunRecord | None]]:
        """
        :param study: the study's name
        :param curves: whether to read the curves too; without, records have neither curves nor steps
        :return: its places, each with the run if it has been done
        """
        with self._reading() as connection:
            return reading.runs(connection, study, curves)

    def content(self, study: str) -> str:
        """
        :param study: the study's name
        :return: everything but ``recorded``, one line of JSON a place, in an order that depends on the places alone:
            two stores with equal texts hold equal studies, bit for bit
        """
        found = sorted(self.runs(study), key=lambda pair: (pair[0].arm, pair[0].environment, pair[0].seed))
        return "".join(
            f"{json.dumps([member.arm, member.environment, member.seed, member.run_id])} "
            f"{'missing' if record is None else content(record)}\n"
            for member, record in found
        )

    def fingerprint(self, study: str) -> str:
        """
        :param study: the study's name
        :return: a hash of its places, which of them are finished or failed, and their scores: a verdict that was
            reached at another fingerprint has to be reached anew
        """
        with self._reading() as connection:
            return hashlib.sha256("\n".join(reading.outline(connection, study)).encode()).hexdigest()

    def verdict(self, study: str) -> tuple[str, dict[str, Any]] | None:
        """
        :param study: the study's name
        :return: the fingerprint at which a verdict was kept, and the verdict; ``None`` if there is none
        """
        with self._reading() as connection:
            row = connection.execute("SELECT fingerprint, verdict FROM verdicts WHERE study = ?", (study,)).fetchone()
        return None if row is None else (row[0], json.loads(row[1]))

    def set_verdict(self, study: str, fingerprint: str, verdict: Mapping[str, Any]) -> None:
        """
        :param study: the study's name
        :param fingerprint: what the verdict depends on, as a hash
        :param verdict: plain data (JSON)
        :raises StoreError: if it cannot be written
        """
        check_text("study", study)
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO verdicts (study, fingerprint, verdict) VALUES (?, ?, ?)",
                (study, fingerprint, json.dumps(dict(verdict))),
            )

    def lock(self, study: str) -> AbstractContextManager[None]:
        """
        :param study: the study's name
        :return: to be held while the study is run; other studies may be run on the store meanwhile
        :raises StoreError: if the store can only be read; on entering, if somebody else runs this study on it
        """
        self._check_writable()
        return study_lock(self.path, study)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
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
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._translating(), read_transaction(self._connection):
            yield self._connection

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise translated(error, self.path) from error
