"""Classification data by name."""

import inspect
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from sb3_entropy.errors import check_choice, unknown
from sb3_entropy_bandits.data.cifar10 import load_cifar10
from sb3_entropy_bandits.data.classification import ClassificationData
from sb3_entropy_bandits.data.digits import load_digits
from sb3_entropy_bandits.data.fashion_mnist import load_fashion_mnist
from sb3_entropy_bandits.data.folder import given_folder
from sb3_entropy_bandits.data.mnist import load_mnist
from sb3_entropy_bandits.data.table import tabular

Loader = Callable[..., ClassificationData]

LOADERS: dict[str, Loader] = {
    "cifar10": load_cifar10,
    "digits": load_digits,
    "fashion_mnist": load_fashion_mnist,
    "mnist": load_mnist,
    "tabular": tabular,
}


def load_classification(
    name: str, /, *, folder: str | os.PathLike[str] | None = None, download: bool = False, **options: Any
) -> ClassificationData:
    """
    The data set of a name. A process reads it once: asked again with the same arguments, it gives the same object.

    :param name: ``"digits"``, ``"mnist"``, ``"fashion_mnist"``, ``"cifar10"`` or ``"tabular"``
    :param folder: the data folder; None for the one that the environment variable ``SB3_ENTROPY_DATA`` names. No other
        place is searched; ``"digits"`` and arrays need none
    :param download: whether to fetch what is missing, for MNIST, Fashion-MNIST and CIFAR-10
    :param options: further arguments of the function behind the name: :func:`load_mnist`, …, :func:`tabular`
    :return: the data, read-only
    :raises ValueError: if the name or an option is unknown, or a file is not as it should be
    :raises FileNotFoundError: if a file is needed and not there
    :raises ConnectionError: if a download does not arrive
    """
    check_choice("data set", name, LOADERS)
    allowed = inspect.signature(LOADERS[name]).parameters
    for option in options:
        if option not in allowed:
            raise ValueError(unknown(f"option of the data set {name!r}", option, allowed))
    places = {"folder": given_folder(folder), "download": download}
    arguments = options | {key: value for key, value in places.items() if key in allowed}
    try:
        key = tuple(sorted(arguments.items()))
        hash(key)
    except TypeError:  # arrays and frames
        return LOADERS[name](**arguments)
    return _load(name, key)


@lru_cache(maxsize=16)
def _load(name: str, arguments: tuple[tuple[str, bool | int | str | Path | None], ...]) -> ClassificationData:
    return LOADERS[name](**dict(arguments))
