"""Which classes take the place of which, in each of the modes, and under which names tests find them."""

import functools
import importlib
import inspect
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
    "minimum": 'SDDPG, whose `actor_critic` defaults to `"minimum"` here, in the place of SAC',
    "sddpg": "SDDPG as it is",
    "sac_adaent": "SACAdaEnt as it is, in the place of SAC",
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
        return {name: _with_default(cls, "ent_coef", 0.0) for name, cls in OURS.items()}
    if mode == "minimum":
        return {"SAC": _with_default(ALGORITHMS.get("sddpg"), "actor_critic", "minimum")}
    return dict(OURS) if mode == "defaults" else {"SAC": ALGORITHMS.get(mode)}


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


def _with_default(cls: type, name: str, default: Any) -> type:
    """A subclass of the same name, one of whose arguments has another default; one that a test names stays."""
    constructor = cls.__init__
    signature = inspect.signature(constructor)

    @functools.wraps(constructor)
    def construct(self: Any, *args: Any, **kwargs: Any) -> None:
        if name not in signature.bind_partial(self, *args, **kwargs).arguments:
            kwargs[name] = default
        constructor(self, *args, **kwargs)

    return _subclass(cls, cls.__name__, __init__=construct)
