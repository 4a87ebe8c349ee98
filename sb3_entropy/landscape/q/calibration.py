"""How far critics are from what was returned in episodes that they were not made from."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Calibration:
    """
    Q(s, a) of held-out pairs, and the discounted return that followed, Σ γᵗ r; all plain.

    :param predicted: Q of each of K critics, shape (K, n)
    :param returned: what followed, shape (n,)
    :param random_first: whether a was drawn uniformly from the box and not from the policy, shape (n,)
    :param episodes: the episode of each, shape (n,)
    """

    predicted: np.ndarray
    returned: np.ndarray
    random_first: np.ndarray
    episodes: np.ndarray
