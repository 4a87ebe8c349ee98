"""What a landscape of Q is, in arrays, in numbers and in sentences."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from gymnasium import spaces

from sb3_entropy.landscape.q.planes import Planes
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

    def numbers(self) -> dict[str, float]:
        """
        Means over the states; without soft critics only those of plain Q.

        :return: ``gap``, see :attr:`gaps`; ``gap_share``, the sum of gaps over the sum of ranges of plain Q;
            ``gap_judged``, the mean of critical states' gaps by critics that have not chosen them; ``distance`` of the
            maxima, in the coordinates of [−1, 1]; ``gradient_cosine`` of ∇ₐQ_soft and ∇ₐQ_plain at the mode;
            ``plain_range``; ``plain_slope``, ``…_bend``, ``…_maxima`` and on a line ``…_variation``, see
            :class:`~sb3_entropy.landscape.q.smoothness.Smoothness`; ``plain_spread`` of critics over the range, if
            there are several; the same of ``soft``; ``far_share`` of the grid, if that is known
        """
        found: dict[str, float] = {}
        if self.soft is not None and self.gaps is not None:
            found["gap"] = float(self.gaps.mean())
            found["gap_share"] = _ratio(float(self.gaps.sum()), float(self.plain.ranges.sum()))
            if self.states.gaps is not None:
                found["gap_judged"] = float(self.states.gaps.mean())
            found["distance"] = float(np.linalg.norm(self.plain.best - self.soft.best, axis=1).mean())
            found["gradient_cosine"] = self.gradient_cosine
        for which, surface in self.surfaces.items():
            each = self.smoothness(which)
            found[f"{which}_range"] = float(surface.ranges.mean())
            found[f"{which}_slope"] = float(np.mean([one.slope for one in each]))
            found[f"{which}_bend"] = float(np.mean([one.bend for one in each]))
            found[f"{which}_maxima"] = float(np.mean([one.n_maxima for one in each]))
            if self.planes.n_axes == 1:
                found[f"{which}_variation"] = float(np.mean([one.variation for one in each]))
            inside = np.isfinite(surface.values)
            if np.isfinite(surface.spread).any():
                means = [float(spread[at].mean()) for spread, at in zip(surface.spread, inside, strict=True)]
                found[f"{which}_spread"] = _ratio(float(np.sum(means)), float(surface.ranges.sum()))
        if self.far is not None:
            found["far_share"] = float(self.far[np.isfinite(self.plain.values)].mean())
        return found

    @property
    def gradient_cosine(self) -> float:
        """:return: the mean over states of the cosine of ∇ₐQ_soft and ∇ₐQ_plain at the mode; NaN where one is 0"""
        if self.soft is None:
            return float("nan")
        a, b = self.soft.gradient, self.plain.gradient
        lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        cosines = (a * b).sum(axis=1)[lengths > 0] / lengths[lengths > 0]
        return float(cosines.mean()) if cosines.size else float("nan")

    def sentences(self) -> list[str]:
        """:return: what can be said, with the numbers that it rests on"""
        return [*self._on_gaps(), *self._on_states(), *self._on_surfaces(), *self._on_planes()]

    def _on_gaps(self) -> Iterator[str]:
        if self.soft is None or self.gaps is None:
            yield "There are no soft critics of this policy: plain Q alone is drawn."
            return
        numbers = self.numbers()
        for name, gap, width in zip(self.states.names, self.gaps, self.plain.ranges, strict=True):
            yield (
                f"{_upper(name)}: where soft Q is greatest, plain Q is {gap:.3g} below its own greatest, "
                f"{100 * _ratio(float(gap), float(width)):.3g} % of its range of {width:.3g}."
            )
        yield (
            f"Over {_counted(len(self.states), 'state')} that is {100 * numbers['gap_share']:.3g} % of the range. A "
            "greatest value of noisy critics is too great, and so is this: sb3-entropy probe misleading gives a score "
            "without that bias, with an interval."
        )
        if np.isfinite(numbers["gradient_cosine"]):
            yield (
                "At the mode the gradients of soft and plain Q have a cosine of "
                f"{numbers['gradient_cosine']:.2f} on average: 1 is the same direction, −1 the opposite one.".replace(
                    " -", " −"
                )
            )

    def _on_states(self) -> Iterator[str]:
        states = self.states
        if states.gaps is None:
            return
        gaps = ", ".join(f"{gap:.3g}".replace("-", "−") for gap in states.gaps)
        if states.chosen_by == states.judged_by:
            yield (
                f"The states are those of {states.among} with the greatest gaps, {gaps}. The same critics have chosen "
                "and judged, so that some of it is noise; fit several for an honest judgement."
            )
        else:
            yield (
                f"The states are those of {states.among} whose gaps are greatest by one critic of "
                f"{1 + len(states.judged_by)}; by the others, which have not chosen, they are {gaps}: of noise alone "
                "they would be 0 on average."
            )

    def _on_surfaces(self) -> Iterator[str]:
        numbers = self.numbers()
        for which in self.surfaces:
            spread = numbers.get(f"{which}_spread")
            told = "" if spread is None else f" Its critics differ in shape by {100 * spread:.3g} % of the range."
            yield (
                f"{which.capitalize()} Q: slope {numbers[f'{which}_slope']:.3g}, bend {numbers[f'{which}_bend']:.3g}, "
                f"local maxima {numbers[f'{which}_maxima']:.3g} on average.{told}"
            )
        if self.soft is not None:
            smoother = {name: numbers[f"soft_{name}"] < numbers[f"plain_{name}"] for name in ("slope", "bend")}
            if len(set(smoother.values())) == 1:
                yield f"By both slope and bend {'soft' if smoother['slope'] else 'plain'} Q is the smoother one."
            else:
                lower, other = ("slope", "bend") if smoother["slope"] else ("bend", "slope")
                yield f"Soft Q has the lower {lower} of the two, plain Q the lower {other}."
        if numbers.get("far_share", 0.0) > 0:
            yield (
                f"{100 * numbers['far_share']:.3g} % of the actions are far from the data that the critics were made "
                "from, and hatched: what is drawn there is a guess."
            )

    def _on_planes(self) -> Iterator[str]:
        planes = self.planes
        if planes.coordinates_of is None:
            for letter, direction in zip("uv", planes.directions[0], strict=False):
                order = np.argsort(-np.abs(direction))[:3]
                parts = ", ".join(f"{direction[i]:.2f} action[{i}]".replace("-", "−") for i in order)
                where = "In the first state" if planes.kind == "greedy" else "In every state"
                yield f"{where} {letter} is above all {parts}."
        if planes.shifts.any():
            names = [name for name, shift in zip(self.states.names, planes.shifts, strict=True) if shift]
            yield (
                f"The mode lies in a corner of the box, where the plane would be little more than a point, in "
                f"{', '.join(names)}: there the plane goes through a point nearer to the middle."
            )


def centred(values: np.ndarray) -> np.ndarray:
    """
    :param values: on grids, shape (S, R) or (S, R, R)
    :return: them, each grid less its mean
    """
    flat = values.reshape(len(values), -1)
    return np.asarray((flat - np.nanmean(flat, axis=1, keepdims=True)).reshape(values.shape))


def _ratio(part: float, whole: float) -> float:
    """:return: part/whole, 0/0 = 0"""
    return part / whole if whole > 0 else 0.0


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
