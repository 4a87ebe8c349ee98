"""Downloads from a server of our own: what arrives, what does not, and what is left on the disk."""

import gzip
import io
import sys
import tarfile
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from bandit_data_files import idx_files, real_data, write
from sb3_entropy_bandits.data import cifar10, cifar10_batches, load_classification, load_mnist, mnist
from sb3_entropy_bandits.data.download import download, join_url
from sb3_entropy_bandits.data.idx_set import KnownFile


class Server:
    """
    Serves what is in ``files``; of those in ``cut`` half, under a head that promises the whole.

    ``asked`` holds the paths that were asked for, in order.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: set[str] = set()
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = urlsplit(self.path).path.removeprefix("/data/")
                outer.asked.append(name)
                content = outer.files.get(name)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if name in outer.cut else content)

            def log_message(self, *_: object) -> None:
                """Nothing on the screen."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/data"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()
    thread = threading.Thread(target=served.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    served.server.shutdown()
    thread.join()
    served.server.server_close()


def known(files: dict[str, bytes]) -> dict[str, KnownFile]:
    return {
        name: KnownFile(sha256(content).hexdigest(), sha256(gzip.decompress(content)).hexdigest())
        for name, content in files.items()
    }


@pytest.fixture
def small_mnist(server: Server, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """:return: four small files that are served, and taken for the known ones of MNIST"""
    server.files = idx_files()
    small = known(server.files)
    monkeypatch.setattr(mnist, "MNIST", mnist.IdxSet("mnist", "MNIST/raw", server.url, small))
    return dict(server.files)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_missing_is_fetched_once(tmp_path: Path, server: Server, small_mnist: dict[str, bytes]) -> None:
    folder = tmp_path / "not yet there"
    data = load_mnist(folder, download=True)
    assert data.name == "mnist"
    assert len(data.x_train) == 7
    assert contents(folder) == {f"mnist/{name}": content for name, content in small_mnist.items()}
    assert sorted(server.asked) == sorted(small_mnist)
    load_mnist(folder, download=True)
    load_mnist(folder)
    assert len(server.asked) == 4


def test_good_files_are_untouched_and_others_are_replaced(
    tmp_path: Path, server: Server, small_mnist: dict[str, bytes]
) -> None:
    directory = write(tmp_path / "mnist", small_mnist)
    good, bad = directory / "train-images-idx3-ubyte.gz", directory / "train-labels-idx1-ubyte.gz"
    bad.write_bytes(b"half a fi")
    (directory / "t10k-labels-idx1-ubyte.gz").unlink()
    before = good.stat().st_mtime_ns
    load_mnist(tmp_path, download=True)
    assert good.stat().st_mtime_ns == before
    assert sorted(server.asked) == ["t10k-labels-idx1-ubyte.gz", "train-labels-idx1-ubyte.gz"]
    assert contents(tmp_path) == {f"mnist/{name}": content for name, content in small_mnist.items()}


@pytest.mark.parametrize("directory", ["mnist", "MNIST/raw"])
def test_known_files_without_gz_are_good_too(
    tmp_path: Path, server: Server, small_mnist: dict[str, bytes], directory: str
) -> None:
    unpacked = {name.removesuffix(".gz"): gzip.decompress(content) for name, content in small_mnist.items()}
    write(tmp_path / directory, unpacked)
    assert load_mnist(tmp_path, download=True).name == "mnist"
    assert server.asked == []


def test_a_file_that_is_not_served(tmp_path: Path, server: Server, small_mnist: dict[str, bytes]) -> None:
    del server.files["t10k-images-idx3-ubyte.gz"]
    message = r"t10k-images-idx3-ubyte.gz could not be downloaded to .*mnist/t10k-images.*404.* Nothing was .*base_url"
    with pytest.raises(ConnectionError, match=message):
        load_mnist(tmp_path, download=True)
    whole = [name for name in small_mnist if name.startswith("train")]
    assert contents(tmp_path) == {f"mnist/{name}": small_mnist[name] for name in whole}


def test_a_transfer_that_breaks_off_leaves_nothing(
    tmp_path: Path, server: Server, small_mnist: dict[str, bytes]
) -> None:
    server.cut.add("train-images-idx3-ubyte.gz")
    with pytest.raises(ConnectionError, match=r"train-images-idx3-ubyte.gz could not be downloaded .*IncompleteRead"):
        load_mnist(tmp_path, download=True)
    assert contents(tmp_path) == {}
    # Neither does it harm what stood there before, although that was another file.
    write(tmp_path / "mnist", {"train-images-idx3-ubyte.gz": b"mine"})
    with pytest.raises(ConnectionError, match="could not be downloaded"):
        load_mnist(tmp_path, download=True)
    assert contents(tmp_path) == {"mnist/train-images-idx3-ubyte.gz": b"mine"}
    server.cut.clear()
    assert len(load_mnist(tmp_path, download=True).x_train) == 7


def test_another_file_is_not_kept(tmp_path: Path, server: Server, small_mnist: dict[str, bytes]) -> None:
    server.files["train-labels-idx1-ubyte.gz"] = small_mnist["t10k-labels-idx1-ubyte.gz"]
    wanted = sha256(small_mnist["train-labels-idx1-ubyte.gz"]).hexdigest()
    with pytest.raises(ValueError, match=rf"sent is not the known file train-labels.* {wanted}: .*Nothing was kept"):
        load_mnist(tmp_path, download=True)
    assert list(contents(tmp_path)) == ["mnist/train-images-idx3-ubyte.gz"]


def test_a_server_that_does_not_answer(tmp_path: Path, small_mnist: dict[str, bytes]) -> None:
    with pytest.raises(ConnectionError, match=r"could not be downloaded to .*ConnectionError"):
        load_mnist(tmp_path, download=True, base_url="http://127.0.0.1:9/")
    with pytest.raises(ValueError, match=r"base_url must begin with http:// or https://, but .* 'ftp://x/train-images"):
        load_mnist(tmp_path, download=True, base_url="ftp://x")


def test_pooch_is_needed_for_downloads_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_mnist: dict[str, bytes]
) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r"Downloading data needs pooch, .*: pip install pooch"):
        load_mnist(tmp_path, download=True)
    write(tmp_path / "mnist", small_mnist)
    assert len(load_mnist(tmp_path, download=True).x_train) == 7


