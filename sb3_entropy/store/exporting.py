"""
A study as three small text files that can be committed.

- ``runs.csv``: a line a place of the study. ``error`` and ``recorded`` are JSON, ``definition`` is a number in
  ``definitions.json``; the scores follow, one column each.
- ``curves.csv``: a line a run and step. ``run`` is the run's line in ``runs.csv``, from 0; the curves follow.
- ``definitions.json``: the definitions, once each and without seeds, and the checksums of the other files.

A cell is empty where a run has no such score or curve; ``nan`` is a NaN. Floats are exact, and a study that did not
change gives the same bytes.
"""

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sb3_entropy.errors import unknown
from sb3_entropy.files import atomic_file
from sb3_entropy.store.database import Store
from sb3_entropy.store.errors import StoreError, full, is_full
from sb3_entropy.store.records import Member, RunRecord

FORMAT = "sb3-entropy study"
VERSION = 1
RUNS, CURVES, DEFINITIONS = "runs.csv", "curves.csv", "definitions.json"
RUN_COLUMNS = ("arm", "environment", "seed", "status", "run_id", "definition", "error", "recorded")
CURVE_COLUMNS = ("run", "step")

Pairs = Sequence[tuple[Member, RunRecord | None]]


def export_study(store: Store, study: str, folder: str | os.PathLike[str]) -> list[Path]:
    """
    Writes a study's files; those of an earlier export are replaced one by one when all are complete.

    :param store: where it is
    :param study: its name
    :param folder: where to, made if it is not there
    :return: the files
    :raises StoreError: if there is no such study, or the folder cannot be written to
    :raises StoreFull: if the disk is full; an earlier export is intact then
    """
    pairs = store.runs(study)
    if not pairs:
        raise StoreError(f"{unknown('study', study, store.studies())} The store is {store.path}.")
    definitions = Definitions()
    texts = {RUNS: _runs(pairs, definitions), CURVES: _curves(pairs)}
    about = {
        "format": FORMAT,
        "version": VERSION,
        "study": study,
        "sha256": {name: checksum(text) for name, text in texts.items()},
        "definitions": definitions.found,
    }
    texts[DEFINITIONS] = json.dumps(about, indent=1, sort_keys=True) + "\n"
    _write(Path(folder), texts)
    return [Path(folder) / name for name in texts]


class Definitions:
    """Definitions that differ in more than the seed, in the order in which they came."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self._numbers: dict[str, int] = {}

    def number(self, definition: Mapping[str, Any], seed: int) -> int:
        """
        :param definition: a run's definition
        :param seed: the seed of its place; left out of the definition if it is the same there
        :return: the number under which it is found
        """
        given = definition.get("seed")
        same = type(given) is int and given == seed
        entry = {
            "seeded": same,
            "definition": {k: v for k, v in definition.items() if not (same and k == "seed")},
        }
        number = self._numbers.setdefault(json.dumps(entry, sort_keys=True), len(self.found))
        if number == len(self.found):
            self.found.append(entry)
        return number


def checksum(text: str) -> str:
    """
    :param text: a file's text, with its line ends as ``\\n``: version control may change them
    :return: its SHA-256
    """
    return hashlib.sha256(text.encode()).hexdigest()


def _runs(pairs: Pairs, definitions: Definitions) -> str:
    names = sorted({name for _, record in pairs if record for name in record.scores})
    rows: list[list[object]] = [[*RUN_COLUMNS, *names]]
    for member, record in pairs:
        place = [member.arm, member.environment, member.seed]
        if record is None:
            rows.append([*place, "missing", member.run_id, "", "", "", *[""] * len(names)])
            continue
        rows.append(
            [
                *place,
                record.status,
                record.run_id,
                definitions.number(record.definition, member.seed),
                "" if record.error is None else json.dumps(record.error, ensure_ascii=False),
                json.dumps(record.recorded, sort_keys=True),
                *(_cell(record.scores.get(name)) for name in names),
            ]
        )
    return _csv(rows)


def _curves(pairs: Pairs) -> str:
    names = sorted({name for _, record in pairs if record for name in record.curves})
    rows: list[list[object]] = [[*CURVE_COLUMNS, *names]]
    for run, (_, record) in enumerate(pairs):
        if record is not None:
            columns = [record.curves.get(name) for name in names]
            for i, step in enumerate(record.steps):
                rows.append([run, step, *(_cell(None if column is None else column[i]) for column in columns)])
    return _csv(rows)


def _cell(value: float | None) -> str:
    return "" if value is None else repr(value)


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    try:
        with ExitStack() as files:  # none is replaced before all are complete
            for name, text in texts.items():
                file = files.enter_context(atomic_file(folder / name))
                file.write(text.encode())
                file.flush()
    except OSError as error:
        if is_full(error):
            raise full(str(folder)) from error
        raise StoreError(f"The study cannot be exported to {folder}: {error}. Name another folder.") from error
