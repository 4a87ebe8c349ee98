"""
A study as three small text files that can be committed: written, and read again.

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
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sb3_entropy.errors import unknown
from sb3_entropy.files import atomic_file
from sb3_entropy.store.database import Store
from sb3_entropy.store.errors import StoreError, full, is_full
from sb3_entropy.store.tables.runs import RunRecord
from sb3_entropy.store.tables.studies import Member

FORMAT = "sb3-entropy study"
VERSION = 1
RUNS, CURVES, DEFINITIONS = "runs.csv", "curves.csv", "definitions.json"
RUN_COLUMNS = ("arm", "environment", "seed", "status", "run_id", "definition", "error", "recorded")
CURVE_COLUMNS = ("run", "step")

Pairs = Sequence[tuple[Member, RunRecord | None]]
Lines = dict[int, list[tuple[int, dict[str, float]]]]


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
    definitions = _Definitions()
    texts = {RUNS: _runs_text(pairs, definitions), CURVES: _curves_text(pairs)}
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


def import_study(store: Store, folder: str | os.PathLike[str]) -> str:
    """
    Takes an exported study up. All files are read before anything is written. Runs that are finished in the store stay
    as they are there; the study's places become those of the folder.

    :param store: where to
    :param folder: the folder of its three files
    :return: the study's name
    :raises StoreError: if a file is missing, damaged or something else, or the store cannot be written to
    :raises StoreFull: if the disk is full
    """
    folder = Path(folder)
    about = _about(folder)
    texts = {name: _text(folder / name) for name in (RUNS, CURVES)}
    for name, text in texts.items():
        checksums = about.get("sha256")
        if not isinstance(checksums, dict) or checksums.get(name) != checksum(text):
            raise StoreError(
                f"{folder / name} is not what was exported: it was changed or cut short, or belongs to another export. "
                "Get it back from version control, or export the study again."
            )
    limit = csv.field_size_limit(2**31 - 1)  # tracebacks may be longer than csv's 128 KiB
    try:
        study = str(about["study"])
        members, records = _parse(study, about["definitions"], texts[RUNS], _curves(texts[CURVES]))
        store.record_all(records)
        store.set_members(study, members)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, csv.Error) as error:
        raise StoreError(
            f"{folder} is not a study as `export` writes it ({type(error).__name__}: {error}). Export it again."
        ) from error
    finally:
        csv.field_size_limit(limit)
    return study


class _Definitions:
    """Definitions that differ in more than the seed, in the order in which they came."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self._numbers: dict[str, int] = {}

    def number(self, definition: Mapping[str, Any], seed: int) -> int:
        """The number under which it is found. The seed is left out of it if it is that of the place."""
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


def _runs_text(pairs: Pairs, definitions: _Definitions) -> str:
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


def _curves_text(pairs: Pairs) -> str:
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


def _about(folder: Path) -> dict[str, Any]:
    path = folder / DEFINITIONS
    try:
        about = json.loads(_text(path))
    except ValueError as error:
        raise StoreError(f"{path} is damaged: {error}. Get it back, or export the study again.") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise StoreError(f"{path} is not of an exported study: it does not say format: {FORMAT!r}.")
    if about.get("version") != VERSION:
        raise StoreError(
            f"{path} has version {about.get('version')!r}, and this sb3-entropy reads version {VERSION}. Install the "
            "sb3-entropy that wrote it."
        )
    return about


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise StoreError(f"{path} is damaged: {error}. Get it back, or export the study again.") from error
    except OSError as error:
        raise StoreError(
            f"{path} cannot be read: {error.strerror}. An exported study is a folder with {RUNS}, {CURVES} and "
            f"{DEFINITIONS}."
        ) from error


def _rows(text: str, fixed: tuple[str, ...]) -> Iterator[tuple[list[str], dict[str, float]]]:
    """The fixed cells of every line, and the floats that follow, by column."""
    lines = csv.reader(io.StringIO(text, newline="\n"), strict=True)
    header = next(lines, [])
    if tuple(header[: len(fixed)]) != fixed:
        raise ValueError(f"a header must begin with {', '.join(fixed)}, not {header}")
    names = header[len(fixed) :]
    for line in lines:
        cells = zip(names, line[len(fixed) :], strict=True)
        yield line[: len(fixed)], {name: float(cell) for name, cell in cells if cell}


def _curves(text: str) -> Lines:
    found: Lines = defaultdict(list)
    for (run, step), values in _rows(text, CURVE_COLUMNS):
        found[int(run)].append((int(step), values))
    return found


def _parse(
    study: str, definitions: list[dict[str, Any]], runs: str, curves: Lines
) -> tuple[list[Member], list[RunRecord]]:
    members, records = [], []
    for run, (cells, scores) in enumerate(_rows(runs, RUN_COLUMNS)):
        arm, environment, seed, status, run_id, number, error, recorded = cells
        members.append(Member(study, arm, environment, int(seed), run_id))
        if status == "missing":
            continue
        entry = definitions[int(number)]
        definition = {**entry["definition"], "seed": int(seed)} if entry["seeded"] else entry["definition"]
        lines = curves.get(run, [])
        names = lines[0][1] if lines else {}
        records.append(
            RunRecord(
                run_id=run_id,
                definition=definition,
                status=status,
                scores=scores,
                steps=tuple(step for step, _ in lines),
                curves={name: tuple(values[name] for _, values in lines) for name in names},
                error=json.loads(error) if error else None,
                recorded=json.loads(recorded),
            )
        )
    return members, records
