"""Splits that keep the share of every class."""

import numpy as np
import numpy.typing as npt

from sb3_entropy.errors import check_number
from sb3_entropy_bandits.data.classification import Labels

Indices = npt.NDArray[np.int64]


def every_nth(y: Labels, n: int) -> tuple[Indices, Indices]:
    """
    Of each class, put the n-th, 2n-th, … in the order of the data into the test set: no generator is needed.

    :param y: labels, shape (N,)
    :param n: one in n is for testing
    :return: indices for training and for testing, ascending
    """
    is_test = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        is_test[np.flatnonzero(y == label)[n - 1 :: n]] = True
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)


def stratified(y: Labels, test_share: float, seed: int) -> tuple[Indices, Indices]:
    """
    Of each class of n members, put round(n · share) into the test set, but never all of them.

    :param y: labels, shape (N,)
    :param test_share: the share of the test set, in (0, 1)
    :param seed: seed of the generator that chooses them
    :return: indices for training and for testing, ascending
    :raises ValueError: if the share is not between 0 and 1, or so small that no class gives a member
    """
    check_number("test_share", test_share, low=0, high=1, open_low=True)
    check_number("split_seed", seed, low=0, integer=True)
    if test_share == 1:
        raise ValueError("test_share must be a number > 0 and < 1, but 1 was given: nothing would be left to learn.")
    rng = np.random.default_rng(seed)
    is_test = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        is_test[members[: min(round(len(members) * test_share), len(members) - 1)]] = True
    if not is_test.any():
        raise ValueError(
            f"test_share={test_share:g} leaves the test set empty: no class of these {len(y)} rows has enough "
            "members. Choose a larger share, or give more rows."
        )
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)
