"""What soft V-trace estimates, by enumeration: all fragments of a small process, with their probabilities."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from sb3_entropy.algorithms.common.returns import VTrace, soft_vtrace
from sb3_entropy.mdp import TabularMDP, evaluate

ALPHA, GAMMA = 0.7, 0.85
LARGE = {"rho_bar": 1e3, "c_bar": 1e3, "pg_rho_bar": 1e3}
#: ρ̄, c̄, λ; the last has c̄ above ρ̄
TRUNCATED = [(0.6, 0.5, 1.0), (1.0, 1.0, 0.9), (1.4, 1.0, 1.0), (0.7, 2.0, 0.3)]


def process() -> TabularMDP:
    """Three states and an absorbing one; asymmetric."""
    rng = np.random.default_rng(4)
    P = rng.dirichlet(np.ones(4), size=(4, 3))
    R = rng.normal(size=(4, 3))
    P[3], R[3] = np.eye(4)[3], 0.0
    return TabularMDP(P, R, np.array([0.5, 0.2, 0.3, 0.0]), GAMMA)


MDP = process()
LOGITS = np.random.default_rng(11).normal(scale=1.3, size=(3, 3))
MU = np.array([[0.15, 0.25, 0.6], [0.5, 0.4, 0.1], [0.2, 0.7, 0.1]])


def softmax(logits: np.ndarray) -> np.ndarray:
    weights: np.ndarray = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def entropies(pi: np.ndarray) -> np.ndarray:
    found: np.ndarray = -(pi * np.log(pi)).sum(axis=1)
    return found


def everywhere(pi: np.ndarray) -> np.ndarray:
    """The policy with a row for the absorbing state, whose entropy is not counted."""
    return np.vstack([pi, np.ones((1, 3)) / 3])


def earning(R: np.ndarray) -> TabularMDP:
    """The process with other rewards in its three states."""
    return TabularMDP(MDP.P, np.vstack([R, np.zeros((1, 3))]), MDP.rho, GAMMA)


PI = softmax(LOGITS)
H = entropies(PI)


@dataclass(frozen=True)
class Fragments:
    """
    All fragments of T steps under μ; after an end comes a new episode's first state.

    :param states: s_0, …, s_T, shape (T + 1, N)
    :param actions: shape (T, N)
    :param ends: shape (T, N)
    :param probability: of a fragment, given its first state, shape (N,)
    """

    states: np.ndarray
    actions: np.ndarray
    ends: np.ndarray
    probability: np.ndarray

    @classmethod
    def all(cls, n_steps: int) -> "Fragments":
        # From (s, a) to s' without an end, or by an end and ρ.
        step = np.stack([MDP.P[:3, :, :3], MDP.P[:3, :, 3:] * MDP.rho[:3]], axis=-1)
        axes = np.indices((3, *(3, 3, 2) * n_steps)).reshape(1 + 3 * n_steps, -1)
        states, actions, ends = np.vstack([axes[:1], axes[2::3]]), axes[1::3], axes[3::3]
        before, after = states[:-1], states[1:]
        probability = (MU[before, actions] * step[before, actions, after, ends]).prod(axis=0)
        return cls(states, actions, ends.astype(bool), probability)

    def vtrace(self, V: np.ndarray, rewards: np.ndarray, pi: np.ndarray = PI, **settings: Any) -> VTrace:
        """:return: of every fragment; ``V`` has the shape (3,), ``rewards`` (3, 3)"""
        at = self.states[:-1], self.actions
        starts = np.vstack([np.ones((1, len(self.probability))), self.ends[:-1]])
        return soft_vtrace(
            rewards[at],
            V[self.states[:-1]],
            starts,
            V[self.states[-1]],
            self.ends[-1],
            np.log(pi[at]),
            np.log(MU[at]),
            GAMMA,
            **settings,
        )

    def expected(self, quantities: np.ndarray) -> np.ndarray:
        """:return: expectations, given the first state, of quantities (N, …)"""
        # The first state is the first axis that was enumerated.
        found: np.ndarray = (self.probability * quantities.T).T.reshape(3, -1, *quantities.shape[1:]).sum(axis=1)
        return found

    def operator(self, rewards: np.ndarray, **settings: Any) -> tuple[np.ndarray, np.ndarray]:
        """:return: b and M of ``V ↦ E[v_0] = b + MV``"""
        b = self.expected(self.vtrace(np.zeros(3), rewards, **settings).targets[0])
        none = np.zeros((3, 3))
        M = [self.expected(self.vtrace(basis, none, **settings).targets[0]) for basis in np.eye(3)]
        return b, np.stack(M, axis=1)

    def fixed_point(self, rewards: np.ndarray, **settings: Any) -> np.ndarray:
        """:return: the V with ``V = E[v_0]``"""
        b, M = self.operator(rewards, **settings)
        found: np.ndarray = np.linalg.solve(np.eye(3) - M, b)
        return found


THREE, TWO = Fragments.all(3), Fragments.all(2)
SOFT = MDP.R[:3] + ALPHA * H[:, None]


def cut(bound: float) -> tuple[np.ndarray, np.ndarray]:
    """:return: min(ρ̄μ, π), and its sums Z(s)"""
    kept = np.minimum(bound * MU, PI)
    return kept, kept.sum(axis=1)


def test_the_fragments_are_all() -> None:
    np.testing.assert_allclose(THREE.expected(np.ones(len(THREE.probability))), 1.0, atol=1e-12)
    assert len(THREE.probability) == 3 * 18**3


def test_where_nothing_is_truncated_it_estimates_the_soft_value() -> None:
    for lam in (1.0, 0.6, 0.0):
        found = TWO.fixed_point(SOFT, gae_lambda=lam, **LARGE)
        np.testing.assert_allclose(found, evaluate(MDP, everywhere(PI), ALPHA).V[:3], atol=1e-10)
    as_bonus = TWO.fixed_point(MDP.R[:3], **LARGE)
    np.testing.assert_allclose(as_bonus, evaluate(MDP, everywhere(PI)).V[:3], atol=1e-10)


@pytest.mark.parametrize(("rho_bar", "c_bar", "lam"), TRUNCATED)
def test_it_estimates_the_truncated_policys_value_with_the_entropy_of_the_other(
    rho_bar: float, c_bar: float, lam: float
) -> None:
    kept, Z = cut(rho_bar)
    assert Z.max() < 0.97
    pi_rho = everywhere(kept / Z[:, None])
    settings = {"rho_bar": rho_bar, "c_bar": c_bar, "gae_lambda": lam}
    found = THREE.fixed_point(SOFT, **settings)
    np.testing.assert_allclose(found, evaluate(earning(SOFT), pi_rho).V[:3], atol=1e-10)
    # Neither the soft value of π_ρ̄, nor that of π.
    assert abs(found - evaluate(MDP, pi_rho, ALPHA).V[:3]).max() > 0.03
    assert abs(found - evaluate(MDP, everywhere(PI), ALPHA).V[:3]).max() > 0.03


@pytest.mark.parametrize(("rho_bar", "c_bar", "lam"), TRUNCATED)
def test_outside_the_bracket_entropy_would_count_too_much(rho_bar: float, c_bar: float, lam: float) -> None:
    kept, Z = cut(rho_bar)
    pi_rho = everywhere(kept / Z[:, None])
    settings = {"rho_bar": rho_bar, "c_bar": c_bar, "gae_lambda": lam}
    # ρ (r + αH/ρ + γV' − V) is ρ (r + γV' − V) + αH.
    outside = MDP.R[:3] + ALPHA * H[:, None] / np.minimum(rho_bar, PI / MU)
    found = TWO.fixed_point(outside, **settings)
    too_much = MDP.R[:3] + (ALPHA * H / Z)[:, None]
    np.testing.assert_allclose(found, evaluate(earning(too_much), pi_rho).V[:3], atol=1e-10)
    assert (found - TWO.fixed_point(SOFT, **settings)).min() > 0.3
    # Where nothing is truncated it makes no difference.
    whole = {"gae_lambda": lam, **LARGE}
    large = MDP.R[:3] + ALPHA * H[:, None] / (PI / MU)
    np.testing.assert_allclose(TWO.fixed_point(large, **whole), TWO.fixed_point(SOFT, **whole), atol=1e-10)


@pytest.mark.parametrize(("rho_bar", "c_bar", "lam"), TRUNCATED)
def test_it_contracts_by_more_where_less_is_truncated(rho_bar: float, c_bar: float, lam: float) -> None:
    """Espeholt et al. 2018, Theorem 1, with λ: moduli by row sums, whose entries are not negative as λc̄ ≤ ρ̄."""
    assert lam * c_bar <= rho_bar
    _, Z = cut(rho_bar)
    _, M = TWO.operator(SOFT, rho_bar=rho_bar, c_bar=c_bar, gae_lambda=lam)
    assert M.min() > -1e-12
    modulus = M.sum(axis=1).max()
    assert modulus < 1 - (1 - GAMMA) * Z.min()
    _, without_traces = TWO.operator(SOFT, rho_bar=rho_bar, c_bar=c_bar, gae_lambda=0.0)
    assert modulus < without_traces.sum(axis=1).max() - 1e-4
    # To and from another V.
    V, W = np.array([[3.0, -1.0, 0.4], [2.0, 1.0, -7.0]])
    b, _ = TWO.operator(SOFT, rho_bar=rho_bar, c_bar=c_bar, gae_lambda=lam)
    images = [
        TWO.expected(TWO.vtrace(U, SOFT, rho_bar=rho_bar, c_bar=c_bar, gae_lambda=lam).targets[0]) for U in (V, W)
    ]
    np.testing.assert_allclose(images, [b + M @ V, b + M @ W], atol=1e-12)
    assert abs(images[0] - images[1]).max() < modulus * abs(V - W).max()


def grad_entropies(pi: np.ndarray) -> np.ndarray:
    """:return: ∂H(s)/∂logit(s, a), shape (3, 3)"""
    found: np.ndarray = -pi * (np.log(pi) + entropies(pi)[:, None])
    return found


def gradients(soft: bool = True, **settings: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Weighted by the occupancy of π, and with its exact values.

    :return: what A gives, what −α weight log π gives beside it, and what α∇H gives, each of logits, shape (3, 3)
    """
    exact = evaluate(MDP, everywhere(PI), ALPHA if soft else 0.0)
    found = TWO.vtrace(exact.V[:3], SOFT if soft else MDP.R[:3], **settings)
    s, a = TWO.states[0], TWO.actions[0]
    score = np.zeros((len(s), 3, 3))
    score[np.arange(len(s)), s] = np.eye(3)[a] - PI[s]
    d = exact.d[:3]
    by = [
        np.einsum("s,sij->ij", d, TWO.expected(factor[:, None, None] * score))
        for factor in (found.advantages[0], -ALPHA * found.weights[0] * np.log(PI[s, a]))
    ]
    return by[0], by[1], ALPHA * d[:, None] * grad_entropies(PI)