def test_addresses_are_joined_with_one_slash() -> None:
    assert join_url("http://a/b", "c") == join_url("http://a/b/", "c") == "http://a/b/c"


def small_archive(label: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in cifar10_batches.KNOWN:
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = 3073
            tar.addfile(info, io.BytesIO(bytes([label]) + bytes(3072)))
    return buffer.getvalue()


def test_cifars_archive_is_fetched_and_a_wrong_one_replaced(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = small_archive(label=4)
    server.files = {"cifar-10-binary.tar.gz": content}
    monkeypatch.setattr(cifar10, "ARCHIVE_SHA256", sha256(content).hexdigest())
    for _ in range(2):
        data = load_classification("cifar10", folder=tmp_path, download=True, base_url=server.url, verify=False)
        assert data.y_train.tolist() == [4] * 5
    load_classification("cifar10", folder=tmp_path, download=True, base_url=server.url, verify=False, source="archive")
    assert len(server.asked) == 1
    assert contents(tmp_path) == {"cifar10/cifar-10-binary.tar.gz": content}
    other = write(tmp_path / "other", {"cifar-10-binary.tar.gz": small_archive(label=5)})
    data = load_classification("cifar10", folder=other, download=True, base_url=server.url, verify=False)
    assert data.y_train.tolist() == [4] * 5
    assert contents(other) == {"cifar-10-binary.tar.gz": content}


def test_cifars_archive_is_not_fetched_for_batches(tmp_path: Path, server: Server) -> None:
    batches = {name: bytes([2]) + bytes(3072) for name in cifar10_batches.KNOWN}
    write(tmp_path / "cifar-10-batches-bin", batches)
    assert cifar10.load_cifar10(tmp_path, True, base_url=server.url, verify=False).y_test.tolist() == [2]
    assert server.asked == []


def test_the_real_mnist_from_a_mirror(tmp_path: Path, server: Server) -> None:
    source = real_data() / "mnist"
    server.files = {path.name: path.read_bytes() for path in source.glob("*.gz")}
    data = load_mnist(tmp_path, download=True, base_url=server.url)
    assert data.name == "mnist"
    np.testing.assert_array_equal(np.bincount(data.y_test)[:3], [980, 1135, 1032])


def test_download_itself_leaves_a_known_file_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    download("http://127.0.0.1:9/a", tmp_path / "a", sha256(b"abc").hexdigest())
