"""
Environments by whatever Gymnasium takes for an id, the plugins that offer them, and the packages that register them.

A plugin names a function without arguments that calls ``gymnasium.register``::

    [project.entry-points."sb3_entropy.envs"]
    my_envs = "my_package:register"

``gymnasium.make`` takes ``CartPole-v1``, ``CartPole`` (its latest version) and ``my_package:namespace/My-v0`` (which
imports ``my_package`` first); ``gymnasium.spec`` and the registry know the first alone.
"""

import importlib
import re
import sys
import warnings
from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec, find_highest_version, get_env_id, parse_env_id

from sb3_entropy.errors import unknown
from sb3_entropy.registry import report_broken

ENV_GROUP = "sb3_entropy.envs"

_plugin_envs: dict[str, list[str]] = {}
_called: set[tuple[str, str]] = set()
_named: set[str] = set()


def register_envs() -> dict[str, list[str]]:
    """
    Register the environments of every installed plugin with Gymnasium. Calling it again does nothing more.

    Gymnasium ≥ 1.0 reads no entry points; this walks our own group, ``sb3_entropy.envs``. Each plugin's function is
    called once. One that fails is reported by name in a warning, and the others are registered all the same.

    :return: the ids that each plugin registered, by the plugin's name
    """
    for entry_point in entry_points(group=ENV_GROUP):
        # Two packages may have given their plugins one name: both are called, and listed under it.
        if (entry_point.name, entry_point.value) in _called:
            continue
        _called.add((entry_point.name, entry_point.value))
        listed = _plugin_envs.setdefault(entry_point.name, [])
        before = set(gym.registry)
        try:
            register = entry_point.load()
            with warnings.catch_warnings():
                # A plugin that also registers on import has done so by now; doing it again must not warn.
                if set(gym.registry) != before:
                    warnings.filterwarnings("ignore", ".*Overriding environment")
                register()
        except Exception as error:
            report_broken("environment", entry_point, error)
            continue
        module = _top(entry_point.value.partition(":")[0])
        ids = {env_id for env_id, spec in gym.registry.items() if env_id not in before or _registrant(spec) == module}
        listed[:] = sorted({*listed, *ids})
    return {name: list(ids) for name, ids in _plugin_envs.items()}


def find_env(env: Any) -> Any:
    """
    Make sure that an environment's id can be made, asking the plugins if Gymnasium does not know it.

    :param env: an id, or anything else, which is handed back as it is
    :return: ``env``
    :raises ValueError: if it is an id that neither Gymnasium nor a plugin knows
    """
    if not isinstance(env, str) or env in gym.registry:
        return env
    plugins = register_envs()
    # "module:namespace/Name-v0" imports the module, and ids without a version find the latest: Gymnasium's own rules.
    module, _, name = env.rpartition(":")
    if module:
        try:
            importlib.import_module(module)
        except Exception as error:
            raise ValueError(
                f"The environment {env!r} names the module {module!r}, which cannot be imported: "
                f"{type(error).__name__}: {error}. Install, or mend, the package that holds it."
            ) from error
    try:
        namespace, base, version = parse_env_id(name)
        gym.spec(get_env_id(namespace, base, find_highest_version(namespace, base) if version is None else version))
    except gym.error.Error as error:
        known = {*gym.registry, *(env_id for ids in plugins.values() for env_id in ids)}
        message = unknown("environment", env, known).replace(
            f"Available: {', '.join(sorted(known))}.",
            f"Gymnasium and the installed plugins know {len(known)} ids: see `sb3-entropy list`.",
        )
        raise ValueError(message) from error
    return env


def import_packages(packages: Iterable[str], folder: str | None = None) -> None:
    """
    :param packages: modules that register environments when they are imported
    :param folder: where they may be found, besides where Python looks
    :raises ValueError: if one cannot be imported
    """
    if folder is not None and folder not in sys.path:
        sys.path.insert(0, folder)
    for package in packages:
        try:
            importlib.import_module(package)
            _named.add(_top(package))
        except Exception as error:
            raise ValueError(
                f"The package {package!r}, which is to register environments, cannot be imported: "
                f"{type(error).__name__}: {error}. Install it, or call the command in the folder that holds it."
            ) from error


def is_known(module: str) -> bool:
    """
    :param module: a module's full name
    :return: whether it is imported, and of a package that :func:`import_packages` was given or that has registered an
        environment: much else is imported, such as ``os``, for other reasons than that it is wanted here
    """
    return module in sys.modules and _top(module) in _named | {_registrant(spec) for spec in gym.registry.values()}


def _top(module: str) -> str:
    return module.partition(".")[0]


def _registrant(spec: EnvSpec) -> str:
    maker = spec.entry_point
    return _top(maker.partition(":")[0] if isinstance(maker, str) else str(getattr(maker, "__module__", "")))


def package_of(env_id: str) -> tuple[str, ...]:
    """
    :param env_id: any kind of id
    :return: the module that it names, if it names one
    """
    module, _, _ = env_id.rpartition(":")
    return (module,) if module else ()


def registered_id(env_id: str) -> str:
    """
    :param env_id: any kind of id
    :return: the one in Gymnasium's registry: no module, and with a version, if it has any
    :raises ValueError: if neither Gymnasium nor a plugin knows it
    """
    find_env(env_id)
    name = env_id.rpartition(":")[2]
    if name in gym.registry:
        return name
    namespace, base, _ = parse_env_id(name)
    return get_env_id(namespace, base, find_highest_version(namespace, base))


def full_id(env_id: str) -> str:
    """
    :param env_id: any kind of id
    :return: as :func:`registered_id`; but nothing is looked up where nothing need be, and an id that is not known here
        stays as it is, but for its module
    """
    name = env_id.rpartition(":")[2]
    if re.search(r"-v\d+$", name):
        return name
    try:
        return registered_id(env_id)
    except ValueError:
        return name


def spec_of(env_id: str) -> EnvSpec:
    """
    :param env_id: any kind of id
    :return: its registration
    :raises ValueError: if neither Gymnasium nor a plugin knows it
    """
    return gym.spec(registered_id(env_id))


def is_atari(env_id: str) -> bool:
    """
    :param env_id: any kind of id
    :return: whether it is an Atari game, as rl-zoo tells
    :raises ValueError: if neither Gymnasium nor a plugin knows it
    """
    return "AtariEnv" in str(spec_of(env_id).entry_point)
