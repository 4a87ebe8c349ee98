"""Pins, downloads and unpacking, without the network."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from benchmarks.conformance import sdists
from benchmarks.conformance.sdists import SdistError


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "cache" / "some_package-1.2.tar.gz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as sdist:
        for name in ("some_package/__init__.py", "tests/test_a.py", "tests/data/b.txt", "setup.py"):
            member = tarfile.TarInfo(f"some_package-1.2/{name}")
            member.size = 4
            sdist.addfile(member, io.BytesIO(b"text"))
    return path


def test_a_pin_is_found_in_any_spelling(tmp_path: Path) -> None:
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("numpy==2.0\nStable.Baselines3==2.9.2 ; python_version > '3'\n")
    assert sdists.pinned_version("stable_baselines3", constraints) == "2.9.2"
    with pytest.raises(SdistError, match="pins no version of sb3_contrib"):
        sdists.pinned_version("sb3_contrib", constraints)


def test_the_installed_version_must_be_the_pinned_one() -> None:
    with pytest.raises(SdistError, match="make install"):
        sdists.check_installed("pytest", "0.0.1")
    with pytest.raises(SdistError, match="no version is installed"):
        sdists.check_installed("no-such-distribution", "1")


def test_only_tests_are_unpacked(archive: Path, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    assert sdists.unpack_tests(archive, folder) == [folder / "tests" / "test_a.py"]
    assert [path.name for path in folder.iterdir()] == ["tests"], "the package itself must not shadow the installed one"
    assert (folder / "tests" / "data" / "b.txt").exists()


def test_what_is_cached_is_not_fetched_again(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("pip was called"))
    assert sdists.fetch("Some-Package", "1.2", archive.parent) == archive


def test_pip_is_tried_without_and_with_build_isolation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        return subprocess.CompletedProcess(command, 1, stdout="", stderr="no such release")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(SdistError, match="no such release"):
        sdists.fetch("some_package", "9", tmp_path)
    assert ["--no-build-isolation" in call for call in calls] == [True, False]
    assert all({"some_package==9", "--no-deps", "--no-binary"} <= set(call) for call in calls)
