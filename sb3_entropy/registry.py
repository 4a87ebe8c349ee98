"""
What can be named: algorithms, std schemes, action distributions, environments, here and in installed packages.

Ours are found by looking into the package that holds them; a third party's by its entry points::

    [project.entry-points."sb3_entropy.std_schemes"]
    my_scheme = "my_package.my_scheme:MyScheme"

    [project.entry-points."sb3_entropy.envs"]
    my_envs = "my_package:register"          # a function without arguments that calls gymnasium.register

Nothing is imported before a name is asked for.
"""

import importlib
import pkgutil
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

import gymnasium as gym
from gymnasium.envs.registration import find_highest_version, get_env_id, parse_env_id

from sb3_entropy.errors import unknown

T = TypeVar("T")
Thing = TypeVar("Thing")

ENV_GROUP = "sb3_entropy.envs"


class Registry(Generic[T]):
    """
    The named things of one kind.

    :param kind: what one of them is called in a message, e.g. ``"std scheme"``
    :param package: the package of ours whose modules hold them, one a file
    :param group: the entry-point group in which other packages offer theirs
    """

    def __init__(self, kind: str, package: str, group: str):
        self.kind = kind
        self.package = package
        self.group = group
        self._things: dict[str, T] = {}
        self._broken: dict[str, str] = {}
        self._searched = False

    def register(self, key: str) -> Callable[[Thing], Thing]:
        """
        A decorator that gives a thing of ours its name.

        :param key: the name under which users ask for it
        :raises ValueError: if another thing already has that name
        """

        def decorate(thing: Thing) -> Thing:
            self._add(key, thing)
            return thing

        return decorate

    def _add(self, key: str, thing: Any) -> None:
        held = self._things.get(key)
        if held is not None and _place(held) != _place(thing):
            raise ValueError(f"The {self.kind} {key!r} is already registered: it is {held!r}. Choose another name.")
        self._things[key] = thing

    def _search(self) -> None:
        if self._searched:
            return
        self._searched = True
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self.package}.{module.name}")
        for entry_point in entry_points(group=self.group):
            try:
                self._add(entry_point.name, entry_point.load())
            except Exception as error:
                self._broken[entry_point.name] = _report(self.kind, entry_point, error)

    def keys(self) -> list[str]:
        """:return: the names that can be asked for, sorted"""
        self._search()
        return sorted(self._things)

    def __contains__(self, key: object) -> bool:
        self._search()
        return key in self._things

    def get(self, key: str) -> T:
        """
        :param key: a name
        :return: the thing of that name
        :raises ValueError: if there is none, naming those that there are; if the plugin that offers it is broken,
            with the plugin's own error
        """
        self._search()
        if key in self._things:
            return self._things[key]
        if key in self._broken:
            raise ValueError(self._broken[key])
        raise ValueError(unknown(self.kind, key, self._things))

    def items(self) -> Iterator[tuple[str, T]]:
        """:return: names and things, sorted by name"""
        return ((key, self._things[key]) for key in self.keys())


def _place(thing: Any) -> tuple[Any, Any]:
    return getattr(thing, "__module__", None), getattr(thing, "__qualname__", thing)


def _report(kind: str, entry_point: EntryPoint, error: Exception) -> str:
    owner = f"{entry_point.dist.name} {entry_point.dist.version}" if entry_point.dist else "an installed package"
    message = (
        f"The {kind} plugin {entry_point.name!r} ({entry_point.value}, of {owner}) could not be loaded: "
        f"{type(error).__name__}: {error}. Mend or uninstall {owner}; everything else goes on without it."
    )
    warnings.warn(message, stacklevel=3)
    return message


ALGORITHMS: Registry[Any] = Registry("algorithm", "sb3_entropy.algorithms", "sb3_entropy.algorithms")
STD_SCHEMES: Registry[Any] = Registry("std_scheme", "sb3_entropy.distributions.std_schemes", "sb3_entropy.std_schemes")
ACTION_DISTRIBUTIONS: Registry[Any] = Registry(
    "action_distribution", "sb3_entropy.distributions", "sb3_entropy.action_distributions"
)
DIVERGENCES: Registry[Any] = Registry("divergence", "sb3_entropy.divergences", "sb3_entropy.divergences")
KERNELS: Registry[Any] = Registry("kernel", "sb3_entropy.divergences.kernels", "sb3_entropy.kernels")
REFERENCES: Registry[Any] = Registry("reference", "sb3_entropy.references", "sb3_entropy.references")
MEASURES: Registry[Any] = Registry("measure", "sb3_entropy.studies.measures", "sb3_entropy.measures")
JOBS: Registry[Any] = Registry("job", "sb3_entropy.studies.jobs", "sb3_entropy.jobs")
FIGURES: Registry[Any] = Registry("figure", "sb3_entropy.plots.study", "sb3_entropy.figures")

_plugin_envs: dict[str, list[str]] = {}
_called: set[tuple[str, str]] = set()


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
            _report("environment", entry_point, error)
            continue
        module = entry_point.value.partition(":")[0].partition(".")[0]
        ids = {
            env_id
            for env_id, spec in gym.registry.items()
            if env_id not in before or str(spec.entry_point).partition(":")[0].partition(".")[0] == module
        }
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
