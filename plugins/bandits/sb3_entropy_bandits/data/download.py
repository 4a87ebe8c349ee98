"""Fetching a known file, so that either the whole of it arrives or nothing."""

from pathlib import Path

from sb3_entropy_bandits.data.requirements import require

TIMEOUT = 60.0  # seconds without an answer


def download(url: str, path: Path, sha256: str) -> None:
    """
    Fetch a file, unless it is there already.

    It is written under a temporary name beside its place, checked, and only then moved. What stands in the place is
    left alone if its SHA-256 is the known one, and until the right file has arrived otherwise.

    :param url: where it comes from
    :param path: where it shall lie
    :param sha256: its SHA-256 in hexadecimal digits
    :raises ImportError: if pooch is not installed
    :raises ValueError: if the address is not one of HTTP, or what arrived is another file
    :raises ConnectionError: if it did not arrive, or not as a whole
    """
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"base_url must begin with http:// or https://, but the file's address would be {url!r}.")
    pooch = require("pooch", "Downloading data")
    try:
        pooch.retrieve(
            url,
            known_hash=f"sha256:{sha256}",
            fname=path.name,
            path=path.parent,
            downloader=pooch.HTTPDownloader(timeout=TIMEOUT),
        )
    except OSError as error:  # requests' errors are such
        raise ConnectionError(
            f"{url} could not be downloaded to {path}: {type(error).__name__}: {error}. Nothing was kept. Try again, "
            "pass base_url='…' for a mirror, or fetch the file by other means and put it there."
        ) from error
    except ValueError as error:
        raise ValueError(
            f"What {url} sent is not the known file {path.name} with SHA-256 {sha256}: {error} Nothing was kept. "
            "Pass base_url='…' for a mirror that has the known file."
        ) from error


def join_url(base_url: str, name: str) -> str:
    """
    :param base_url: an address, with or without a slash at its end
    :param name: the name of a file there
    :return: the file's address
    """
    return f"{base_url.rstrip('/')}/{name}"
