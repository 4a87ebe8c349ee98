"""A full disk costs the run that was being written, and no other."""

import errno
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sb3_entropy.store import Artifacts, Evaluations, Store, StoreError, StoreFull, export_study
from sb3_entropy.store import errors as store_errors

from .examples import files, make_evaluation, make_member, make_run

ROOT = Path(__file__).parents[2]


def fill(store: Store) -> int:
    """Record runs until there is no more room; how many were taken."""
    taken = []

    def record_for_ever() -> None:
        for i in itertools.count():
            store.record(make_run(i))
            taken.append(i)

    with pytest.raises(
        StoreFull, match=rf"No space is left for {store.path}: .*everything before it is intact. Free"
    ) as full:
        record_for_ever()
    assert full.value.errno == errno.ENOSPC
    return len(taken)


def check(store: Store, n: int) -> None:
    """That exactly the first n runs are there, and that all is well again."""
    with Store(":memory:") as other:
        for s in (store, other):
            s.set_members("study", [make_member(i) for i in range(n + 1)])
        other.record_all(make_run(i) for i in range(n))
        assert store.content("study") == other.content("study")
    assert store.record(make_run(n))
    assert store._connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def fill_with_evaluations(store: Store) -> int:
    """Add evaluations, ten at once, until there is no more room; how many were taken."""
    wanted = [make_evaluation(i) for i in range(10_000)]
    tens = (wanted[i : i + 10] for i in range(0, len(wanted), 10))
    with pytest.raises(StoreFull, match="everything before it is intact"):
        all(Evaluations(store).add(ten) == 10 for ten in tens)
    keys = Evaluations(store).keys()
    assert Evaluations(store).read(keys) == wanted[: len(keys)]
    assert Evaluations(store).missing(e.key for e in wanted[: len(keys) + 1]) == [wanted[len(keys)].key]
    return len(keys)


def fill_with_artifacts(store: Store) -> int:
    """Keep files until there is no more room; how many were taken."""
    with pytest.raises(StoreFull, match="everything before it is intact"):
        all(Artifacts(store).keep("run", f"{i:04d}", bytes([i]) * 50_000) for i in itertools.count())
    kept = Artifacts(store).of("run")
    assert [Artifacts(store).path("run", a.name).read_bytes() for a in kept] == [
        bytes([i]) * 50_000 for i in range(len(kept))
    ]
    assert Artifacts(store).faults() == []
    return len(kept)


def test_no_more_pages_for_evaluations(tmp_path: Path) -> None:
    with Store(tmp_path / "runs.sqlite") as store:
        store._connection.execute("PRAGMA max_page_count = 100")
        n = fill_with_evaluations(store)
        assert n % 10 == 0 < n
        store._connection.execute("PRAGMA max_page_count = 1000000")
        assert Evaluations(store).add([make_evaluation(n)]) == 1
        assert store._connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_no_more_pages(tmp_path: Path) -> None:
    with Store(tmp_path / "runs.sqlite") as store:
        store._connection.execute("PRAGMA max_page_count = 60")
        n = fill(store)
        assert n > 3
        store._connection.execute("PRAGMA max_page_count = 1000000")
        check(store, n)


SCRIPT = """
import os, sys
from store.examples import make_run
from store.test_full_disk import check, fill, fill_with_artifacts, fill_with_evaluations
from sb3_entropy.store import Store, StoreFull
folder = sys.argv[1]
with open(os.path.join(folder, "ballast"), "wb") as file:
    file.write(bytes(300_000))
with Store(os.path.join(folder, "runs.sqlite")) as store:
    n = fill(store)
with Store(os.path.join(folder, "runs.sqlite")) as store:
    assert len(store.status(f"run{i:04d}" for i in range(n + 1))) == n
    os.remove(os.path.join(folder, "ballast"))
    check(store, n)
print("recorded", n)
os.remove(os.path.join(folder, "runs.sqlite"))
with Store(os.path.join(folder, "runs.sqlite")) as store:
    print("evaluated", fill_with_evaluations(store))
os.remove(os.path.join(folder, "runs.sqlite"))
with Store(os.path.join(folder, "runs.sqlite")) as store:
    print("kept", fill_with_artifacts(store))
with open(os.path.join(folder, "ballast"), "wb", buffering=0) as file:
    try:
        while file.write(bytes(512)):
            pass
    except OSError:
        pass
try:
    Store(os.path.join(folder, "another.sqlite"))
except StoreFull:
    print("full")
"""


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """A file system of 1 MiB in memory, mounted in a namespace of its own."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("mounting needs unprivileged user namespaces")
    mount = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$1" -c "$2" "$0"'
    done = subprocess.run(
        [unshare, "-rm", "sh", "-c", mount, str(tmp_path), sys.executable, SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
    )
    assert done.returncode == 0, done.stderr
    *counts, last = done.stdout.splitlines()
    assert [line.split()[0] for line in counts] == ["recorded", "evaluated", "kept"]
    assert all(int(line.split()[1]) > 3 for line in counts)
    assert last == "full"


def test_an_export_to_a_full_disk_leaves_the_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(":memory:") as store:
        store.set_members("study", [make_member(1)])
        export_study(store, "study", tmp_path)
        before = files(tmp_path)
        store.record(make_run(1))

        def no_room(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", no_room)
        with pytest.raises(StoreFull, match=f"No space is left for {tmp_path}"):
            export_study(store, "study", tmp_path)
    assert files(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(before)


def test_a_quota_is_told_from_a_broken_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "runs.sqlite")
    assert not store_errors.no_space(path)
    broken = store_errors.sqlite3.OperationalError("disk I/O error")
    broken.sqlite_errorcode = store_errors.sqlite3.SQLITE_IOERR_WRITE
    assert "the disk does not read or write" in str(store_errors.translated(broken, path))

    def over_quota(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(store_errors.tempfile, "TemporaryFile", over_quota)
    assert isinstance(store_errors.translated(broken, path), StoreFull)


def test_a_folder_that_cannot_be_made_for_want_of_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(self: Path, *args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Store(tmp_path / "runs.sqlite") as store:
        monkeypatch.setattr(Path, "mkdir", no_room)
        with pytest.raises(StoreFull), store.lock("study"):
            pytest.fail("no lock")
        with pytest.raises(StoreFull):
            Store(tmp_path / "deep" / "runs.sqlite")
    assert issubclass(StoreFull, StoreError)
