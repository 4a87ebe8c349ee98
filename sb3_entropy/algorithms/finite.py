"""NaN and infinity end the training before they reach the parameters, with the place where they came from."""

from typing import Any

import numpy as np
from stable_baselines3.common.buffers import RolloutBuffer
from torch import nn

SAVED = "Nothing that was saved is affected."


def check_rollout(buffer: RolloutBuffer) -> None:
    """
    :param buffer: a complete rollout
    :raises ValueError: if an observation, action or reward in it is NaN or infinite
    """
    observations = (
        buffer.observations if isinstance(buffer.observations, dict) else {"observation": buffer.observations}
    )
    for name, array in observations.items():
        _check(name if name == "observation" else f"observation {name!r}", array, "Check the environment's step()")
    _check("action", buffer.actions, "The policy has diverged: lower learning_rate or max_grad_norm")
    _check("reward", buffer.rewards, "Check the environment's step()")


def explain(observation: Any, policy: nn.Module, error: Exception) -> None:
    """
    Say whether an error during a rollout comes from numbers that are not finite; if not, do nothing.

    :param observation: the last observation
    :param policy: the policy that acted on it
    :param error: what was raised
    :raises ValueError: if the observation or a parameter of the policy is NaN or infinite
    """
    observations = observation if isinstance(observation, dict) else {"observation": observation}
    for name, array in observations.items():
        if array is not None and not _is_finite(np.asarray(array)):
            raise ValueError(
                f"The environment returned a NaN or infinite {name}: {array}. Check its step() and reset(). {SAVED}"
            ) from error
    for name, parameter in policy.named_parameters():
        if not parameter.isfinite().all():
            raise ValueError(
                f"The policy's parameter {name} has become NaN or infinite. Lower learning_rate or max_grad_norm, or "
                f"check the scale of the rewards. {SAVED}"
            ) from error


def _is_finite(array: np.ndarray) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _check(name: str, array: np.ndarray, remedy: str) -> None:
    """The array has shape (T, N, …)."""
    if _is_finite(array):
        return
    step, env = np.argwhere(~np.isfinite(array))[0][:2]
    raise ValueError(
        f"A NaN or infinite {name} came up at step {step} of this rollout in environment {env}: "
        f"{array[step, env]}. {remedy}. {SAVED}"
    )
