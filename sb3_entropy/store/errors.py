"""What can go wrong with a store, in sentences that say what is safe and what to do."""

import errno
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

_ENOUGH = 1 << 20  # bytes; SQLite writes far less at a time


class StoreError(Exception):
    """A store, or an exported study, cannot be read or written. The message says why, and what to do."""


class StoreFull(StoreError, OSError):  # noqa: N818
    """The disk, or the quota, is used up. What was recorded before is safe."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.errno = errno.ENOSPC


def full(path: str) -> StoreFull:
    """
    :param path: the file that could not grow
    :return: the error to raise
    """
    return StoreFull(
        f"No space is left for {path}: the disk or the quota is full. What was to be written now is missing there; "
        "everything before it is intact. Free some space and run the same command again: it goes on where it stopped."
    )


def translated(error: sqlite3.Error, path: str) -> StoreError:
    """
    :param error: what SQLite raised
    :param path: the store's file
    :return: the same in our words
    """
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and no_space(path)):
        return full(path)
    reasons = {
        sqlite3.SQLITE_BUSY: "another process has been writing to it for too long. Run the command again after it.",
        sqlite3.SQLITE_READONLY: "it can only be read. Give yourself the right to write to the file and to its folder, "
        "or name another store.",
        sqlite3.SQLITE_CANTOPEN: "it, or the files that SQLite keeps beside it (-wal, -shm), cannot be opened. Check "
        "who may read and write the file and its folder.",
        sqlite3.SQLITE_CORRUPT: "the file is damaged. Keep a copy, save what can be read with `sqlite3 FILE .recover`, "
        "and name another store; exported studies can be imported there.",
        sqlite3.SQLITE_IOERR: "the disk does not read or write (I/O error). What was recorded before was not changed.",
    }
    reasons[sqlite3.SQLITE_NOTADB] = reasons[sqlite3.SQLITE_CORRUPT]
    reason = reasons.get(code, "SQLite refuses.")
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY_ROLLBACK:
        reason = (
            "a process was killed while it wrote to it, and what it left has to be undone. Let somebody open it once "
            "who may write to the file and its folder."
        )
    return StoreError(f"The store {path} cannot be used: {reason} (SQLite: {error})")


def no_space(path: str) -> bool:
    """
    :param path: a file
    :return: whether its folder has no room for another megabyte, by the disk's account or by a quota
    """
    folder = Path(path).absolute().parent
    try:
        if shutil.disk_usage(folder).free < _ENOUGH:
            return True
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_ENOUGH))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return is_full(error)
    return False


def is_full(error: OSError) -> bool:
    """
    :param error: what a write raised
    :return: whether it was for want of space
    """
    return error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
