"""Two runners of one study on one store would do everything twice: the second one is refused."""

import hashlib
import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from sb3_entropy.store.errors import StoreError, full, is_full
from sb3_entropy.store.opening import MEMORY


@contextmanager
def study_lock(path: str, study: str) -> Iterator[None]:
    """
    Held by the operating system, so that it ends with the process, however that ends.

    :param path: the store's file
    :param study: the study's name
    :raises StoreError: if another process, or another store object of this one, holds it
    """
    if path == MEMORY:
        yield
        return
    folder = Path(path + ".locks")
    name = _file_name(study)
    owner = folder / f"{name}.owner"
    lock = FileLock(str(folder / f"{name}.lock"), timeout=0)
    try:
        folder.mkdir(exist_ok=True)
        lock.acquire()
    except Timeout:
        raise StoreError(
            f"Study {study!r} is being run on the store {path} already, by {_who(owner)}. Wait for it or stop it; or "
            "name another store."
        ) from None
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and is_full(error):
            raise full(path) from error
        raise StoreError(f"Study {study!r} cannot be locked on the store {path}: {error}.") from error
    try:
        # For messages only: not having it harms nobody.
        with suppress(OSError):
            owner.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}), encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            owner.unlink(missing_ok=True)
        lock.release()


def _who(owner: Path) -> str:
    try:
        known = json.loads(owner.read_text(encoding="utf-8"))
        return f"process {int(known['pid'])} on {known['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _file_name(study: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", study)[:80]
    return plain if plain == study else f"{plain}-{hashlib.sha256(study.encode()).hexdigest()[:8]}"
