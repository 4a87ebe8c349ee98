"""NaN and infinity end the training before they reach the parameters, with the place where they came from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.buffers import RolloutBuffer
from torch import nn

SAVED = "Nothing that was saved is affected."
DIVERGED = "Lower learning_rate or max_grad_norm, or check the scale of the rewards"
ENVIRONMENT = "Check the environment's step() and reset()"


def check_rollout(buffer: RolloutBuffer, last_observation: Any) -> None:
    """
    :param buffer: a complete rollout
    :param last_observation: what follows it
    :raises ValueError: if an observation, action or reward in it is NaN or infinite
    """
    if buffer.observations is not None:  # else it has been checked where they are
        for name, array in _named(buffer.observations).items():
            _check(name, array, ENVIRONMENT)
    _check_observation(last_observation)
    _check("action", buffer.actions, DIVERGED)
    _check("reward", buffer.rewards, ENVIRONMENT)


def check_advantages(buffer: RolloutBuffer) -> None:
    """
    :param buffer: a rollout with its returns
    :raises ValueError: if a return is NaN or infinite
    """
    _check("return", buffer.returns, DIVERGED)


def check_transition(
    observation: Any,
    action: np.ndarray | None = None,
    reward: np.ndarray | None = None,
    infos: Sequence[Mapping[str, Any]] = (),
) -> None:
    """
    :param observation: what one step of the environments has led to
    :param action: what has led there
    :param reward: for it
    :param infos: what the environments said, where an episode has ended
    :raises ValueError: if one of them, or an episode's last observation, is NaN or infinite
    """
    if reward is not None and not np.isfinite(reward).all():
        raise ValueError(f"The environment returned a NaN or infinite reward: {reward}. {ENVIRONMENT}. {SAVED}")
    if action is not None and not np.isfinite(action).all():
        raise ValueError(f"A NaN or infinite action came up: {action}. {DIVERGED}. {SAVED}")
    for seen in (observation, *(info.get("terminal_observation") for info in infos)):
        _check_observation(seen)


def explain(observation: Any, policy: nn.Module, error: Exception) -> None:
    """
    Say whether an error comes from numbers that are not finite; if not, do nothing.

    :param observation: the last observation; None if it is not in question
    :param policy: the policy that acted on it
    :param error: what was raised
    :raises ValueError: if the observation, a parameter of the policy or what it puts out is NaN or infinite
    """
    _check_observation(observation, error)
    for name, parameter in policy.named_parameters():
        if not parameter.isfinite().all():
            raise ValueError(
                f"The policy's parameter {name} has become NaN or infinite. {DIVERGED}. {SAVED}"
            ) from error
    if "found invalid values" in str(error):  # torch.distributions, of its parameters
        raise ValueError(f"What the policy puts out has become NaN or infinite. {DIVERGED}. {SAVED}") from error


def _named(observation: Any) -> dict[str, Any]:
    if isinstance(observation, dict):
        return {f"observation {name!r}": array for name, array in observation.items()}
    return {"observation": observation}


def _is_finite(array: np.ndarray) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _check_observation(observation: Any, cause: Exception | None = None) -> None:
    if observation is None:
        return
    for name, array in _named(observation).items():
        if not _is_finite(np.asarray(array)):
            raise ValueError(
                f"The environment returned a NaN or infinite {name}: {array}. {ENVIRONMENT}. {SAVED}"
            ) from cause


def _check(name: str, array: np.ndarray, remedy: str) -> None:
    """The array has shape (T, N, …)."""
    if _is_finite(array):
        return
    step, env = np.argwhere(~np.isfinite(array))[0][:2]
    raise ValueError(
        f"A NaN or infinite {name} came up at step {step} of this rollout in environment {env}: "
        f"{array[step, env]}. {remedy}. {SAVED}"
    )
