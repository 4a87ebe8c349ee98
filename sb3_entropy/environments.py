"""
Environments by whatever Gymnasium takes for an id, and the packages that register them.

``gymnasium.make`` takes ``CartPole-v1``, ``CartPole`` (its latest version) and ``my_package:namespace/My-v0`` (which
imports ``my_package`` first); ``gymnasium.spec`` and the registry know the first alone.
"""

import importlib
import re
import sys
from collections.abc import Iterable

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec, find_highest_version, get_env_id, parse_env_id

from sb3_entropy.registry import find_env


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
        except Exception as error:
            raise ValueError(
                f"The package {package!r}, which is to register environments, cannot be imported: "
                f"{type(error).__name__}: {error}. Install it, or call the command in the folder that holds it."
            ) from error


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
