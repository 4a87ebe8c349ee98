"""Actions whose features, or which themselves, are near are alike."""

import math
from typing import Any

import torch as th

from sb3_entropy.distributions.laws import Gaussian, Law
from sb3_entropy.divergences.kernels.embedding import squared_distance
from sb3_entropy.divergences.kernels.features import FeatureKernel
from sb3_entropy.errors import check_number
from sb3_entropy.registry import KERNELS

#: entries of K that are in memory at once
BLOCK = 2**22


@KERNELS.register("rbf")
class RBF(FeatureKernel):
    """
    k(a, a′) = exp(−‖φ(a) − φ(a′)‖²/(2h²)): Gaussian in the features φ of finitely many actions, or without features in
    the actions of a box themselves.

    K is kept if it is small, and else made block by block whenever it is applied: n² time, memory linear in n.

    :param bandwidth: h > 0, in the units of the features or of the actions; ``"median"`` for the median distance
        between the features of different actions (Gretton et al. 2012, Section 8)
    :param features: φ of each of n actions, shape (n, d); ``"env"`` for the environment's; None for points of a box
    :raises ValueError: if the bandwidth is not > 0, or ``"median"`` without features, or a feature is not finite
    """

    description = "exp(−‖φ − φ′‖²/2h²) between the features of choices, or between points"

    def __init__(self, bandwidth: float | str = 1.0, features: Any = None):
        super().__init__(features)
        if bandwidth == "median":
            if self.features is None and not self.from_env:
                raise ValueError(
                    "bandwidth='median' is the median distance between the features of actions, but there are no "
                    "features. Give a number, in the units of the actions."
                )
        elif isinstance(bandwidth, str):
            raise ValueError(f"bandwidth must be a number > 0 or 'median', but {bandwidth!r} was given.")
        else:
            check_number("bandwidth", bandwidth, low=0, open_low=True)
        self._given = bandwidth
        self._bandwidth: float | None = None
        if self.features is not None:
            self._bandwidth = self.bandwidth  # an error in the features is told at once
        self._matrices: dict[tuple[th.dtype, th.device], th.Tensor] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_matrices": {}}

    @property
    def bandwidth(self) -> float:
        """h, in the units of the features or of the actions."""
        if self._bandwidth is None:
            self._bandwidth = self.of_choices().median_distance() if self._given == "median" else float(self._given)
        return self._bandwidth

    def forget(self) -> None:
        """The matrices and the median distance."""
        self._bandwidth = None
        self._matrices.clear()

    @property
    def bounded(self) -> bool:
        return True

    def apply(self, d: th.Tensor) -> th.Tensor:
        features = self.of_choices()
        features.check_size(d.shape[-1])
        points = features.like(d)
        if len(points) ** 2 > BLOCK:
            smoothed: th.Tensor = _Smooth.apply(d, points, self.bandwidth)
            return smoothed
        place = (d.dtype, d.device)
        if place not in self._matrices:
            self._matrices[place] = _kernel(points, points, self.bandwidth)
        return d @ self._matrices[place]

    def gram(self, actions: th.Tensor) -> th.Tensor:
        points = self.points(actions).transpose(0, 1)
        return _kernel(points, points, self.bandwidth).movedim(0, -1)

    def squared_mmd(self, p: Law, q: Law) -> th.Tensor | None:
        self.check_points()
        return squared_distance(self._between_gaussians, p, q)

    def _between_gaussians(self, p: Law, q: Law) -> th.Tensor | None:
        """E k(x, y) = ∏ h/s exp(−(μ_p − μ_q)²/(2s²)) with s² = h² + σ_p² + σ_q²."""
        if not (isinstance(p, Gaussian) and isinstance(q, Gaussian)):
            return None
        squared = self.bandwidth**2 + p.std**2 + q.std**2
        log_factors = math.log(self.bandwidth) - squared.log() / 2 - (p.mean - q.mean) ** 2 / (2 * squared)
        return log_factors.sum(-1).exp()


def _kernel(x: th.Tensor, y: th.Tensor, bandwidth: float) -> th.Tensor:
    """exp(−‖x − y‖²/(2h²)), shapes (…, N, d) and (…, M, d) to (…, N, M)."""
    distance = th.cdist(x / bandwidth, y / bandwidth, compute_mode="donot_use_mm_for_euclid_dist")
    return (-(distance**2) / 2).exp()


class _Smooth(th.autograd.Function):
    """The symmetric linear map d ↦ K d. Its derivative is itself, so it can be differentiated again and again."""

    @staticmethod
    def forward(ctx: Any, d: th.Tensor, points: th.Tensor, bandwidth: float) -> th.Tensor:
        ctx.points, ctx.bandwidth = points, bandwidth
        n_rows = max(1, BLOCK // len(points))
        # Written into one tensor: many small results between large blocks would keep the allocator from reusing these.
        smoothed = th.empty_like(d)
        for start in range(0, len(points), n_rows):
            rows = slice(start, start + n_rows)
            smoothed[..., rows] = d @ _kernel(points, points[rows], bandwidth)
        return smoothed

    @staticmethod
    def backward(ctx: Any, *gradients: th.Tensor) -> tuple[th.Tensor, None, None]:
        return _Smooth.apply(gradients[0], ctx.points, ctx.bandwidth), None, None
