"""Random directions in the space of parameters, each of which can be made again alone."""

from collections.abc import Sequence

import numpy as np

from sb3_entropy.errors import check_number


def random_directions(n_parameters: int, indices: Sequence[int], seed: int) -> np.ndarray:
    """
    Directions d = z/‖z‖, z ~ N(0, I), uniform on the unit sphere (Ahmed et al. 2019, Section 2). Direction k is a
    function of the seed, k and P alone, so that what is stored of a probe is the seed.

    :param n_parameters: P
    :param indices: which, each k ≥ 0
    :param seed: ≥ 0
    :return: the directions, shape (K, P), float64, each of length 1
    :raises TypeError: if a number is no whole one
    :raises ValueError: if one is out of range
    """
    check_number("n_parameters", n_parameters, low=1, integer=True)
    check_number("seed", seed, low=0, integer=True)
    directions = np.empty((len(indices), int(n_parameters)))
    for row, index in zip(directions, indices, strict=True):
        check_number("an index of a direction", index, low=0, integer=True)
        np.random.default_rng([int(seed), int(index)]).standard_normal(out=row)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions
