"""
What a pickle may name, and what for.

A pickle is a program: it names things of Python's modules, calls some and makes instances of others. Each name that is
allowed has one use. What may be *called* takes any arguments without harm. Of a class that is *made* an instance comes
to be without its constructor, so that it need not be harmless. What is *meant* stands as a value, as the class of a
policy does, and Stable-Baselines3 will call it with what the file says: networks, optimizers and buffers, which do no
more than compute.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from typing import Any, NoReturn

from gymnasium import spaces
from stable_baselines3.common.buffers import BaseBuffer
from stable_baselines3.common.noise import ActionNoise
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn
from torch.optim import Optimizer

from sb3_entropy.environments import is_known
from sb3_entropy.registry import ACTION_DISTRIBUTIONS, DIVERGENCES, KERNELS, REFERENCES, SIMILARITY_RULES, STD_SCHEMES
from sb3_entropy.unpickling import narrowed


class Use(Enum):
    """What a name may be used for."""

    CALLED = "called"
    MADE = "made"
    MEANT = "meant"


@dataclass(frozen=True)
class Named:
    """
    What stands for a name that is no value: it cannot be called by whoever finds it in the result.

    :param use: its use
    :param thing: what is named
    :param name: its full name
    """

    use: Use
    thing: Any
    name: str

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise ValueError(f"it has {self.name} as a value, which is not a thing to keep")


_NUMPY_NUMBERS = (
    "bool bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128"
)
_BY_NAME: dict[Use, dict[str, str]] = {
    Use.CALLED: {
        "builtins": "set frozenset bytearray complex slice range",
        "collections": "OrderedDict deque",
        "numpy": "dtype",
        "numpy._core.multiarray": "_reconstruct scalar",
        "numpy._core.numeric": "_frombuffer",
        "numpy.random._pickle": "__generator_ctor __bit_generator_ctor __randomstate_ctor",
        "numpy.random.bit_generator": "__pyx_unpickle_SeedSequence",
        "stable_baselines3.common.type_aliases": "TrainFrequencyUnit",
        "stable_baselines3.her.goal_selection_strategy": "GoalSelectionStrategy",
        "torch": "device",
    },
    Use.MADE: {
        "rl_zoo3.utils": "SimpleLinearSchedule",
        "stable_baselines3.common.running_mean_std": "RunningMeanStd",
        "stable_baselines3.common.type_aliases": "TrainFreq",
        "stable_baselines3.common.utils": "ConstantSchedule FloatSchedule LinearSchedule",
        "stable_baselines3.common.vec_env.vec_normalize": "VecNormalize",
    },
    Use.MEANT: {
        "numpy": f"ndarray {_NUMPY_NUMBERS}",
        "numpy.random._mt19937": "MT19937",
        "numpy.random._pcg64": "PCG64 PCG64DXSM",
        "numpy.random._philox": "Philox",
        "numpy.random._sfc64": "SFC64",
        "numpy.random.bit_generator": "SeedSequence",
        "sb3_entropy.references.frozen": "_no_learning",
    },
}
_EXACT = {
    (module, name): use for use, rows in _BY_NAME.items() for module, names in rows.items() for name in names.split()
}
#: what is called in the place of what is named
_NARROWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): narrowed.dtype,
    ("numpy._core.multiarray", "_reconstruct"): narrowed.reconstruct,
    ("numpy.random._pickle", "__bit_generator_ctor"): narrowed.bit_generator,
    ("numpy.random._pickle", "__generator_ctor"): narrowed.generator,
    ("numpy.random._pickle", "__randomstate_ctor"): narrowed.random_state,
}
_NETWORKS = (nn.Module, Optimizer, BaseBuffer)
#: classes that are defined in one of these modules, or below it, and have one of these bases
_BY_BASE: tuple[tuple[Use, str, tuple[type, ...]], ...] = (
    (Use.MADE, "gymnasium.spaces", (spaces.Space,)),
    (Use.MEANT, "torch.nn.modules", (nn.Module,)),
    (Use.MEANT, "torch.optim", (Optimizer,)),
    (Use.MADE, "stable_baselines3.common.noise", (ActionNoise,)),
    (Use.MEANT, "stable_baselines3", _NETWORKS),
    (Use.MEANT, "sb3_contrib", _NETWORKS),
    (Use.MEANT, "sb3_entropy.policies", _NETWORKS),
    (Use.MEANT, "sb3_entropy.algorithms", _NETWORKS),
    (Use.MADE, "sb3_entropy.algorithms", (object,)),
    (Use.MADE, "sb3_entropy.distributions", (object,)),
    (Use.MADE, "sb3_entropy.divergences", (object,)),
    (Use.MADE, "sb3_entropy.handed_over", (object,)),
    (Use.MADE, "sb3_entropy.policies", (object,)),
    (Use.MADE, "sb3_entropy.presets.schedules", (object,)),
    (Use.MADE, "sb3_entropy.references", (object,)),
    (Use.MADE, "sb3_entropy.regularizers", (object,)),
    (Use.MADE, "sb3_entropy.temperature", (object,)),
    (Use.MADE, "sb3_entropy.target_entropy", (object,)),
)


def find(module: str, name: str) -> Any:
    """
    :param module: a module, as a pickle names it
    :param name: what the pickle names in it
    :return: what is meant, or :class:`Named` for what may be called or made; None if it is not allowed
    """
    if not re.fullmatch(r"\w+(\.\w+)*", module) or not name.isidentifier():
        return None  # no attributes of attributes
    module = re.sub(r"^numpy\.core\b", "numpy._core", module)  # as NumPy 1 has written it
    use = _EXACT.get((module, name))
    thing = _attribute(module, name) if use else None
    if thing is None:
        use, thing = next(_by_base(module, name), (Use.MEANT, None))
    if thing is None or use is Use.MEANT:
        return thing
    return Named(use or Use.MADE, _NARROWED.get((module, name), thing), f"{module}.{name}")


def _by_base(module: str, name: str) -> Iterator[tuple[Use, type]]:
    for use, root, bases in _BY_BASE:
        if module == root or module.startswith(f"{root}."):
            thing = _class(module, name, _attribute(module, name))
            if thing is not None and issubclass(thing, bases):
                yield use, thing
    # Networks of whoever asks: of packages that are known, and nothing is imported for it.
    thing = _class(module, name, _attribute(module, name)) if is_known(module) else None
    if thing is not None and issubclass(thing, (BasePolicy, BaseFeaturesExtractor)):
        yield Use.MEANT, thing
    for registry in (DIVERGENCES, REFERENCES, KERNELS, STD_SCHEMES, ACTION_DISTRIBUTIONS, SIMILARITY_RULES):
        for _, registered in registry.items():
            if _class(module, name, registered) is not None:
                yield Use.MADE, registered


def _class(module: str, name: str, thing: Any) -> type | None:
    """:return: the thing, if it is the class that is defined under that very name"""
    if isinstance(thing, type) and (thing.__module__, thing.__qualname__) == (module, name):
        return thing
    return None


def _attribute(module: str, name: str) -> Any:
    try:
        return getattr(import_module(module), name, None)
    except ImportError:
        return None
