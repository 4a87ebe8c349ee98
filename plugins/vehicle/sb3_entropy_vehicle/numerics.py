"""
The same formula for one number and for many: what ``math`` and NumPy have in common, and the Runge–Kutta step.

An equation of this package is written once. With :data:`FLOATS` it is evaluated on Python's floats, which is what one
environment does, four times faster than NumPy on arrays of one; with :data:`ARRAYS` on arrays of shape (N,), which is
what a batch does. NumPy's vectorised functions may round the last digit differently.

Of arrays this short it is the calls that cost. A constant is therefore kept in both forms (:func:`both`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: a float, or an array of shape (N,)
Number = Any
#: the numbers that a state has; of many, an array of shape (numbers, N)
State = Any
Function = Callable[[Number], Number]


class Constants:
    """Numbers as attributes of an object of Python's own, which it reads fastest."""

    def __init__(self, numbers: Mapping[str, Any]):
        for name, number in numbers.items():
            setattr(self, name, number)


def both(**numbers: float) -> dict[bool, Any]:
    """
    :param numbers: constants of a formula
    :return: them, as attributes, by :attr:`Ops.many`: floats, and arrays without axes, which NumPy takes faster
    """
    floats = {name: float(number) for name, number in numbers.items()}
    return {False: Constants(floats), True: Constants({name: np.array(number) for name, number in floats.items()})}


def bounds(low: Sequence[float], high: Sequence[float]) -> dict[bool, Any]:
    """
    :param low: the least value of each number of a state
    :param high: the greatest
    :return: them as :attr:`Ops.bounded` takes them, by :attr:`Ops.many`
    """
    columns = (np.array(low, np.float64)[:, None], np.array(high, np.float64)[:, None])
    return {False: list(zip(low, high, strict=True)), True: columns}


@dataclass(frozen=True)
class Ops:
    """
    Functions of numbers.

    :param many: whether they are arrays
    :param where: one or the other by a condition; both are evaluated
    :param whole: towards zero, as an index
    :param stack: the numbers of a state, one after the other, as a state
    :param bounded: the numbers of a state, each within its :func:`bounds`
    :param const: constants that every formula may need: ``zero``, ``half``, ``one``, ``two``, π as ``pi``, 2π as
        ``turn``, and −1 as ``minus_one``
    """

    many: bool
    sin: Function
    cos: Function
    tan: Function
    asin: Function
    atan: Function
    tanh: Function
    sqrt: Function
    floor: Function
    whole: Function
    minimum: Callable[[Number, Number], Number]
    maximum: Callable[[Number, Number], Number]
    where: Callable[[Any, Number, Number], Number]
    stack: Callable[[Sequence[Number]], State]
    bounded: Callable[[Sequence[Number], Any], State]
    const: Any

    def clip(self, number: Number, low: Number, high: Number) -> Number:
        """:return: the number, or the bound that it passes"""
        return self.minimum(self.maximum(number, low), high)

    def wrapped(self, angle: Number) -> Number:
        """:return: the angle plus the multiple of 2π that brings it into [−π, π)"""
        c = self.const
        return angle - c.turn * self.floor((angle + c.pi) / c.turn)


def _less(a: float, b: float) -> float:
    return a if a < b else b


def _greater(a: float, b: float) -> float:
    return a if a > b else b


def _choose(condition: bool, one: float, other: float) -> float:
    return one if condition else other


def _indices(numbers: Any) -> Any:
    return numbers.astype(np.int64)


def _each_bounded(numbers: Sequence[float], bounds: Sequence[tuple[float, float]]) -> list[float]:
    return [
        low if number < low else high if number > high else number
        for number, (low, high) in zip(numbers, bounds, strict=True)
    ]


def _all_bounded(numbers: Sequence[Any], bounds: tuple[Any, Any]) -> Any:
    return np.minimum(np.maximum(np.array(numbers), bounds[0]), bounds[1])


_CONSTANTS = both(zero=0.0, half=0.5, one=1.0, two=2.0, minus_one=-1.0, pi=math.pi, turn=2.0 * math.pi)

FLOATS = Ops(
    False,
    math.sin,
    math.cos,
    math.tan,
    math.asin,
    math.atan,
    math.tanh,
    math.sqrt,
    math.floor,
    int,
    _less,
    _greater,
    _choose,
    list,
    _each_bounded,
    _CONSTANTS[False],
)
ARRAYS = Ops(
    True,
    np.sin,
    np.cos,
    np.tan,
    np.arcsin,
    np.arctan,
    np.tanh,
    np.sqrt,
    np.floor,
    _indices,
    np.minimum,
    np.maximum,
    np.where,
    np.array,
    _all_bounded,
    _CONSTANTS[True],
)


def rk4(derivative: Callable[[State], State], state: State, h: float) -> State:
    """
    One step of the classical Runge–Kutta method, whose error falls with h⁴.

    :param derivative: of the state by time, for inputs that are held
    :param state: where to begin: a list of numbers, or an array of shape (numbers, N)
    :param h: the length of the step, in s
    :return: the state after it
    """
    half, sixth = h / 2.0, h / 6.0
    if isinstance(state, np.ndarray):
        k1 = np.array(derivative(state))
        k2 = np.array(derivative(state + half * k1))
        k3 = np.array(derivative(state + half * k2))
        k4 = np.array(derivative(state + h * k3))
        return state + sixth * (k1 + 2.0 * (k2 + k3) + k4)
    k1 = derivative(state)
    k2 = derivative([x + half * k for x, k in zip(state, k1, strict=True)])
    k3 = derivative([x + half * k for x, k in zip(state, k2, strict=True)])
    k4 = derivative([x + h * k for x, k in zip(state, k3, strict=True)])
    return [x + sixth * (a + 2.0 * (b + c) + d) for x, a, b, c, d in zip(state, k1, k2, k3, k4, strict=True)]
