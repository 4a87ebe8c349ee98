"""Value iteration, plain and soft."""

from dataclasses import dataclass

import numpy as np

from sb3_entropy.errors import check_number
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
    ended = ~mdp.counts_entropy
    valued = mdp.present & ~ended[:, None]
    modulus = float(mdp.discount[valued].max(initial=0.0))
    factor = modulus / (1 - modulus) if modulus < 1 else np.inf
    ahead = _Ahead(mdp)
    V = np.zeros(mdp.n_states)
    iterations, left = 0, np.inf
    while not left <= tolerance:  # nor is NaN
        if iterations == max_iterations:
            raise ValueError(f"Values still changed after {iterations} iterations. {_advice(modulus)}")
        updated = np.where(ended, 0.0, _best(mdp, mdp.R + ahead(V), tau))
        residual = float(abs(updated - V).max())
        V = updated
        iterations += 1
        rounding = 4 * np.finfo(float).eps * float(abs(V).max())
        left = 0.0 if residual <= rounding else residual * (factor if modulus < 1 else 1.0)
    Q = mdp.R + ahead(V)
    if tau > 0:
        pi = mdp.measure * np.exp((np.where(mdp.present, Q, -np.inf) - _best(mdp, Q, tau)[:, None]) / tau)
        pi /= pi.sum(axis=1, keepdims=True)
    else:
        pi = np.eye(mdp.n_actions)[np.where(mdp.present, Q, -np.inf).argmax(axis=1)]
    bound = factor * residual if residual else 0.0
    return Optimum(V, Q, pi, float(mdp.rho @ V), iterations, residual, bound)


def _advice(modulus: float) -> str:
    if modulus == 1:
        return "With gamma = 1 every episode must end, and wandering on must not pay. Give gamma < 1."
    return "Give more max_iterations, or a larger tolerance."


def _best(mdp: TabularMDP, Q: Array, tau: float) -> Array:
    """:return: τ log Σₐ m exp(Q/τ), or maxₐ Q at τ = 0, shape (S,)"""
    Q = np.where(mdp.present, Q, -np.inf)
    greatest: Array = Q.max(axis=1)
    if tau == 0:
        return greatest
    soft: Array = greatest + tau * np.log((mdp.measure * np.exp((Q - greatest[:, None]) / tau)).sum(axis=1))
    return soft


class _Ahead:
    """γ(s, a) Σ P(s'|s, a) V(s') as a function of V; where few states can follow, by going to these alone."""

    def __init__(self, mdp: TabularMDP):
        onward = mdp.discount[:, :, None] * mdp.P
        most = int((onward != 0).sum(axis=2).max())
        self.full: Array | None = None
        if most > mdp.n_states // 4:
            self.full = onward
        else:
            self.states = np.argsort(onward == 0, axis=2, kind="stable")[:, :, :most]
            self.factors = np.take_along_axis(onward, self.states, axis=2)

    def __call__(self, V: Array) -> Array:
        found: Array = (
            self.full @ V if self.full is not None else np.einsum("sak,sak->sa", self.factors, V[self.states])
        )
        return found
