"""What the critics are drawn to, as pure functions."""

import torch as th


def soft_target(
    rewards: th.Tensor,
    dones: th.Tensor,
    discounts: float | th.Tensor,
    next_values: th.Tensor,
    next_log_prob: th.Tensor,
    alpha: float,
) -> th.Tensor:
    """
    y = r + (1 − d) γ (min_c Q̄_c(s', ã') − α log π(ã'|s')), ã' ~ π(·|s') (Liu et al. 2020, Fig. 1, line 12).

    :param rewards: r, of n steps Σ γᵏ rₖ, shape (B,)
    :param dones: d, whether s' is terminal, shape (B,); a time limit does not count
    :param discounts: γ, of n steps γⁿ, a number or shape (B,)
    :param next_values: Q̄(s', ã'), shape (C, B)
    :param next_log_prob: log π(ã'|s'), shape (B,)
    :param alpha: α
    :return: y, shape (B,)
    """
    return rewards + (1 - dones) * discounts * (next_values.amin(dim=0) - alpha * next_log_prob)


def plain_target(
    rewards: th.Tensor, dones: th.Tensor, discounts: float | th.Tensor, next_values: th.Tensor
) -> th.Tensor:
    """
    y' = r + (1 − d) γ min_c Q̄'_c(s', ã'): the return of the same policy, without entropy (Zhang et al. 2025).

    :param rewards: shape (B,)
    :param dones: shape (B,)
    :param discounts: a number or shape (B,)
    :param next_values: Q̄'(s', ã'), shape (C, B)
    :return: y', shape (B,)
    """
    return rewards + (1 - dones) * discounts * next_values.amin(dim=0)
