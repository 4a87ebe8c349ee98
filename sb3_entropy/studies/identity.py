"""What defines a run. Two runs with one definition give the same numbers on one machine."""

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from inspect import signature
from pathlib import Path
from typing import Any

import sb3_contrib

from sb3_entropy.environments import spec_of
from sb3_entropy.presets.build import find_algorithm
from sb3_entropy.presets.stock import STOCK, is_off_policy
from sb3_entropy.registry import (
    ACTION_DISTRIBUTIONS,
    DIVERGENCES,
    KERNELS,
    MEASURES,
    REFERENCES,
    SIMILARITY_RULES,
    STD_SCHEMES,
    Registry,
)
from sb3_entropy.regularizers.coefficients import GradientShare
from sb3_entropy.regularizers.regularizer import Regularizer
from sb3_entropy.temperature import DecayedTemperature, DualTemperature, ScheduledTemperature, TunedTemperature

#: to be raised when the way in which runs are trained and evaluated changes their numbers
PROTOCOL = 1
#: what a text of ent_coef or coef makes, by its kind; off-policy, ent_coef's "auto" is another rule
_COEFFICIENTS: dict[str, type] = {
    "auto": TunedTemperature,
    "decay": DecayedTemperature,
    "lin": ScheduledTemperature,
    "share": GradientShare,
}
_BASIS = ("torch", "numpy", "stable-baselines3", "gymnasium")


def run_id(definition: Mapping[str, Any]) -> str:
    """
    :param definition: plain data
    :return: 20 hexadecimal digits of its SHA-256
    """
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def behaviour(algo: str) -> int:
    """
    :param algo: an algorithm's key
    :return: its ``behaviour_version``, which is raised when it learns otherwise than before; 0 for a stock algorithm,
        whose package's version says it
    """
    return int(getattr(find_algorithm(algo), "behaviour_version", 0))


def versions(algo: str, env_id: str, hyperparams: Mapping[str, Any], vec_env: str = "dummy") -> dict[str, str]:
    """
    :param algo: an algorithm's key
    :param env_id: an environment
    :param hyperparams: plain hyperparameters
    :param vec_env: what steps the environments
    :return: the versions of the packages that make the numbers, without our own, for which :func:`behaviour` stands
    """
    names = set(_BASIS)
    algorithm = find_algorithm(algo)
    names |= {module_package(cls.__module__) for cls in algorithm.__mro__ if cls.__module__.startswith("sb3_contrib")}
    names.add(module_package(algorithm.__module__))
    names |= environment_packages(env_id)
    if vec_env == "envpool":
        names.add("envpool")
    names |= {module_package(path) for path in _class_paths(hyperparams)}
    names |= {module_package(thing.__module__) for thing in _named_things(algo, hyperparams)}
    return installed(names)


def environment_packages(env_id: str) -> set[str]:
    """
    :param env_id: an environment
    :return: the distributions that make its numbers
    :raises ValueError: if neither Gymnasium nor a plugin knows it
    """
    entry_point = spec_of(env_id).entry_point
    module = entry_point if isinstance(entry_point, str) else getattr(entry_point, "__module__", "")
    return {"gymnasium", module_package(module), *(["mujoco"] if "mujoco" in module else [])}


def installed(names: Iterable[str]) -> dict[str, str]:
    """
    :param names: of distributions
    :return: their versions, without our own, for which the behaviours' versions stand
    """
    return {name: _version(name) for name in sorted({*names} - {"", "sb3-entropy"})}


def behaviours(algo: str, hyperparams: Mapping[str, Any]) -> dict[str, int]:
    """
    :param algo: an algorithm's key
    :param hyperparams: plain hyperparameters
    :return: by class, the ``behaviour_version`` of what they name, or leave at its default, and by name that of an
        estimator of the entropy (``estimator_versions``); those alone that have been raised, so that what has never
        changed leaves the identity of its runs as it was
    """
    found = {thing.__name__: int(getattr(thing, "behaviour_version", 1)) for thing in _named_things(algo, hyperparams)}
    policy_kwargs = hyperparams.get("policy_kwargs") or {}
    estimator = policy_kwargs.get("entropy_estimator")
    for thing in _registered([(ACTION_DISTRIBUTIONS, policy_kwargs.get("action_distribution"))]):
        found[str(estimator)] = getattr(thing, "estimator_versions", {}).get(estimator, 1)
    return {name: version for name, version in sorted(found.items()) if version > 1}


