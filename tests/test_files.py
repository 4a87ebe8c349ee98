"""Files that replace others: what they are written through, and what stays."""

import errno
import multiprocessing
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sb3_entropy import SPPO
from sb3_entropy.files import atomic_file
from sb3_entropy.offline.archive import write_archive
from sb3_entropy.reports import page
from sb3_entropy.store import Member, Store, export_study
from sb3_entropy.zoo.checkpoints import save_statistics

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users reach; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)
        yield Path(name)
        os.chmod(name, 0o777)


def write(path: Path, content: bytes = b"new") -> None:
    with atomic_file(path) as file:
        file.write(content)


def as_somebody_else(action: Callable[[], None]) -> int | None:
    """The errno with which ``action`` ends in a process that is not root's; 0 if it does not."""

    def child() -> None:
        if os.getuid() == 0:
            os.setuid(65534)
        try:
            action()
        except OSError as error:
            os._exit(error.errno or 255)

    process: Any = FORK.Process(target=child)
    process.start()
    process.join(30)
    code: int | None = process.exitcode
    return code


def test_a_link_stays_and_its_target_is_replaced(folder: Path) -> None:
    """Also the last of a chain, relative, in another folder, and one that is not there yet."""
    (folder / "far").mkdir()
    for there in (True, False):
        target = folder / "far" / f"target{there}"
        if there:
            target.write_bytes(b"old")
        first, second = folder / f"first{there}", folder / "far" / f"second{there}"
        second.symlink_to(target.name)
        first.symlink_to(f"far/{second.name}")
        write(first)
        assert first.is_symlink()
        assert second.is_symlink()
        assert not target.is_symlink()
        assert target.read_bytes() == b"new"


def test_a_failure_leaves_link_and_target(folder: Path) -> None:
    (folder / "target").write_bytes(b"old")
    (folder / "link").symlink_to("target")

    def fail() -> None:
        with atomic_file(folder / "link") as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (folder / "link").read_bytes() == b"old"
    assert sorted(path.name for path in folder.iterdir()) == ["link", "target"]


def test_permissions_stay(folder: Path) -> None:
    for mode in (0o600, 0o664, 0o755):
        path = folder / f"{mode:o}"
        path.write_bytes(b"old")
        path.chmod(mode)
        write(path)
        assert stat.S_IMODE(path.stat().st_mode) == mode
    write(folder / "fresh")
    (folder / "plain").touch()
    assert (folder / "fresh").stat().st_mode == (folder / "plain").stat().st_mode


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: path.mkdir(), errno.EISDIR),
        (lambda path: (path.with_name("a folder").mkdir(), path.symlink_to("a folder")), errno.EISDIR),
        (lambda path: path.symlink_to(path.name), errno.ELOOP),
    ],
    ids=["folder", "link to a folder", "link to itself"],
)
def test_what_no_file_can_replace_is_refused_before_anything_is_written(
    folder: Path, make: Callable[[Path], Any], code: int
) -> None:
    make(folder / "x")
    before = sorted(folder.rglob("*"))
    with pytest.raises(OSError, match=r"x'$") as caught, atomic_file(folder / "x"):
        pytest.fail("written")
    assert caught.value.errno == code
    assert sorted(folder.rglob("*")) == before


def test_a_file_that_may_not_be_written_to_is_not(folder: Path) -> None:
    path = folder / "x"
    path.write_bytes(b"old")
    path.chmod(0o444)
    assert as_somebody_else(lambda: write(path)) == errno.EACCES
    assert path.read_bytes() == b"old"


def test_a_file_in_a_folder_that_may_not_be_written_to(folder: Path) -> None:
    path = folder / "x"
    path.write_bytes(b"old, and longer")
    path.chmod(0o666)
    folder.chmod(0o555)

    def fail() -> None:
        with atomic_file(path) as file:
            file.write(b"half")
            raise OSError(errno.ENOSPC, "")

    assert as_somebody_else(fail) == errno.ENOSPC
    assert path.read_bytes() == b"old, and longer"
    assert as_somebody_else(lambda: write(path)) == 0
    assert path.read_bytes() == b"new"
    assert as_somebody_else(lambda: write(folder / "another")) == errno.EACCES


def test_a_device_is_written_to_and_stays(folder: Path) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write(pipe)
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def save_model(path: Path) -> None:
    SPPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8, policy_kwargs={"net_arch": []}).save(path)


def export(path: Path) -> None:
    with Store(":memory:") as store:
        store.set_members("s", [Member("s", "arm", "e", 0, "run")])
        export_study(store, "s", path.parent)


@pytest.mark.parametrize(
    ("name", "writer"),
    [
        ("model.zip", save_model),
        ("vecnormalize.pkl", lambda path: save_statistics(object(), path)),  # type: ignore[arg-type]
        ("log.npz", lambda path: write_archive(path, {"a": np.zeros(2)})),
        ("runs.csv", export),
        ("index.html", lambda path: page.publish({path.name: b"report"}, path.parent)),
    ],
)
def test_every_writer_writes_through_a_link(tmp_path: Path, name: str, writer: Callable[[Path], None]) -> None:
    folder, target = tmp_path / "folder", tmp_path / "target"
    folder.mkdir()
    target.write_bytes(b"old")
    target.chmod(0o640)
    (folder / name).symlink_to(target)
    writer(folder / name)
    assert (folder / name).is_symlink()
    assert target.read_bytes() != b"old"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "target"]
