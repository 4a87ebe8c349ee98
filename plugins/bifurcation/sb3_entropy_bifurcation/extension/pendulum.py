"""Pendulum with the extension where it is balanced: ``entropy/BifurcatedPendulum-v0``."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
from gymnasium.envs.classic_control.pendulum import PendulumEnv
from gymnasium.envs.registration import EnvSpec
from gymnasium.wrappers import TimeLimit, TransformReward

from sb3_entropy.errors import check_number
from sb3_entropy_bifurcation.extension.preference import Preference
from sb3_entropy_bifurcation.extension.rule import OfAction
from sb3_entropy_bifurcation.extension.wrapper import EntropicBifurcation
from sb3_entropy_bifurcation.task import Array

#: how far from upright, and how fast, is nearly balanced: |θ| and |θ̇|
ANGLE, SPEED = 0.5, 2.5


def nearly_balanced(observation: Array) -> bool:
    """
    :param observation: (cos θ, sin θ, θ̇), θ = 0 being upright
    :return: whether |θ| < 0.5 and |θ̇| < 2.5
    """
    return bool(observation[0] > np.cos(ANGLE) and abs(observation[2]) < SPEED)


def onward(observation: Array) -> Array:
    """
    :param observation: (cos θ, sin θ, θ̇)
    :return: the full torque towards the side to which it leans, which brings it down, of the unit box: shape (1,)
    """
    return np.array([1.0 if observation[1] >= 0 else -1.0])


@dataclass(frozen=True)
class Scale:
    """
    Multiplies a reward. Two of the same factor are equal, as the comparison of two environments' specs asks for.

    :param factor: by which number
    """

    factor: float

    def __call__(self, reward: SupportsFloat) -> float:
        return self.factor * float(reward)


class InnerTimeLimit(TimeLimit[Any, Any]):
    """A limit that the environment is made with, of which its ``spec`` says nothing: ``gym.make(env.spec)`` would
    put a second one around it, which counts inserted steps."""

    @property
    def spec(self) -> EnvSpec | None:  # type: ignore[override]  # as Gymnasium's wrappers do
        return self.env.spec


def bifurcated_pendulum(
    *,
    reward_scale: float = 0.1,
    region: Callable[[Array], bool] | str = nearly_balanced,
    share: OfAction | str | float | None = None,
    least: float = 0.05,
    terminal_reward: OfAction | str | float = -20.0,
    continuation: OfAction | str | float = -15.0,
    cut: str = "half_space",
    time_limit: int = 200,
    **kwargs: Any,
) -> EntropicBifurcation:
    """
    ``Pendulum-v1``, where it is nearly balanced with the entropic bifurcation extension, which draws a soft learner to
    the torque that brings it down: log share falls linearly from 0.9 for that torque to 0.05 for the opposite one.

    *The size of it.* At an inserted step the soft value of the opposite torque falls short by α log 18 = 2.9 α. At
    α = 0.2 that is 0.58, against rewards of −1.6 … 0 a step. Pendulum's own are ten times these, beside which an
    entropy at that α hardly counts: hence the scale. What is plainly optimal is what it was, to swing up and balance.

    :param reward_scale: what Pendulum's rewards are multiplied by
    :param region: as :class:`EntropicBifurcation`; by default :func:`nearly_balanced`
    :param share: likewise; ``None``: :class:`Preference` for :func:`onward`
    :param least: the least share of that preference
    :param terminal_reward: likewise, in scaled units
    :param continuation: likewise; without a discount, the best of 200 steps from the worst action of the region on
        costs 14.9 on a grid of 31 × 31 states and 9 actions
    :param cut: likewise
    :param time_limit: after how many steps of Pendulum an episode is cut; inserted ones do not count
    :param kwargs: of ``PendulumEnv``: ``g``, ``render_mode``
    :return: the environment
    :raises TypeError: if an argument has the wrong type
    :raises ValueError: if one is out of its range
    """
    check_number("reward_scale", reward_scale, 0.0, open_low=True)
    check_number("time_limit", time_limit, 1, integer=True)
    inner: gym.Env[Any, Any] = InnerTimeLimit(PendulumEnv(**kwargs), int(time_limit))
    inner = TransformReward(inner, Scale(float(reward_scale)))
    return EntropicBifurcation(
        inner,
        region,
        Preference(onward, least) if share is None else share,
        terminal_reward=terminal_reward,
        continuation=continuation,
        cut=cut,
    )
