"""Advantages and returns from rewards and values: pure functions of arrays, in time's order along the first axis."""

import math
from typing import Any, NamedTuple

import numpy as np

from sb3_entropy.errors import check_choice, check_number

ADVANTAGES = ("impala", "gae")


def soft_gae(
    rewards: np.ndarray,
    values: np.ndarray,
    episode_starts: np.ndarray,
    last_values: np.ndarray,
    dones: np.ndarray,
    gamma: float,
    gae_lambda: float,
) -> np.ndarray:
    """
    Generalised advantages of soft rewards (Liu et al. 2020, Eqs. 36 and 37; Schulman et al. 2016, Eq. 16),

        δ_t = r_t + γ V(s_{t+1}) − V(s_t),    Â_t = δ_t + γλ Â_{t+1},

    where an episode that has ended at t has no s_{t+1}: V(s_{t+1}) and Â_{t+1} count as 0. The λ-return is Â + V.

    :param rewards: r + αH(π(·|s)), the soft reward (Eq. 35), or r alone, shape (T, N); where a time limit has ended an
        episode, with γV of its last state
    :param values: V(s_t), shape (T, N)
    :param episode_starts: 1 where s_t is the first of an episode, shape (T, N)
    :param last_values: V(s_T), the states after the last step, shape (N,)
    :param dones: whether the last step has ended its episode, shape (N,)
    :param gamma: γ
    :param gae_lambda: λ
    :return: Â, shape (T, N), in the dtype that rewards and values have together; in float32 bit for bit what
        Stable-Baselines3's rollout buffer computes, for the operations come in the same order
    """
    goes_on = _goes_on(episode_starts, dones)
    deltas = _one_step(rewards, values, last_values, values, goes_on, gamma)
    return _summed(deltas, gamma * gae_lambda * goes_on)


class VTrace(NamedTuple):
    """
    What :func:`soft_vtrace` gives.

    :param targets: v_t, what V(s_t) is drawn to, shape (T, N)
    :param advantages: what stands before ∇ log π(a_t|s_t), importance weight included, shape (T, N)
    :param weights: the truncated ratio with which the step's own reward stands in its advantage, and with which
        −α log π(a|s) has to, where that stands for α∇H, shape (T, N)
    """

    targets: np.ndarray
    advantages: np.ndarray
    weights: np.ndarray


