"""Rows from records. The caller holds the transaction."""

import json
import sqlite3
from collections.abc import Mapping, Sequence

from sb3_entropy.store.records import Member, RunRecord

_RUN = """INSERT INTO runs (run_id, status, steps, definition, recorded, error) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (run_id) DO UPDATE SET status = excluded.status, steps = excluded.steps,
    definition = excluded.definition, recorded = excluded.recorded, error = excluded.error
    WHERE runs.status <> 'finished'"""


def write_run(connection: sqlite3.Connection, record: RunRecord) -> bool:
    """
    :param connection: in a transaction
    :param record: a checked record
    :return: whether it was written; a finished run stays as it is
    """
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


def write_scores(connection: sqlite3.Connection, run_id: str, scores: Mapping[str, float]) -> bool:
    """
    :param connection: in a transaction
    :param run_id: a run
    :param scores: checked scores
    :return: whether there is such a run
    """
    run = _find(connection, run_id)
    if run is not None:
        connection.executemany(
            "INSERT OR REPLACE INTO scores VALUES (?, ?, ?)", [(run, *item) for item in scores.items()]
        )
    return run is not None


def write_members(connection: sqlite3.Connection, study: str, members: Sequence[Member]) -> None:
    """
    :param connection: in a transaction
    :param study: the study's name
    :param members: all its checked members
    """
    connection.execute("DELETE FROM members WHERE study = ?", (study,))
    connection.executemany(
        "INSERT INTO members (study, position, arm, environment, seed, run_id) VALUES (?, ?, ?, ?, ?, ?)",
        [(study, i, m.arm, m.environment, m.seed, m.run_id) for i, m in enumerate(members)],
    )


def _find(connection: sqlite3.Connection, run_id: str) -> int | None:
    row = connection.execute("SELECT id FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    return None if row is None else row[0]
