"""A pickle read by Python's unpickler, in which a name has the use that :mod:`~sb3_entropy.unpickling.allowed` says."""

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum
from types import FunctionType, NoneType
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.random import BitGenerator, Generator, RandomState, SeedSequence

from sb3_entropy.unpickling.allowed import Named, Use, find
from sb3_entropy.unpickling.narrowed import RefusedError, check_dtype_state

_HOW = "If you would run a program of whoever made it, --trust reads it as it is, in Python trust=True."


class UntrustedError(ValueError):
    """
    What was found in a file that could run code, and where.

    :param where: the file, and which part of it
    :param found: what it does, a sentence that goes on from there
    """

    def __init__(self, where: str, found: str):
        self.finding = f"{where} {found}. It could do anything, so it was not read"
        super().__init__(f"{self.finding}. {_HOW}")


def loads(pickled: bytes, where: str, made: tuple[type, ...] = ()) -> Any:
    """
    :param pickled: a pickle of somebody's
    :param where: what it is, for messages: the file, and which part of it
    :param made: classes of which, besides, instances may come to be without their constructors, where a name on the
        list is of one of these or of its subclasses: what such a file is for
    :return: what it holds
    :raises UntrustedError: if it names what is not allowed, or uses it in another way
    :raises ValueError: if it is no pickle that can be read
    """
    try:
        unpickler = _Unpickler(io.BytesIO(pickled))
        unpickler.made = made
        return unpickler.load()
    except RefusedError as refused:
        raise UntrustedError(where, str(refused)) from None
    except Exception as error:
        raise ValueError(f"{where} is no pickle that can be read: {type(error).__name__}: {error}.") from error


_dispatch: dict[int, Callable[[Any], None]] = dict(pickle._Unpickler.dispatch)
#: opcodes that are other ways to call something, which nothing uses here
_OTHER_WAYS = ("INST", "OBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4")
#: classes of NumPy's, whose own ``__setstate__`` checks what it is given; anything else has a mapping for its state
_OWN_STATE = (np.ndarray, BitGenerator, Generator, RandomState, SeedSequence)


def _refuse(found: str) -> NoReturn:
    raise RefusedError(found)


def _refusal(found: str) -> Callable[[Any], None]:
    return lambda _: _refuse(found)


class _Unpickler(pickle._Unpickler):  # Python's, since C's has one method to override, which cannot see a name's use
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {**_dispatch}
    stack: list[Any]
    made: tuple[type, ...] = ()

    def find_class(self, module: str, name: str) -> Any:
        """:raises RefusedError: if that is not allowed"""
        if module.partition(".")[0] == "cloudpickle":
            _refuse(f"holds code, a function or a class by value ({module}.{name}), as old schedules are saved")
        found = find(module, name)
        if found is None:
            _refuse(f"names {module}.{name}, which is not among the things that models are made of")
        return found

    def load_reduce(self) -> None:
        """A call: of what may be called, and nothing else."""
        arguments = self.stack.pop()
        self.stack[-1] = self._named(self.stack[-1], Use.CALLED)(*arguments)

    def load_newobj(self) -> None:
        """An instance without its constructor."""
        arguments = self.stack.pop()
        given = self.stack[-1]
        is_wanted = isinstance(given, type) and issubclass(given, self.made)
        cls = given if is_wanted else self._named(given, Use.MADE)
        self.stack[-1] = cls.__new__(cls, *arguments)

    def load_build(self) -> None:
        """The state of an instance. A class's or a function's would be everybody's."""
        state, instance = self.stack[-1], self.stack[-2]
        if isinstance(instance, (type, FunctionType, Named, Enum)):
            _refuse(f"changes {_name(instance)} itself")
        if isinstance(instance, np.dtype):
            check_dtype_state(instance, state)
        elif not isinstance(instance, _OWN_STATE):
            for part in state if isinstance(state, tuple) else (state,):
                if type(part) not in (dict, OrderedDict, NoneType):  # another has items that are not looked through
                    _refuse(f"gives {_name(instance)} the state {_name(part)}, which is no mapping")
                for name in part or ():
                    if isinstance(name, str) and name.startswith("__"):
                        _refuse(f"sets {name} of {_name(instance)}, which is Python's own")
        _dispatch[pickle.BUILD[0]](self)

    def _named(self, thing: Any, use: Use) -> Any:
        if not (isinstance(thing, Named) and thing.use is use):
            _refuse(f"uses {_name(thing)} as a thing to be {use.value}, which it is not")
        return thing.thing

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.NEWOBJ[0]] = load_newobj
    dispatch[pickle.BUILD[0]] = load_build
    for _way in _OTHER_WAYS:
        dispatch[getattr(pickle, _way)[0]] = _refusal(f"calls something by the opcode {_way}")


def _name(thing: Any) -> str:
    if isinstance(thing, Named):
        return thing.name
    if isinstance(thing, (type, FunctionType)):
        return f"{thing.__module__}.{thing.__qualname__}"
    return f"a {type(thing).__name__}"
