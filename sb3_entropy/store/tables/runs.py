"""Runs: what each was, its scores and its curves."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

from sb3_entropy.errors import check_choice
from sb3_entropy.store.errors import StoreError
from sb3_entropy.store.table import AT_ONCE, Table, stored_float
from sb3_entropy.store.values import check_text, number, plain, printable, whole

# A column without a type keeps a float bit for bit; one of type REAL makes 0.0 of -0.0. NaN is stored as NULL.
SCHEMA = {
    1: (
        """CREATE TABLE runs (
            id INTEGER PRIMARY KEY,
            run_id TEXT NOT NULL UNIQUE,
            status TEXT NOT NULL CHECK (status IN ('finished', 'failed')),
            steps TEXT NOT NULL,
            definition TEXT NOT NULL,
            recorded TEXT NOT NULL,
            error TEXT)""",
        "CREATE INDEX runs_status ON runs (run_id, status)",
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
    )
}
STATUSES = ("finished", "failed")


@dataclass(frozen=True)
class RunRecord:
    """
    One run's numbers.

    :param run_id: the hash of what defines the run
    :param definition: what defines it, as JSON
    :param status: ``finished`` or ``failed``
    :param scores: measures by name; NaN and ±∞ are allowed
    :param steps: where the curves were measured, in environment steps, strictly increasing, shape (T,)
    :param curves: values on ``steps`` by name, each of shape (T,); NaN and ±∞ are allowed; none is kept if T = 0
    :param error: the traceback of a failed run
    :param recorded: what may differ between equal runs, as JSON: wall-clock times, host, engine, commit …
    """

    run_id: str
    definition: dict[str, Any]
    status: str
    scores: dict[str, float]
    steps: tuple[int, ...]
    curves: dict[str, tuple[float, ...]]
    error: str | None
    recorded: dict[str, Any]


class Runs(Table):
    """Runs by id. A finished one is never replaced."""

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
        checked = [_checked(record) for record in records]
        with self._store.writing() as connection:
            return sum(_write(connection, record) for record in checked)

    def set_scores(self, run_id: str, scores: Mapping[str, float]) -> None:
        """
        :param run_id: a run that is there
        :param scores: measures computed later, by name; those of the same name are replaced, others stay
        :raises StoreError: if there is no such run, or it cannot be written
        :raises TypeError: if a value is not a number
        """
        checked = _checked_scores(f"run {run_id!r}", scores)
        with self._store.writing() as connection:
            run = _find(connection, run_id)
            if run is None:
                raise StoreError(f"There is no run {run_id!r} in the store {self._store.path}. Record it first.")
            connection.executemany(
                "INSERT OR REPLACE INTO scores VALUES (?, ?, ?)", [(run, *item) for item in checked.items()]
            )

    def status(self, run_ids: Iterable[str]) -> dict[str, str]:
        """
        :param run_ids: any runs
        :return: ``finished`` or ``failed`` by run; those that are not in the store are left out
        """
        asked, found = list(run_ids), dict[str, str]()
        with self._store.reading() as connection:
            for i in range(0, len(asked), AT_ONCE):
                some = asked[i : i + AT_ONCE]
                marks = ", ".join("?" * len(some))
                found.update(connection.execute(f"SELECT run_id, status FROM runs WHERE run_id IN ({marks})", some))
        return found


def read_runs(connection: sqlite3.Connection, which: str, of: str, curves: bool) -> dict[str, RunRecord]:
    """
    :param connection: in a transaction
    :param which: a query for ``runs.id``, with one question mark
    :param of: what stands for the question mark
    :param curves: whether to read the curves too; without, records have neither curves nor steps
    :return: these runs, by id
    :raises StoreError: if a curve is not complete
    """
    scores: dict[int, dict[str, float]] = {}
    query = f"SELECT run, measure, value FROM scores WHERE run IN ({which}) ORDER BY run, measure"
    for run, measure, value in connection.execute(query, (of,)):
        scores.setdefault(run, {})[measure] = stored_float(value)
    lines: dict[int, dict[str, tuple[float, ...]]] = {}
    if curves:
        query = f"SELECT run, name, value FROM curves WHERE run IN ({which}) ORDER BY run, name, step"
        for (run, name), group in groupby(connection.execute(query, (of,)), key=itemgetter(0, 1)):
            lines.setdefault(run, {})[name] = tuple(stored_float(row[2]) for row in group)
    found: dict[str, RunRecord] = {}
    query = f"SELECT id, run_id, status, steps, definition, recorded, error FROM runs WHERE id IN ({which})"
    for run, run_id, status, steps, definition, recorded, error in connection.execute(query, (of,)):
        grid = tuple(json.loads(steps)) if curves else ()
        mine = lines.get(run, {})
        if any(len(line) != len(grid) for line in mine.values()):
            raise StoreError(f"Curves of run {run_id!r} are not complete: the store was changed by something else.")
        found[run_id] = RunRecord(
            run_id, json.loads(definition), status, scores.get(run, {}), grid, mine, error, json.loads(recorded)
        )
    return found


def content(record: RunRecord) -> str:
    """
    :param record: a record
    :return: all of it but ``recorded``, as one line of JSON; floats are exact, NaN is NaN
    """
    timeless = {name: value for name, value in vars(record).items() if name != "recorded"}
    return json.dumps(timeless, sort_keys=True, separators=(",", ":"))


def same_but_clock(a: RunRecord, b: RunRecord) -> bool:
    """
    :param a: a record
    :param b: another one
    :return: whether they are equal in everything but ``recorded``, bit for bit; NaN equals NaN
    """
    return content(a) == content(b)


def _checked(record: RunRecord) -> RunRecord:
    """As it will be read again: numbers as Python's, JSON's types in the mappings, printable text."""
    where = f"run {record.run_id!r}"
    check_text("run_id", record.run_id)
    check_choice("status", record.status, STATUSES)
    steps = tuple(whole(f"steps of {where}", step) for step in record.steps)
    if any(a >= b for a, b in pairwise(steps)):
        raise ValueError(f"steps of {where} must increase strictly, but {steps} were given.")
    curves = {}
    for name, values in record.curves.items():
        check_text(f"a curve's name in {where}", name)
        curves[name] = tuple(number(f"curve {name!r} of {where}", value) for value in values)
        if len(curves[name]) != len(steps):
            raise ValueError(
                f"curve {name!r} of {where} must have a value at each of the {len(steps)} steps, but "
                f"{len(curves[name])} were given. Put NaN where nothing was measured."
            )
    return replace(
        record,
        definition=plain(f"definition of {where}", record.definition),
        scores=_checked_scores(where, record.scores),
        steps=steps,
        curves=curves if steps else {},
        error=None if record.error is None else printable(record.error),
        recorded=plain(f"recorded of {where}", record.recorded),
    )


def _checked_scores(where: str, scores: Mapping[str, float]) -> dict[str, float]:
    for name in scores:
        check_text(f"a score's name in {where}", name)
    return {name: number(f"score {name!r} of {where}", value) for name, value in scores.items()}


_RUN = """INSERT INTO runs (run_id, status, steps, definition, recorded, error) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (run_id) DO UPDATE SET status = excluded.status, steps = excluded.steps,
    definition = excluded.definition, recorded = excluded.recorded, error = excluded.error
    WHERE runs.status <> 'finished'"""


def _write(connection: sqlite3.Connection, record: RunRecord) -> bool:
    """Whether it was written; a finished run stays as it is."""
    row = (
        record.run_id,
        record.status,
        json.dumps(record.steps),
        json.dumps(record.definition, sort_keys=True),
        json.dumps(record.recorded, sort_keys=True),
        record.error,
    )
    if connection.execute(_RUN, row).rowcount != 1:
        return False
    run = _find(connection, record.run_id)
    connection.execute("DELETE FROM scores WHERE run = ?", (run,))
    connection.execute("DELETE FROM curves WHERE run = ?", (run,))
    connection.executemany("INSERT INTO scores VALUES (?, ?, ?)", [(run, *item) for item in record.scores.items()])
    connection.executemany(
        "INSERT INTO curves VALUES (?, ?, ?, ?)",
        [
            (run, name, step, value)
            for name in sorted(record.curves)
            for step, value in zip(record.steps, record.curves[name], strict=True)
        ],
    )
    return True


def _find(connection: sqlite3.Connection, run_id: str) -> int | None:
    row = connection.execute("SELECT id FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    return None if row is None else row[0]
