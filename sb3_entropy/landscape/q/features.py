"""What critics that are fitted afterwards read of an observation: numbers in a row, standardised."""

from typing import Any

import numpy as np
from gymnasium import spaces

from sb3_entropy.policies.observations import n_rows

#: a number of the observation that varies less than this part of its size is taken to be the same everywhere
CONSTANT = 1e-7


def check_readable(space: spaces.Space[Any], name: str = "The observation") -> None:
    """
    :param space: of observations
    :param name: what it is of, for the message
    :raises ValueError: if there are images in it, or what is no array
    """
    if isinstance(space, spaces.Dict):
        for key, part in space.spaces.items():
            check_readable(part, f"The observation's {key!r}")
    elif isinstance(space, spaces.Box) and len(space.shape) >= 3:
        raise ValueError(
            f"{name} has the shape {space.shape}, as images have, which fitted critics do not read: they are networks "
            "of numbers in a row. Use an agent that sees vectors; SACAdaEnt's own critics (own=True) see what it sees."
        )
    elif not isinstance(space, (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)):
        raise ValueError(
            f"{name} is a {type(space).__name__}, which critics do not read. It must be a Box, Discrete, "
            "MultiDiscrete, MultiBinary, or a Dict of these."
        )


def is_readable(space: spaces.Space[Any]) -> bool:
    """
    :param space: of observations
    :return: whether critics can read them
    """
    try:
        check_readable(space)
    except ValueError:
        return False
    return True


class Features:
    """
    x = (flattened s − mean)/std. Choices are one-hot; parts of a dict follow one another in the order of its space;
    what does not vary in the data is centred alone.

    :param space: of observations
    :param observations: n of them, which mean and standard deviation are of
    :raises ValueError: if critics cannot read them, or a number in them is not finite
    """

    def __init__(self, space: spaces.Space[Any], observations: Any):
        check_readable(space)
        self.space = space
        flat = _flat(space, observations)
        if not np.isfinite(flat).all():
            raise ValueError(
                "An observation holds a number that is not finite. Mend the environment, or the normalisation, that it "
                "comes from."
            )
        self.mean, std = flat.mean(axis=0), flat.std(axis=0)
        #: a divisor
        self.std = np.where(std > CONSTANT * (1 + np.abs(self.mean)), std, 1.0)

    @property
    def size(self) -> int:
        """:return: D"""
        return len(self.mean)

    def __call__(self, observations: Any) -> np.ndarray:
        """
        :param observations: S states, an array or a dict of arrays
        :return: x, shape (S, D), float32
        """
        return np.asarray((_flat(self.space, observations) - self.mean) / self.std, dtype=np.float32)


def _flat(space: Any, observations: Any) -> np.ndarray:
    """:return: shape (S, D), float64"""
    if isinstance(space, spaces.Dict):
        parts = [_flat(part, observations[key]) for key, part in space.spaces.items()]
        return np.concatenate(parts, axis=1)
    n = n_rows(observations)
    rows = np.asarray(observations).reshape(n, -1)
    if isinstance(space, spaces.Discrete):
        return _one_hot(rows - int(space.start), [int(space.n)])
    if isinstance(space, spaces.MultiDiscrete):
        return _one_hot(rows - np.ravel(space.start), np.ravel(space.nvec).tolist())
    return rows.astype(np.float64)


def _one_hot(choices: np.ndarray, sizes: list[int]) -> np.ndarray:
    parts = [np.eye(size)[column] for column, size in zip(choices.astype(int).T, sizes, strict=True)]
    return np.concatenate(parts, axis=1)
