"""Records from rows. The caller holds the transaction, so that all queries see one state."""

import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from sb3_entropy.store.errors import StoreError
from sb3_entropy.store.records import Member, RunRecord

_AT_ONCE = 500  # SQLite allowed 999 question marks for long
_OF_STUDY = "(SELECT r.id FROM members m JOIN runs r ON r.run_id = m.run_id WHERE m.study = ?)"


def members(connection: sqlite3.Connection, study: str) -> list[Member]:
    """
    :param connection: in a transaction
    :param study: the study's name
    :return: its places, in order
    """
    query = "SELECT study, arm, environment, seed, run_id FROM members WHERE study = ? ORDER BY position"
    return [Member(*row) for row in connection.execute(query, (study,))]


def counts(connection: sqlite3.Connection) -> list[tuple[str, int, int, int]]:
    """
    :param connection: in a transaction
    :return: every study's name, and how many of its places are finished, failed and missing
    """
    return connection.execute(
        """SELECT m.study, coalesce(sum(r.status = 'finished'), 0), coalesce(sum(r.status = 'failed'), 0),
        sum(r.status IS NULL)
        FROM members m LEFT JOIN runs r ON r.run_id = m.run_id GROUP BY m.study ORDER BY m.study"""
    ).fetchall()


def status(connection: sqlite3.Connection, run_ids: Sequence[str]) -> dict[str, str]:
    """
    :param connection: in a transaction
    :param run_ids: any runs
    :return: the status of those that are there
    """
    found: dict[str, str] = {}
    for i in range(0, len(run_ids), _AT_ONCE):
        some = run_ids[i : i + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        found.update(connection.execute(f"SELECT run_id, status FROM runs WHERE run_id IN ({marks})", some))
    return found


def outline(connection: sqlite3.Connection, study: str) -> Iterator[str]:
    """
    :param connection: in a transaction
    :param study: the study's name
    :return: a line for every place, then one for every score
    """
    places = """SELECT m.arm, m.environment, m.seed, m.run_id, r.status FROM members m LEFT JOIN runs r
        ON r.run_id = m.run_id WHERE m.study = ? ORDER BY m.arm, m.environment, m.seed"""
    scores = """SELECT m.run_id, s.measure, s.value FROM members m JOIN runs r ON r.run_id = m.run_id
        JOIN scores s ON s.run = r.id WHERE m.study = ? ORDER BY m.run_id, s.measure"""
    for query in (places, scores):
        yield from map(repr, connection.execute(query, (study,)))


def runs(connection: sqlite3.Connection, study: str, curves: bool) -> list[tuple[Member, RunRecord | None]]:
    """
    :param connection: in a transaction
    :param study: the study's name
    :param curves: whether to read curves
    :return: its places with their runs
    :raises StoreError: if a curve is not complete
    """
    scores = _scores(connection, study)
    values = _curves(connection, study) if curves else {}
    found: dict[str, RunRecord] = {}
    query = f"SELECT id, run_id, status, steps, definition, recorded, error FROM runs WHERE id IN {_OF_STUDY}"
    for run, run_id, state, steps, definition, recorded, error in connection.execute(query, (study,)):
        grid = tuple(json.loads(steps)) if curves else ()
        lines = values.get(run, {})
        if any(len(line) != len(grid) for line in lines.values()):
            raise StoreError(f"Curves of run {run_id!r} are not complete: the store was changed by something else.")
        found[run_id] = RunRecord(
            run_id, json.loads(definition), state, scores.get(run, {}), grid, lines, error, json.loads(recorded)
        )
    return [(member, found.get(member.run_id)) for member in members(connection, study)]


def _scores(connection: sqlite3.Connection, study: str) -> dict[int, dict[str, float]]:
    found: dict[int, dict[str, float]] = {}
    query = f"SELECT run, measure, value FROM scores WHERE run IN {_OF_STUDY} ORDER BY run, measure"
    for run, measure, value in connection.execute(query, (study,)):
        found.setdefault(run, {})[measure] = _float(value)
    return found


def _curves(connection: sqlite3.Connection, study: str) -> dict[int, dict[str, tuple[float, ...]]]:
    found: dict[int, dict[str, tuple[float, ...]]] = {}
    query = f"SELECT run, name, value FROM curves WHERE run IN {_OF_STUDY} ORDER BY run, name, step"
    rows = connection.execute(query, (study,))
    for (run, name), group in groupby(rows, key=itemgetter(0, 1)):
        found.setdefault(run, {})[name] = tuple(_float(row[2]) for row in group)
    return found


def _float(value: float | None) -> float:
    return math.nan if value is None else value
