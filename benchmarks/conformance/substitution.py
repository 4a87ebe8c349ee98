"""Which classes take the place of which, in each of the modes, and under which names tests find them."""

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from stable_baselines3 import SAC

from sb3_entropy.algorithms.common.parents import stock_parent
from sb3_entropy.registry import ALGORITHMS

#: Our on-policy class for each stock one: the soft one, where several extend the same.
OURS: dict[str, type] = {
    parent.__name__: cls
    for cls, parent in ((cls, stock_parent(cls)) for _, cls in ALGORITHMS.items())
    if parent is not None and cls.__name__ == f"S{parent.__name__}"
}
#: What a mode means, for the reader of the report.
MODES = {
    "zero": "our on-policy classes, whose `ent_coef` defaults to 0 here",
    "defaults": "our on-policy classes as they are",
    "minimum": 'SDDPG in the place of SAC, whose `actor_critic` defaults to `"minimum"` here',
    "sddpg": "SDDPG in the place of SAC",
    "sac_adaent": "SACAdaEnt in the place of SAC",
    "control": "subclasses of theirs that change nothing but the name",
}
#: Where the stock classes are defined, ``stable_baselines3.ppo.ppo``; our own classes, and loading, need them there.
DEFINED_IN = {
    **{name: str(stock_parent(cls).__module__) for name, cls in OURS.items()},
    SAC.__name__: SAC.__module__,
}
#: The public modules from which a test may import them, ``stable_baselines3`` and ``stable_baselines3.ppo``.
OFFERED_BY = {name: (module.split(".")[0], module.rpartition(".")[0]) for name, module in DEFINED_IN.items()}


def stock_classes() -> dict[str, type]:
    """:return: the classes of Stable-Baselines3 and sb3-contrib, by name, whether or not they are substituted"""
    return {name: getattr(importlib.import_module(module), name) for name, module in DEFINED_IN.items()}


def substitutes(mode: str) -> dict[str, type]:
    """
    :param mode: one of :data:`MODES`
    :return: the classes that take the place of the stock ones, by the stock name
    :raises ValueError: if there is no such mode
    """
    if mode not in MODES:
        raise ValueError(f"Unknown mode {mode!r}. Available: {', '.join(MODES)}.")
    if mode == "control":
        stock = stock_classes()
        named = {**{name: cls.__name__ for name, cls in OURS.items()}, "SAC": "SDDPG"}
        return {name: _subclass(stock[name], ours) for name, ours in named.items()}
    if mode == "zero":
        return {name: _with_defaults(cls, lambda given: {"ent_coef": 0.0}) for name, cls in OURS.items()}
    if mode == "defaults":
        return dict(OURS)
    return {"SAC": _with_defaults(*IN_PLACE_OF_SAC[mode])}


def counterparts(mode: str) -> dict[str, str]:
    """
    :param mode: one of :data:`MODES`
    :return: our classes' names, by the names of the stock classes whose place they take
    :raises ValueError: if there is no such mode
    """
    return {name: cls.__name__ for name, cls in substitutes(mode).items()}


def install(classes: dict[str, type]) -> None:
    """
    Put classes in the place of the stock ones, wherever a test may import them from.

    :param classes: the substitutes, by the stock name
    """
    for name, cls in classes.items():
        for module in OFFERED_BY[name]:
            setattr(importlib.import_module(module), name, cls)


def _subclass(cls: type, name: str, **attributes: Any) -> type:
    """A subclass that can be pickled by reference, as the real ones can."""
    made = type(name, (cls,), {"__module__": __name__, "__doc__": cls.__doc__, **attributes})
    globals()[name] = made
    return made


def _with_defaults(cls: type, defaults: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> type:
    """
    A subclass of the same name, some of whose arguments have other defaults; one that a test names stays as it is.

    :param defaults: of the arguments that are given, by name
    """
    constructor = cls.__init__
    signature = inspect.signature(constructor)

    @functools.wraps(constructor)
    def construct(self: Any, *args: Any, **kwargs: Any) -> None:
        given = signature.bind_partial(self, *args, **kwargs).arguments
        constructor(self, *args, **{**{n: v for n, v in defaults(given).items() if n not in given}, **kwargs})

    return _subclass(cls, cls.__name__, __init__=construct)


def _fitting_batch(given: Mapping[str, Any]) -> dict[str, Any]:
    """Ours refuse a batch that the replay buffer has no room for, and several tests have 256 of the last 100."""
    return {"batch_size": min(256, given.get("buffer_size", 256))}


#: By mode: a class, and the defaults that it has there.
IN_PLACE_OF_SAC: dict[str, tuple[type, Callable[[Mapping[str, Any]], Mapping[str, Any]]]] = {
    "minimum": (ALGORITHMS.get("sddpg"), lambda given: {"actor_critic": "minimum", **_fitting_batch(given)}),
    "sddpg": (ALGORITHMS.get("sddpg"), _fitting_batch),
    "sac_adaent": (ALGORITHMS.get("sac_adaent"), _fitting_batch),
}
