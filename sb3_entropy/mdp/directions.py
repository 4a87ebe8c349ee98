"""Which way an update goes."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from sb3_entropy.mdp.parameters import Chart
from sb3_entropy.mdp.policies import LinearPolicy, Policy
from sb3_entropy.mdp.solver import Policies, Solution, Solver
from sb3_entropy.mdp.tabular import Array, Flags, TabularMDP

#: (θ (P, K), policies, τ, what is known of them) → the direction, shape (P, K)
Step = Callable[[Array, Policies, float, Solution], Array]


class Direction(Protocol):
    """What makes a direction of ascent from values."""

    def of(self, mdp: TabularMDP, policy: Policy, solver: Solver, chart: Chart) -> Step:
        """
        :param mdp: the process
        :param policy: logits as a function of θ
        :param solver: of the process
        :param chart: of the policy
        :return: the direction as a function of θ and what is known there, a new array each time
        """


class PlainGradient:
    """∇J_τ."""

    def of(self, mdp: TabularMDP, policy: Policy, solver: Solver, chart: Chart) -> Step:
        """
        :param mdp: the process
        :param policy: logits as a function of θ
        :param solver: of the process
        :param chart: of the policy
        :return: the gradient as a function of θ
        """
        return lambda theta, policies, tau, solution: chart.pulled_back(theta, solver.gradient(policies, tau, solution))


class NaturalGradient:
    """
    ``F⁺∇J_τ`` with the Fisher information ``F = Σ d(s) Σ π(a|s) ∇log π ∇log πᵀ``, whose occupancy d is not normalised,
    and its pseudo-inverse (Kakade 2001, *A natural policy gradient*).

    Of a policy with logits Lθ, where all actions that are present have a probability and every state that can be
    reached an occupancy, the direction is the shortest w for which Lw is the advantage A_τ but for a constant in each
    of these states, for then ``F w = LᵀB(Lw) = LᵀBA_τ = ∇J`` with ``B = d (diag π − ππᵀ)``. It is ``(CL)⁺ CA_τ``, C
    taking away each state's mean, and the matrix is the same at every θ.
    """

    def of(self, mdp: TabularMDP, policy: Policy, solver: Solver, chart: Chart) -> Step:
        """
        :param mdp: the process
        :param policy: one whose logits are linear in θ
        :param solver: of the process
        :param chart: of the policy
        :return: the direction as a function of θ
        :raises TypeError: if the policy is not linear
        """
        if not isinstance(policy, LinearPolicy):
            raise TypeError(
                f"NaturalGradient needs a policy whose logits are linear in θ, SoftmaxLinear or TabularSoftmax, but "
                f"{type(policy).__name__} was given."
            )
        acted = _reached(mdp) & solver.acted[:, 0]
        seen = (mdp.present & acted[:, None]).T.astype(float)  # (A, S)
        share = seen / np.maximum(seen.sum(axis=0), 1.0)

        def centred(x: Array) -> Array:
            found: Array = (x - (share[:, :, None] * x).sum(axis=0)) * seen[:, :, None]
            return found

        L = policy.spread(np.eye(policy.n_parameters))  # (A, S, P)
        inverse = np.linalg.pinv(centred(L).reshape(-1, policy.n_parameters))

        def step(theta: Array, policies: Policies, tau: float, solution: Solution) -> Array:
            advantage = solver.advantage(policies, tau, solution)
            found: Array = inverse @ centred(advantage).reshape(-1, advantage.shape[2])
            return found

        return step


def _reached(mdp: TabularMDP) -> Flags:
    """:return: which states can be reached, shape (S,)"""
    follows = ((mdp.discount[:, :, None] * mdp.P > 0) & mdp.present[:, :, None]).any(axis=1)
    reached = mdp.rho > 0
    while True:
        further = reached | (reached @ follows)
        if (further == reached).all():
            return reached
        reached = further
