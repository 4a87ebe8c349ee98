"""
The keys and values of a preset, checked before anything is built from them.

A key is an argument of the algorithm's constructor, one of rl-zoo's own, or, under ``policy_kwargs``, an argument of
the policy's constructor. Nothing is listed here twice: the arguments are read from the signatures.
"""

import difflib
import inspect
import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from gymnasium import spaces
from stable_baselines3.common.vec_env import VecNormalize

from sb3_entropy.algorithms.common.arguments import SCHEDULES, check_arguments
from sb3_entropy.distributions.std_schemes.base import SUPPLIED
from sb3_entropy.errors import check_choice, check_number, unknown
from sb3_entropy.presets.names import import_class, refuse_expressions, resolve_names
from sb3_entropy.presets.stock import NOISE_KEYS, check_noise, is_off_policy
from sb3_entropy.registry import ACTION_DISTRIBUTIONS, STD_SCHEMES
from sb3_entropy.regularizers.making import make_regularizers, misplaced
from sb3_entropy.regularizers.regularizer import Regularizer
from sb3_entropy.temperature import make_temperature

ZOO_KEYS = frozenset(
    {
        "callback",
        "env_kwargs",
        "env_wrapper",
        "frame_stack",
        "monitor_kwargs",
        "n_envs",
        "n_timesteps",
        "normalize",
        "policy",
        "policy_kwargs",
        "vec_env_wrapper",
    }
)
_GIVEN_ELSEWHERE = {
    "env": "--env",
    "tensorboard_log": "-tb",
    "verbose": "--verbose",
    "seed": "--seed",
    "device": "--device",
}


def check_preset(
    algo: str,
    algorithm: type[Any],
    hyperparams: Mapping[str, Any],
    where: str = "",
    continued: bool = False,
    refused: Iterable[str] = (),
) -> None:
    """
    :param algo: the algorithm's key
    :param algorithm: its class
    :param hyperparams: one entry of a preset file, with the command line's changes
    :param where: where they were given, for the message; empty if the caller says it
    :param continued: whether they are for a model that was saved, which needs no file that it has read already
    :param refused: keys of rl-zoo's that cannot be used there
    :raises FileNotFoundError: if a new model needs a file that is not there
    :raises ValueError: if keys are unknown, which are told together, or a value out of range
    :raises TypeError: if a value is of the wrong type
    """
    try:
        own = _arguments(algorithm) | (NOISE_KEYS if is_off_policy(algorithm) else set())
        known = (ZOO_KEYS | own) - _GIVEN_ELSEWHERE.keys() - {*refused}
        built_in = _built_in_regularizer(algorithm, hyperparams)
        for message in (misplaced(built_in, key) for key in hyperparams if key not in known):
            if message:
                raise ValueError(message)
        _check_keys(algo, hyperparams, known)
        check_noise(hyperparams)
        refuse_expressions(hyperparams)
        _check_zoo_values(hyperparams)
        resolved = resolve_names(hyperparams)
        policy_kwargs = resolved.get("policy_kwargs") or {}
        read = {**resolved, **_read_schedules(resolved), "policy_kwargs": policy_kwargs}
        check_arguments(read, getattr(algorithm, "checks", None))
        _check_temperature(resolved)
        with suppress(*((FileNotFoundError,) if continued else ())):
            _check_regularizers(algorithm, resolved)
        _check_policy(algo, algorithm, resolved["policy"], policy_kwargs)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{error}\nIt was given in {where}." if where else str(error)) from error


