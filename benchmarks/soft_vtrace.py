"""
``python -m benchmarks.soft_vtrace``: what V-trace with entropy estimates, and what the policy's gradient of it is, as
the bounds of the ratios go down; in a process of two states and an end that is small enough to check by hand.

Expectations are exact: a fragment is one step, and there are four, (s, a), with the probabilities μ(a|s). It takes
seconds, and draws no random number.
"""

import argparse

import numpy as np

from sb3_entropy.algorithms.common.returns import VTrace, soft_vtrace
from sb3_entropy.mdp import TabularMDP, evaluate

ALPHA, GAMMA = 0.5, 0.9
#: from 0: again 0, or on to 1; from 1: back to 0, or the end
NEXT = np.array([[0, 1], [0, 2]])
R = np.array([[0.2, 0.0], [1.0, 2.0]])
RHO = np.array([1.0, 0.0, 0.0])
PI = np.array([[0.5, 0.5], [0.3, 0.7]])
MU = np.array([[0.9, 0.1], [0.8, 0.2]])
H = -(PI * np.log(PI)).sum(axis=1)
#: larger than any ratio
LARGE = 1e3
BOUNDS = (0.4, 1.0, 2.0, 4.0, LARGE)
STATES, ACTIONS = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])


def process(rewards: np.ndarray) -> TabularMDP:
    """
    :param rewards: of the two states, shape (2, 2)
    :return: the process
    """
    P = np.zeros((3, 2, 3))
    for s, a in np.ndindex(2, 2):
        P[s, a, NEXT[s, a]] = 1.0
    P[2, :, 2] = 1.0
    return TabularMDP(P, np.vstack([rewards, np.zeros((1, 2))]), RHO, GAMMA)


def value(policy: np.ndarray, rewards: np.ndarray, tau: float = 0.0) -> np.ndarray:
    """
    :param policy: of the two states, shape (2, 2)
    :param rewards: likewise
    :param tau: the temperature of the policy's own entropy
    :return: its value, by solving a linear system, shape (2,)
    """
    return evaluate(process(rewards), np.vstack([policy, [[0.5, 0.5]]]), tau).V[:2]


def traced(V: np.ndarray, rewards: np.ndarray, rho_bar: float, pg_rho_bar: float = LARGE) -> VTrace:
    """
    :param V: values of the two states
    :param rewards: of each state and action, shape (2, 2)
    :param rho_bar: ρ̄
    :param pg_rho_bar: ρ̄_pg
    :return: V-trace of the four fragments
    """
    after, at = NEXT[STATES, ACTIONS], (STATES, ACTIONS)
    parts = rewards[at][None], V[STATES][None], np.ones((1, 4)), np.append(V, 0.0)[after], after == 2
    log_probs = np.log(PI[at])[None], np.log(MU[at])[None]
    return soft_vtrace(*parts, *log_probs, GAMMA, rho_bar=rho_bar, pg_rho_bar=pg_rho_bar)


def fixed_point(rewards: np.ndarray, rho_bar: float) -> np.ndarray:
    """
    :param rewards: of each state and action, shape (2, 2)
    :param rho_bar: ρ̄
    :return: V with ``V = E[v]``, by going from V to E[v], shape (2,)
    """
    V = np.zeros(2)
    # It contracts by 1 − (1 − γ) min Z: by 0.9625 at the least of the bounds.
    for _ in range(500):
        V = (MU * traced(V, rewards, rho_bar).targets.reshape(2, 2)).sum(axis=1)
    return V


def estimated() -> list[list[str]]:
    """:return: of each bound what is estimated in state 0, rows of a table"""
    rows = []
    for rho_bar in BOUNDS:
        kept = np.minimum(rho_bar * MU, PI)
        Z = kept.sum(axis=1)
        pi_rho = kept / Z[:, None]
        soft = R + ALPHA * H[:, None]
        # ρ (r + αH/ρ + γV' − V) is ρ (r + γV' − V) + αH.
        outside = R + ALPHA * H[:, None] / np.minimum(rho_bar, PI / MU)
        found = [
            fixed_point(soft, rho_bar),
            value(pi_rho, soft),
            value(pi_rho, R, ALPHA),
            fixed_point(outside, rho_bar),
            value(pi_rho, R + (ALPHA * H / Z)[:, None]),
            fixed_point(R, rho_bar),
        ]
        numbers = [f"{Z[0]:.2f}", f"{Z[1]:.2f}", *(f"{V[0]:.3f}" for V in found)]
        rows.append(["∞" if rho_bar == LARGE else f"{rho_bar:g}", *numbers])
    return rows


def gradients() -> list[list[str]]:
    """:return: of each bound, and of logits (0, 1) and (1, 1), both forms and the gradient of J, rows of a table"""
    soft = R + ALPHA * H[:, None]
    V = value(PI, R, ALPHA)
    d = evaluate(process(R), np.vstack([PI, [[0.5, 0.5]]]), ALPHA).d[:2]
    analytic, true = -ALPHA * PI * (np.log(PI) + H[:, None]), by_differences() / d[:, None]
    rows = []
    for bound in BOUNDS:
        found = traced(V, soft, LARGE, bound)
        A, weights = found.advantages.reshape(2, 2), found.weights.reshape(2, 2)
        forms = [by_logit(MU * A) + analytic, by_logit(MU * (A - ALPHA * weights * np.log(PI)))]
        cells = [f"{(d[s] * form[s, 1]):+.4f}" for s in (0, 1) for form in (*forms, true)]
        rows.append(["∞" if bound == LARGE else f"{bound:g}", *cells])
    return rows


def by_logit(weights: np.ndarray) -> np.ndarray:
    """
    :param weights: of each state and action, shape (2, 2)
    :return: Σₐ weights ∇ log π(a|s), of each logit of s, shape (2, 2)
    """
    found: np.ndarray = weights - PI * weights.sum(axis=1, keepdims=True)
    return found


def by_differences(step: float = 1e-5) -> np.ndarray:
    """
    :param step: of central differences
    :return: the gradient of J, of the logits, shape (2, 2)
    """
    found = np.empty((2, 2))
    for s, a in np.ndindex(2, 2):
        values = []
        for side in (step, -step):
            moved = PI.copy()
            moved[s, a] *= np.exp(side)
            moved[s] /= moved[s].sum()
            values.append(value(moved, R, ALPHA)[0])
        found[s, a] = (values[0] - values[1]) / (2 * step)
    return found


def table(head: str, rows: list[list[str]]) -> str:
    """
    :param head: the heads of the columns, as a row of the table
    :param rows: the rows
    :return: the table in Markdown
    """
    return "\n".join([head, "|---:" * len(rows[0]) + "|", *(f"| {' | '.join(row)} |" for row in rows)])


def main(arguments: list[str] | None = None) -> None:
    """
    :param arguments: those of the command line; ``None``: the program's
    """
    argparse.ArgumentParser(prog="benchmarks.soft_vtrace", description=__doc__).parse_args(arguments)
    heads = (
        "Z(0)",
        "Z(1)",
        "v, inside",
        "V of π_ρ̄, r + αH(π)",
        "V_soft(π_ρ̄)",
        "v, outside",
        "V of π_ρ̄, r + αH(π)/Z",
        "v, bonus",
    )
    print(table(f"| ρ̄ | {' | '.join(heads)} |", estimated()), end="\n\n")
    forms = [f"{form}, {state}" for state in (0, 1) for form in ("α∇H", "−α log π", "∇J")]
    print(table(f"| ρ̄_pg | {' | '.join(forms)} |", gradients()))


if __name__ == "__main__":
    main()
