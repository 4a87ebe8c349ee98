"""An objective at many points: kept one by one in a store, so that what was interrupted goes on with the rest."""

import hashlib
import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from typing import Any

import numpy as np

from sb3_entropy.errors import check_number
from sb3_entropy.landscape.objectives.base import NotFiniteError, Objective
from sb3_entropy.store import Evaluation, Evaluations, Store

#: raised when a key means something else than before
PROTOCOL = 1
#: episodes of one entry of the store: a probe with more of them finds the first ones again
BLOCK = 8
#: candidates at a time, at most: a kill loses these
CHUNK = 256


@dataclass(frozen=True)
class Point:
    """
    A point of the space of parameters.

    :param place: plain data that says where it is, for a reader of the store
    :param theta: its parameters, shape (P,)
    """

    place: Mapping[str, Any]
    theta: np.ndarray


class Evaluator:
    """
    :param objective: what is evaluated
    :param store: where returns are found and kept, one entry a point and block of episodes; None to keep nothing
    :param chunk: candidates at a time, by which memory is bounded; None for as many as the objective plays at once, so
        that a kill loses little
    :param watch: told how many of how many episodes there are, after each chunk
    :raises ValueError: if nothing tells the objective from others in the store
    """

    def __init__(
        self,
        objective: Objective,
        store: Store | None = None,
        *,
        chunk: int | None = None,
        watch: Callable[[int, int], None] | None = None,
    ):
        chunk = _at_once(objective) if chunk is None else chunk
        check_number("chunk", chunk, low=1, integer=True)
        self.objective, self.chunk, self.watch = objective, int(chunk), watch
        self.kept = None if store is None else Evaluations(store)
        if store is not None:
            objective.check_can_be_kept()
        self._what = {"landscape": PROTOCOL, "code": code(), "objective": digest(objective.describe())}
        self._is_new = True

    def returns(self, points: Iterable[Point], n_points: int, n: int, first: int = 0) -> np.ndarray:
        """
        :param points: K of them, made one after another
        :param n_points: K
        :param n: how many episodes; one if the objective is exact
        :param first: the number of the first of them
        :return: returns, shape (K, n), float64
        :raises NotFiniteError: if a return is not finite; what was finite is kept
        :raises StoreError: if the store cannot be written
        """
        n, first = (1, 0) if self.objective.is_exact else (n, first)
        blocks = [range(start, min(start + BLOCK, first + n)) for start in range(first, first + n, BLOCK)]
        found = np.empty((n_points, n))
        done, remaining = 0, iter(points)
        while some := list(islice(remaining, self.chunk)):
            found[done : done + len(some)] = self._chunk(some, blocks)
            done += len(some)
            if self.watch is not None:
                self.watch(done * n, n_points * n)
        if done != n_points:
            raise ValueError(f"{n_points} points were announced, but {done} were given.")
        return found

    def _chunk(self, points: Sequence[Point], blocks: Sequence[range]) -> np.ndarray:
        """:return: returns, shape (K, n)"""
        keys = [[self._key(point, block) for block in blocks] for point in points]
        first = blocks[0].start
        returns = np.full((len(points), blocks[-1].stop - first), np.nan)
        if self.kept is not None:
            kept = iter(self.kept.read([key for row in keys for key in row]))
            for row in range(len(points)):
                for block in blocks:
                    evaluation = next(kept)
                    if evaluation is not None:
                        returns[row, _of(block, first)] = evaluation.results["return"]
            if self._is_new and np.isnan(returns).all():
                self._warn_of_other_code(self.kept)
            self._is_new = False
        for missing, rows in _alike(np.isnan(returns)):
            columns = np.flatnonzero(missing)
            thetas = np.stack([points[row].theta for row in rows])
            failure = None
            try:
                evaluated = self.objective.evaluate(thetas, (first + columns).tolist())
            except NotFiniteError as error:
                evaluated, failure = error.evaluated, error
            returns[np.ix_(rows, columns)] = evaluated.returns
            lengths = np.zeros((len(rows), len(missing)))
            lengths[:, columns] = evaluated.lengths
            if self.kept is not None:
                self.kept.add(
                    Evaluation(
                        keys[row][b], {"return": values.tolist(), "length": lengths[i, _of(block, first)].tolist()}
                    )
                    for i, row in enumerate(rows)
                    for b, block in enumerate(blocks)
                    if missing[block.start - first] and np.isfinite(values := returns[row, _of(block, first)]).all()
                )
            if failure is not None:
                raise failure
        return returns

    def _warn_of_other_code(self, kept: Evaluations) -> None:
        others = {str(key.get("code")) for key in kept.keys({"landscape": PROTOCOL})} - {self._what["code"]}
        if others:
            warnings.warn(
                f"The store has evaluations that were made by other code ({'; '.join(sorted(others))}), which are left "
                f"as they are and not used: this is {self._what['code']}.",
                stacklevel=5,
            )

    def _key(self, point: Point, block: range) -> dict[str, Any]:
        theta = np.ascontiguousarray(point.theta, dtype=np.float64)
        return {
            **self._what,
            "theta": hashlib.sha256(theta.tobytes()).hexdigest()[:20],
            "place": dict(point.place),
            "episodes": [block.start, block.stop],
        }


def _at_once(objective: Objective) -> int:
    """:return: how many candidates it plays at a time, in all processes together"""
    n_candidates, engine = getattr(objective, "n_candidates", CHUNK), getattr(objective, "engine", None)
    return int(min(CHUNK, n_candidates * (1 if engine is None else engine.workers)))


def _of(block: range, first: int) -> slice:
    """:return: its columns"""
    return slice(block.start - first, block.stop - first)


def _alike(missing: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """:return: what is missing, a mask of the shape (n,), and the rows that miss just that"""
    for pattern in np.unique(missing, axis=0):
        if pattern.any():
            yield pattern, np.flatnonzero((missing == pattern).all(axis=1))


def code() -> str:
    """:return: versions of what computes: others may give other numbers"""
    return ", ".join(f"{name} {version(name)}" for name in ("sb3-entropy", "stable-baselines3", "numpy", "torch"))


def digest(description: Mapping[str, Any]) -> str:
    """
    :param description: plain data
    :return: what stands for it in a key
    """
    text = json.dumps(description, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:20]
