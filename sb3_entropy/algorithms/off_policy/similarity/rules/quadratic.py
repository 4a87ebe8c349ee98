"""All critics linear in the action, and bent along two directions."""

import math

import torch as th

from sb3_entropy.algorithms.off_policy.similarity.cosine import similarity
from sb3_entropy.algorithms.off_policy.similarity.models import add_bends, common_and_difference, linear_values
from sb3_entropy.algorithms.off_policy.similarity.rule import SimilarityRule
from sb3_entropy.algorithms.off_policy.similarity.sampling import (
    actions,
    actions_by_component,
    standard_normal,
    tanh_,
)
from sb3_entropy.algorithms.off_policy.similarity.states import StateCritics
from sb3_entropy.errors import check_number
from sb3_entropy.registry import SIMILARITY_RULES

#: how far from the mode critics are asked, in σ: with two directions the outer nodes of Gauss and Hermite's rule with
#: three; the one direction that there is with one action is asked twice to each side
RADII = {1: (1.0, 2.4), 2: (math.sqrt(3),)}


@SIMILARITY_RULES.register("quadratic")
class QuadraticRule(SimilarityRule):
    """
    With a₀ = tanh μ and z the noise before σ, in each state

        Q(s, a) ≈ Q(s, a₀) + ∇ₐQ(s, a₀)·(a − a₀) + Σ_u [R(ru) h(u·z/r) + R(−ru) h(−u·z/r)],

    where R(z) is what the linear part leaves of Q at tanh(μ + σz), h(x) is x² from 0 to 1 and its tangent beyond, and
    u are two directions: the one in which all critics climb, and the one in which soft and plain ones do not agree. For
    A = 1 there is one direction, and two radii.

    Six evaluations: value and gradient at the mode, and four values around it. The model is cheap, so that the mean
    similarity over several draws of N actions is taken: it is less noisy than one, and calibrated to N by itself.

    :param draws: how many draws of N actions, the same in all states of a step, ≥ 1
    :raises TypeError: if that is no whole number
    :raises ValueError: if it is below 1
    """

    description = "linear at the mode, and bent along two directions: six evaluations"

    def __init__(self, draws: int = 4):
        check_number("draws", draws, low=1, integer=True)
        self.draws = draws

    def _similarity(
        self, critics: StateCritics, kind: str, threshold: float, samples: int, generator: th.Generator
    ) -> th.Tensor:
        mean, std = critics.mean, critics.std
        mode = tanh_(mean.clone())
        values, gradients = critics.values_and_gradients(mode)
        directions = common_and_difference(gradients * (std * (1 - mode * mode)))
        radii = RADII[len(directions)]
        outer = actions(mean, std, th.stack([r * u for u in directions for u in (u, -u) for r in radii]))
        left = critics.values(outer) - values.unsqueeze(2)
        left -= ((outer - mode) * gradients.unsqueeze(2)).sum(-1)
        left *= (outer != mode).any(-1)  # else where tanh is at its end rounding would bend all critics the same way
        of_direction = left.chunk(len(directions), dim=2)
        total = th.zeros_like(mean[:, 0])
        for _ in range(self.draws):  # one after the other: each stays in the cache
            z = standard_normal((samples, mean.shape[1]), mean, generator)
            modelled = linear_values(values, gradients, mode, actions_by_component(mean, std, z))
            for u, own in zip(directions, of_direction, strict=True):
                add_bends(modelled, z @ u.t(), radii, own)
            total += similarity(modelled, kind)
        return total.div_(self.draws)
