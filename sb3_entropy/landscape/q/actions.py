"""Actions among which the greatest Q is looked for."""

import numpy as np
from scipy.stats import qmc

from sb3_entropy.errors import check_number

#: on a side of the grid, by how many numbers an action has
SIDES = {1: 201, 2: 41}
#: where a grid would be too large: quasi-random ones
N_SCATTERED = 1024


def candidate_actions(n_actions: int) -> np.ndarray:
    """
    The box [−1, 1]ᴬ, looked at evenly: 201 actions on a line, 41 × 41 in a square with its edges, 1024 of a Sobol
    sequence for more (Sobol 1967), and all of its corners where there are at most 256.

    :param n_actions: A ≥ 1
    :return: them, shape (N, A)
    :raises TypeError: if A is no whole number
    :raises ValueError: if it is less than 1
    """
    check_number("n_actions", n_actions, low=1, integer=True)
    if n_actions in SIDES:
        side = np.linspace(-1.0, 1.0, SIDES[n_actions])
        return np.stack(np.meshgrid(*[side] * n_actions, indexing="ij"), axis=-1).reshape(-1, n_actions)
    scattered = 2 * qmc.Sobol(n_actions, scramble=False).random(N_SCATTERED) - 1
    if n_actions > 8:
        return np.asarray(scattered)
    corners = 2.0 * ((np.arange(2**n_actions)[:, None] >> np.arange(n_actions)) & 1) - 1
    return np.concatenate([scattered, corners])
