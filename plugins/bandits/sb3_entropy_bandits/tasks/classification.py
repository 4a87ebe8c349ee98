"""Classification as a bandit: the label is not shown, only the reward of the class that was chosen."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.errors import check_choice, check_number
from sb3_entropy_bandits.data.classification import ClassificationData
from sb3_entropy_bandits.shift import make_shift
from sb3_entropy_bandits.tasks.observers import FeatureObserver, FlatObserver, ImageObserver, Observer
from sb3_entropy_bandits.tasks.task import Contexts, Task, cumulative

# Gymnasium's checker warns at infinite bounds: every float32 lies within these.
LARGEST = float(np.finfo(np.float32).max)


def classification_task(
    data: ClassificationData,
    *,
    observation: str = "flat",
    reward_matrix: Any = None,
    support: Sequence[int] | None = None,
    shift: dict[str, Any] | None = None,
) -> Task:
    """
    :param data: contexts and labels
    :param observation: ``"flat"``, numbers in a row, of images x/scale ∈ [0, 1]; or ``"image"``, for ``"CnnPolicy"``,
        see :class:`ImageObserver`
    :param reward_matrix: mean rewards, shape (n_classes, A); ``None``: :func:`right_or_wrong`, with one action a class
    :param support: the labels whose contexts are drawn while training; ``None``: all. The test has all
    :param shift: how training and test contexts differ, see :func:`~sb3_entropy_bandits.shift.make_shift`
    :return: the task
    :raises TypeError: if an option has the wrong type
    :raises ValueError: if an option is not known or out of range, or leaves no contexts to train on
    """
    shifted = make_shift(shift, data)
    return Task(
        name=data.name,
        train=Contexts(
            np.ascontiguousarray(data.x_train),
            data.y_train,
            _cumulative(data, None if support is None else _labels(support, data), shifted.class_weights),
        ),
        test=Contexts(np.ascontiguousarray(shifted.change_test(data.x_test)), data.y_test),
        rewards=right_or_wrong(data.n_classes) if reward_matrix is None else _rewards(reward_matrix, data),
        observer=_observer(observation, data),
    )


def right_or_wrong(n_classes: int) -> NDArray[np.float64]:
    """
    1 for the right class, −1/(n − 1) for each of the others, so that a uniform policy earns 0: −1/9 for ten classes, as
    in the code of Starnes et al. 2023.

    :param n_classes: n
    :return: mean reward of each class and action, shape (n, n)
    """
    rewards = np.full((n_classes, n_classes), -1.0 / (n_classes - 1))
    np.fill_diagonal(rewards, 1.0)
    return rewards


def _rewards(given: Any, data: ClassificationData) -> NDArray[np.float64]:
    try:
        rewards = np.array(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"reward_matrix must be a matrix of numbers, but {given!r} was given.") from error
    if rewards.ndim != 2 or len(rewards) != data.n_classes or rewards.shape[1] < 2:
        raise ValueError(
            f"reward_matrix must have a row for each of the {data.n_classes} classes of {data.name!r} and a column for "
            f"each action, at least 2, but its shape is {rewards.shape}."
        )
    if not np.isfinite(rewards).all():
        label, action = np.argwhere(~np.isfinite(rewards))[0]
        raise ValueError(
            f"reward_matrix must be finite, but {rewards[label, action]} was given for class {label} and action "
            f"{action}."
        )
    return rewards


def _labels(support: Any, data: ClassificationData) -> list[int]:
    if isinstance(support, str) or not isinstance(support, Sequence | np.ndarray):
        raise TypeError(f"support must be a list of labels, but {support!r} was given.")
    if not len(support):
        raise ValueError("support is empty: name at least one label, or leave it out to train on all of them.")
    for i, label in enumerate(support):
        check_number(f"support[{i}]", label, low=0, high=data.n_classes - 1, integer=True)
    return [int(label) for label in support]


def _cumulative(
    data: ClassificationData, support: list[int] | None, class_weights: NDArray[np.float64] | None
) -> NDArray[np.float64] | None:
    """:return: cumulative probabilities of the training contexts; ``None``: all are equally likely"""
    if support is None and class_weights is None:
        return None
    counts = np.bincount(data.y_train, minlength=data.n_classes)
    weights = counts.astype(np.float64) if class_weights is None else class_weights
    if support is not None:
        weights = np.where(np.isin(np.arange(data.n_classes), support), weights, 0.0)
    absent = np.flatnonzero((counts == 0) & (weights > 0))
    if len(absent):
        raise ValueError(
            f"shift['weights'] asks for contexts of class {absent[0]}, but {data.name!r} has none to train on. Give it "
            "the weight 0."
        )
    if not weights.any():
        raise ValueError(
            f"Nothing is left to train on: no class in support {support} both has training contexts in {data.name!r} "
            "and a weight above 0. Widen support, or change shift['weights']."
        )
    return cumulative((weights / np.maximum(counts, 1))[data.y_train])


def _observer(observation: str, data: ClassificationData) -> Observer:
    check_choice("observation", observation, ("flat", "image"))
    if data.image_shape is None:
        if observation == "image":
            raise ValueError(
                f"observation='image' needs images, but the contexts of {data.name!r} are rows of a table. Use 'flat'."
            )
        return FeatureObserver(data.x_train.shape[1], -LARGEST, LARGEST)
    view = FlatObserver if observation == "flat" else ImageObserver
    return view(data.image_shape, data.scale)
