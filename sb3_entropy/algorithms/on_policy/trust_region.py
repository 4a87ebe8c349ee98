"""One natural-gradient step on any objective of a policy, with a line search inside a KL trust region."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch as th
from sb3_contrib import TRPO
from sb3_contrib.common.utils import conjugate_gradient_solver
from stable_baselines3.common.distributions import Distribution, kl_divergence


@dataclass
class Step:
    """What a step came to."""

    parameters: list[th.nn.Parameter]
    objective: float
    kl_divergence: float
    success: bool


class TrustRegion:
    """
    argmax L(π) subject to KL(π ‖ π_old) ≤ δ, by L's gradient, the KL's Hessian F and a backtracking line search:
    Δθ = βᵏ √(2δ / xᵀFx) x with x = F⁻¹∇L, the first k for which L has grown and the KL is below δ (Schulman et al.
    2015, Appendix C; gradients, Hessian products and solver are sb3-contrib's).

    :param trpo: whose policy, δ (``target_kl``), β and damping
    :param observations: the states, a batch
    :param objective: L as a function of the policy's distribution in those states
    :param kl_reduction: ``"mean"`` or ``"sum"`` over action dimensions
    """

    def __init__(
        self, trpo: TRPO, observations: Any, objective: Callable[[Distribution], th.Tensor], kl_reduction: str = "mean"
    ):
        self.trpo = trpo
        self.policy = trpo.policy
        self.observations = observations
        self.objective = objective
        self.kl_reduction = kl_reduction
        with th.no_grad():
            self.old_distribution = self.distribution()

    def distribution(self) -> Distribution:
        """The policy's, as it is now. A copy: ``get_distribution`` hands out one mutable object again and again."""
        return copy.copy(self.policy.get_distribution(self.observations))

    def kl(self, distribution: Distribution) -> th.Tensor:
        """KL(π ‖ π_old), reduced over action dimensions by ``kl_reduction``, and averaged over states."""
        divergence = kl_divergence(distribution, self.old_distribution)
        if self.kl_reduction == "sum" and divergence.dim() > 1:
            divergence = divergence.sum(dim=1)
        return divergence.mean()

    def step(self) -> Step:
        """Take the step, or none if the line search finds no improvement."""
        distribution = self.distribution()
        objective = self.objective(distribution)
        self.policy.optimizer.zero_grad()
        parameters, gradient, kl_gradient, shapes = self.trpo._compute_actor_grad(self.kl(distribution), objective)
        fisher = partial(self.trpo.hessian_vector_product, parameters, kl_gradient)
        direction = conjugate_gradient_solver(fisher, gradient, max_iter=self.trpo.cg_max_steps)
        scale = 2 * self.trpo.target_kl
        scale /= float(th.matmul(direction, fisher(direction, retain_graph=False)))
        scale = np.sqrt(scale)
        return self._search_line(parameters, shapes, objective, scale, direction)

    @th.no_grad()
    def _search_line(
        self,
        parameters: list[th.nn.Parameter],
        shapes: list[tuple[int, ...]],
        objective: th.Tensor,
        scale: float,
        direction: th.Tensor,
    ) -> Step:
        start = [parameter.detach().clone() for parameter in parameters]
        pieces = direction.split([parameter.numel() for parameter in parameters])
        shrunk = 1.0
        new_objective = objective
        for _ in range(self.trpo.line_search_max_iter):
            for parameter, origin, piece, shape in zip(parameters, start, pieces, shapes, strict=True):
                parameter.copy_(origin + shrunk * scale * piece.view(shape))
            distribution = self.distribution()
            new_objective = self.objective(distribution)
            kl = self.kl(distribution)
            if kl < self.trpo.target_kl and new_objective > objective:
                return Step(parameters, new_objective.item(), kl.item(), True)
            shrunk *= self.trpo.line_search_shrinking_factor
        for parameter, origin in zip(parameters, start, strict=True):
            parameter.copy_(origin)
        return Step(parameters, objective.item(), 0.0, False)
