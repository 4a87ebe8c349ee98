"""Actions are as alike as their features' inner product."""

import torch as th

from sb3_entropy.distributions.laws import Beta, Gaussian, Law, Mixture, UniformBox
from sb3_entropy.divergences.kernels.features import FeatureKernel
from sb3_entropy.registry import KERNELS


@KERNELS.register("linear")
class Linear(FeatureKernel):
    """
    k(a, a′) = φ(a)ᵀφ(a′), with the features φ of finitely many actions, or without features φ(a) = a in a box. MMD² is
    then ‖E_p φ − E_q φ‖²: only the mean features are compared.

    :param features: φ of each of n actions, shape (n, d); ``"env"`` for the environment's; None for points of a box
    :raises ValueError: if a feature is not finite
    """

    description = "φᵀφ′ of the features of choices, or of points: MMD² compares means"

    @property
    def bounded(self) -> bool:
        """With features of finitely many actions it is."""
        return self.features is not None or self.from_env

    def apply(self, d: th.Tensor) -> th.Tensor:
        features = self.of_choices()
        features.check_size(d.shape[-1])
        points = features.like(d)
        return d @ points @ points.T

    def gram(self, actions: th.Tensor) -> th.Tensor:
        points = self.points(actions)
        return (points[:, None] * points[None, :]).sum(-1)

    def squared_mmd(self, p: Law, q: Law) -> th.Tensor | None:
        self.check_points()
        mean_p, mean_q = _mean(p), _mean(q)
        return None if mean_p is None or mean_q is None else ((mean_p - mean_q) ** 2).sum(-1)


def _mean(law: Law) -> th.Tensor | None:
    """E a, shape (B, A), where it is known."""
    if isinstance(law, Gaussian):
        return law.mean
    if isinstance(law, Beta):
        # Halved, which is exact: the width of a box can be more than its dtype holds.
        return 2 * (law.low / 2 + (law.high / 2 - law.low / 2) * law.a / (law.a + law.b))
    if isinstance(law, UniformBox):
        return (law.low / 2 + law.high / 2).expand(law.batch, -1)
    if isinstance(law, Mixture):
        means = [c * mean for part, c in zip(law.laws, law.weights, strict=True) if (mean := _mean(part)) is not None]
        return th.stack(means).sum(0) if len(means) == len(law.laws) else None
    return None
