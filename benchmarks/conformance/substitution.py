"""Which classes take the place of which, in each of the modes, and under which names tests find them."""

import functools
import importlib
import inspect
from typing import Any

from sb3_entropy.algorithms.common.parents import stock_parent
from sb3_entropy.registry import ALGORITHMS

#: Our class for each stock one: the soft one, where several extend the same.
OURS: dict[str, type] = {
    parent.__name__: cls
    for cls, parent in ((cls, stock_parent(cls)) for _, cls in ALGORITHMS.items())
    if parent is not None and cls.__name__ == f"S{parent.__name__}"
}
#: Their names.
COUNTERPART = {name: cls.__name__ for name, cls in OURS.items()}
#: Where the stock classes are defined, ``stable_baselines3.ppo.ppo``; our own classes, and loading, need them there.
DEFINED_IN = {name: str(stock_parent(cls).__module__) for name, cls in OURS.items()}
#: The public modules from which a test may import them, ``stable_baselines3`` and ``stable_baselines3.ppo``.
OFFERED_BY = {name: (module.split(".")[0], module.rpartition(".")[0]) for name, module in DEFINED_IN.items()}
#: What a mode means, for the reader of the report.
MODES = {
    "zero": "our classes, whose `ent_coef` defaults to 0 here",
    "defaults": "our classes as they are",
    "control": "subclasses of theirs that change nothing but the name",
}


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
        return {name: _subclass(stock[name], ours) for name, ours in COUNTERPART.items()}
    if mode == "zero":
        return {name: _without_entropy(cls) for name, cls in OURS.items()}
    return dict(OURS)


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


def _without_entropy(cls: type) -> type:
    """A subclass of the same name whose ``ent_coef`` defaults to 0; one that a test names stays as it is."""
    constructor = cls.__init__
    signature = inspect.signature(constructor)

    @functools.wraps(constructor)
    def construct(self: Any, *args: Any, **kwargs: Any) -> None:
        if "ent_coef" not in signature.bind_partial(self, *args, **kwargs).arguments:
            kwargs["ent_coef"] = 0.0
        constructor(self, *args, **kwargs)

    return _subclass(cls, cls.__name__, __init__=construct)
