"""Which of all combinations the quick tests try: every value of every factor with every value of every other one."""

import heapq
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import pytest


def named(value: Any) -> str:
    """:return: a value's name in that of a test"""
    return "-".join(map(named, value)) if isinstance(value, tuple) else getattr(value, "__name__", str(value))


def of(row: Iterable[Any]) -> set[tuple[int, int, Any, Any]]:
    """:return: the pairs of a combination, with the places at which they stand"""
    return {(i, j, a, b) for (i, a), (j, b) in itertools.combinations(enumerate(row), 2)}


def covering(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """:return: a few of them, in which there is every pair that there is in any: each adds as many as one can"""
    pairs = list(map(of, rows))
    left = set().union(*pairs)
    # What a row adds only shrinks, so that one whose number still holds when it comes first is the first of the best.
    queue = [(-len(held), place) for place, held in enumerate(pairs)]
    heapq.heapify(queue)
    chosen = []
    while left:
        said, place = heapq.heappop(queue)
        adds = len(pairs[place] & left)
        if adds == -said:
            chosen.append(place)
            left -= pairs[place]
        elif adds:
            heapq.heappush(queue, (-adds, place))
    return [rows[place] for place in sorted(chosen)]


def combinations(*factors: Iterable[Any], allowed: Callable[..., bool] = lambda *row: True) -> list[Any]:
    """
    :param factors: of each, the values by their names, such as are compared
    :param allowed: whether a combination can be
    :return: all combinations; those that add no pair are slow
    """
    rows = [row for row in itertools.product(*factors) if allowed(*row)]
    quick = set(covering(rows))
    return [
        pytest.param(*row, id="-".join(map(named, row)), marks=() if row in quick else pytest.mark.slow) for row in rows
    ]
