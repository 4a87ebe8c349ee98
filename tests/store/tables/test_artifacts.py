"""Files beside the store: whole or not there, and what is amiss is said."""

import errno
import hashlib
import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sb3_entropy.store import Artifact, Artifacts, Store, StoreError, StoreFull, transactions

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def artifacts(tmp_path: Path) -> Iterator[Artifacts]:
    with Store(tmp_path / "runs.sqlite") as store:
        yield Artifacts(store)


def test_what_is_kept_is_read_again(artifacts: Artifacts, tmp_path: Path) -> None:
    content = random.Random(0).randbytes(100_000)
    assert artifacts.keep("run0001", "model.zip", content)
    assert artifacts.keep("run0001", "a/../b", b"")
    with Store(tmp_path / "runs.sqlite") as other:
        again = Artifacts(other)
        assert again.path("run0001", "model.zip").read_bytes() == content
        assert again.of("run0001") == [
            Artifact("run0001", "a/../b", hashlib.sha256(b"").hexdigest(), 0),
            Artifact("run0001", "model.zip", hashlib.sha256(content).hexdigest(), 100_000),
        ]
        assert again.faults() == again.of("run0002") == []
    assert again.folder == tmp_path / "runs.sqlite.artifacts"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs.sqlite", "runs.sqlite.artifacts"]
    assert len(list(again.folder.iterdir())) == 2


def test_what_is_there_stays_and_equal_contents_are_one_file(artifacts: Artifacts) -> None:
    assert artifacts.keep("run0001", "model.zip", b"one")
    assert not artifacts.keep("run0001", "model.zip", b"another")
    assert artifacts.keep("run0002", "model.zip", b"one")
    assert artifacts.path("run0001", "model.zip") == artifacts.path("run0002", "model.zip")
    assert artifacts.path("run0001", "model.zip").read_bytes() == b"one"
    assert len(list(artifacts.folder.iterdir())) == 1


def test_whether_it_is_there_is_told_by_row_and_size_without_reading(artifacts: Artifacts) -> None:
    artifacts.keep("run0001", "model.zip", b"one")
    file = artifacts.path("run0001", "model.zip")
    assert artifacts.has("run0001", "model.zip")
    assert not artifacts.has("run0001", "snapshots.npz")
    file.write_bytes(b"two")
    assert artifacts.has("run0001", "model.zip")  # what reads it will see
    file.write_bytes(b"longer")
    assert not artifacts.has("run0001", "model.zip")
    file.unlink()
    assert not artifacts.has("run0001", "model.zip")


def test_a_row_without_its_file_is_found_said_and_mended(artifacts: Artifacts) -> None:
    artifacts.keep("run0001", "model.zip", b"one")
    artifacts.path("run0001", "model.zip").unlink()
    expected = r"'model\.zip' of 'run0001', kept by the store .*runs\.sqlite, has no file .*Copy the folder together"
    with pytest.raises(StoreError, match=expected):
        artifacts.path("run0001", "model.zip")
    (fault,) = artifacts.faults()
    assert "has no file" in fault
    assert artifacts.keep("run0001", "model.zip", b"two")
    assert artifacts.path("run0001", "model.zip").read_bytes() == b"two"
    assert artifacts.faults() == []


def test_a_file_that_was_changed_is_found_said_and_mended(artifacts: Artifacts) -> None:
    artifacts.keep("run0001", "model.zip", b"one")
    artifacts.keep("run0002", "model.zip", b"two")
    artifacts.path("run0001", "model.zip").write_bytes(b"onE")
    with pytest.raises(StoreError, match=r"was changed: .* is not what was written"):
        artifacts.path("run0001", "model.zip")
    (fault,) = artifacts.faults()
    assert "'model.zip' of 'run0001'" in fault
    assert artifacts.keep("run0003", "model.zip", b"one")  # the same file
    assert artifacts.path("run0001", "model.zip").read_bytes() == b"one"
    assert artifacts.faults() == []


def test_a_file_that_cannot_be_read_is_said(artifacts: Artifacts) -> None:
    artifacts.keep("run0001", "model.zip", b"one")
    file = artifacts.path("run0001", "model.zip")
    file.unlink()
    file.mkdir()
    with pytest.raises(StoreError, match=r"cannot be read from .*: Is a directory"):
        artifacts.path("run0001", "model.zip")


def test_a_file_that_belongs_to_nothing_is_found_and_said(artifacts: Artifacts) -> None:
    artifacts.keep("run0001", "model.zip", b"one")
    (artifacts.folder / ".half.tmp").write_bytes(b"on")
    (fault,) = artifacts.faults()
    assert ".half.tmp belongs to nothing in the store" in fault
    assert "Delete it when nobody uses the store." in fault


