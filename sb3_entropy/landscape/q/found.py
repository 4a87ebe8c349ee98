"""What a landscape of Q is, in arrays, in numbers and in sentences."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from gymnasium import spaces

from sb3_entropy.landscape.q.planes import Planes
from sb3_entropy.landscape.q.sentences import sentences_of
from sb3_entropy.landscape.q.smoothness import Smoothness, smoothness
from sb3_entropy.landscape.q.states import States


@dataclass(frozen=True)
class Surface:
    """
    One kind of Q over a grid of actions, NaN outside the box. A grid has the shape (S, R) on a line and (S, R, R) on a
    plane, u or a₀ first.

    :param ent_coef: α of it, 0 if it is plain
    :param values: the mean of K critics
    :param spread: the standard deviation of K critics, each lowered by its own mean on the grid: of the shape, not of
        the level; NaN if K = 1
    :param best: coordinates of the greatest of the values, shape (S, P)
    :param best_index: its index in the flattened grid, shape (S,)
    :param gradient: ∇ₐQ at the mode, the mean of the critics, shape (S, A)
    :param slope: its part in the plane, shape (S, P)
    """

    ent_coef: float
    values: np.ndarray
    spread: np.ndarray
    best: np.ndarray
    best_index: np.ndarray
    gradient: np.ndarray
    slope: np.ndarray

    @property
    def ranges(self) -> np.ndarray:
        """:return: max Q − min Q of each state, shape (S,)"""
        flat = self.values.reshape(len(self.values), -1)
        return np.asarray(np.nanmax(flat, axis=1) - np.nanmin(flat, axis=1))

    @property
    def lowered(self) -> np.ndarray:
        """:return: Q less its greatest value of each state, as it is drawn"""
        flat = self.values.reshape(len(self.values), -1)
        return np.asarray((flat - np.nanmax(flat, axis=1, keepdims=True)).reshape(self.values.shape))


@dataclass(frozen=True)
class QLandscape:
    """
    What :func:`~sb3_entropy.landscape.q.surface.q_landscape` has found.

    :param name: whose landscape it is
    :param remarks: sentences that belong to its title
    :param states: in which states
    :param planes: over which actions
    :param grid: coordinates along each axis, shape (S, P, R)
    :param action_space: the environment's box
    :param plain: Q without entropy
    :param soft: Q with it; None where there are no soft critics
    :param density: π(a|s) with respect to da on [−1, 1]ᴬ, on the grid; None of a deterministic policy
    :param mode: coordinates of the policy's mode, shape (S, P)
    :param far: where the grid is far from the data that the critics were made from; None where that is not known
    :param are_own: whether the critics are the agent's own
    """

    name: str
    remarks: tuple[str, ...]
    states: States
    planes: Planes
    grid: np.ndarray
    action_space: spaces.Box
    plain: Surface
    soft: Surface | None
    density: np.ndarray | None
    mode: np.ndarray
    far: np.ndarray | None
    are_own: bool

    @property
    def steps(self) -> np.ndarray:
        """:return: the distance of neighbours along each axis, shape (S, P)"""
        return np.asarray(self.grid[:, :, 1] - self.grid[:, :, 0])

    @property
    def difference(self) -> np.ndarray | None:
        """
        Soft − plain, each less its mean on the grid: entropy that is earned later lifts all of Q_soft alike.

        :return: on the grid, or None where there are no soft critics
        """
        if self.soft is None:
            return None
        each = [centred(surface.values) for surface in (self.soft, self.plain)]
        return np.asarray(each[0] - each[1])

    @property
    def gaps(self) -> np.ndarray | None:
        """:return: max Q_plain − Q_plain(s, argmax Q_soft) on the grid, ≥ 0, shape (S,); None without soft critics"""
        if self.soft is None:
            return None
        flat = self.plain.values.reshape(len(self.states), -1)
        return np.asarray(np.nanmax(flat, axis=1) - flat[np.arange(len(flat)), self.soft.best_index])

    @property
    def surfaces(self) -> dict[str, Surface]:
        """:return: ``"plain"`` and, where there are soft critics, ``"soft"``"""
        return {"plain": self.plain} | ({} if self.soft is None else {"soft": self.soft})

    def smoothness(self, which: str) -> list[Smoothness]:
        """
        :param which: ``"plain"`` or ``"soft"``
        :return: the smoothness of this surface in each state
        """
        values = self.surfaces[which].values
        return [smoothness(each, tuple(steps)) for each, steps in zip(values, self.steps.tolist(), strict=True)]

    @cached_property
    def by_state(self) -> dict[str, np.ndarray]:
        """
        Without soft critics only what is of plain Q.

        :return: of each state, shape (S,): ``gap``, see :attr:`gaps`; ``gap_share``, over the range of plain Q;
            ``gap_judged``, of critical states by critics that have not chosen them; ``distance`` of the maxima, in the
            coordinates of [−1, 1]; ``gradient_cosine`` of ∇ₐQ_soft and ∇ₐQ_plain at the mode, NaN where one is 0;
            ``plain_range``; ``plain_slope``, ``…_bend``, ``…_maxima`` and on a line ``…_variation``, see
            :class:`~sb3_entropy.landscape.q.smoothness.Smoothness`; ``plain_spread`` of several critics, its mean over
            the range; the same of ``soft``; ``far_share`` of the grid, if that is known
        """
        found: dict[str, np.ndarray] = {}
        if self.soft is not None and self.gaps is not None:
            found["gap"] = self.gaps
            found["gap_share"] = _shares(self.gaps, self.plain.ranges)
            if self.states.gaps is not None:
                found["gap_judged"] = self.states.gaps
            found["distance"] = np.linalg.norm(self.plain.best - self.soft.best, axis=1)
            found["gradient_cosine"] = _cosines(self.soft.gradient, self.plain.gradient)
        for which, surface in self.surfaces.items():
            each = self.smoothness(which)
            found[f"{which}_range"] = surface.ranges
            found[f"{which}_slope"] = np.array([one.slope for one in each])
            found[f"{which}_bend"] = np.array([one.bend for one in each])
            found[f"{which}_maxima"] = np.array([float(one.n_maxima) for one in each])
            if self.planes.n_axes == 1:
                found[f"{which}_variation"] = np.array([one.variation for one in each])
            if np.isfinite(surface.spread).any():
                spread = np.nanmean(surface.spread.reshape(len(self.states), -1), axis=1)
                found[f"{which}_spread"] = _shares(spread, surface.ranges)
        if self.far is not None:
            inside = np.isfinite(self.plain.values).reshape(len(self.states), -1)
            far = self.far.reshape(len(self.states), -1)
            found["far_share"] = np.array([one[at].mean() for one, at in zip(far, inside, strict=True)])
        return found

    def numbers(self) -> dict[str, float]:
        """:return: means of :attr:`by_state`; ``gap_share`` is the sum of gaps over the sum of ranges of plain Q"""
        found = {name: _mean(values) for name, values in self.by_state.items()}
        if self.gaps is not None:
            found["gap_share"] = float(_shares(self.gaps.sum(), self.plain.ranges.sum()))
        return found

    def sentences(self) -> list[str]:
        """:return: what can be said, with the numbers that it rests on"""
        return sentences_of(self)


def centred(values: np.ndarray) -> np.ndarray:
    """
    :param values: on grids, shape (S, R) or (S, R, R)
    :return: them, each grid less its mean
    """
    flat = values.reshape(len(values), -1)
    return np.asarray((flat - np.nanmean(flat, axis=1, keepdims=True)).reshape(values.shape))


def _shares(parts: np.ndarray, wholes: np.ndarray) -> np.ndarray:
    """:return: parts/wholes, 0/0 = 0"""
    return np.asarray(np.divide(parts, wholes, out=np.zeros_like(wholes), where=np.asarray(wholes) > 0))


def _cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray(np.divide((a * b).sum(axis=1), lengths, out=np.full(len(a), np.nan), where=lengths > 0))


def _mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")
