"""Features of actions, and what kernels that know actions by them share."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch as th

from sb3_entropy.divergences.kernels.base import Kernel
from sb3_entropy.errors import unknown
from sb3_entropy.registry import KERNELS

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


class FeatureKernel(Kernel):
    """
    A kernel that knows finitely many actions by their features, or without features the actions of a box themselves.

    :param features: shape (n, d); ``"env"`` for those that the environment has as its attribute ``action_features``;
        None for the actions of a box
    :raises ValueError: if they are no such array of finite numbers
    """

    def __init__(self, features: Any = None):
        self.from_env = isinstance(features, str)
        if isinstance(features, str) and features != "env":
            raise ValueError(unknown("source of features", features, ["env"]) + " An array of shape (n, d) works too.")
        self.features = None if features is None or self.from_env else Features(features)

    def begin(self, action_features: Callable[[], Any]) -> None:
        """
        :param action_features: gives the environment's, shape (n, d), or None, and those of an earlier environment stay
        :raises ValueError: if the kernel needs them and there are none
        """
        if not self.from_env:
            return
        found = action_features()
        if found is None and self.features is None:
            raise ValueError(
                f"The kernel {KERNELS.key_of(self)!r} takes features='env', but the environment has no attribute "
                "action_features. Give the features as an array of shape (n, d)."
            )
        if found is not None:
            self.features = Features(found)
            self.forget()

    def forget(self) -> None:
        """Called when the features are others than before."""

    def of_choices(self) -> Features:
        """
        :return: the features
        :raises ValueError: if there are none
        """
        if self.features is None:
            raise ValueError(
                f"The kernel {KERNELS.key_of(self)!r} knows the choices of a finite action space by their features: "
                "give features, shape (n, d), or choose the kernel 'delta', or 'rbf_index' if neighbouring numbers are "
                "alike."
            )
        return self.features

    def check_points(self) -> None:
        """
        :raises ValueError: if the kernel has features, and is asked about points
        """
        if self.features is not None or self.from_env:
            raise ValueError(
                f"The kernel {KERNELS.key_of(self)!r} has features of finitely many actions, but these actions are "
                "points of a box. Leave the features out: the points themselves are compared."
            )

    def points(self, actions: th.Tensor) -> th.Tensor:
        """
        :param actions: choices as whole numbers, shape (N, B), or points, shape (N, B, A)
        :return: their features, or the points themselves, shape (N, B, d)
        """
        if actions.is_floating_point():
            self.check_points()
            return actions
        return self.of_choices().like(th.empty(0, device=actions.device))[actions]
