"""Which actions are far from all that critics were made from."""

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from sb3_entropy.landscape.q.subject import Known

#: pairs that stand for all, at most, where a pair is that many numbers, and where it is more: there a tree is slow
N_PAIRS, N_NUMBERS, N_WIDE = 20_000, 8, 4096
#: of a pair's neighbours the one whose distance counts
NEIGHBOUR = 5
#: of the data's own distances, the quantile that others must not exceed
QUANTILE = 0.99
#: what is nearer than this is never far, in standard deviations of a uniform action
NEAR = 0.15


class Nearness:
    """
    d(s, a), the distance to the fifth nearest of the data: Euclidean in standardised states and in actions over the
    standard deviation 1/√3 of uniform ones.

    :param features: standardised states, shape (n, D)
    :param actions: in [−1, 1]ᴬ, shape (n, A)
    """

    def __init__(self, features: np.ndarray, actions: np.ndarray):
        most = N_PAIRS if features.shape[1] + actions.shape[1] <= N_NUMBERS else N_WIDE
        taken = np.linspace(0, len(features) - 1, min(most, len(features))).astype(int)
        points = _points(np.asarray(features)[taken], np.asarray(actions)[taken])
        self._tree, self._neighbour = cKDTree(points), min(NEIGHBOUR, len(points))
        own, _ = self._tree.query(points, k=[min(self._neighbour + 1, len(points))])  # the nearest is itself
        #: what is farther than this is far
        self.limit = max(float(np.quantile(own, QUANTILE)), NEAR)

    def far(self, features: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """
        :param features: of S states, shape (S, D)
        :param actions: N in each, shape (S, N, A)
        :return: whether each is farther from the data than 99 % of the data are from one another, shape (S, N)
        """
        n_states, n, n_actions = actions.shape
        points = _points(np.repeat(features, n, axis=0), actions.reshape(-1, n_actions))
        distances, _ = self._tree.query(points, k=[self._neighbour], distance_upper_bound=self.limit)
        return np.asarray(np.isinf(distances[:, 0]).reshape(n_states, n))


def far(known: "Known", features: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """
    :param known: what critics were made from
    :param features: of S states, as the critics read them, shape (S, D)
    :param actions: N in each, in [−1, 1]ᴬ, shape (S, N, A)
    :return: whether each is far from the data, see :meth:`Nearness.far`, shape (S, N)
    """
    return known.nearness.far(features, actions)


def _points(features: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return np.concatenate([features.astype(np.float64), math.sqrt(3) * actions], axis=1)
