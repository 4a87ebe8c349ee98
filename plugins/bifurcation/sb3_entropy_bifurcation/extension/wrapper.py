"""The extension around an environment with continuous actions."""

from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from sb3_entropy.errors import HOW_TO_BOUND
from sb3_entropy_bifurcation.extension.cuts import make_cut, unit
from sb3_entropy_bifurcation.extension.rule import (
    Extension,
    OfAction,
    Pending,
    Region,
    check_constants,
    function,
    number_or_function,
)
from sb3_entropy_bifurcation.task import Array

Numbers = NDArray[Any]


class EntropicBifurcation(gym.Wrapper[Numbers, Numbers, Numbers, Numbers], RecordConstructorArgs):
    """
    The entropic bifurcation extension of Zhang, Chang and Gao, "When maximum entropy misleads policy optimization",
    ICML 2025: it leaves alone what is optimal, and moves what is soft-optimal in a region to where one wants it.

    In a state s of the region an action a is not executed. It becomes *pending*: a step of reward 0 leads to an
    intermediate state m_a, in which the box is cut in two by volume. An action in A1 executes a: it does and pays what
    a would have. One in A2 ends the episode and pays r_T, less than to go on is worth, so that whoever maximises the
    return always takes A1. Who is paid for entropy too values m_a at

        V(m_a) = α log(|A1| e^(W/α) + |A2| e^(r_T/α)),   |A1| = share(s, a)·2^A,   |A2| = (1 − share(s, a))·2^A,

    W being the soft value of executing a, and acts in s as exp(V(m_a)/α) has it. With r_T well below W that is
    exp(W/α)·share(s, a): the soft-optimal policy is multiplied by ``share``. So share(s, a) ∝ p(a) exp(−W(s, a)/α)
    makes it p, and a share that is large around an action draws it there:
    :class:`~sb3_entropy_bifurcation.extension.preference.Preference`.

    *Observation*: the environment's, a flag, and the pending action; the last two are 0 but in an intermediate state,
    where the environment's is still that of s. *Actions*: the environment's; the pending one, and those that
    ``share`` and the cut see, are scaled to the unit box [−1, 1]^A. An action outside the box is clipped to it in the
    region and in the intermediate state. *Time*: the inserted step does not count towards a limit that is inside, as
    that of ``gym.make(…)`` is. ``info["pending"]``: whether an action is; with it ``info["share"]``, and in the step
    after it ``info["continued"]``, whether it was executed.

    *What is invariant* is the undiscounted return. For γ < 1 an inserted step delays what follows, and with it the
    discount. A learner with the replay buffer
    :class:`~sb3_entropy_bifurcation.extension.replay.UndiscountedInsertion` has γ = 1 there, and then optimal values
    are those without the extension. Without it, where no reward exceeds r in size and an episode makes no more than n
    steps in the region, the value of a policy that takes A1 changes by at most
    B = r·min((1 − γⁿ)/(1 − γ), 1/(1 − γ²)), and one that is optimal with the extension falls short without it by at
    most 2B: where rewards are negative, delay is of use.

    :param env: its observations a box of one axis, its actions a bounded box of one axis
    :param region: whether a state is in the region, a function of the environment's observation
    :param share: |A1| / 2^A in (0, 1), a function of observation and action, or a number
    :param terminal_reward: r_T, likewise
    :param continuation: a lower bound of what to execute a is worth to who acts best, likewise; r_T is checked against
        it
    :param cut: ``"half_space"``: A1 is x > 1 − 2·share, or ``"band"``: |x| < share; x is one coordinate of the action
    :param coordinate: which
    :raises TypeError: if spaces are of another kind, or an argument of another type
    :raises ValueError: if a box has another shape or no bounds, or an argument is out of its range; functions are
        checked when they are called. In a YAML, and in ``gym.make``, a function is ``"module:name"``
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        region: Region | str,
        share: OfAction | str | float,
        *,
        terminal_reward: OfAction | str | float,
        continuation: OfAction | str | float,
        cut: str = "half_space",
        coordinate: int = 0,
    ):
        RecordConstructorArgs.__init__(
            self,
            region=region,
            share=share,
            terminal_reward=terminal_reward,
            continuation=continuation,
            cut=cut,
            coordinate=coordinate,
        )
        super().__init__(env)
        observed, acted = _boxes(env)
        self._low, self._high = acted.low.astype(np.float64), acted.high.astype(np.float64)
        self._dtype = observed.dtype
        n_actions = len(self._low)
        paid = number_or_function("terminal_reward", terminal_reward)
        worth = number_or_function("continuation", continuation)
        shared = number_or_function("share", share)
        check_constants(shared, paid, worth)
        self.extension = Extension(
            function("region", region), shared, paid, worth, make_cut(cut, coordinate, n_actions)
        )
        ends = np.ones(n_actions)
        self.observation_space = spaces.Box(
            np.concatenate([observed.low, [0.0], -ends]).astype(self._dtype),
            np.concatenate([observed.high, [1.0], ends]).astype(self._dtype),
            dtype=self._dtype.type,
        )
        self._observation: Numbers | None = None  # None: no episode has begun, or the last one is over
        self._pending: Pending | None = None
        self._raw: Numbers = acted.low

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Numbers, dict[str, Any]]:
        """
        Begin an episode.

        :param seed: as the environment's
        :param options: as the environment's
        :return: observation and info
        """
        observation, info = self.env.reset(seed=seed, options=options)
        return self.stand_at(observation), {**info, "pending": False}

    def stand_at(self, observation: Numbers) -> Numbers:
        """
        Say that the environment has been put into another state, as a model of it does. Nothing is pending then.

        :param observation: the environment's, of that state
        :return: the extended observation
        """
        self._observation, self._pending = np.asarray(observation), None
        return self._extended()

    def step(self, action: Numbers) -> tuple[Numbers, SupportsFloat, bool, bool, dict[str, Any]]:
        """
        Carry out an action, hold it back, or decide on the one that was held back.

        :param action: shape (A,)
        :return: observation, reward, whether the episode has ended, whether it is cut, info
        :raises ValueError: if in the region or in an intermediate state it is not A finite numbers, or ``share`` or
            ``terminal_reward`` return what is not allowed
        :raises gymnasium.error.ResetNeeded: if no episode goes on
        """
        if self._observation is None:
            raise gym.error.ResetNeeded("Call reset() before step(): no episode has begun, or the last one is over.")
        if self._pending is not None:
            return self._decide(self._pending, self._checked(action))
        if self.extension.holds(self._observation):
            self._raw = self._checked(action)
            self._pending = self.extension.pending(self._observation, self._unit(self._raw))
            return self._extended(), 0.0, False, False, {"pending": True, "share": self._pending.share}
        observation, reward, terminated, truncated, info = self._execute(action)
        return observation, reward, terminated, truncated, {**info, "pending": False}

    def _decide(self, pending: Pending, action: Numbers) -> tuple[Numbers, SupportsFloat, bool, bool, dict[str, Any]]:
        self._pending = None
        continued = self.extension.cut.continues(self._unit(action), pending.share)
        said = {"pending": False, "continued": continued}
        if not continued:
            observation, self._observation = self._extended(), None
            return observation, pending.terminal_reward, True, False, said
        observation, reward, terminated, truncated, info = self._execute(self._raw)
        return observation, reward, terminated, truncated, {**info, **said}

    def _execute(self, action: Numbers) -> tuple[Numbers, SupportsFloat, bool, bool, dict[str, Any]]:
        """A step of the environment."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        extended = self.stand_at(observation)
        if terminated:
            self._observation = None
        return extended, reward, terminated, truncated, info

    def _extended(self) -> Numbers:
        flag = self._pending is not None
        action = np.zeros(len(self._low)) if self._pending is None else self._pending.action
        return np.concatenate([np.asarray(self._observation), [float(flag)], action]).astype(self._dtype)

    def _unit(self, action: Numbers) -> Array:
        return np.clip(unit(action.astype(np.float64), self._low, self._high), -1.0, 1.0)

    def _checked(self, action: Numbers) -> Numbers:
        """:return: the action within the box, of its type"""
        given = np.asarray(action)
        if given.shape != self._low.shape or given.dtype.kind not in "iuf" or not np.isfinite(given).all():
            raise ValueError(
                f"An action of shape {self._low.shape}, of finite numbers, must be given, but {action!r} was given."
            )
        clipped: Numbers = np.clip(given, self._low, self._high).astype(self._raw.dtype)
        return clipped


