"""Studies: which runs belong where in them, and their last verdicts."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sb3_entropy.store.table import Table
from sb3_entropy.store.tables.runs import RunRecord, content, read_runs
from sb3_entropy.store.values import check_text, whole

SCHEMA = {
    1: (
        """CREATE TABLE members (
            study TEXT NOT NULL,
            position INTEGER NOT NULL,
            arm TEXT NOT NULL,
            environment TEXT NOT NULL,
            seed INTEGER NOT NULL,
            run_id TEXT NOT NULL,
            PRIMARY KEY (study, position),
            UNIQUE (study, arm, environment, seed)) WITHOUT ROWID""",
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
}
_RUNS_OF = "SELECT r.id FROM members m JOIN runs r ON r.run_id = m.run_id WHERE m.study = ?"


@dataclass(frozen=True)
class Member:
    """
    One place in a study.

    :param study: the study's name
    :param arm: the arm's label
    :param environment: the environment's id
    :param seed: the seed
    :param run_id: the run that belongs there, whether or not it has been done
    """

    study: str
    arm: str
    environment: str
    seed: int
    run_id: str


@dataclass(frozen=True)
class Counts:
    """
    How far a study is.

    :param finished: places whose run is finished
    :param failed: places whose run has failed
    :param missing: places whose run has not been done
    """

    finished: int
    failed: int
    missing: int


class Studies(Table):
    """Studies by name."""

    def set_members(self, study: str, members: Iterable[Member]) -> None:
        """
        :param study: the study's name
        :param members: all its places, in the order in which they are to be shown; no runs are removed
        :raises ValueError: if a place is taken twice, or belongs to another study, or a name is empty
        :raises TypeError: if a seed is not a whole number
        :raises StoreError: if it cannot be written
        """
        checked = _checked(study, members)
        if checked == self.members(study):
            return  # a report of a store that can only be read
        with self._store.writing() as connection:
            connection.execute("DELETE FROM members WHERE study = ?", (study,))
            connection.executemany(
                "INSERT INTO members (study, position, arm, environment, seed, run_id) VALUES (?, ?, ?, ?, ?, ?)",
                [(study, i, m.arm, m.environment, m.seed, m.run_id) for i, m in enumerate(checked)],
            )

    def members(self, study: str) -> list[Member]:
        """
        :param study: the study's name
        :return: its places, in the order given; none if there is no such study
        """
        with self._store.reading() as connection:
            return _members(connection, study)

    def counts(self) -> dict[str, Counts]:
        """
        :return: how far every study is, by name, in alphabetical order
        """
        query = """SELECT m.study, coalesce(sum(r.status = 'finished'), 0), coalesce(sum(r.status = 'failed'), 0),
            sum(r.status IS NULL)
            FROM members m LEFT JOIN runs r ON r.run_id = m.run_id GROUP BY m.study ORDER BY m.study"""
        with self._store.reading() as connection:
            return {name: Counts(*counts) for name, *counts in connection.execute(query)}

    def runs(self, study: str, curves: bool = True) -> list[tuple[Member, RunRecord | None]]:
        """
        :param study: the study's name
        :param curves: whether to read the curves too; without, records have neither curves nor steps
        :return: its places, each with the run if it has been done
        :raises StoreError: if a curve is not complete
        """
        with self._store.reading() as connection:
            found = read_runs(connection, _RUNS_OF, study, curves)
            return [(member, found.get(member.run_id)) for member in _members(connection, study)]

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
        places = """SELECT m.arm, m.environment, m.seed, m.run_id, r.status FROM members m LEFT JOIN runs r
            ON r.run_id = m.run_id WHERE m.study = ? ORDER BY m.arm, m.environment, m.seed"""
        scores = """SELECT m.run_id, s.measure, s.value FROM members m JOIN runs r ON r.run_id = m.run_id
            JOIN scores s ON s.run = r.id WHERE m.study = ? ORDER BY m.run_id, s.measure"""
        with self._store.reading() as connection:
            lines = [repr(row) for query in (places, scores) for row in connection.execute(query, (study,))]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def verdict(self, study: str) -> tuple[str, dict[str, Any]] | None:
        """
        :param study: the study's name
        :return: the fingerprint at which a verdict was kept, and the verdict; ``None`` if there is none
        """
        with self._store.reading() as connection:
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
        with self._store.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO verdicts (study, fingerprint, verdict) VALUES (?, ?, ?)",
                (study, fingerprint, json.dumps(dict(verdict))),
            )


def _members(connection: sqlite3.Connection, study: str) -> list[Member]:
    query = "SELECT study, arm, environment, seed, run_id FROM members WHERE study = ? ORDER BY position"
    return [Member(*row) for row in connection.execute(query, (study,))]


def _checked(study: str, members: Iterable[Member]) -> list[Member]:
    """The same, with Python's whole numbers as seeds."""
    check_text("study", study)
    found: dict[tuple[str, str, int], Member] = {}
    for member in members:
        if member.study != study:
            raise ValueError(f"Members of study {study!r} were to be set, but {member} belongs to another one.")
        for name in ("arm", "environment", "run_id"):
            check_text(name, getattr(member, name))
        place = member.arm, member.environment, whole("seed", member.seed)
        if place in found:
            raise ValueError(f"Study {study!r} has arm {place[0]!r}, environment {place[1]!r}, seed {place[2]} twice.")
        found[place] = replace(member, seed=place[2])
    return list(found.values())
