"""The extension's rule: where it is, what it makes of an action, and what that does to soft values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from gymnasium.envs.registration import load_env_creator

from sb3_entropy.errors import MisfitError, check_number
from sb3_entropy_bifurcation.extension.cuts import Cut
from sb3_entropy_bifurcation.task import Array

#: of an observation
Region = Callable[[Array], bool]
#: of an observation and an action of the unit box
OfAction = Callable[[Array, Array], float]


class Pending(NamedTuple):
    """
    An action that is not executed yet.

    :param action: it, of the unit box, shape (A,)
    :param share: how much of the box executes it, |A1| / 2^A
    :param terminal_reward: what the rest pays, which ends the episode
    """

    action: Array
    share: float
    terminal_reward: float


@dataclass(frozen=True)
class Extension:
    """
    In the region an action a leads to an intermediate state m_a, where the box of actions is cut: one of A1 executes a,
    one of A2 ends the episode and pays r_T. Actions are those of the unit box [−1, 1]^A.

    :param region: whether a state is in it, from its observation
    :param share: |A1| / 2^A of m_a, in (0, 1), from observation and a
    :param terminal_reward: r_T of m_a, likewise
    :param continuation: what to go on from m_a is worth at least, to who acts best; likewise
    :param cut: how the box is cut
    """

    region: Region
    share: OfAction
    terminal_reward: OfAction
    continuation: OfAction
    cut: Cut

    def holds(self, observation: Array) -> bool:
        """
        :param observation: the environment's own
        :return: whether its state is in the region
        :raises TypeError: if ``region`` says neither yes nor no
        """
        inside = self.region(observation)
        if not isinstance(inside, bool | np.bool_):
            raise TypeError(
                f"region must return True or False, but {inside!r} was returned for the observation {observation}."
            )
        return bool(inside)

    def pending(self, observation: Array, action: Array) -> Pending:
        """
        :param observation: of a state of the region
        :param action: of the unit box, shape (A,)
        :return: what m_a is
        :raises TypeError: if a function returns no number
        :raises ValueError: if the share is not in (0, 1), or r_T not below the continuation
        """
        share = _number("share", self.share(observation, action))
        if not 0 < share < 1:
            raise ValueError(
                f"share must be in (0, 1), but {share!r} was given for the observation {observation} and the action "
                f"{action}: A1 and A2 need a volume each. Keep it between, say, 0.01 and 0.9."
            )
        r_T = _number("terminal_reward", self.terminal_reward(observation, action))
        _check_below(r_T, _number("continuation", self.continuation(observation, action)))
        return Pending(action, share, r_T)


def soft_value(continuation: float, share: float, terminal_reward: float, alpha: float, n_actions: int = 1) -> float:
    """
    V(m_a) = α log(∫_A1 e^(W/α) + ∫_A2 e^(r_T/α)) = α log(2^A (share·e^(W/α) + (1 − share)·e^(r_T/α))).

    The measure is Lebesgue's on [−1, 1]^A, that of the entropies of Stable-Baselines3's SAC. Far below W, r_T drops out
    and V(m_a) = W + α log(2^A share).

    :param continuation: W, the soft value of executing the action
    :param share: |A1| / 2^A
    :param terminal_reward: r_T
    :param alpha: the temperature α > 0; 0: the greater of the two
    :param n_actions: A
    :return: the soft value of the intermediate state
    """
    check_number("alpha", alpha, 0.0)
    if alpha == 0:
        return max(continuation, terminal_reward)
    ways = continuation / alpha + np.log(share), terminal_reward / alpha + np.log1p(-share)
    return float(alpha * (n_actions * np.log(2) + np.logaddexp(*ways)))


def function(name: str, given: Any) -> Callable[..., Any]:
    """
    :param name: the argument's name
    :param given: a function, or where it is: ``"module:name"``, as a YAML can say it
    :return: the function
    :raises TypeError: if it is neither
    :raises ValueError: if there is nothing at the place
    """
    found: Any = given
    if isinstance(given, str):
        try:
            found = load_env_creator(given)
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(
                f"{name} must be a function or 'module:name', but {given!r} was given, where none is found: {error}."
            ) from error
    if not callable(found):
        raise TypeError(f"{name} must be a function or 'module:name', but {given!r} was given.")
    made: Callable[..., Any] = found
    return made


def number_or_function(name: str, given: Any) -> OfAction:
    """
    :param name: the argument's name
    :param given: a function of observation and action, where it is, or a number
    :return: the function; of a number the one that is always it
    :raises TypeError: if it is none of these
    :raises ValueError: if the number is not finite, or there is nothing at the place
    """
    if callable(given) or isinstance(given, str):
        return function(name, given)
    return Constant(_number(name, given))


@dataclass(frozen=True)
class Constant:
    """
    The same for every observation and action.

    :param value: the number
    """

    value: float

    def __call__(self, observation: Array, action: Array) -> float:
        return self.value


def check_constants(share: OfAction, terminal_reward: OfAction, continuation: OfAction) -> None:
    """
    :param share: as in :class:`Extension`, checked where it is a number
    :param terminal_reward: likewise
    :param continuation: likewise
    :raises ValueError: if the share is not in (0, 1), or r_T not below the continuation
    """
    if isinstance(share, Constant) and not 0 < share.value < 1:
        raise ValueError(f"share must be in (0, 1), but {share.value!r} was given: A1 and A2 need a volume each.")
    if isinstance(terminal_reward, Constant) and isinstance(continuation, Constant):
        _check_below(terminal_reward.value, continuation.value)


def _check_below(terminal_reward: float, continuation: float) -> None:
    if not terminal_reward < continuation:
        raise MisfitError(
            f"terminal_reward must be less than continuation, but {terminal_reward!r} and {continuation!r} were given: "
            "to end the episode must never be the better choice. Lower terminal_reward.",
            "terminal_reward",
            "continuation",
        )


def _number(name: str, given: Any) -> float:
    if isinstance(given, np.ndarray) and given.size == 1:
        given = given.item()
    check_number(name, given)
    return float(given)
