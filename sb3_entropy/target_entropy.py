"""How large an entropy can be in a space of actions, and the one that a temperature is tuned to by default."""

import math

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.preprocessing import get_action_dim


def n_action_dims(action_space: spaces.Space) -> int:  # type: ignore[type-arg]
    """:return: how many independent actions a choice is made of: 1 for Discrete"""
    return int(get_action_dim(action_space))


def max_entropy(action_space: spaces.Space) -> float:  # type: ignore[type-arg]
    """
    The entropy of the uniform distribution, in nats: Σ log n for discrete actions, Σ log(high − low) for a box.

    :param action_space: Discrete, MultiDiscrete, MultiBinary or Box
    """
    if isinstance(action_space, spaces.Discrete):
        return math.log(action_space.n)
    if isinstance(action_space, spaces.MultiDiscrete):
        return float(np.log(action_space.nvec.astype(np.float64)).sum())  # a small dtype gives few digits
    if isinstance(action_space, spaces.MultiBinary):
        return n_action_dims(action_space) * math.log(2)
    assert isinstance(action_space, spaces.Box)
    half_width = action_space.high.astype(np.float64) / 2 - action_space.low.astype(np.float64) / 2
    with np.errstate(divide="ignore"):  # a box without width has the entropy −∞
        return float((np.log(half_width) + math.log(2)).sum())


def auto_target_entropy(action_space: spaces.Space) -> float:  # type: ignore[type-arg]
    """
    The target entropy H̄ for ``target_entropy="auto"``, in nats.

    - Discrete actions: H̄ = ½ Σ log nᵢ, half of the largest entropy: the policy chooses among √n of n actions, so
      to speak.
      (SAC's −dim A would be below the least possible, 0.)
    - A box: H̄ = Σ (log((highᵢ − lowᵢ)/2) − 1). That is SAC's −dim A, which presumes actions in [−1, 1], in the
      environment's own units: the density of an action in [−2, 2] is half as high, its entropy log 2 larger.

    :param action_space: Discrete, MultiDiscrete, MultiBinary or Box
    :raises ValueError: if a box is unbounded or empty, where no unit can be read off
    """
    if not isinstance(action_space, spaces.Box):
        return 0.5 * max_entropy(action_space)
    largest = max_entropy(action_space)
    if not math.isfinite(largest):
        raise ValueError(
            f"target_entropy='auto' needs a box with finite, distinct bounds, but the actions are {action_space}. "
            "Give target_entropy as a number of nats."
        )
    return largest - n_action_dims(action_space) * (math.log(2) + 1)
