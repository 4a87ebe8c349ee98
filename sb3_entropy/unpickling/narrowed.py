"""
What NumPy's pickles call, for what NumPy pickles and no more. By themselves these call what the file names, or read its
bytes as what it says that they are.
"""

from typing import Any

import numpy as np
from numpy.random import BitGenerator, Generator, RandomState
from numpy.random._pickle import BitGenerators


class RefusedError(Exception):
    """What a pickle does that it may not: a sentence that goes on from its name."""


def dtype(spec: Any, *_: Any) -> np.dtype[Any]:
    """
    :param spec: its name
    :param _: that fields are not aligned, and that it is a copy
    :return: one of its own, for NumPy's are everybody's
    :raises RefusedError: if its items are Python's objects, or have fields, in which there might be some
    """
    made = np.dtype(spec, False, True) if isinstance(spec, str) else None
    if made is None or made.hasobject or made.names is not None or made.subdtype is not None:
        raise RefusedError(f"has the numpy.dtype {spec!r}, which is not one of plain numbers or texts")
    return made


def check_dtype_state(made: np.dtype[Any], state: Any) -> None:
    """
    :param made: a dtype
    :param state: what the file says of it
    :raises RefusedError: if that is more than the order of its bytes: with fields or flags, bytes become addresses
    """
    reduced: Any = made.newbyteorder(state[1]).__reduce__()
    if state != reduced[2]:
        raise RefusedError(f"changes the numpy.dtype {made.str!r} to what it is not")


def reconstruct(cls: Any, shape: Any, *_: Any) -> np.ndarray[Any, Any]:
    """
    :param cls: of which class, that is ``ndarray``
    :param shape: that it is empty
    :param _: of which dtype it is until it has its state
    :return: an array that gets its state
    :raises RefusedError: if it is not the one that every array begins as
    """
    if cls is not np.ndarray or shape != (0,):
        raise RefusedError("begins an array as NumPy does not")
    return np.ndarray((0,), np.int8)


def bit_generator(named: Any = "MT19937") -> BitGenerator:
    """
    :param named: the name of one, or its class
    :return: a new one
    :raises RefusedError: if it is another class
    """
    cls = BitGenerators.get(named) if isinstance(named, str) else named
    if not (isinstance(cls, type) and issubclass(cls, BitGenerator)):
        raise RefusedError(f"makes a generator of {getattr(named, '__qualname__', named)!r}, which is no BitGenerator")
    return cls()


def generator(of: Any = "MT19937") -> Generator:
    """
    :param of: a bit generator, or its name
    :return: a generator that draws from it
    :raises RefusedError: see :func:`bit_generator`
    """
    return Generator(of if isinstance(of, BitGenerator) else bit_generator(of))


def random_state(of: Any = "MT19937") -> RandomState:
    """
    :param of: a bit generator, or its name
    :return: a legacy generator that draws from it
    :raises RefusedError: see :func:`bit_generator`
    """
    return RandomState(of if isinstance(of, BitGenerator) else bit_generator(of))