def differences(tau: float) -> np.ndarray:
    """:return: central differences of J, of logits, shape (3, 3)"""
    found = np.empty(9)
    for i, step in enumerate(1e-5 * np.eye(9).reshape(9, 3, 3)):
        above, below = (evaluate(MDP, everywhere(softmax(LOGITS + side * step)), tau).J for side in (1, -1))
        found[i] = (above - below) / 2e-5
    return found.reshape(3, 3)


@pytest.mark.parametrize("advantage", ["impala", "gae"])
@pytest.mark.parametrize("lam", [1.0, 0.6])
def test_the_policy_gradient_is_that_of_the_soft_return(advantage: str, lam: float) -> None:
    expected = differences(ALPHA)
    A, sampled, analytic = gradients(gae_lambda=lam, advantage=advantage, **LARGE)
    np.testing.assert_allclose(A + analytic, expected, atol=1e-8)
    np.testing.assert_allclose(A + sampled, expected, atol=1e-8)
    for neither_nor_both in (A, A + analytic + sampled):
        assert abs(neither_nor_both - expected).max() > 0.05
    # Without entropy, and as a bonus: α∇H is then no part of the gradient of anything that A estimates.
    plain, _, _ = gradients(soft=False, gae_lambda=lam, advantage=advantage, **LARGE)
    np.testing.assert_allclose(plain, differences(0.0), atol=1e-8)


@pytest.mark.parametrize("advantage", ["impala", "gae"])
def test_sampled_and_analytic_entropy_part_where_the_gradient_is_truncated(advantage: str) -> None:
    bounds = {**LARGE, "pg_rho_bar" if advantage == "impala" else "rho_bar": 1.2}
    _, sampled, analytic = gradients(advantage=advantage, **bounds)
    kept, _ = cut(1.2)
    d = evaluate(MDP, everywhere(PI), ALPHA).d[:3]
    lost = (PI - kept) * np.log(PI)
    by_formula = -ALPHA * d[:, None] * (lost - PI * lost.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(analytic - sampled, by_formula, atol=1e-12)
    assert abs(by_formula).max() > 0.05
