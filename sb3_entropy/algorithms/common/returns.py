"""Advantages and returns from rewards and values: pure functions of arrays, in time's order along the first axis."""

from typing import Any

import numpy as np


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
    goes_on = 1.0 - np.concatenate([episode_starts[1:], dones[None].astype(np.float32)])
    # What does not depend on the recursion, at once; in the recursion, nothing else.
    deltas = np.empty(rewards.shape, np.result_type(rewards, values, last_values))
    deltas[:-1] = rewards[:-1] + gamma * values[1:] * goes_on[:-1] - values[:-1]
    deltas[-1] = rewards[-1] + gamma * last_values * goes_on[-1] - values[-1]
    decays = gamma * gae_lambda * goes_on
    advantages = np.empty_like(deltas)
    after: Any = np.zeros_like(deltas[0])
    for delta, decay, advantage in zip(deltas[::-1], decays[::-1], advantages[::-1], strict=True):
        np.multiply(decay, after, out=advantage)
        np.add(delta, advantage, out=advantage)
        after = advantage
    return advantages
