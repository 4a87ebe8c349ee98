"""
The entropic bifurcation extension of a finite process: at a state of one's choice, what is optimal for a policy that is
also paid for entropy becomes any distribution, and what is optimal without entropy stays what it was.

After each action a at s an intermediate state m_a is inserted. Its action A1 goes on as a did, its action A2 ends the
episode with r_T:

    s ──a──▸ m_a ──A1──▸ s' ~ P(·|s, a), pays r(s, a), then γ(s, a);   n₁ actions, so to speak
    pays 0,      ──A2──▸ the end, pays r_T < Q*(s, a);                 n₂ actions
    not discounted

**Plain.** A1 pays more, so V*(m_a) = Q*(s, a). Nothing was paid or discounted on the way, so every V* and every optimal
action is what it was.

**Soft.** ``V̂(m_a) = α log(n₁ e^(Q(s,a)/α) + n₂ e^(r_T/α))`` is any number, by the choice of n₁ and n₂, and the policy
at s is ``π̂(a|s) ∝ m(s, a) e^(V̂(m_a)/α)``. With ``V̂(m_a) = V(s) + α log(target(a)/m(s, a))`` it is the target, and
V̂(s) = V(s). So V solves the extended process's equations too: soft values and policies elsewhere are what they were,
also where s can be reached again.

**Counts.** Whole numbers n₁ ≥ 1 cannot lower V̂(m_a) below Q̂(s, a). So s is lifted, to the least level at which the
target can be had, ``V̂(s) = maxₐ [Q̂(s, a) − α log(target(a)/m(s, a))] + α log(1/share)``, and with it, by way of γ, all
states from which s is reached. That is an equation of its own for V̂, plain at s and soft elsewhere, whose fixed point
is found before counts are rounded.

Zhang, Chang and Gao 2025, "When maximum entropy misleads policy optimization" (ICML), have the extension and the
theorem; the choice of n₁, n₂ and r_T, and values that do not move elsewhere, are ours.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from sb3_entropy.errors import check_number
from sb3_entropy.mdp.bifurcation_certificate import Certificate, Solved, certify, inserted_states
from sb3_entropy.mdp.bifurcation_request import Request
from sb3_entropy.mdp.improvement import policy_iteration
from sb3_entropy.mdp.optimum import Optimum
from sb3_entropy.mdp.tabular import Array, TabularMDP

#: whole numbers are stored to the unit below this logarithm of them
WHOLE = 53 * float(np.log(2))


def bifurcate(
    mdp: TabularMDP,
    state: int | Sequence[int],
    target: ArrayLike,
    alpha: float,
    *,
    counts: bool = False,
    tolerance: float | None = None,
    share: float = 0.5,
    gap: float | None = None,
) -> tuple[TabularMDP, Certificate]:
    """
    The extension at one state or several, and a certificate of what it has changed and what not.

    The extended process has the S states of the given one, in their places, then the intermediate states, of each state
    in the order given and of each of its actions that are present, ``certificate.inserted``, and last the end. Of an
    intermediate state action 0 is A1 and action 1 is A2, with log n₁ and log n₂ as ``log_measure``; all others are
    absent. ``gamma`` is an array, 1 for the inserted steps. The end has one action and pays nothing, whatever
    ``terminal_entropy`` says.

    :param mdp: the process; it may have a measure, and its soft values must be finite
    :param state: s, or several
    :param target: the distribution over the A actions of s, positive where one is present and 0 where it is absent,
        shape (A,); with several states (K, A)
    :param alpha: the temperature α > 0 at which the soft-optimal policy at s is the target
    :param counts: whether n₁ and n₂ are whole numbers: n₁ = 1, and n₂ ≥ 1 in steps so small that the target is met to
        within ``tolerance``. Else they are positive numbers, and it is met exactly
    :param tolerance: what the certificate is to hold to; ``None``: 1e-9, with ``counts`` 1e-6
    :param share: how probable A1 is at m_a under the soft-optimal policy; with ``counts`` of the action where it is
        most probable. Between 0 and 1
    :param gap: how much less the end pays than going on, which is Q*(s, a), > 0; with ``counts`` at least, as the
        tolerance may need more. ``None``: 1, with ``counts`` α
    :return: the extended process, and the certificate, which is checked by solving both processes
    :raises TypeError: if ``mdp`` is no process, or an argument is of another type
    :raises ValueError: if a state is out of range, named twice or absorbing, a target is no distribution with full
        support, a number is out of its range, α is so small or the gap so large that rounding or a count's own
        logarithm exceeds the tolerance, or soft values are infinite, as they can be at γ = 1
    """
    asked = Request.of(mdp, state, target, alpha, counts, tolerance, share)
    if gap is not None:
        check_number("gap", gap, 0.0, open_low=True)
    before = Solved(policy_iteration(mdp), policy_iteration(mdp, asked.alpha))
    level = _lifted(asked) if counts else before.soft
    asked.refuse_rounding(float(abs(level.V).max()) / asked.alpha, "soft values are as large as {} alpha")
    if counts:
        log_n, ends = _counted(asked, level, before.plain, asked.alpha if gap is None else gap)
        size = "counts overflow, with logarithms as large as {}"
    else:
        log_n, ends = _weighed(asked, before, 1.0 if gap is None else gap)
        size = "measures have logarithms as large as {}"
    asked.refuse_rounding(float(abs(log_n[mdp.present[asked.states]]).max()), size, gap or 0.0)
    extended = _extended(asked, log_n, ends)
    return extended, certify(
        mdp, extended, asked.states, asked.targets, alpha, asked.tolerance, counts=counts, before=before
    )


def _weighed(asked: Request, before: Solved, gap: float) -> tuple[Array, Array]:
    """:return: log n₁ and log n₂, shape (K, A, 2), and r_T, shape (K, A), with which V̂ is V and A1 has its share"""
    wanted = before.soft.V[asked.states, None] + asked.raised
    ends = before.plain.Q[asked.states] - gap
    log_n1 = np.log(asked.share) + (wanted - before.soft.Q[asked.states]) / asked.alpha
    log_n2 = np.log1p(-asked.share) + (wanted - ends) / asked.alpha
    return np.stack([log_n1, log_n2], axis=-1), ends


def _lifted(asked: Request) -> Optimum:
    """:return: what V̂ is with counts that need not be whole; of the chosen states Q too is Q̂"""
    shift = asked.raised + asked.alpha * np.log(asked.share)
    R, tau = asked.mdp.R.copy(), np.full(asked.mdp.n_states, asked.alpha)
    R[asked.states] -= shift
    tau[asked.states] = 0.0
    level = policy_iteration(replace(asked.mdp, R=R), tau)
    Q = level.Q.copy()
    Q[asked.states] += shift
    return replace(level, Q=Q)


def _counted(asked: Request, level: Optimum, plain: Optimum, gap: float) -> tuple[Array, Array]:
    """:return: as :func:`_weighed`, but n₁ = 1 and n₂ a whole number, the nearest to what V̂(m_a) needs"""
    Q = level.Q[asked.states]
    # Rounding n₂ moves V̂(m_a) by at most α e^((r_T − Q̂)/α)/4. A value is moved by that, at most, for every step that
    # is yet to come, and a probability by twice as much over α.
    unit = min(0.5, asked.tolerance / _steps(asked, level))
    ends = np.minimum(plain.Q[asked.states] - gap, Q + asked.alpha * np.log(unit))
    # n₂ = (e^x − 1) e^((Q̂ − r_T)/α), with x = (V̂(m_a) − Q̂)/α; it is log(1/share) > 0 where A1 is most probable
    x = np.maximum((level.V[asked.states, None] + asked.raised - Q) / asked.alpha, -np.log(asked.share))
    log_n2 = x + np.log(-np.expm1(-x)) + (Q - ends) / asked.alpha
    rounded = np.log(np.maximum(np.rint(np.exp(np.minimum(log_n2, WHOLE))), 1.0))
    log_n2 = np.where(log_n2 < WHOLE, rounded, log_n2)
    return np.stack([np.zeros_like(log_n2), log_n2], axis=-1), ends


def _steps(asked: Request, level: Optimum) -> float:
    """:return: the discounted number of steps that are yet to come, in the state where they are most"""
    pi = level.pi.copy()
    pi[asked.states] = asked.targets * asked.share
    onward = np.einsum("sa,sa,sat->st", pi, asked.mdp.discount, asked.mdp.P)
    onward[~asked.mdp.counts_entropy] = 0.0
    return float(np.linalg.solve(np.eye(len(onward)) - onward, np.ones(len(onward))).max())


def _extended(asked: Request, log_n: Array, ends: Array) -> TabularMDP:
    """:return: the extended process, of n₁, n₂ and r_T"""
    mdp, inserted = asked.mdp, inserted_states(asked.mdp, asked.states)
    S, A = mdp.R.shape
    n_states, n_actions = S + int((inserted >= 0).sum()) + 1, max(A, 2)
    shape, end = (n_states, n_actions), n_states - 1
    P, R, gamma = np.zeros((*shape, n_states)), np.zeros(shape), np.zeros(shape)
    log_measure = np.full(shape, -np.inf)
    P[:S, :A, :S], R[:S, :A], gamma[:S, :A] = mdp.P, mdp.R, mdp.discount
    log_measure[:S, :A] = 0.0 if mdp.log_measure is None else mdp.log_measure
    k, a = np.nonzero(inserted >= 0)
    s, m = asked.states[k], inserted[k, a]
    P[s, a], R[s, a], gamma[s, a] = 0.0, 0.0, 1.0
    P[s, a, m] = 1.0
    P[m, 0, :S], R[m, 0], gamma[m, 0] = mdp.P[s, a], mdp.R[s, a], mdp.discount[s, a]
    P[m, 1, end], R[m, 1] = 1.0, ends[k, a]
    log_measure[m, :2] = log_n[k, a]
    log_measure[end, 0] = 0.0
    # What is absent stays where it is.
    unused = P.sum(axis=2) == 0
    P[*np.nonzero(unused), np.nonzero(unused)[0]] = 1.0
    rho = np.concatenate([mdp.rho, np.zeros(n_states - S)])
    return TabularMDP(P, R, rho, gamma, log_measure, mdp.terminal_entropy)
