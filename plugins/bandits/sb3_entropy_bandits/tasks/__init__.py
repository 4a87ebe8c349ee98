"""The tasks that have a name."""

import inspect
from collections.abc import Iterable
from typing import Any

from sb3_entropy.errors import check_choice, unknown
from sb3_entropy_bandits.data import load_classification, load_spotify
from sb3_entropy_bandits.data.load import LOADERS
from sb3_entropy_bandits.tasks.classification import classification_task
from sb3_entropy_bandits.tasks.spotify import spotify_task
from sb3_entropy_bandits.tasks.task import Task

NAMES = (*LOADERS, "spotify")

# What classification_task takes besides the data; everything else is the data's.
OF_CLASSIFICATION = tuple(inspect.signature(classification_task).parameters)[1:]


def make_task(name: str, /, **options: Any) -> Task:
    """
    :param name: one of :data:`NAMES`
    :param options: options of its data, and of :func:`classification_task` unless it is ``"spotify"``
    :return: the task
    :raises TypeError: if an option is not known, or has the wrong type
    :raises ValueError: if the name is not known, or an option is out of range
    """
    check_choice("task", name, NAMES)
    if name == "spotify":
        _check_known(name, options, inspect.signature(load_spotify).parameters)
        return spotify_task(load_spotify(**options))
    of_data = inspect.signature(LOADERS[name]).parameters
    _check_known(name, options, {"folder", "download", *of_data, *OF_CLASSIFICATION})
    of_task = {key: options.pop(key) for key in OF_CLASSIFICATION if key in options}
    return classification_task(load_classification(name, **options), **of_task)


def _check_known(name: str, options: Iterable[str], known: Iterable[str]) -> None:
    of_env = ("drift", "render_mode", "reward_noise", "split")
    for option in options:
        if option not in known:
            raise TypeError(unknown(f"option of the bandit {name!r}:", option, {*known, *of_env}))