def _arguments(constructor: type[Any]) -> frozenset[str]:
    """:return: what may be given to a class by name; ``**kwargs`` are the parent's"""
    names: set[str] = set()
    for cls in constructor.__mro__:
        if "__init__" not in vars(cls):
            continue
        parameters = inspect.signature(vars(cls)["__init__"]).parameters.values()
        names.update(p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return frozenset(name for name in names if name != "self" and not name.startswith("_"))


def _check_keys(owner: str, given: Iterable[Any], allowed: Iterable[str]) -> None:
    names, messages, known = sorted(allowed), [], ""
    for key in (key for key in given if key not in names):
        if key in _GIVEN_ELSEWHERE:
            raise ValueError(
                f"{key!r} does not belong in the hyperparameters of {owner}: give it as {_GIVEN_ELSEWHERE[key]}."
            )
        nearest = difflib.get_close_matches(str(key), names, n=1, cutoff=0.6)
        messages.append(f"Unknown key {key!r} for {owner}.{f' Did you mean {nearest[0]!r}?' if nearest else ''}")
        known = known if nearest else f" Known: {', '.join(names)}."
    if messages:
        raise ValueError(" ".join(messages) + known)


def _check_zoo_values(hyperparams: Mapping[str, Any]) -> None:
    for key in ("policy", "n_timesteps"):
        if key not in hyperparams:
            raise ValueError(f"The key {key!r} is missing. Add it, e.g. {key}: {_EXAMPLES[key]}.")
    check_number("n_timesteps", hyperparams["n_timesteps"], low=1)
    if hyperparams["n_timesteps"] % 1:
        raise ValueError(f"n_timesteps must be a whole number, but {hyperparams['n_timesteps']!r} was given.")
    check_number("n_envs", hyperparams.get("n_envs", 1), low=1, integer=True)
    if hyperparams.get("frame_stack") is not None:
        check_number("frame_stack", hyperparams["frame_stack"], low=1, integer=True)
    normalize = hyperparams.get("normalize", False)
    if isinstance(normalize, Mapping):
        _check_keys("normalize", normalize, _arguments(VecNormalize) - {"venv"})
    elif not isinstance(normalize, bool):
        raise TypeError(f"normalize must be true, false or a mapping, but {normalize!r} was given.")
    for key in ("policy_kwargs", "env_kwargs", "monitor_kwargs"):
        if not isinstance(hyperparams.get(key) or {}, Mapping):
            raise TypeError(f"{key} must be a mapping, but {hyperparams[key]!r} was given.")


_EXAMPLES = {"policy": "MlpPolicy", "n_timesteps": "100000"}


def _read_schedules(hyperparams: Mapping[str, Any]) -> dict[str, float]:
    """:return: the initial values of ``"lin_<initial>"``, in the place of the texts"""
    initial = {}
    for key in SCHEDULES:
        value = hyperparams.get(key)
        if not isinstance(value, str):
            continue
        match = re.fullmatch(r"lin_(.+)", value)
        number = _as_number(match.group(1) if match else value)
        if number is None or not math.isfinite(number):
            raise TypeError(f"{key} must be a number or 'lin_<initial value>', but {value!r} was given.")
        if match is None:
            raise TypeError(
                f"{key} must be a number or 'lin_<initial value>', but the text {value!r} was given. YAML reads "
                f"a number with an exponent as text unless it has a point and a sign: write {number!r}."
            )
        initial[key] = number
    return initial


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _check_temperature(hyperparams: Mapping[str, Any]) -> None:
    """The form of ``ent_coef``. Whether a target can be reached depends on the environment: the constructor says so."""
    given = {name: hyperparams[key] for key, name in _TEMPERATURE.items() if key in hyperparams}
    if given.get("rate", 0.0) is None:  # off-policy: the learning rate
        del given["rate"]
    make_temperature(given.pop("ent_coef", 0.0), spaces.Box(-1, 1, shape=(1,)), **given)


_TEMPERATURE = {"ent_coef": "ent_coef", "target_entropy": "target_entropy", "ent_coef_lr": "rate"}


def _check_regularizers(algorithm: type[Any], hyperparams: Mapping[str, Any]) -> None:
    """Their form. Whether a divergence fits the policy's distribution depends on the environment."""
    make_regularizers(hyperparams.get("regularizers"))
    if built_in := _built_in_regularizer(algorithm, hyperparams):
        Regularizer(**built_in)


def _built_in_regularizer(algorithm: type[Any], hyperparams: Mapping[str, Any]) -> dict[str, Any]:
    """:return: all arguments of its own regulariser, by name; none if it has none"""
    names, own = inspect.signature(Regularizer).parameters, inspect.signature(algorithm).parameters
    return {name: hyperparams.get(name, own[name].default) for name in names} if names.keys() <= own.keys() else {}


def _check_policy(algo: str, algorithm: type[Any], policy: Any, policy_kwargs: Mapping[str, Any]) -> None:
    if not isinstance(policy, (str, type)):
        raise TypeError(f"policy must be a name, but {policy!r} was given.")
    if isinstance(policy, str) and "." in policy:
        policy = import_class("policy", policy)
    elif isinstance(policy, str):
        if policy not in algorithm.policy_aliases:
            raise ValueError(unknown("policy", policy, algorithm.policy_aliases))
        policy = algorithm.policy_aliases[policy]
    allowed = _arguments(policy) - {"observation_space", "action_space", "lr_schedule", "use_sde"}
    _check_keys(f"policy_kwargs of {algo}", policy_kwargs, allowed)
    for key, registry in (("std_scheme", STD_SCHEMES), ("action_distribution", ACTION_DISTRIBUTIONS)):
        if key in policy_kwargs:
            check_choice(key, policy_kwargs[key], registry.keys())
    options = policy_kwargs.get("std_scheme_kwargs")
    if options is not None:
        if not isinstance(options, Mapping):
            raise TypeError(f"std_scheme_kwargs must be a mapping, but {options!r} was given.")
        STD_SCHEMES.check_options(policy_kwargs.get("std_scheme", "global"), options, SUPPLIED)
