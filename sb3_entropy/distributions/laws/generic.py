"""Laws of distributions that are not known."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.preprocessing import get_action_dim

from sb3_entropy.distributions.base import BoxDistribution
from sb3_entropy.distributions.boxes import bound_tensors
from sb3_entropy.distributions.laws.base import Bounds, Choices, Law, Reals, Support
from sb3_entropy.distributions.laws.bounded import stretch, unit


@dataclass(frozen=True, eq=False)
class Generic(Law):
    """
    What another package's distribution says of itself: its ``log_prob`` and its ``sample``.

    A bounded :class:`~sb3_entropy.distributions.base.BoxDistribution` samples in [−1, 1] and is converted; any other
    distribution over a box is taken to be unbounded.

    :param distribution: a copy of its own, since Stable-Baselines3 fills one object again and again
    :param action_space: what it chooses from
    :param with_gradient: whether ``log_prob`` has gradients
    """

    distribution: Distribution
    action_space: spaces.Space  # type: ignore[type-arg]
    with_gradient: bool = True

    @property
    def batch(self) -> int:
        return len(self.distribution.mode())

    @property
    def support(self) -> Support:
        space = self.action_space
        if isinstance(space, spaces.Discrete):
            return Choices((int(space.n),))
        if isinstance(space, spaces.MultiDiscrete):
            return Choices(tuple(int(n) for n in np.ravel(space.nvec)))
        if isinstance(space, spaces.MultiBinary):
            return Choices((2,) * get_action_dim(space))
        if self._in_unit_box and isinstance(space, spaces.Box):
            low, high = box_of(space, th.empty(0))  # in single precision, as other laws have them
            return Bounds(tuple(low.tolist()), tuple(high.tolist()))
        return Reals(get_action_dim(space))

    def log_prob(self, actions: th.Tensor) -> th.Tensor:
        if self._in_unit_box:
            low, high = self._box(actions)
            actions = 2 * unit(actions, low, high) - 1
        with th.set_grad_enabled(self.with_gradient and th.is_grad_enabled()):
            log_prob = th.stack([self.distribution.log_prob(action) for action in actions])
        if self._in_unit_box:
            # A rounding error in the last place does not put an action outside.
            log_prob = th.where((actions.abs() <= 1 + 1e-6).all(-1), log_prob, -th.inf)
        return log_prob

    def sample(self, n: int) -> th.Tensor:
        with th.no_grad():
            actions = th.stack([self.distribution.sample() for _ in range(n)])
        if self._in_unit_box:
            low, high = self._box(actions)
            actions = stretch((actions + 1) / 2, low, high)
        return actions

    def entropy(self) -> th.Tensor | None:
        """What the distribution says, which Stable-Baselines3 lets be None."""
        with th.set_grad_enabled(self.with_gradient and th.is_grad_enabled()):
            entropy: th.Tensor | None = self.distribution.entropy()
        return entropy

    def detach(self) -> Self:
        return type(self)(self.distribution, self.action_space, with_gradient=False)

    @property
    def _in_unit_box(self) -> bool:
        return isinstance(self.distribution, BoxDistribution) and self.distribution.bounded

    def _box(self, like: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
        return box_of(self.action_space, like)


def box_of(action_space: spaces.Space, like: th.Tensor) -> tuple[th.Tensor, th.Tensor]:  # type: ignore[type-arg]
    """
    :return: low and high of a box, shape (A,), as tensors like ``like``
    :raises ValueError: if they are infinite in its precision
    """
    assert isinstance(action_space, spaces.Box)
    low, high = bound_tensors(action_space, like)
    if not (low.isfinite() & high.isfinite()).all():
        raise ValueError(
            f"The bounds of {action_space} are more than {like.dtype} holds. Wrap the environment, say with "
            "gymnasium.wrappers.RescaleAction."
        )
    return low, high
