"""Artifacts: files that belong to something in the store and are too large for it, in a folder beside it."""

import hashlib
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path

from sb3_entropy.errors import unknown
from sb3_entropy.files import atomic_file
from sb3_entropy.store.errors import StoreError, full, is_full
from sb3_entropy.store.table import Table
from sb3_entropy.store.values import check_text

SCHEMA = {
    2: (
        """CREATE TABLE artifacts (
            owner TEXT NOT NULL,
            name TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            size INTEGER NOT NULL,
            PRIMARY KEY (owner, name)) WITHOUT ROWID""",
    )
}


@dataclass(frozen=True)
class Artifact:
    """
    A file that was kept.

    :param owner: what it belongs to, e.g. a run's id
    :param name: what it is to its owner, e.g. ``model.zip``
    :param sha256: the hash of its content, which is its file's name too
    :param size: in bytes
    """

    owner: str
    name: str
    sha256: str
    size: int


class Artifacts(Table):
    """
    Artifacts by owner and name. The file is written first and whole, then the row: a process that is killed between, or
    a disk that is full then, leaves a file that belongs to nothing, and never a row without its file. Equal contents
    are one file.
    """

    @property
    def folder(self) -> Path:
        """:return: where the files are; made with the first one"""
        return Path(f"{self._store.path}.artifacts")

    def keep(self, owner: str, name: str, content: bytes) -> bool:
        """
        :param owner: what it belongs to, whether or not that is in the store yet
        :param name: what it is to its owner
        :param content: the file's content
        :return: whether it was taken; one that is there, and whose file is as it was, stays
        :raises TypeError: if the content is not bytes
        :raises ValueError: if a name is empty or has control characters
        :raises StoreFull: if the disk is full; what was kept before is intact
        :raises StoreError: if it cannot be written, or the store is in memory
        """
        check_text("an artifact's owner", owner)
        check_text("an artifact's name", name)
        if not isinstance(content, (bytes, bytearray)):
            raise TypeError(
                f"The content of {name!r} of {owner!r} must be bytes, but it is a {type(content).__name__}. Give "
                "path.read_bytes() of a file, or text.encode()."
            )
        if self._store.in_memory:
            raise StoreError(f"A store in memory has no folder for {name!r} of {owner!r}. Name a file for the store.")
        kept = Artifact(owner, name, hashlib.sha256(content).hexdigest(), len(content))
        with self._store.writing() as connection:  # the file too: nobody else finds it without its row
            query = "SELECT * FROM artifacts WHERE owner = ? AND name = ?"
            if any(self._fault(Artifact(*row)) is None for row in connection.execute(query, (owner, name)).fetchall()):
                return False
            if self._fault(kept) is not None:
                self._write(kept, content)
            connection.execute("INSERT OR REPLACE INTO artifacts VALUES (?, ?, ?, ?)", astuple(kept))
        return True

    def of(self, owner: str) -> list[Artifact]:
        """
        :param owner: e.g. a run's id
        :return: what was kept of it, by name
        """
        with self._store.reading() as connection:
            query = "SELECT * FROM artifacts WHERE owner = ? ORDER BY name"
            return [Artifact(*row) for row in connection.execute(query, (owner,))]

    def has(self, owner: str, name: str) -> bool:
        """
        :param owner: what it belongs to
        :param name: what it is to its owner
        :return: whether it was kept and its file is there in its size. It is not read: :meth:`path` sees every change
        """
        for artifact in self.of(owner):
            if artifact.name == name:
                with suppress(OSError):
                    return (self.folder / artifact.sha256).stat().st_size == artifact.size
        return False

    def path(self, owner: str, name: str) -> Path:
        """
        :param owner: what it belongs to
        :param name: what it is to its owner
        :return: its file, to be read: it holds what was kept, byte for byte
        :raises StoreError: if there is no such artifact, or its file is gone or was changed
        """
        found = {artifact.name: artifact for artifact in self.of(owner)}
        if name not in found:
            raise StoreError(f"{unknown(f'artifact of {owner!r}', name, found)} The store is {self._store.path}.")
        fault = self._fault(found[name])
        if fault is not None:
            raise StoreError(fault)
        return self.folder / found[name].sha256

    def faults(self) -> list[str]:
        """
        :return: a sentence for every artifact whose file is gone or was changed, and for every file that belongs to no
            artifact; all files are read
        """
        with self._store.reading() as connection:
            query = "SELECT * FROM artifacts ORDER BY owner, name"
            kept = [Artifact(*row) for row in connection.execute(query)]
        known = {artifact.sha256 for artifact in kept}
        files = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        return [fault for artifact in kept if (fault := self._fault(artifact)) is not None] + [
            f"{file} belongs to nothing in the store {self._store.path}: a process is writing it, or was killed there. "
            "Delete it when nobody uses the store."
            for file in files
            if file.name not in known
        ]

    def _fault(self, artifact: Artifact) -> str | None:
        """What is wrong with its file, in a sentence; ``None`` if nothing is."""
        file = self.folder / artifact.sha256
        what = f"{artifact.name!r} of {artifact.owner!r}, kept by the store {self._store.path}"
        try:
            with file.open("rb") as opened:
                if hashlib.file_digest(opened, "sha256").hexdigest() == artifact.sha256:
                    return None
        except FileNotFoundError:
            return f"{what}, has no file {file}. Copy the folder together with the store, or do again what made it."
        except OSError as error:
            return f"{what}, cannot be read from {file}: {error.strerror}."
        return f"{what}, was changed: {file} is not what was written. Get a copy, or do again what made it."

    def _write(self, artifact: Artifact, content: bytes) -> None:
        try:
            with atomic_file(self.folder / artifact.sha256) as file:
                file.write(content)
        except OSError as error:
            if is_full(error):
                raise full(str(self.folder)) from error
            raise StoreError(
                f"{artifact.name!r} of {artifact.owner!r} cannot be written to {self.folder}: {error.strerror}. Check "
                "who may write there."
            ) from error
