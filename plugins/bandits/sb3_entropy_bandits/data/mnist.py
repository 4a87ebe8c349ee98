"""MNIST: 70,000 handwritten digits (LeCun, Bottou, Bengio, Haffner 1998)."""

import os

from sb3_entropy_bandits.data.classification import ClassificationData
from sb3_entropy_bandits.data.idx_set import IdxSet, KnownFile

MNIST = IdxSet(
    name="mnist",
    other_directory="MNIST/raw",
    base_url="https://ossci-datasets.s3.amazonaws.com/mnist/",
    known={
        "train-images-idx3-ubyte.gz": KnownFile(
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        "train-labels-idx1-ubyte.gz": KnownFile(
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        "t10k-images-idx3-ubyte.gz": KnownFile(
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        "t10k-labels-idx1-ubyte.gz": KnownFile(
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    },
)


def load_mnist(
    folder: str | os.PathLike[str] | None = None,
    download: bool = False,
    *,
    verify: bool = True,
    n_classes: int = 10,
    base_url: str | None = None,
) -> ClassificationData:
    """
    MNIST from its four idx files, in ``<folder>/mnist/`` or, as torchvision leaves them, ``<folder>/MNIST/raw/``.

    All four are read from the first of these directories that has them, each with ``.gz`` if it is there so, otherwise
    without.

    :param folder: the data folder; None for the one that the environment variable ``SB3_ENTROPY_DATA`` names
    :param download: whether to fetch the files to ``<folder>/mnist/`` unless the known ones are there; others of
        their names in that directory are replaced
    :param verify: whether only the known files are read, by their SHA-256; False reads any idx files of these names,
        and says so in the data's name
    :param n_classes: K, for files of one's own that have more classes
    :param base_url: where to download from instead of ``https://ossci-datasets.s3.amazonaws.com/mnist/``
    :return: 60,000 and 10,000 images of shape (28, 28, 1), scale 255, 10 classes
    :raises FileNotFoundError: if no data folder is given, or a file is not there
    :raises ValueError: if a file is another than the known one, is cut short or of another format, or holds labels
        that are not among 0, …, K−1
    :raises ConnectionError: if a download does not arrive
    """
    return MNIST.load(folder, download, verify, n_classes, base_url)
