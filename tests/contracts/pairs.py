"""Which of all combinations the quick tests try: every value of every factor with every value of every other one."""

import itertools
from collections.abc import Callable, Collection, Iterable
from typing import Any

import pytest


def named(value: Any) -> str:
    """:return: a value's name in that of a test"""
    return "-".join(map(named, value)) if isinstance(value, tuple) else getattr(value, "__name__", str(value))


def of(row: Iterable[Any]) -> set[tuple[int, int, Any, Any]]:
    """:return: the pairs of a combination, with the places at which they stand"""
    return {(i, j, a, b) for (i, a), (j, b) in itertools.combinations(enumerate(row), 2)}


def covering(rows: list[tuple[Any, ...]], most: int | None = None) -> list[tuple[Any, ...]]:
    """
    :param rows: combinations
    :param most: how many are chosen, at most; None for as many as are needed
    :return: a few of them, in which there is every pair that there is in any: each adds as many as one can
    """
    left = set().union(*map(of, rows))
    chosen: set[tuple[Any, ...]] = set()
    while left and len(chosen) != most:
        best = max(rows, key=lambda row: len(of(row) & left))
        chosen.add(best)
        left -= of(best)
    return [row for row in rows if row in chosen]


#: how many combinations are quick of a value that inherits what is tried
A_FEW = 3


def combinations(
    *factors: Iterable[Any],
    allowed: Callable[..., bool] = lambda *row: True,
    inheriting: Collection[Any] = (),
) -> list[Any]:
    """
    :param factors: of each, the values by their names, such as are compared
    :param allowed: whether a combination can be
    :param inheriting: values of the first factor that have what is tried from others, unchanged
    :return: all combinations; slow are those that add no pair, and, of a value that inherits, all but three
    """
    rows = [row for row in itertools.product(*factors) if allowed(*row)]
    quick = set(covering([row for row in rows if row[0] not in inheriting]))
    for value in inheriting:
        quick |= set(covering([row for row in rows if row[0] == value], A_FEW))
    return [
        pytest.param(*row, id="-".join(map(named, row)), marks=() if row in quick else pytest.mark.slow) for row in rows
    ]
