"""Policy iteration, plain and soft: what value iteration finds, in a handful of linear systems."""

import numpy as np
from numpy.typing import ArrayLike

from sb3_entropy.errors import check_number
from sb3_entropy.mdp.bellman import Bellman
from sb3_entropy.mdp.optimum import Optimum, advice, greatest_discount
from sb3_entropy.mdp.solver import ENDLESS
from sb3_entropy.mdp.tabular import Array, TabularMDP, numbers, refuse

_EPSILON = float(np.finfo(float).eps)
#: for how many steps a policy may go on of which that is not known
UNKNOWN = 1e9


def policy_iteration(mdp: TabularMDP, tau: ArrayLike = 0.0, *, max_iterations: int = 1_000) -> Optimum:
    """
    ``V ← V + (I − γP_π)⁻¹(TV − V)`` with the policy π that earns TV, until values change by no more than rounding.

    V is then the value of π, which is improved in turn (Howard 1960; Haarnoja et al. 2018, *Soft actor-critic*, Theorem
    1). As T is convex and γP_π its derivative, that is Newton's method for V = TV: errors are squared, or gone with the
    last action that is better. The first π is the one of the greatest entropy, m/Σₐ m. Where I − γP_π is singular, as
    it may be at γ = 1, ``V ← TV`` in its place. It costs a dense system (S, S) an iteration.

    :param mdp: the process
    :param tau: the temperature τ ≥ 0, 0 for the greatest return; or one of each state, shape (S,), with which
        ``E[Σ γᵗ (r + τ(sₜ) H)]`` is maximised
    :param max_iterations: after how many updates an error is raised
    :return: what is optimal, as :func:`~sb3_entropy.mdp.optimum.value_iteration` says it
    :raises TypeError: if an argument is not a number
    :raises ValueError: if one is out of its range, or values still change after ``max_iterations``: where γ = 1 they
        may be infinite
    """
    check_number("max_iterations", max_iterations, 1, integer=True)
    bellman, modulus = Bellman(mdp, _temperatures(mdp, tau)), greatest_discount(mdp)
    may_be_endless = modulus > 1 - 1e-9
    pi = Bellman(mdp, 1.0).policy(np.zeros_like(mdp.R))
    V, steps = _corrected(bellman, pi, _earned(mdp, bellman, pi, tau), np.zeros(mdp.n_states), may_be_endless)
    before = np.inf
    for iteration in range(max_iterations):
        Q = bellman.Q(V)
        updated = bellman.best(Q)
        residual = float(abs(updated - V).max())
        if _settled(residual, before, float(abs(V).max()), steps):
            bound = (modulus / (1 - modulus) if modulus < 1 else np.inf) * residual if residual else 0.0
            return Optimum(V, Q, bellman.policy(Q), float(mdp.rho @ V), iteration + 1, residual, bound)
        before = residual
        V, steps = _corrected(bellman, bellman.policy(Q), updated, V, may_be_endless)
    raise ValueError(f"Values still changed after {max_iterations} iterations. {advice(modulus, '')}")


def _settled(residual: float, before: float, size: float, steps: float) -> bool:
    """
    :param residual: by how much values change
    :param before: by how much they did before the last update
    :param size: the greatest value
    :param steps: for how many steps the last policy may go on
    :return: whether values change by no more than rounding: by 4 units of it, or below 10⁴ where the last update has
        not even halved the change. In many steps a small change adds up, and values that are infinite grow slowly
    """
    small = residual <= 4 * _EPSILON * size or before / 2 <= residual <= 1e4 * _EPSILON * size
    return residual == 0 or (small and residual * steps <= 1e-6 * size)


def _temperatures(mdp: TabularMDP, tau: ArrayLike) -> Array:
    if np.ndim(tau) == 0:
        check_number("tau", tau, 0.0)
        return np.full(mdp.n_states, float(np.asarray(tau)))
    given = numbers("tau", tau, (mdp.n_states,), "(S,)")
    refuse("tau", given, given < 0, "be ≥ 0", "It is a temperature.")
    return given


def _earned(mdp: TabularMDP, bellman: Bellman, pi: Array, tau: ArrayLike) -> Array:
    """:return: r_π + τH of the policy m/Σₐ m, whose entropy is log Σₐ m, shape (S,)"""
    entropy = np.log(mdp.present.sum(axis=1)) if mdp.log_measure is None else np.logaddexp.reduce(mdp.log_measure, 1)
    earned: Array = (pi * mdp.R).sum(axis=1) + np.asarray(tau, dtype=np.float64) * entropy
    return np.where(bellman.ended, 0.0, earned)


def _corrected(bellman: Bellman, pi: Array, updated: Array, V: Array, may_be_endless: bool) -> tuple[Array, float]:
    """:return: ``V + (I − γP_π)⁻¹(TV − V)``, the value of π, TV if that is singular; and the steps it may go on for"""
    onward = np.einsum("sa,sat->st", pi, bellman.ahead.onward)
    onward[bellman.ended] = 0.0
    system = np.eye(len(V)) - onward
    change = updated - V
    if not may_be_endless:
        return V + np.linalg.solve(system, change), 1.0
    # The expected number of steps, with a chance of ending in each that keeps the system regular, tells of the endless.
    np.einsum("ss->s", system)[...] += 1e-14
    changes, steps = np.linalg.solve(system, np.stack([change, np.ones(len(V))], axis=1)).T
    endless = bool(((steps < 0.5) | (steps > ENDLESS)).any())
    return (updated, UNKNOWN) if endless else (V + changes, float(steps.max()))
