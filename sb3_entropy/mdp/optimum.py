"""Value iteration, plain and soft."""

from dataclasses import dataclass

import numpy as np

from sb3_entropy.errors import check_number
from sb3_entropy.mdp.bellman import Bellman
from sb3_entropy.mdp.tabular import Array, TabularMDP


@dataclass(frozen=True, eq=False)
class Optimum:
    """
    What is optimal in a process at the temperature τ.

    :param V: ``τ log Σₐ m(s, a) exp(Q(s, a)/τ)``, or maxₐ Q(s, a) at τ = 0, shape (S,)
    :param Q: ``r(s, a) + γ Σ P(s'|s, a) V(s')``, shape (S, A)
    :param pi: the optimal policy, ``m exp((Q − V)/τ)``; at τ = 0 the first of the best actions; shape (S, A)
    :param J: ``Σ ρ(s) V(s)``
    :param iterations: how often values were updated
    :param residual: the greatest change of a value in the last of them
    :param bound: how far V may be from the true values, in any state: ``γ/(1 − γ)`` times the residual, γ the greatest
        there is; infinite if that is 1. Rounding comes on top
    """

    V: Array
    Q: Array
    pi: Array
    J: float
    iterations: int
    residual: float
    bound: float


def value_iteration(
    mdp: TabularMDP, tau: float = 0.0, *, tolerance: float = 1e-10, max_iterations: int = 1_000_000
) -> Optimum:
    """
    ``V ← τ log Σₐ m exp((r + γPV)/τ)`` until V is known to within ``tolerance`` or changes by no more than rounding.

    It maximises ``E[Σ γᵗ (r + τH)]`` over all policies (Ziebart 2010, *Modeling purposeful adaptive behavior with the
    principle of maximum causal entropy*; Haarnoja et al. 2017, *Reinforcement learning with deep energy-based
    policies*, Theorems 1 to 3). In absorbing states where entropy is not counted V stays 0.

    :param mdp: the process
    :param tau: the temperature τ ≥ 0; 0 for the greatest return
    :param tolerance: how far values may be from the true ones; where γ = 1, by how much they may still change
    :param max_iterations: after how many updates an error is raised
    :return: what is optimal
    :raises TypeError: if an argument is not a number
    :raises ValueError: if one is out of its range, or values still change after ``max_iterations``: where γ = 1 they
        may be infinite
    """
    check_number("tau", tau, 0.0)
    check_number("tolerance", tolerance, 0.0)
    check_number("max_iterations", max_iterations, 1, integer=True)
    bellman = Bellman(mdp, float(tau))
    modulus = greatest_discount(mdp)
    factor = modulus / (1 - modulus) if modulus < 1 else np.inf
    V = np.zeros(mdp.n_states)
    iterations, left = 0, np.inf
    while not left <= tolerance:  # nor is NaN
        if iterations == max_iterations:
            raise ValueError(
                f"Values still changed after {iterations} iterations. {advice(modulus, ', or a larger tolerance')}"
            )
        updated = bellman.best(bellman.Q(V))
        residual = float(abs(updated - V).max())
        V = updated
        iterations += 1
        rounding = 4 * np.finfo(float).eps * float(abs(V).max())
        left = 0.0 if residual <= rounding else residual * (factor if modulus < 1 else 1.0)
    Q = bellman.Q(V)
    bound = factor * residual if residual else 0.0
    return Optimum(V, Q, bellman.policy(Q), float(mdp.rho @ V), iterations, residual, bound)


def greatest_discount(mdp: TabularMDP) -> float:
    """
    :param mdp: the process
    :return: the greatest γ(s, a) of what values depend on
    """
    return float(mdp.discount[mdp.present & mdp.counts_entropy[:, None]].max(initial=0.0))


def advice(modulus: float, otherwise: str) -> str:
    """
    :param modulus: the greatest discount
    :param otherwise: what else to do than to give more iterations
    :return: what to do when values do not settle
    """
    if modulus == 1:
        return "With gamma = 1 every episode must end, and wandering on must not pay. Give gamma < 1."
    return f"Give more max_iterations{otherwise}."
