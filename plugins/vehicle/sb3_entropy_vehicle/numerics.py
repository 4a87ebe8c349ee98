"""
The same formula for one number and for many: what ``math`` and NumPy have in common, and the Runge–Kutta step.

An equation of this package is written once. With :data:`FLOATS` it is evaluated on Python's floats, which is what one
environment does, four times faster than NumPy on arrays of one; with :data:`ARRAYS` on arrays of shape (N,), which is
what a batch does. NumPy's vectorised functions may round the last digit differently.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

#: a float, or an array of shape (N,)
Number = Any
#: the numbers that a state has; of many, an array of shape (numbers, N)
State = Any
Function = Callable[[Number], Number]


@dataclass(frozen=True)
class Ops:
    """
    Functions of numbers.

    :param many: whether they are arrays
    :param where: one or the other by a condition; both are evaluated
    :param whole: towards zero, as an index
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

    def clip(self, number: Number, low: float, high: float) -> Number:
        """:return: the number, or the bound that it passes"""
        return self.minimum(self.maximum(number, low), high)

    def wrapped(self, angle: Number) -> Number:
        """:return: the angle plus the multiple of 2π that brings it into [−π, π)"""
        return angle - 2.0 * math.pi * self.floor((angle + math.pi) / (2.0 * math.pi))


def _less(a: float, b: float) -> float:
    return a if a < b else b


def _greater(a: float, b: float) -> float:
    return a if a > b else b


def _choose(condition: bool, one: float, other: float) -> float:
    return one if condition else other


def _indices(numbers: Any) -> Any:
    return numbers.astype(np.int64)


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
)


def rk4(derivative: Callable[[State], State], state: State, h: float) -> State:
    """
    One step of the classical Runge–Kutta method, whose error falls with h⁴.

    :param derivative: of the state by time, for inputs that are held
    :param state: where to begin: a list of numbers, or an array whose first axis they are
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
