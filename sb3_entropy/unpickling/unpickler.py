"""A pickle read by Python's unpickler, in which a name has the use that :mod:`~sb3_entropy.unpickling.allowed` says."""

import io
import pickle
from collections.abc import Callable
from types import FunctionType
from typing import Any, ClassVar, NoReturn

from sb3_entropy.unpickling.allowed import Named, Use, find

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


def loads(pickled: bytes, where: str) -> Any:
    """
    :param pickled: a pickle of somebody's
    :param where: what it is, for messages: the file, and which part of it
    :return: what it holds
    :raises UntrustedError: if it names what is not allowed, or uses it in another way
    :raises ValueError: if it is no pickle that can be read
    """
    try:
        return _Unpickler(pickled, where).load()
    except UntrustedError:
        raise
    except Exception as error:
        raise ValueError(f"{where} is no pickle that can be read: {type(error).__name__}: {error}.") from error


_dispatch: dict[int, Callable[[Any], None]] = dict(pickle._Unpickler.dispatch)


class _Unpickler(pickle._Unpickler):  # Python's, since C's has one method to override, which cannot see a name's use
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {**_dispatch}
    stack: list[Any]

    def __init__(self, pickled: bytes, where: str):
        super().__init__(io.BytesIO(pickled))
        self._where = where

    def _refuse(self, found: str) -> NoReturn:
        raise UntrustedError(self._where, found)

    def find_class(self, module: str, name: str) -> Any:
        """:raises UntrustedError: if that is not allowed"""
        if module.partition(".")[0] == "cloudpickle":
            self._refuse(f"holds code, a function or a class by value ({module}.{name}), as old schedules are saved")
        found = find(module, name)
        if found is None:
            self._refuse(f"names {module}.{name}, which is not among the things that models are made of")
        return found

    def load_reduce(self) -> None:
        """A call: of what may be called, and nothing else."""
        arguments = self.stack.pop()
        self.stack[-1] = self._named(self.stack[-1], Use.CALLED)(*arguments)

    def load_newobj(self) -> None:
        """An instance without its constructor."""
        arguments = self.stack.pop()
        cls = self._named(self.stack[-1], Use.MADE)
        self.stack[-1] = cls.__new__(cls, *arguments)

    def load_build(self) -> None:
        """The state of an instance. A class's or a function's would be everybody's."""
        state, instance = self.stack[-1], self.stack[-2]
        if isinstance(instance, (type, FunctionType, Named)):
            self._refuse(f"changes {_name(instance)} itself")
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                for name in part:
                    if isinstance(name, str) and name.startswith("__"):
                        self._refuse(f"sets {name} of a {_name(type(instance))}, which is Python's own")
        _dispatch[pickle.BUILD[0]](self)

    def _named(self, thing: Any, use: Use) -> Any:
        if not (isinstance(thing, Named) and thing.use is use):
            self._refuse(f"uses {_name(thing)} as a thing to be {use.value}, which it is not")
        return thing.thing

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.NEWOBJ[0]] = load_newobj
    dispatch[pickle.BUILD[0]] = load_build
    for _code in (pickle.INST, pickle.OBJ, pickle.NEWOBJ_EX, pickle.EXT1, pickle.EXT2, pickle.EXT4):
        del dispatch[_code[0]]  # other ways to call something, which nothing uses here


def _name(thing: Any) -> str:
    if isinstance(thing, Named):
        return thing.name
    if isinstance(thing, (type, FunctionType)):
        return f"{thing.__module__}.{thing.__qualname__}"
    return f"a {type(thing).__name__}"
