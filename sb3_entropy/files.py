"""Files that are whole or not there."""

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_file(target: Path) -> Iterator[BinaryIO]:
    """
    A file that replaces ``target`` when it is complete, and leaves it as it was if anything fails before. As with
    ``open``, a link stays and what it leads to is replaced, permissions stay, and a file that may not be written to is
    not. What cannot be replaced, a device or a file in a folder that may not be written to, is overwritten when
    everything has been written elsewhere.

    :param target: the file to write; its folder is made if need be
    :raises OSError: as ``open`` does, before anything is written: for a folder, a file that may not be written to, a
        link that leads to itself
    """
    file = Path(os.path.realpath(target))
    if file.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(target))
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and (stat.S_ISDIR(mode) or not os.access(target, os.W_OK)):
        code = errno.EISDIR if stat.S_ISDIR(mode) else errno.EACCES
        raise OSError(code, os.strerror(code), str(target))
    if mode is None or (stat.S_ISREG(mode) and os.access(file.parent, os.W_OK)):
        yield from _replaced(file, mode)
    else:
        with tempfile.TemporaryFile() as complete:
            yield complete
            complete.seek(0)
            with open(target, "wb") as opened:
                shutil.copyfileobj(complete, opened)


def _replaced(file: Path, mode: int | None) -> Iterator[BinaryIO]:
    partial = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with partial.open("wb") as opened:
            yield opened
            opened.flush()
            os.fsync(opened.fileno())
        if mode is not None:
            partial.chmod(stat.S_IMODE(mode))
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)
