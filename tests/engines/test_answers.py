"""What an actor answers from another process, here from this one."""

from pickle import UnpicklingError

import engine_functions as f
import pytest

from sb3_entropy.engines.answers import RemoteTraceback, construct, invoke, read_answer
from sb3_entropy.engines.calls import plain_dumps


def ask(thing, method, *args, **kwargs):
    return read_answer(invoke(thing, plain_dumps((method, args, kwargs))))


def test_values_and_exceptions():
    counter, failed = construct(plain_dumps((f.Counter, (1,), {"step": 3})))
    assert failed is None
    assert ask(counter, "add", times=2) == 7
    with pytest.raises(KeyError, match="nothing") as caught:
        ask(counter, "fail")
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert "in fail\n" in str(caught.value.__cause__)
    with pytest.raises(RuntimeError, match="SystemExit: enough"):
        ask(counter, "leave")
    with pytest.raises(RuntimeError, match="StrangeError: ab"):
        ask(counter, "strange")
    with pytest.raises(TypeError, match="The result cannot be sent back"):
        ask(counter, "unpicklable")
    with pytest.raises(TypeError, match="The result cannot be read here"):
        read_answer(b"not a pickle")


def test_constructor_that_fails():
    nothing, failed = construct(plain_dumps((f.Counter, (-1,), {})))
    assert nothing is None
    with pytest.raises(ValueError, match="start must not be negative, but is -1"):
        read_answer(failed)
    _, failed = construct(b"not a pickle")
    with pytest.raises(UnpicklingError, match="invalid load key"):
        read_answer(failed)
