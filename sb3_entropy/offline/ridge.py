"""Ridge regression in closed form."""

from typing import Self

import numpy as np

from sb3_entropy.errors import check_number
from sb3_entropy.offline.checking import Array


class Ridge:
    """
    ``ŷ(x) = ȳ + (x − x̄)ᵀβ`` with ``β = (XᵀX + λI)⁻¹ Xᵀ(y − ȳ)`` for the centred X, or what is the same and quicker
    when there are fewer rows than features, ``β = Xᵀ(XXᵀ + λI)⁻¹ (y − ȳ)`` (Hoerl and Kennard 1970). The intercept is
    not penalised.

    :param penalty: λ > 0, in squared units of the features
    :raises TypeError: if ``penalty`` is no number
    :raises ValueError: if it is not positive
    """

    def __init__(self, penalty: float = 1.0):
        check_number("penalty", penalty, low=0, open_low=True)
        self.penalty = penalty

    def fit(self, X: Array, y: Array) -> Self:
        """
        :param X: features, shape (m, d), at least one row
        :param y: what to predict, shape (m,)
        :return: itself
        """
        self.centre, self.level = X.mean(axis=0), float(y.mean())
        X, y = X - self.centre, y - self.level
        m, d = X.shape
        if d <= m:
            slope = np.linalg.solve(X.T @ X + self.penalty * np.eye(d), X.T @ y)
        else:
            slope = X.T @ np.linalg.solve(X @ X.T + self.penalty * np.eye(m), y)
        self.slope: Array = np.asarray(slope, dtype=np.float64)
        return self

    def predict(self, X: Array) -> Array:
        """
        :param X: features, shape (k, d)
        :return: ŷ, shape (k,)
        """
        return np.asarray(self.level + (X - self.centre) @ self.slope)
