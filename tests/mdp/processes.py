"""Small processes, and what is true of them by another way of computing: sums over time, and over all trajectories."""

import itertools
from typing import Any

import numpy as np
import torch as th

from sb3_entropy.mdp import TabularMDP


def random_mdp(seed: int = 0, *, n_states: int = 5, n_actions: int = 3, **fields: Any) -> TabularMDP:
    """Dense transitions, asymmetric rewards and first states; the last state is absorbing."""
    rng = np.random.default_rng(seed)
    P = rng.dirichlet(np.ones(n_states), size=(n_states, n_actions))
    R = rng.normal(size=(n_states, n_actions))
    P[-1], R[-1] = np.eye(n_states)[-1], 0.0
    made: dict[str, Any] = {"P": P, "R": R, "rho": rng.dirichlet(np.ones(n_states)), "gamma": 0.8}
    return TabularMDP(**{**made, **fields})


def measured(seed: int = 0, **fields: Any) -> TabularMDP:
    """With a discount of each state and action, weights of the actions, and two that are absent."""
    rng = np.random.default_rng(100 + seed)
    log_measure = rng.normal(size=(5, 3))
    log_measure[1, 2] = log_measure[3, 0] = -np.inf
    made: dict[str, Any] = {"gamma": rng.uniform(0.3, 0.85, size=(5, 3)), "log_measure": log_measure}
    return random_mdp(seed, **{**made, **fields})


def corridor(n_cells: int = 4, *, gamma: float = 1.0, **fields: Any) -> TabularMDP:
    """Left and right; −1 a step until the end at the right, which is absorbing; a sparse process."""
    S = n_cells + 1
    P = np.zeros((S, 2, S))
    for s in range(n_cells):
        P[s, 0, max(s - 1, 0)] = P[s, 1, s + 1] = 1.0
    P[-1, :, -1] = 1.0
    R = np.full((S, 2), -1.0)
    R[-1] = 0.0
    return TabularMDP(P, R, np.eye(S)[0], gamma, **fields)


def by_series(mdp: TabularMDP, pi: Any, tau: float) -> th.Tensor:
    """The sum over time of discounted rewards and entropies: no linear system. ``pi`` is a tensor (S, A)."""
    m = th.tensor(mdp.measure)
    counted = th.tensor(mdp.counts_entropy)
    safe = th.where(pi > 0, pi, th.ones_like(pi))
    entropy = -(pi * th.log(safe / th.where(m > 0, m, th.ones_like(m)))).sum(dim=1)
    paid = (pi * th.tensor(mdp.R)).sum(dim=1) + tau * th.where(counted, entropy, th.zeros_like(entropy))
    onward = th.einsum("sa,sa,sat->st", pi, th.tensor(mdp.discount.copy()), th.tensor(mdp.P))
    at, total = th.tensor(mdp.rho), th.zeros((), dtype=th.float64)
    for _ in range(int(np.log(1e-13) / np.log(mdp.discount.max()))):
        total = total + at @ paid
        at = at @ onward
    return total


def probabilities(mdp: TabularMDP, logits: Any) -> th.Tensor:
    """π = m exp(logits)/Z, as PyTorch has softmax."""
    return th.softmax(logits + th.log(th.tensor(mdp.measure)), dim=-1)


def by_enumeration(mdp: TabularMDP, pi: np.ndarray, tau: float, horizon: int) -> float:
    """The sum over all trajectories of ``horizon`` steps: probability × (Σ γᵗ (r + τH)). In plain Python."""
    entropy = [
        -sum(p * np.log(p / m) for p, m in zip(pi[s], mdp.measure[s], strict=True) if p > 0) * mdp.counts_entropy[s]
        for s in range(mdp.n_states)
    ]
    total = 0.0
    for states in itertools.product(range(mdp.n_states), repeat=horizon):
        for actions in itertools.product(range(mdp.n_actions), repeat=horizon):
            weight = float(mdp.rho[states[0]])
            earned, discount = 0.0, 1.0
            for t, (s, a) in enumerate(zip(states, actions, strict=True)):
                weight *= pi[s, a]
                earned += discount * (mdp.R[s, a] + tau * entropy[s])
                discount *= float(mdp.discount[s, a])
                if t + 1 < horizon:
                    weight *= mdp.P[s, a, states[t + 1]]
            total += weight * earned
    return total


def differences(f: Any, at: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Central differences of ``f`` along each axis, stacked first."""
    return np.stack([(f(at + step * e) - f(at - step * e)) / (2 * step) for e in np.eye(len(at))])
