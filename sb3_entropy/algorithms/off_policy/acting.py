"""The policy's entropy in the states that it acts in, which the soft return of an episode is made of."""

import math

import numpy as np
import torch as th

from sb3_entropy.distributions.laws import Gaussian
from sb3_entropy.distributions.tanh_gaussian import expected_slope


class ActingEntropies:
    """
    α·H in each step of the environments since it was last asked, H of the action in [−1, 1]ᴬ, as SAC's α weighs it.

    What is kept of a step is what the acting pass has computed, μ and σ before tanh. The entropies of all steps come at
    once, by the quadrature of :class:`~sb3_entropy.distributions.tanh_gaussian.TanhGaussianDistribution`: of one step
    alone they would take as long as the pass.

    :param n_envs: N
    :param action_dim: A
    """

    def __init__(self, n_envs: int, action_dim: int):
        self.shape = n_envs, action_dim
        self._gaussians: list[tuple[th.Tensor, th.Tensor] | tuple[np.ndarray, np.ndarray] | None] = []
        self._alphas: list[float] = []

    def __len__(self) -> int:
        """T, the number of steps."""
        return len(self._alphas)

    def add(self, mean: th.Tensor, std: th.Tensor, alpha: float) -> None:
        """
        The policy has acted. With gSDE the law is that of an action whose exploration matrix is not known.

        :param mean: μ before tanh, shape (N, A), of which a copy is kept
        :param std: σ before tanh, likewise
        :param alpha: α
        """
        self._gaussians.append((mean.detach().clone(), std.detach().clone()))
        self._alphas.append(alpha)

    def add_arrays(self, mean: np.ndarray, std: np.ndarray, alpha: float) -> None:
        """
        :meth:`add` of arrays that nobody will write to.

        :param mean: μ before tanh, shape (N, A), kept as it is
        :param std: σ before tanh, likewise
        :param alpha: α
        """
        self._gaussians.append((mean, std))
        self._alphas.append(alpha)

    def add_uniform(self, alpha: float) -> None:
        """
        Actions were drawn uniformly, as before ``learning_starts``: H = A log 2.

        :param alpha: α
        """
        self._gaussians.append(None)
        self._alphas.append(alpha)

    def take(self) -> np.ndarray:
        """:return: α·H, shape (T, N); the steps are forgotten"""
        n_envs, action_dim = self.shape
        entropies = np.full((len(self), n_envs), action_dim * math.log(2))
        drawn = [step for step, gaussian in enumerate(self._gaussians) if gaussian is not None]
        if drawn:
            pairs = [gaussian for gaussian in self._gaussians if gaussian is not None]
            mean, std = (th.cat([th.as_tensor(one) for one in each]) for each in zip(*pairs, strict=True))
            entropy = Gaussian(mean, std).entropy() + expected_slope(mean, std).sum(-1)
            entropies[drawn] = entropy.view(len(drawn), n_envs).cpu().numpy()
        bonuses: np.ndarray = np.array(self._alphas).reshape(-1, 1) * entropies
        self._gaussians, self._alphas = [], []
        return bonuses
