"""
The journal of a search: Optuna's file of records, a line of JSON each, and how one that was cut short is mended.

Optuna appends, so what a full disk or a kill leaves is part of a record at the end, or a record without its line end.
Optuna's next append goes on in the same line, and from then on it cannot read the file.
"""

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileSymlinkLock

from sb3_entropy.files import atomic_file

_BEGIN = '{"op_code":'  # of every record
_DECODER = json.JSONDecoder()


def mend_journal(path: Path) -> None:
    """
    Brings a journal to its whole records, a line each, and keeps what it was in ``<name>.damaged``. One that is whole,
    empty or not there stays as it is.

    :param path: the journal
    :raises ValueError: if it is no journal of Optuna's, or a line that is not the last is damaged: what follows depends
        on it
    """
    if not path.exists() or _mended(path)[1] is None:
        return
    lock = JournalFileSymlinkLock(str(path))
    lock.acquire()
    try:
        records, what = _mended(path)  # again: another one may have been writing
        if what is None:
            return
        kept = _unused(path)
        shutil.copy2(path, kept)
        with atomic_file(path) as file:
            file.write("".join(f"{record}\n" for record in records).encode("utf-8", "surrogateescape"))
    finally:
        lock.release()
    warnings.warn(
        f"The journal {path} was cut short, by a full disk or a kill: {what}. All its {len(records)} whole records "
        f"were kept, and the search goes on from them; the file as it was is {kept}.",
        stacklevel=4,
    )


def _mended(path: Path) -> tuple[list[str], str | None]:
    """The whole records, and what is wrong; ``None`` if nothing is."""
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    *lines, rest = text.split("\n")
    first = (lines or [rest])[0]
    if text and _record(first) is None and not (first.startswith(_BEGIN) or _BEGIN.startswith(first)):
        raise ValueError(f"{path} is not a journal of Optuna. Name another file.")
    wrong = []
    if rest:
        lines.append(rest)
        wrong.append("its last line has no end")
    found: list[str] = []
    for number, line in enumerate(lines, 1):
        if _record(line) is not None:
            found.append(line)
            continue
        whole, cut = _split(line)
        if cut and number < len(lines):
            raise ValueError(
                f"Line {number} of the journal {path} is damaged, and what follows depends on it, so that it cannot be "
                "mended. It was left as it is. Get it back from a backup, or search in another file."
            )
        found += whole
        wrong.append(f"line {number} holds part of a record" if len(whole) < 2 else f"line {number} holds several")
    return found, "; ".join(wrong) or None


def _record(line: str) -> Any:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and "op_code" in record else None


def _split(line: str) -> tuple[list[str], bool]:
    """The whole records in a line, before which part of one may stand, and whether it ends with something else."""
    found, start = [], 0
    while 0 <= start < len(line):
        try:
            _, end = _DECODER.raw_decode(line, start)
        except ValueError:
            start = line.find(_BEGIN, start + 1)
            continue
        found.append(line[start:end])
        start = end
    return found, start < 0


def _unused(path: Path) -> Path:
    candidate, number = path.with_name(f"{path.name}.damaged"), 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}.damaged-{number}")
    return candidate
