"""Evaluations: many small ones, each under a key that determines it, whole or not there."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from sb3_entropy.store.errors import StoreError
from sb3_entropy.store.table import AT_ONCE, Table, stored_float
from sb3_entropy.store.values import check_text, exact, number

SCHEMA = {
    2: (
        "CREATE TABLE evaluations (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, trials INTEGER NOT NULL)",
        """CREATE TABLE trials (
            evaluation INTEGER NOT NULL REFERENCES evaluations (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            trial INTEGER NOT NULL,
            value CHECK (typeof(value) IN ('real', 'null')),
            PRIMARY KEY (evaluation, name, trial)) WITHOUT ROWID""",
        """CREATE VIEW evaluation_results AS
            SELECT e.key, t.name, t.trial, t.value FROM evaluations e JOIN trials t ON t.evaluation = e.id""",
    )
}

Key = Mapping[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """
    What came out at one point.

    :param key: all that determines the results, as JSON: the point, how it was evaluated, which trials. Another value
        of anything in it is another evaluation; 1 and 1.0 are two values. NumPy's numbers are Python's of the same
        value; NaN has no place in it
    :param results: by name, one number a trial, all of shape (N,) with N ≥ 1; NaN and ±∞ are allowed
    """

    key: Key
    results: Mapping[str, Sequence[float]]


class Evaluations(Table):
    """Evaluations by key. One that is there is never replaced, so that what was interrupted goes on with the rest."""

    def add(self, evaluations: Iterable[Evaluation]) -> int:
        """
        :param evaluations: any number of them, all or none of which are taken up, but for those that are there already.
            Thousands at once cost little more than one: the disk is waited for once a call
        :return: how many were taken
        :raises ValueError: if one has no results, or not equally many of each name, or a key has a NaN
        :raises TypeError: if a key is not plain data, or a result not a sequence of numbers
        :raises StoreFull: if the disk is full; what was added before is intact
        :raises StoreError: if they cannot be written
        """
        if isinstance(evaluations, Evaluation):
            raise TypeError(f"add takes a list of evaluations, but one was given: {evaluations!r}. Write [evaluation].")
        checked = [_checked(evaluation) for evaluation in evaluations]
        with self._store.writing() as connection:
            taken = [(found, results) for key, n, results in checked if (found := _insert(connection, key, n))]
            rows = (
                (evaluation, name, trial, value)
                for evaluation, results in taken
                for name in sorted(results)
                for trial, value in enumerate(results[name])
            )
            connection.executemany("INSERT INTO trials VALUES (?, ?, ?, ?)", rows)
        return len(taken)

    def missing(self, keys: Iterable[Key]) -> list[Key]:
        """
        :param keys: the keys of all evaluations that are wanted
        :return: those that are not there, in their order and each once: what is still to be done
        """
        asked = {_text(key): key for key in _several(keys)}
        with self._store.reading() as connection:
            there = {text for text, *_ in _rows(connection, list(asked))}
        return [key for text, key in asked.items() if text not in there]

    def keys(self, part: Key | None = None) -> list[dict[str, Any]]:
        """
        :param part: what the keys have to hold, e.g. one value of one setting; ``None`` for all keys
        :return: the keys of the evaluations that are there, in the order in which they were added
        """
        parts = _mapping("a key's part", {} if part is None else part)
        wanted = {name: json.dumps(value, sort_keys=True) for name, value in parts.items()}
        with self._store.reading() as connection:
            found = [json.loads(row[0]) for row in connection.execute("SELECT key FROM evaluations ORDER BY id")]
        return [
            key
            for key in found
            if all(name in key and json.dumps(key[name], sort_keys=True) == value for name, value in wanted.items())
        ]

    def read(self, keys: Iterable[Key]) -> list[Evaluation | None]:
        """
        :param keys: any keys
        :return: their evaluations, in their order; ``None`` where there is none
        :raises StoreError: if one is not complete
        """
        asked = [_text(key) for key in _several(keys)]
        found: dict[str, Evaluation] = {}
        with self._store.reading() as connection:
            rows = list(_rows(connection, list(dict.fromkeys(asked))))
            every = _results(connection, [evaluation for _, evaluation, _ in rows])
            for text, evaluation, n in rows:
                results = every.get(evaluation, {})
                if not results or any(len(values) != n for values in results.values()):
                    raise StoreError(f"Results of {text} are not complete: the store was changed by something else.")
                found[text] = Evaluation(json.loads(text), results)
        return [found.get(text) for text in asked]


def _several(keys: Iterable[Key]) -> Iterable[Key]:
    if isinstance(keys, Mapping):
        raise TypeError(f"A list of keys is wanted, but one key was given: {keys!r}. Write [key].")
    return keys


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping, but {value!r} was given.")
    found: dict[str, Any] = exact(name, value)
    return found


def _text(key: Key) -> str:
    """Equal keys, equal texts, whatever the order in which they were written; floats are exact."""
    return json.dumps(_mapping("an evaluation's key", key), sort_keys=True, separators=(",", ":"))


def _checked(evaluation: Evaluation) -> tuple[str, int, dict[str, tuple[float, ...]]]:
    text = _text(evaluation.key)
    if not isinstance(evaluation.results, Mapping):
        raise TypeError(f"Results of {text} must be a mapping by name, but {evaluation.results!r} was given.")
    results = {}
    for name, values in evaluation.results.items():
        check_text(f"a result's name of {text}", name)
        if not isinstance(values, Iterable):
            raise TypeError(
                f"results {name!r} of {text} must be a list, one number a trial, but {values!r} was given. Write "
                f"[{values!r}] for one trial."
            )
        results[name] = tuple(number(f"results {name!r} of {text}", value) for value in values)
    lengths = {name: len(values) for name, values in results.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise ValueError(f"Results of {text} must be one number a trial of each name, but {lengths} were given.")
    return text, lengths.popitem()[1], results


def _insert(connection: sqlite3.Connection, key: str, n: int) -> int | None:
    """The evaluation's number; ``None`` if it is there already."""
    done = connection.execute("INSERT INTO evaluations (key, trials) VALUES (?, ?) ON CONFLICT DO NOTHING", (key, n))
    return done.lastrowid if done.rowcount == 1 else None


def _rows(connection: sqlite3.Connection, texts: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Key, number and trials of those that are there."""
    for i in range(0, len(texts), AT_ONCE):
        some = texts[i : i + AT_ONCE]
        marks = ", ".join("?" * len(some))
        yield from connection.execute(f"SELECT key, id, trials FROM evaluations WHERE key IN ({marks})", some)


def _results(connection: sqlite3.Connection, evaluations: Sequence[int]) -> dict[int, dict[str, tuple[float, ...]]]:
    """By the evaluation's number: its results by name."""
    found: dict[int, dict[str, tuple[float, ...]]] = {}
    for i in range(0, len(evaluations), AT_ONCE):
        some = evaluations[i : i + AT_ONCE]
        marks = ", ".join("?" * len(some))
        rows = connection.execute(
            f"SELECT evaluation, name, value FROM trials WHERE evaluation IN ({marks}) "
            "ORDER BY evaluation, name, trial",
            some,
        )
        for (evaluation, name), group in groupby(rows, key=itemgetter(0, 1)):
            found.setdefault(evaluation, {})[name] = tuple(stored_float(value) for *_, value in group)
    return found
