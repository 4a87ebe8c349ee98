"""Small data whose every number can be written down."""

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from sb3_entropy_bandits.data import ClassificationData, SpotifyData
from sb3_entropy_bandits.env import BanditEnv
from sb3_entropy_bandits.tasks.classification import classification_task

DIGITS = "entropy/DigitsBandit-v0"


def image_data() -> ClassificationData:
    """60 training and 12 test images of 2 × 3 pixels and 3 classes, 1 : 2 : 3 in training; top left is the label."""
    rng = np.random.default_rng(5)
    y_train, y_test = np.repeat([0, 1, 2], [10, 20, 30]), np.repeat([0, 1, 2], 4)
    x_train, x_test = (rng.integers(10, 90, (len(y), 2, 3, 1), dtype=np.uint8) for y in (y_train, y_test))
    x_train[:, 0, 0, 0], x_test[:, 0, 0, 0] = y_train, y_test
    return ClassificationData("small", x_train, y_train, x_test, y_test, 3, 100.0, (2, 3, 1))


def row_data() -> ClassificationData:
    """30 training and 6 test rows of 2 numbers, the first of which is the label."""
    y_train, y_test = np.arange(30) % 3, np.arange(6) % 3
    x_train, x_test = (np.stack([y, np.linspace(-2, 3, len(y))], axis=1).astype(np.float32) for y in (y_train, y_test))
    return ClassificationData("rows", x_train, y_train, x_test, y_test, 3, 1.0, None)


def digits_bandit(**options: Any) -> BanditEnv:
    """:return: the registered bandit on digits"""
    env = gym.make(DIGITS, **options).unwrapped
    assert isinstance(env, BanditEnv)
    return env


def small_bandit(data: ClassificationData | None = None, **options: Any) -> BanditEnv:
    """:return: a bandit on these data, with options of the task and of the environment"""
    of_task = {key: options.pop(key) for key in ("observation", "reward_matrix", "support", "shift") if key in options}
    return BanditEnv(classification_task(data or image_data(), **of_task), **options)


def label_of(observation: NDArray[Any]) -> int:
    """:return: the label that a flat context of :func:`image_data` shows"""
    return round(float(observation[0]) * 100)


def spotify_data() -> SpotifyData:
    """20 genres and 50 tracks with features like the real ones."""
    rng = np.random.default_rng(3)
    names = tuple(f"f{i}" for i in range(10))
    return SpotifyData(
        rng.random((20, 10)),
        rng.random((50, 10)),
        tuple(f"genre {i}" for i in range(20)),
        tuple(f"track {i}" for i in range(50)),
        names,
    )