def soft_vtrace(
    rewards: np.ndarray,
    values: np.ndarray,
    episode_starts: np.ndarray,
    last_values: np.ndarray,
    dones: np.ndarray,
    log_probs: np.ndarray,
    behaviour_log_probs: np.ndarray,
    gamma: float,
    gae_lambda: float = 1.0,
    *,
    rho_bar: float = 1.0,
    c_bar: float = 1.0,
    pg_rho_bar: float = 1.0,
    advantage: str = "impala",
) -> VTrace:
    """
    V-trace (Espeholt et al. 2018, Eq. 1) of soft rewards. Actions come from μ; V and the entropy are those of π. With
    the ratio w = π(a|s)/μ(a|s),

        δ_t = min(ρ̄, w_t) (r_t + αH(π(·|s_t)) + γ V(s_{t+1}) − V(s_t)),
        v_t = V(s_t) + δ_t + γλ min(c̄, w_t) (v_{t+1} − V(s_{t+1})),

    λ in the place of their Remark 2. The entropy is *inside* the bracket that ρ weights. So in expectation δ is
    Z(s) = Σₐ min(ρ̄μ, π) times the Bellman error of π_ρ̄ = min(ρ̄μ, π)/Z under the reward r + αH(π(·|s)), and the only V
    with v = V in expectation is the value of π_ρ̄ under that reward, with the entropy of π; where nothing is truncated,
    the soft value of π. (Outside the bracket αH would count 1/Z(s) times in that value.) v contracts if λc̄ ≤ ρ̄.

    Where all w = 1 and ρ̄, c̄ ≥ 1, v − V is :func:`soft_gae` bit for bit, and v Stable-Baselines3's return.

    **The policy's gradient** is advantage · ∇ log π(a|s), with one of

        "impala"    A_t = min(ρ̄_pg, w_t) (r_t + αH(π(·|s_t)) + γ v_{t+1} − V(s_t)),
        "gae"       A_t = v_t − V(s_t), which has ρ̄ and c̄ in it, and not ρ̄_pg.

    On-policy the second is GAE(λ), and the first the same at λ = 1 only. To either comes the entropy of the present
    state, in one of two ways and never in both: α∇H(π(·|s)) in closed form, or −α · weight · log π(a|s) in the
    advantage, the weight being what the reward has there, m/μ with m = min(ρ̄_pg μ, π), or min(ρ̄μ, π). For
    ∇H = −Σₐ π log π ∇ log π the expectations differ by

        α∇H − (−α Σₐ m log π ∇ log π) = −α Σₐ (π − m) log π ∇ log π,

    which is 0 where nothing is truncated, m = π, and in general nowhere else.

    :param rewards: r + αH(π(·|s)) where entropy is part of the target, r alone where it is no more than a bonus in the
        policy's loss, shape (T, N); where a time limit has ended an episode, with γV of its last state
    :param values: V(s_t), shape (T, N)
    :param episode_starts: 1 where s_t is the first of an episode, shape (T, N)
    :param last_values: V(s_T), the states after the last step, shape (N,)
    :param dones: whether the last step has ended its episode, shape (N,)
    :param log_probs: log π(a_t|s_t), of the policy that learns, shape (T, N)
    :param behaviour_log_probs: log μ(a_t|s_t), of the policy that has acted, shape (T, N)
    :param gamma: γ
    :param gae_lambda: λ
    :param rho_bar: ρ̄, which decides whose value v estimates
    :param c_bar: c̄, which decides how far back an error is heard, and not what v estimates
    :param pg_rho_bar: ρ̄_pg of the policy's gradient
    :param advantage: ``"impala"`` or ``"gae"``
    :return: targets, advantages and weights, in the dtype that rewards and values have together
    :raises TypeError: if a bound is not a number
    :raises ValueError: if it is not finite and above 0, or there is no such advantage
    """
    for name, bound in (("rho_bar", rho_bar), ("c_bar", c_bar), ("pg_rho_bar", pg_rho_bar)):
        check_number(name, bound, low=0, open_low=True)
    check_choice("advantage", advantage, ADVANTAGES)
    # A scalar of NumPy's would make all of it float64.
    rho_bar, c_bar, pg_rho_bar = float(rho_bar), float(c_bar), float(pg_rho_bar)
    goes_on = _goes_on(episode_starts, dones)
    deltas = _one_step(rewards, values, last_values, values, goes_on, gamma)
    # Cut before the exponential, which could overflow: a ratio of densities is beyond all bounds soon.
    log_ratios = np.subtract(log_probs, behaviour_log_probs, dtype=np.float64)
    ratios = np.exp(np.minimum(log_ratios, math.log(max(rho_bar, c_bar, pg_rho_bar)))).astype(deltas.dtype)
    rho = np.minimum(ratios, rho_bar)
    deltas *= rho
    corrections = _summed(deltas, gamma * gae_lambda * goes_on * np.minimum(ratios, c_bar))
    targets = corrections + values
    if advantage == "gae":
        return VTrace(targets, corrections, rho)
    weights = np.minimum(ratios, pg_rho_bar)
    return VTrace(targets, weights * _one_step(rewards, targets, last_values, values, goes_on, gamma), weights)


def _goes_on(episode_starts: np.ndarray, dones: np.ndarray) -> np.ndarray:
    """:return: 1 where the episode of a step has a next state, shape (T, N)"""
    goes_on: np.ndarray = 1.0 - np.concatenate([episode_starts[1:], dones[None].astype(np.float32)])
    return goes_on


def _one_step(
    rewards: np.ndarray,
    following: np.ndarray,
    last: np.ndarray,
    values: np.ndarray,
    goes_on: np.ndarray,
    gamma: float,
) -> np.ndarray:
    """:return: r_t + γ f_{t+1} − V(s_t), where ``following`` is f, and ``last`` f_T; shape (T, N)"""
    # What does not depend on the recursion, at once.
    found = np.empty(rewards.shape, np.result_type(rewards, values, last))
    found[:-1] = rewards[:-1] + gamma * following[1:] * goes_on[:-1] - values[:-1]
    found[-1] = rewards[-1] + gamma * last * goes_on[-1] - values[-1]
    return found


def _summed(terms: np.ndarray, decays: np.ndarray) -> np.ndarray:
    """:return: x_t = terms_t + decays_t x_{t+1}, with x_T = 0; shape (T, N)"""
    found = np.empty_like(terms)
    after: Any = np.zeros_like(terms[0])
    for term, decay, one in zip(terms[::-1], decays[::-1], found[::-1], strict=True):
        np.multiply(decay, after, out=one)
        np.add(term, one, out=one)
        after = one
    return found