def _named_things(algo: str, hyperparams: Mapping[str, Any]) -> Iterator[Any]:
    """
    What the hyperparameters name by keys of registries, which may be another package's, and the kinds of their
    coefficients; with the algorithm's, its policy's and the regularisers' defaults.
    """
    if algo in STOCK:  # its "auto" is not ours
        return
    algorithm = find_algorithm(algo)
    own = _with_defaults(algorithm, hyperparams)
    policy = own.get("policy")
    policy_class = algorithm.policy_aliases.get(policy, policy)
    policy_kwargs = own.get("policy_kwargs") or {}
    if callable(policy_class):
        policy_kwargs = _with_defaults(policy_class, policy_kwargs)
    named = [(STD_SCHEMES, policy_kwargs.get("std_scheme"))]
    named += [(ACTION_DISTRIBUTIONS, policy_kwargs.get("action_distribution"))]
    named += [(SIMILARITY_RULES, _key(own.get("similarity_rule"), "similarity_rule"))]
    alpha, coefficients = own.get("ent_coef"), list[Any]()
    if isinstance(alpha, str) and alpha.startswith("auto") and is_off_policy(algorithm):
        yield DualTemperature
    else:
        coefficients.append(alpha)
    for rule in (own, *(_with_defaults(Regularizer, given) for given in own.get("regularizers") or [])):
        kernel = _key((rule.get("divergence_kwargs") or {}).get("kernel"), "kernel")
        named += [(DIVERGENCES, rule.get("divergence")), (REFERENCES, rule.get("reference"))]
        named += [(KERNELS, kernel)]
        coefficients.append(rule.get("coef"))
    yield from _registered(named)
    for kind in {given.partition("_")[0] for given in coefficients if isinstance(given, str)} & _COEFFICIENTS.keys():
        yield _COEFFICIENTS[kind]


def _key(given: Any, name: str) -> Any:
    """:return: the key, of a mapping that has it under a name and options beside it too"""
    return given.get(name) if isinstance(given, Mapping) else given


def _registered(named: Iterable[tuple[Registry[Any], Any]]) -> Iterator[Any]:
    for registry, key in named:
        if isinstance(key, str) and key in registry:
            yield registry.get(key)


def _with_defaults(of: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: parameter.default for name, parameter in signature(of).parameters.items()}, **given}


def _class_paths(hyperparams: Mapping[str, Any]) -> list[str]:
    """Classes that are named by their paths: wrappers of environments, features extractors, policies …"""
    policy_kwargs = hyperparams.get("policy_kwargs") or {}
    wrapper = hyperparams.get("env_wrapper") or []
    listed = [wrapper] if isinstance(wrapper, (str, Mapping)) else wrapper
    named = [name for one in listed for name in ([one] if isinstance(one, str) else one)]
    named += [hyperparams.get(key) for key in ("policy", "replay_buffer_class", "rollout_buffer_class")]
    named += policy_kwargs.values()
    return [name for name in named if isinstance(name, str) and "." in name]


def fast_that_counts(algo: str, fast: Any) -> bool:
    """
    :param algo: an algorithm's key
    :param fast: its argument of that name, as it is given
    :return: whether it makes other numbers than the default. On-policy the fast path's are the general one's, unless
        rounding is asked for; off-policy they are so within rounding, which grows
    """
    if is_off_policy(find_algorithm(algo)):
        return fast is False
    return bool(fast == "rounding")


def observers(measures: Iterable[str]) -> dict[str, int]:
    """
    :param measures: names of measures
    :return: the versions of those that look at the model during training
    """
    found = {key: MEASURES.get(key) for key in sorted(set(measures))}
    return {key: measure.version for key, measure in found.items() if measure.observer is not None}


@cache
def module_package(module: str) -> str:
    """
    :param module: a module's name, or an entry point
    :return: the distribution that it is of, by its normalised name; ours is ``sb3-entropy``
    """
    top = module.partition(":")[0].partition(".")[0]
    if top == sb3_contrib.__name__:
        return "sb3-contrib"
    if top == "sb3_entropy":
        return "sb3-entropy"
    # An editable install does not say which modules it has: its name is then the module's, as a rule.
    return _normalized(_owners().get(top, [top])[0])


def _normalized(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


@cache
def _owners() -> Mapping[str, list[str]]:
    return packages_distributions()


@cache
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return _source(name)


def _source(name: str) -> str:
    """What has no version, a module in the working folder, is known by what is in it: edited, it makes other runs."""
    module = next((sys.modules[top] for top in list(sys.modules) if "." not in top and _normalized(top) == name), None)
    folders = [Path(folder) for folder in getattr(module, "__path__", ())]
    file = getattr(module, "__file__", None)
    files = sorted(path for folder in folders for path in folder.rglob("*.py")) or ([Path(file)] if file else [])
    if not files:
        return "not installed as a package"
    return f"source {hashlib.sha256(b''.join(path.read_bytes() for path in files)).hexdigest()[:12]}"
