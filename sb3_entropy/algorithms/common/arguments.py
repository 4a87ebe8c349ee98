"""What the constructors' arguments may be. One line an argument, whichever algorithm has it."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer, RolloutBuffer
from stable_baselines3.common.noise import ActionNoise
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.type_aliases import TrainFrequencyUnit

from sb3_entropy.algorithms.common.returns import ADVANTAGES
from sb3_entropy.engines import ENGINES
from sb3_entropy.errors import check_choice, check_number

SUPPORTED_SPACES = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)

#: the largest whole number up to which float32 has all
LARGEST_CHOICE = 2**24

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
    "seed": (0, math.inf, True, False),
    "sde_sample_freq": (-1, math.inf, True, False),
    "verbose": (0, math.inf, True, False),
    "buffer_size": (1, math.inf, True, False),
    "learning_starts": (0, math.inf, True, False),
    "tau": (0, 1, False, False),
    "gradient_steps": (-1, math.inf, True, False),
    "target_update_interval": (1, math.inf, True, False),
    "ent_coef_lr": (0, math.inf, False, True),
    "n_actors": (1, math.inf, True, False),
    "n_minibatches": (1, math.inf, True, False),
    "n_fragments": (1, math.inf, True, False),
    "max_policy_lag": (0, math.inf, True, False),
    "weights_delay": (0, math.inf, True, False),
    "rho_bar": (0, math.inf, False, True),
    "c_bar": (0, math.inf, False, True),
    "pg_rho_bar": (0, math.inf, False, True),
    "n_replayed": (0, math.inf, True, False),
    "replay_size": (1, math.inf, True, False),
}
_FLAGS = (
    "normalize_advantage",
    "baseline",
    "use_sde",
    "use_rms_prop",
    "entropy_in_return",
    "entropy_in_improvement",
    "optimize_memory_usage",
    "use_sde_at_warmup",
    "use_target_actor",
    "use_target_critic",
    "soft_n_step",
    "send_observations",
)
_CHOICES = {
    "soft_gradient": ("entropy", "log_prob"),
    "ent_coef_unit": ("reward", "normalised"),
    "kl_reduction": ("mean", "sum"),
    "actor_critic": ("first", "minimum"),
    "ent_coef_gradient": ("log_alpha", "alpha"),
    "engine": tuple(ENGINES),
    "correction": ("vtrace", "none"),
    "advantage": ADVANTAGES,
}
#: what ``fast`` may be besides True and False
_PATHS = ("auto", "rounding")
_OBJECTS: dict[str, tuple[str, Any]] = {
    "policy_kwargs": ("a dict", Mapping),
    "rollout_buffer_kwargs": ("a dict", Mapping),
    "replay_buffer_kwargs": ("a dict", Mapping),
    "action_noise": ("an ActionNoise", ActionNoise),
    "tensorboard_log": ("a folder", (str, Path)),
}
_BUFFERS: dict[str, type] = {"rollout_buffer_class": RolloutBuffer, "replay_buffer_class": ReplayBuffer}
_UNITS = tuple(TrainFrequencyUnit)
#: what may be a function of the remaining progress too
SCHEDULES = ("learning_rate", "clip_range", "clip_range_vf")
_OPTIONAL = ("clip_range_vf", "target_kl", "n_episodes", "max_grad_norm", "seed", "ent_coef_lr", "max_policy_lag")
#: what there are checks for
CHECKED = frozenset({*_NUMBERS, *_FLAGS, *_CHOICES, *_OBJECTS, *_BUFFERS, "fast", "train_freq"})


def check_arguments(given: Mapping[str, Any], own: Mapping[str, Callable[[str, Any], None]] | None = None) -> None:
    """
    :param given: arguments by name; names that are not known here are passed over
    :param own: an algorithm's further checks, by argument: functions of its name and value
    :raises TypeError: if one is of the wrong type
    :raises ValueError: if one is out of its range, or not one of its choices
    """
    for name, (low, high, integer, open_low) in _NUMBERS.items():
        value = given.get(name)
        if name not in given or (value is None and name in _OPTIONAL) or (callable(value) and name in SCHEDULES):
            continue
        check_number(name, value, low, high, integer=integer, open_low=open_low)
    for name in _FLAGS:
        if name in given and not isinstance(given[name], (bool, np.bool_)):
            raise TypeError(f"{name} must be True or False, but {given[name]!r} was given.")
    for name, allowed in _CHOICES.items():
        if name in given:
            check_choice(name, given[name], allowed)
    if "fast" in given and not isinstance(given["fast"], (bool, np.bool_)) and given["fast"] not in _PATHS:
        raise ValueError(f"fast must be True, False, 'auto' or 'rounding', but {given['fast']!r} was given.")
    if "train_freq" in given:
        _check_train_freq(given["train_freq"])
    _check_objects(given)
    for name, check in (own or {}).items():
        if name in given:
            check(name, given[name])


def _check_train_freq(given: Any) -> None:
    n, unit = given if isinstance(given, (tuple, list)) and len(given) == 2 else (given, TrainFrequencyUnit.STEP)
    whole = isinstance(n, (int, np.integer)) and not isinstance(n, bool)
    if not whole or n < 1 or unit not in (*_UNITS, *(known.value for known in _UNITS)):
        raise ValueError(  # also of another type, as Stable-Baselines3's
            "train_freq must be a whole number of steps ≥ 1, or a pair of one and its unit, (4, 'step') or "
            f"(1, 'episode'), but {given!r} was given."
        )


def _check_objects(given: Mapping[str, Any]) -> None:
    for name, (kind, allowed_types) in _OBJECTS.items():
        value = given.get(name)
        if value is not None and not isinstance(value, allowed_types):
            raise TypeError(f"{name} must be {kind} or None, but {value!r} was given.")
    for name, base in _BUFFERS.items():
        buffer_class = given.get(name)
        if buffer_class is not None and not (isinstance(buffer_class, type) and issubclass(buffer_class, base)):
            raise TypeError(f"{name} must be a class of {base.__name__} or None, but {buffer_class!r} was given.")


def check_batch(name: str, n_transitions: int) -> None:
    """
    What Stable-Baselines3 asserts of a new model.

    :param name: what says how many there are
    :param n_transitions: over how many advantages are normalised
    :raises ValueError: if they have no std
    """
    if n_transitions < 2:
        raise ValueError(
            f"{name} must be at least 2 with normalize_advantage=True, but is {n_transitions}: a single advantage has "
            "no std to be divided by."
        )


def plain(value: Any) -> Any:
    """
    NumPy's scalars are taken wherever Python's numbers are, e.g. from a sweep over an array. But Gymnasium wants a
    plain seed, Stable-Baselines3 a plain learning rate, and PyTorch loads no optimiser's state that holds another.

    :param value: an argument
    :return: the same with Python's numbers in the place of NumPy's, also in dicts, lists and tuples
    """
    if isinstance(value, np.generic):
        return value.item()
    if type(value) is dict:
        return {key: plain(part) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(plain, value))
    return value


def check_policy_class(
    algorithm: str, policy_class: Any, aliases: Mapping[str, Any], base: type[BasePolicy] = ActorCriticPolicy
) -> None:
    """
    :param algorithm: the algorithm's name
    :param policy_class: what is to be its policy
    :param aliases: the names of the policies that it offers
    :param base: what it must be derived from
    :raises ValueError: if it is not, or remembers
    """
    # sb3-contrib's recurrent policies are actor-critic policies too, but act on a state that only RecurrentPPO keeps.
    recurrent = hasattr(policy_class, "forward_sequence") or hasattr(policy_class, "_process_sequence")
    if isinstance(policy_class, type) and issubclass(policy_class, base) and not recurrent:
        return
    raise ValueError(
        f"{algorithm} needs a policy that is {'an' if base.__name__[0] in 'AEIO' else 'a'} {base.__name__} without "
        f"memory, but {getattr(policy_class, '__name__', repr(policy_class))} was given. Choose one of "
        f"{', '.join(aliases)}, or derive yours from {base.__name__}."
    )


def check_observation_space(space: Any) -> None:
    """
    :param space: an environment's observation space
    :raises ValueError: if the policies cannot read it
    :raises NotImplementedError: if that is because it is nested, as in Stable-Baselines3
    """
    parts = space.spaces.values() if isinstance(space, spaces.Dict) else [space]
    wrong = [part for part in parts if not isinstance(part, SUPPORTED_SPACES) or _is_table(part)]
    if wrong:
        error = NotImplementedError if isinstance(space, spaces.Dict) else ValueError
        raise error(
            f"The observation space {wrong[0]} is not supported. Allowed are Box, Discrete, MultiDiscrete of one "
            "dimension, MultiBinary, and a Dict of these. Wrap the environment, say with "
            "gymnasium.wrappers.FlattenObservation."
        )


def check_action_space(space: Any) -> None:
    """
    :param space: an environment's action space
    :raises ValueError: if it is a table of choices, or one of them has a number that the rollout buffer would round;
        what else is not supported, Stable-Baselines3 asserts
    """
    if _is_table(space):
        raise ValueError(
            f"The action space {space} is not supported: a MultiDiscrete must have one dimension. Flatten its nvec, "
            "and give the actions their shape back in the environment's step()."
        )

    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)):
        n = space.n if isinstance(space, spaces.Discrete) else space.nvec
        starts, counts = np.ravel(space.start).astype(object), np.ravel(n).astype(object)  # whole numbers of any size
        for start, count in zip(starts, counts, strict=True):
            if max(abs(start), abs(start + count - 1)) > LARGEST_CHOICE:
                raise ValueError(
                    f"The action space {space} is not supported: Stable-Baselines3's rollout buffer keeps actions in "
                    f"float32, which holds whole numbers up to ±2²⁴ alone, and these are {start}, …, "
                    f"{start + count - 1}. Let the actions count from 0, and add the start in the environment's step()."
                )


def _is_table(space: Any) -> bool:
    return isinstance(space, spaces.MultiDiscrete) and space.nvec.ndim != 1
