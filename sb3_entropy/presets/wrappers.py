"""``env_wrapper``: what wraps each environment. A class by its path, one with settings, or several."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym

from sb3_entropy.presets.names import import_class


@dataclass(frozen=True)
class Wrapping:
    """
    Wraps an environment.

    :param wrappers: classes and their settings, the innermost first
    """

    wrappers: tuple[tuple[Any, dict[str, Any]], ...]

    def __call__(self, env: gym.Env[Any, Any]) -> gym.Env[Any, Any]:
        for wrapper, settings in self.wrappers:
            env = wrapper(env, **settings)
        return env


def env_wrapper(given: Any) -> Wrapping | None:
    """
    :param given: as rl-zoo has it: ``gymnasium.wrappers.FlattenObservation``, ``{path: settings}``, a class, or a list
        of these
    :return: what wraps a single environment; None if nothing does
    :raises TypeError: if it is none of these
    :raises ValueError: if there is nothing under a path
    """
    if given is None:
        return None
    return Wrapping(tuple(map(_wrapper, given if isinstance(given, list) else [given])))


def _wrapper(given: Any) -> tuple[Any, dict[str, Any]]:
    settings: Any = {}
    wrapper = given
    if isinstance(given, Mapping) and len(given) == 1:
        ((wrapper, settings),) = given.items()
    if isinstance(wrapper, str) and isinstance(settings, Mapping):
        return import_class("env_wrapper", wrapper), dict(settings)
    if isinstance(wrapper, type) and isinstance(settings, Mapping):
        return wrapper, dict(settings)
    raise TypeError(
        f"env_wrapper must be a path, a mapping from one path to its settings, or a list of these, but {given!r} was "
        "given. Mind the indentation: settings stand below their path, further in."
    )
