"""Fetches the source distributions at the pinned versions and takes their tests out of them."""

import importlib.metadata
import re
import subprocess
import sys
import tarfile
from pathlib import Path


class SdistError(RuntimeError):
    """A source distribution cannot be had, or is not the one that is installed."""


def pinned_version(distribution: str, constraints: Path) -> str:
    """
    :param distribution: a distribution's name, in any spelling that pip takes
    :param constraints: a file of lines ``name==version``
    :return: the version that the file pins
    :raises SdistError: if it pins none
    """
    for line in constraints.read_text().splitlines():
        name, equals, version = line.partition("==")
        if equals and _normal(name) == _normal(distribution):
            return version.split(";")[0].strip()
    raise SdistError(f"{constraints} pins no version of {distribution}. Add a line '{distribution}==…'.")


def check_installed(distribution: str, version: str) -> None:
    """
    The tests of one version say nothing about another one.

    :param distribution: the distribution's name
    :param version: the version whose tests are to be run
    :raises SdistError: if another version is installed, or none
    """
    try:
        installed = importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        installed = "no version"
    if installed != version:
        raise SdistError(
            f"{distribution} {version} is pinned, but {installed} is installed in {sys.prefix}. Run `make install`."
        )


def fetch(distribution: str, version: str, cache: Path) -> Path:
    """
    Download one source distribution, with pip and so with the user's own configuration of it; once.

    pip reads the metadata of what it downloads by running the build backend. The one that is installed is tried first,
    because ``--no-binary`` would build the backend itself from source too.

    :param distribution: the distribution's name
    :param version: its version
    :param cache: the folder in which it is kept
    :return: the archive
    :raises SdistError: if pip cannot download it
    """
    held = _archives(distribution, version, cache)
    if held:
        return held[0]
    cache.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", distribution]
    command += ["--dest", str(cache), f"{distribution}=={version}"]
    said = ""
    for isolation in (["--no-build-isolation"], []):
        pip = subprocess.run([*command, *isolation], capture_output=True, text=True, check=False)
        held = _archives(distribution, version, cache)
        if pip.returncode == 0 and held:
            return held[0]
        said = pip.stderr.strip() or pip.stdout.strip()
    raise SdistError(f"pip could not download the source distribution of {distribution} {version}:\n{said}")


def unpack_tests(archive: Path, folder: Path) -> list[Path]:
    """
    Unpack the ``tests/`` folder alone: beside it, the package's own source would shadow the installed one.

    :param archive: a source distribution
    :param folder: where ``tests/`` is put
    :return: the test files, sorted
    :raises SdistError: if the archive holds none
    """
    with tarfile.open(archive) as sdist:
        for member in sdist.getmembers():
            _, _, inside = member.name.partition("/")
            if inside.startswith("tests/"):
                member.name = inside
                sdist.extract(member, folder, filter="data")
    files = sorted((folder / "tests").glob("test_*.py"))
    if not files:
        raise SdistError(f"{archive} holds no tests/test_*.py. Is it a source distribution?")
    return files


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).strip().lower()


def _archives(distribution: str, version: str, cache: Path) -> list[Path]:
    wanted = _normal(f"{distribution}-{version}.tar.gz")
    return [path for path in sorted(cache.glob("*.tar.gz")) if _normal(path.name) == wanted]
