"""What an actor in another process answers: a value, or the exception itself, with its traceback there."""

import pickle
from typing import Any

from sb3_entropy.engines.calls import describe, dump_called, load_called, plain_dumps


class RemoteTraceback(Exception):  # noqa: N818 (shown as the cause of an exception, it is not one of its own)
    """
    The cause of an exception that came from another process, whose frames cannot be sent.

    :param text: the traceback there
    """

    def __init__(self, text: str):
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"\n{self.text}"


class Raised:
    """
    An exception on its way.

    :param error: the exception
    :param text: its traceback
    """

    def __init__(self, error: BaseException, text: str):
        self.error = error
        self.text = text


def construct(payload: bytes) -> tuple[Any, bytes | None]:
    """
    :param payload: the pickle of a class, its arguments and its named arguments
    :return: the object and ``None``; or ``None`` and what every call is to answer
    """
    try:
        cls, args, kwargs = pickle.loads(payload)
        return cls(*args, **kwargs), None
    except (Exception, SystemExit) as error:
        return None, dump_raised(error)


def invoke(thing: Any, payload: bytes) -> bytes:
    """
    :param thing: an object
    :param payload: the pickle of a method's name, its arguments and its named arguments
    :return: the answer, pickled
    """
    try:
        method, args, kwargs = pickle.loads(payload)
        return dump_called((getattr(thing, method)(*args, **kwargs), None))
    except (Exception, SystemExit) as error:
        return dump_raised(error)


def dump_raised(error: BaseException) -> bytes:
    """
    :param error: what a method raised
    :return: its pickle; of a ``RuntimeError`` that says the same if it has none that can be read
    """
    text = describe(error)
    if not isinstance(error, Exception):
        # sys.exit() there must not end this process.
        error = RuntimeError(f"{type(error).__name__}: {error}")
    try:
        payload = plain_dumps((Raised(error, text), None))
        # Exceptions with arguments of their own are often written without a thought for reading them back.
        pickle.loads(payload)
    except Exception:
        payload = plain_dumps((Raised(RuntimeError(f"{type(error).__name__}: {error}"), text), None))
    return payload


def read_answer(payload: bytes) -> Any:
    """
    :param payload: what :func:`invoke` or :func:`construct` said
    :return: the value
    :raises TypeError: if the value could not be sent
    :raises Exception: what was raised there, with its traceback as the cause
    """
    value, error = load_called(payload)
    if error is not None:
        raise TypeError(error)
    if isinstance(value, Raised):
        raise value.error from RemoteTraceback(value.text)
    return value