def test_a_copy_of_the_store_alone_says_what_it_lacks(artifacts: Artifacts, tmp_path: Path) -> None:
    artifacts.keep("run0001", "model.zip", b"one")
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "runs.sqlite", tmp_path / "copy")
    with Store(tmp_path / "copy" / "runs.sqlite") as copy:
        with pytest.raises(StoreError, match="has no file"):
            Artifacts(copy).path("run0001", "model.zip")
        shutil.copytree(artifacts.folder, Artifacts(copy).folder)
        assert Artifacts(copy).path("run0001", "model.zip").read_bytes() == b"one"


def test_what_is_not_there_is_named(artifacts: Artifacts) -> None:
    artifacts.keep("run0001", "model.zip", b"one")
    with pytest.raises(StoreError, match=r"Unknown artifact of 'run0001' 'modle\.zip'.*Did you mean 'model\.zip'\?"):
        artifacts.path("run0001", "modle.zip")
    with pytest.raises(StoreError, match=r"Available: none\. The store is .*runs\.sqlite"):
        artifacts.path("run0002", "model.zip")


def test_what_cannot_be_kept_is_refused(artifacts: Artifacts) -> None:
    with pytest.raises(
        TypeError, match=r"content of 'log\.txt' of 'run0001' must be bytes, but it is a str\. Give path"
    ):
        artifacts.keep("run0001", "log.txt", "text")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="an artifact's owner must be a text on one line"):
        artifacts.keep("", "model.zip", b"one")
    with pytest.raises(ValueError, match="an artifact's name must be a text on one line"):
        artifacts.keep("run0001", "model\n", b"one")
    with Store(":memory:") as store:
        with pytest.raises(StoreError, match=r"A store in memory has no folder for 'model\.zip' of 'run0001'"):
            Artifacts(store).keep("run0001", "model.zip", b"one")
        assert Artifacts(store).faults() == []
    artifacts.folder.write_text("in the way")
    with pytest.raises(StoreError, match=r"'model\.zip' of 'run0001' cannot be written to .*Check who may write"):
        artifacts.keep("run0001", "model.zip", b"one")
    assert artifacts.of("run0001") == []


def test_a_full_disk_leaves_neither_row_nor_file(artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    artifacts.keep("run0001", "model.zip", b"one")

    def no_room(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", no_room)
        with pytest.raises(StoreFull, match=f"No space is left for {artifacts.folder}"):
            artifacts.keep("run0002", "model.zip", b"two")
    assert artifacts.of("run0002") == artifacts.faults() == []
    assert artifacts.keep("run0002", "model.zip", b"two")


def test_killed_between_the_file_and_its_row_the_same_content_is_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"

    def die_before_commit() -> None:
        transactions._commit = lambda connection: os.kill(os.getpid(), signal.SIGKILL)
        Artifacts(Store(path)).keep("run0001", "model.zip", b"one")

    Store(path).close()
    process = FORK.Process(target=die_before_commit)
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    with Store(path) as store:
        assert Artifacts(store).of("run0001") == []
        (fault,) = Artifacts(store).faults()
        assert "belongs to nothing" in fault
        assert Artifacts(store).keep("run0001", "model.zip", b"one")
        assert Artifacts(store).faults() == []


def content_of(i: int) -> bytes:
    return random.Random(i).randbytes(20_000)


def keep_slowly(path: Path, acknowledged: Any, order: list[int]) -> None:
    with Store(path) as store:
        for i in order:
            acknowledged.send((i, Artifacts(store).keep(f"run{i}", "model.zip", content_of(i))))


def test_killed_at_any_moment_what_was_kept_is_whole(tmp_path: Path) -> None:
    """By two processes at once; each artifact is taken once."""
    path, rng = tmp_path / "runs.sqlite", random.Random(0)
    told: list[int] = []
    for trial in range(6):
        started = []
        for writer in range(2):
            kept, given = FORK.Pipe(duplex=False)
            order = random.Random(2 * trial + writer).sample(range(500), 500)
            process = FORK.Process(target=keep_slowly, args=(path, given, order))
            process.start()
            given.close()
            started.append((process, kept))
        started[0][1].poll(10)
        time.sleep(rng.uniform(0, 0.04))
        for process, kept in started:
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            while kept.poll():
                try:
                    i, taken = kept.recv()
                    told += [i] * taken
                except EOFError:
                    break
            kept.close()
        with Store(path) as store:
            for i in told:
                assert Artifacts(store).path(f"run{i}", "model.zip").read_bytes() == content_of(i)
            assert all("belongs to nothing" in fault for fault in Artifacts(store).faults())
    assert len(set(told)) == len(told) >= 10
