"""How far a run has come while it trains: a few bytes in a file, which another process may read at any time."""

import struct
import time
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

#: seconds between two notes
EVERY = 0.25
_NUMBER = struct.Struct("<q")


class StepCount:
    """
    Notes a run's environment steps. A note takes microseconds, at most four times a second. Where the folder is not to
    be had, on another machine of a cluster for instance, nothing is noted, and nothing fails.

    :param folder: where, one file a run
    :param run_id: the run
    """

    def __init__(self, folder: str | Path, run_id: str):
        self._file: BinaryIO | None = None
        self._next = 0.0
        try:
            self._file = (Path(folder) / run_id).open("wb", buffering=0)
        except OSError:
            return

    def note(self, steps: int) -> None:
        """
        :param steps: that the run has done
        """
        if self._file is None or (now := time.monotonic()) < self._next:
            return
        self._next = now + EVERY
        try:
            self._file.seek(0)
            self._file.write(_NUMBER.pack(steps))
        except OSError:
            self.close()

    def close(self) -> None:
        """Note no more."""
        if self._file is not None:
            self._file.close()
            self._file = None


def noted_steps(folder: str | Path, run_ids: Iterable[str]) -> dict[str, int]:
    """
    :param folder: where steps are noted
    :param run_ids: runs
    :return: the steps of those that have noted any
    """
    found = {}
    for run_id in run_ids:
        try:
            noted = (Path(folder) / run_id).read_bytes()
        except OSError:
            continue
        if len(noted) == _NUMBER.size:
            (found[run_id],) = _NUMBER.unpack(noted)
    return found
