"""Read what :mod:`sb3_entropy.store.exporting` wrote."""

import csv
import io
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sb3_entropy.store.database import Store
from sb3_entropy.store.errors import StoreError
from sb3_entropy.store.exporting import (
    CURVE_COLUMNS,
    CURVES,
    DEFINITIONS,
    FORMAT,
    RUN_COLUMNS,
    RUNS,
    VERSION,
    checksum,
)
from sb3_entropy.store.records import Member, RunRecord

Lines = dict[int, list[tuple[int, dict[str, float]]]]


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
