"""Calling a function that may fail, and sending things that may not be sendable."""

import pickle
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

from sb3_entropy.engines.base import EngineError

# A value and no error, or no value and the error's text.
Called = tuple[Any, str | None]


def call(function: Callable[[Any, Any], Any], item: Any, shared: Any) -> Called:
    """
    :param function: a function of ``item`` and ``shared``
    :param item: its first argument
    :param shared: its second
    :return: what it returned and ``None``, or ``None`` and the traceback, from the function on, of what it raised
    """
    try:
        return function(item, shared), None
    except (Exception, SystemExit) as error:
        return None, describe(error)


def describe(error: BaseException) -> str:
    """
    :param error: an exception that was caught one frame above the function that raised it
    :return: its traceback, without that frame
    """
    below = error.__traceback__.tb_next if error.__traceback__ is not None else None
    return "".join(traceback.format_exception(type(error), error, below))


def plain_dumps(thing: Any) -> bytes:
    """
    Python's own pickle. multiprocessing's would put tensors into memory that dies with the process that sent them.

    :param thing: anything
    :return: its pickle
    """
    return pickle.dumps(thing, pickle.HIGHEST_PROTOCOL)


def dump(thing: Any, what: str, dumps: Callable[[Any], bytes] = plain_dumps) -> bytes:
    """
    :param thing: what is to be sent to another process
    :param what: its name in a message
    :param dumps: what pickles
    :return: its pickle
    :raises TypeError: if it cannot be pickled
    :raises EngineError: if there is a handle in it that cannot be sent
    """
    try:
        return dumps(thing)
    except EngineError:
        raise
    except Exception as error:
        raise TypeError(
            f"{what} cannot be sent to another process: {_short(thing)} cannot be pickled "
            f"({type(error).__name__}: {error}). Use functions and classes at the top level of a module, plain data "
            "and arrays; or the engine 'serial', which sends nothing."
        ) from error


def dump_parts(thing: Any, what: str, dumps: Callable[..., bytes] = pickle.dumps) -> list[memoryview]:
    """
    :param thing: what is to be sent to another process
    :param what: its name in a message
    :param dumps: what pickles
    :return: its pickle, and the memory of each array in it, which is not copied
    :raises TypeError: if it cannot be pickled
    """
    buffers: list[pickle.PickleBuffer] = []
    data = dump(thing, what, partial(dumps, protocol=5, buffer_callback=buffers.append))
    return [memoryview(data), *(buffer.raw() for buffer in buffers)]


def dump_called(called: Called) -> bytes:
    """
    :param called: what :func:`call` returned
    :return: its pickle; that of an error if the value cannot be pickled
    """
    try:
        return plain_dumps(called)
    except Exception as error:
        return plain_dumps(
            (
                None,
                f"The result cannot be sent back: {_short(called[0])} cannot be pickled "
                f"({type(error).__name__}: {error}). Return plain data or arrays.",
            )
        )


def load_called(payload: bytes) -> Called:
    """
    :param payload: what :func:`dump_called` returned, in another process
    :return: the value and ``None``, or ``None`` and the error's text
    """
    try:
        called: Called = pickle.loads(payload)
    except Exception as error:
        return None, f"The result cannot be read here: {type(error).__name__}: {error}."
    return called


def _short(thing: Any) -> str:
    try:
        text = repr(thing)
    except Exception:
        text = "an object"
    return f"{text if len(text) <= 120 else text[:117] + '...'} ({type(thing).__name__})"
