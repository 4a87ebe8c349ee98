"""What is exactly known of policies that are given by their probabilities."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from sb3_entropy.errors import check_number
from sb3_entropy.mdp.solver import Policies, Solution, Solver
from sb3_entropy.mdp.tabular import Array, TabularMDP, numbers, refuse

#: how many numbers one array of a batch should hold, so that it stays in the processor's cache
CHUNK = 100_000


@dataclass(frozen=True, eq=False)
class Evaluation:
    """
    What is exactly known of a policy, or of K, whose axis is then the first.

    :param J: ``E[Σ γᵗ (r + τ H(π(·|sₜ)))]``, the entropy-augmented return (Ahmed et al. 2019, Section 2.1), shape ()
    :param returns: its part without entropy, E[Σ γᵗ r], shape ()
    :param discounted_entropies: E[Σ γᵗ H(π(·|sₜ))]: J is ``returns`` + τ times this, shape ()
    :param V: the soft value of each state, its own entropy included, shape (S,)
    :param Q: ``r(s, a) + γ Σ P(s'|s, a) V(s')``, shape (S, A)
    :param d: the discounted occupancy ``ρᵀ(I − γP_π)⁻¹``, not normalised: its sum is 1/(1 − γ); infinite in an
        absorbing state if γ = 1; shape (S,)
    :param entropies: H(π(·|s)) in every state, counted or not, shape (S,)
    :param pi: π(a|s), shape (S, A)
    """

    J: Array
    returns: Array
    discounted_entropies: Array
    V: Array
    Q: Array
    d: Array
    entropies: Array
    pi: Array


def evaluate(mdp: TabularMDP, pi: ArrayLike, tau: float = 0.0) -> Evaluation:
    """
    :param mdp: the process
    :param pi: probabilities π(a|s) of one policy, shape (S, A), or of K, shape (K, S, A)
    :param tau: the temperature τ
    :return: values, occupancies and entropies
    :raises TypeError: if ``pi`` holds no numbers
    :raises ValueError: if its shape is another, it is no distribution over the actions that are present, or γ = 1 and
        an episode never ends
    """
    check_number("tau", tau)
    array = numbers("pi", pi)
    single = array.ndim == 2
    if array.shape[-2:] != mdp.R.shape or array.ndim not in {2, 3} or 0 in array.shape:
        raise ValueError(f"pi must have the shape (S, A) = {mdp.R.shape}, or (K, S, A), but {array.shape} was given.")
    refuse("pi", array, array < 0, "be ≥ 0", "Give probabilities, not logits.")
    sums = array.sum(axis=-1)
    refuse("The sum of pi over actions", sums, abs(sums - 1) > 1e-8, "be 1", "Normalise each row.")
    refuse("pi", array, (array > 0) & ~mdp.present, "be 0 where the action is absent", "See log_measure.")
    every = array[None] if single else array
    solver = Solver(mdp)
    parts = []
    for rows in chunks(len(every), mdp):
        of_rows = np.ascontiguousarray(every[rows].transpose(2, 1, 0))
        played = of_rows > 0
        ratio = np.divide(of_rows, solver.measure, out=np.ones_like(of_rows), where=played)
        policies = Policies(of_rows, np.log(ratio))
        parts.append(evaluation(of_rows, solver.solve(policies, tau, rows.start), tau))
    return joined(parts, single)


def evaluation(pi: Array, solution: Solution, tau: float) -> Evaluation:
    """
    :param pi: probabilities, shape (A, S, K)
    :param solution: what is known of the policies
    :param tau: the temperature τ
    :return: the same with K first
    """
    return Evaluation(
        J=solution.returns + tau * solution.discounted_entropies,
        returns=solution.returns,
        discounted_entropies=solution.discounted_entropies,
        V=solution.V.T,
        Q=solution.Q.transpose(2, 1, 0),
        d=solution.d.T,
        entropies=solution.entropies.T,
        pi=pi.transpose(2, 1, 0),
    )


def joined(parts: list[Evaluation], single: bool) -> Evaluation:
    """
    :param parts: of some policies each
    :param single: whether there is one, whose axis goes
    :return: of all
    """
    whole = {field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Evaluation)}
    return Evaluation(**{name: array[0] if single else array for name, array in whole.items()})


def chunks(n_policies: int, mdp: TabularMDP) -> Iterator[slice]:
    """
    :param n_policies: K
    :param mdp: the process
    :return: slices of the policies, all about as large, so many at a time as fit the processor's cache
    """
    size = -(-n_policies // -(-n_policies * mdp.R.size // CHUNK))
    return (slice(start, min(start + size, n_policies)) for start in range(0, n_policies, size))