def _boxes(env: gym.Env[Any, Any]) -> tuple[spaces.Box, spaces.Box]:
    """:return: the spaces of observations and actions, checked"""
    observed, acted = env.observation_space, env.action_space
    if not isinstance(acted, spaces.Box):
        raise TypeError(
            f"EntropicBifurcation needs continuous actions, a Box, but the actions are {acted}. For finite actions "
            "there are finite processes: sb3_entropy.mdp."
        )
    if len(acted.shape) != 1 or not acted.is_bounded() or not (acted.low < acted.high).all():
        raise ValueError(
            "EntropicBifurcation needs a bounded box of actions of one axis, whose volume it cuts, but the actions "
            f"are {acted}. Flatten one of several axes; of one without bounds: {HOW_TO_BOUND}"
        )
    if not isinstance(observed, spaces.Box):
        raise TypeError(
            f"EntropicBifurcation needs observations in a Box, but they are {observed}. Put "
            "gymnasium.wrappers.FlattenObservation around the environment first."
        )
    if len(observed.shape) != 1 or observed.dtype.kind != "f":
        raise ValueError(
            "EntropicBifurcation needs observations of one axis and of real numbers, to which it adds a flag and an "
            f"action, but they are {observed}. Put gymnasium.wrappers.FlattenObservation or DtypeObservation around "
            "the environment first."
        )
    return observed, acted
