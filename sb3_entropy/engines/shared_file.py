"""A shared thing in a file, which the workers of this machine map into their memory: one copy for all of them."""

import os
import pickle
from contextlib import suppress
from functools import partial
from mmap import ACCESS_READ, mmap
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from sb3_entropy.engines.calls import dump_parts
from sb3_entropy.engines.shared import Kept, Key

# In bytes: where arrays begin, as vector instructions like it.
_ALIGNMENT = 64

# What this worker has read.
_paths: set[Path] = set()


def keep_in_file(key: Key, thing: Any) -> Kept:
    """
    :param key: what workers know it by
    :param thing: what is shared
    :return: the thing, in a temporary file
    :raises TypeError: if it cannot be pickled
    :raises OSError: if there is no room for it
    """
    parts = dump_parts(thing, "What is shared")
    descriptor, name = mkstemp(prefix="sb3_entropy-", suffix=".shared")
    path = Path(name)
    remove = partial(_remove, path, os.getpid())
    try:
        with open(descriptor, "wb") as file:
            for part in parts:
                file.write(part)
                file.write(bytes(-part.nbytes % _ALIGNMENT))
    except BaseException:
        remove()
        raise
    return Kept(key, path, (read, path, [part.nbytes for part in parts]), remove)


def _remove(path: Path, pid: int) -> None:
    # A process that was forked has the handles too, but not the workers.
    if os.getpid() == pid:
        path.unlink(missing_ok=True)


def read(path: Path, sizes: list[int]) -> Any:
    """
    :param path: a file of :func:`keep_in_file`
    :param sizes: of its parts, in bytes
    :return: the thing; contiguous arrays are read-only
    """
    # Weights come by the thousand: what has been removed since is forgotten.
    _paths.difference_update([old for old in _paths if not old.exists()])
    _paths.add(path)
    with path.open("rb") as file:
        # Windows removes no file that is mapped.
        memory = memoryview(mmap(file.fileno(), 0, access=ACCESS_READ) if os.name == "posix" else file.read())
    parts, start = [], 0
    for size in sizes:
        parts.append(memory[start : start + size])
        start += size + -size % _ALIGNMENT
    return pickle.loads(parts[0], buffers=parts[1:])


def remove_what_was_read() -> None:
    """For workers whose parent was killed, and could not."""
    for path in _paths:
        with suppress(OSError):
            path.unlink()
