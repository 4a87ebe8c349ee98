"""Fashion-MNIST: 70,000 pictures of clothes (Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747)."""

import os

from sb3_entropy_bandits.data.classification import ClassificationData
from sb3_entropy_bandits.data.idx_set import IdxSet, KnownFile

FASHION_MNIST = IdxSet(
    name="fashion_mnist",
    other_directory="FashionMNIST/raw",
    base_url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    known={
        "train-images-idx3-ubyte.gz": KnownFile(
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        "train-labels-idx1-ubyte.gz": KnownFile(
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        "t10k-images-idx3-ubyte.gz": KnownFile(
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        "t10k-labels-idx1-ubyte.gz": KnownFile(
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    },
)


def load_fashion_mnist(
    folder: str | os.PathLike[str] | None = None,
    download: bool = False,
    *,
    verify: bool = True,
    n_classes: int = 10,
    base_url: str | None = None,
) -> ClassificationData:
    """
    Fashion-MNIST from its four idx files, in ``<folder>/fashion_mnist/`` or ``<folder>/FashionMNIST/raw/``.

    The files have the names of MNIST's; they are told apart by the directory, and by their SHA-256.

    :param folder: the data folder; None for the one that the environment variable ``SB3_ENTROPY_DATA`` names
    :param download: whether to fetch the files to ``<folder>/fashion_mnist/`` unless the known ones are there; others
        of their names in that directory are replaced
    :param verify: whether only the known files are read, by their SHA-256
    :param n_classes: K, for files of one's own that have more classes
    :param base_url: where to download from instead of ``http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/``
    :return: 60,000 and 10,000 images of shape (28, 28, 1), scale 255, 10 classes of equal size
    :raises FileNotFoundError: if no data folder is given, or a file is not there
    :raises ValueError: if a file is another than the known one, is cut short or of another format, or holds labels
        that are not among 0, …, K−1
    :raises ConnectionError: if a download does not arrive
    """
    return FASHION_MNIST.load(folder, download, verify, n_classes, base_url)
