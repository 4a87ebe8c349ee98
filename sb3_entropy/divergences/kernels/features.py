"""Features of actions."""

from typing import Any

import numpy as np
import torch as th

#: rows from which the median distance is taken
N_ROWS = 1000


class Features:
    """
    What is known of each of n actions: a row of d numbers. Kept in double precision on the CPU, and brought to where it
    is used once.

    :param array: shape (n, d)
    :raises ValueError: if it is not such an array of finite numbers
    """

    def __init__(self, array: Any):
        try:
            rows = np.array(array.detach().cpu().numpy() if isinstance(array, th.Tensor) else array, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"features must be numbers, a row of d for each of n actions: {error}.") from error
        if rows.ndim != 2 or rows.size == 0:
            raise ValueError(
                f"features must have the shape (n, d), a row of d numbers for each of n actions, but have {rows.shape}."
            )
        if not np.isfinite(rows).all():
            row = int(np.flatnonzero(~np.isfinite(rows).all(1))[0])
            raise ValueError(
                f"features must be finite, but those of action {row} are {rows[row].tolist()}. Fill in what is missing."
            )
        self.rows = th.from_numpy(rows)
        self._brought: dict[tuple[th.dtype, th.device], th.Tensor] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def __getstate__(self) -> dict[str, Any]:
        return {"rows": self.rows, "_brought": {}}

    def like(self, tensor: th.Tensor) -> th.Tensor:
        """
        :param tensor: floating point
        :return: the features in its type and on its device, shape (n, d)
        """
        place = (tensor.dtype, tensor.device)
        if place not in self._brought:
            self._brought[place] = self.rows.to(tensor)
        return self._brought[place]

    def check_size(self, n: int) -> None:
        """
        :param n: how many actions there are
        :raises ValueError: if the features are not of n actions
        """
        if n != len(self):
            raise ValueError(f"The kernel has features of {len(self)} actions, but there are {n}. Give a row for each.")

    def median_distance(self) -> float:
        """
        :return: the median of the distances between the features of different actions that are not 0, over at most
            1000 actions, evenly spaced
        :raises ValueError: if all actions have the same features
        """
        n = len(self)
        rows = self.rows if n <= N_ROWS else self.rows[th.linspace(0, n - 1, N_ROWS).round().long()]
        distances = th.pdist(rows)
        distances = distances[distances > 0]
        if not len(distances):
            raise ValueError("bandwidth='median' needs actions of different features, but all have the same.")
        return float(distances.median())


def needs_features(kernel: str) -> ValueError:
    """:return: the error of a kernel without features that is asked about choices"""
    return ValueError(
        f"The kernel {kernel!r} knows the choices of a finite action space by their features: give features, shape "
        "(n, d), or choose the kernel 'delta', or 'rbf_index' if neighbouring numbers are alike."
    )


def has_features(kernel: str) -> ValueError:
    """:return: the error of a kernel with features that is asked about points"""
    return ValueError(
        f"The kernel {kernel!r} has features of finitely many actions, but these actions are points of a box. Leave "
        "the features out: the points themselves are compared."
    )
