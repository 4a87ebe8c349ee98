"""What the constructors' arguments may be. One line an argument, whichever algorithm has it."""

import math
from collections.abc import Mapping
from typing import Any

from gymnasium import spaces

from sb3_entropy.errors import check_choice, check_number

SUPPORTED_ACTION_SPACES = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)

# name: (lowest, highest, whole number?, lowest excluded?)
_NUMBERS: dict[str, tuple[float, float, bool, bool]] = {
    "learning_rate": (0, math.inf, False, False),
    "n_steps": (1, math.inf, True, False),
    "n_episodes": (1, math.inf, True, False),
    "batch_size": (1, math.inf, True, False),
    "n_epochs": (1, math.inf, True, False),
    "gamma": (0, 1, False, False),
    "gae_lambda": (0, 1, False, False),
    "clip_range": (0, math.inf, False, True),
    # that it is positive, PPO itself asserts
    "clip_range_vf": (-math.inf, math.inf, False, False),
    "vf_coef": (0, math.inf, False, False),
    "max_grad_norm": (0, math.inf, False, False),
    "target_kl": (0, math.inf, False, True),
    "cg_max_steps": (1, math.inf, True, False),
    "cg_damping": (0, math.inf, False, False),
    "line_search_shrinking_factor": (0, 1, False, True),
    "line_search_max_iter": (1, math.inf, True, False),
    "n_critic_updates": (0, math.inf, True, False),
    "sub_sampling_factor": (1, math.inf, True, False),
    "rms_prop_eps": (0, math.inf, False, True),
    "stats_window_size": (1, math.inf, True, False),
    "ent_coef_lr": (0, math.inf, False, True),
}
_FLAGS = (
    "normalize_advantage",
    "baseline",
    "use_sde",
    "use_rms_prop",
    "entropy_in_return",
    "entropy_in_improvement",
)
_CHOICES = {
    "soft_gradient": ("entropy", "log_prob"),
    "ent_coef_unit": ("reward", "normalised"),
    "kl_reduction": ("mean", "sum"),
}
_SCHEDULES = ("learning_rate", "clip_range", "clip_range_vf")
_OPTIONAL = ("clip_range_vf", "target_kl", "n_episodes", "max_grad_norm")


def check_arguments(given: Mapping[str, Any]) -> None:
    """
    :param given: arguments by name; names that are not known here are passed over
    :raises TypeError: if one is of the wrong type
    :raises ValueError: if one is out of its range, or not one of its choices
    """
    for name, (low, high, integer, open_low) in _NUMBERS.items():
        value = given.get(name)
        if name not in given or (value is None and name in _OPTIONAL) or (callable(value) and name in _SCHEDULES):
            continue
        check_number(name, value, low, high, integer=integer, open_low=open_low)
    for name in _FLAGS:
        if name in given and not isinstance(given[name], bool):
            raise TypeError(f"{name} must be True or False, but {given[name]!r} was given.")
    for name, allowed in _CHOICES.items():
        if name in given:
            check_choice(name, given[name], allowed)
    policy_kwargs = given.get("policy_kwargs")
    if policy_kwargs is not None and not isinstance(policy_kwargs, Mapping):
        raise TypeError(f"policy_kwargs must be a dict or None, but {policy_kwargs!r} was given.")
