"""Where the car is to drive: a curve by its arc length."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sb3_entropy_vehicle.numerics import Number, Ops, both

Array = NDArray[np.float64]
#: from n numbers between 0 and 1 to n points, shape (n, 2), in m
Curve = Callable[[Array], Array]

#: distance of the points that a track is kept as, in m
SPACING = 0.1
#: the least radius of a bend, in m
LEAST_RADIUS = 5.0
_SAMPLES = 2001


class Track:
    """
    A curve in the plane, at each 0.1 m of its arc length s; between them, straight lines. A closed one goes round and
    round, an open one goes straight on beyond both ends.

    :param points: shape (n + 1, 2), in m; of a closed one the last is the first
    :param heading: the curve's direction, in rad, without jumps, shape (n + 1,)
    :param curvature: κ, in 1/m, positive to the left, shape (n + 1,)
    :param spacing: their distance, in m
    :param closed: whether it ends where it begins
    """

    def __init__(self, points: Array, heading: Array, curvature: Array, spacing: float, closed: bool):
        self.points, self.heading, self.curvature = points, heading, curvature
        self.spacing, self.closed = spacing, closed
        self.cells = len(points) - 1
        self.length = self.cells * spacing
        self.greatest_curvature = float(abs(curvature).max())
        tables = (points[:, 0].copy(), points[:, 1].copy(), heading, curvature)
        lists, together = tuple(table.tolist() for table in tables), np.array(tables)
        # Lists answer for one index faster than arrays, which hold the differences to what follows too.
        self._tables: dict[bool, Any] = {True: np.concatenate([together[:, :-1], np.diff(together)]), False: lists}
        self._bends: dict[bool, Any] = {True: curvature, False: lists[3]}
        self._numbers = both(spacing=spacing, cells=self.cells, last=self.cells - 1, least=0.2)

    @classmethod
    def from_function(cls, curve: Curve, *, may_cross: bool = False) -> Self:
        """
        :param curve: from u in [0, 1], shape (n,), to points, shape (n, 2), in m. Equal ends close the track
        :param may_cross: whether it may cross itself. A car is followed from step to step, so that it is not mistaken
            at a crossing
        :return: the track, by a cubic spline through 2001 points
        :raises TypeError: if it is not a function
        :raises ValueError: if it gives another shape or what is not finite, stands still, bends more sharply than a
            radius of 5 m, or crosses itself where it may not
        """
        from scipy.interpolate import CubicSpline

        if not callable(curve):
            raise TypeError(f"A track must be a function from (n,) to points (n, 2), but {curve!r} was given.")
        points = _numbers(curve(np.linspace(0.0, 1.0, _SAMPLES)))
        if not np.isfinite(points).all():
            first = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
            raise ValueError(
                f"A track must consist of finite points, but at u = {first / (_SAMPLES - 1):g} it is "
                f"{tuple(points[first].tolist())}."
            )
        steps = np.hypot(*np.diff(points, axis=0).T)
        if not (steps > 0).all():
            still = int(np.flatnonzero(steps <= 0)[0])
            raise ValueError(f"A track must go on, but it stands still at u = {still / (_SAMPLES - 1):g}.")
        at = np.concatenate([[0.0], steps.cumsum()])
        closed = bool(np.hypot(*(points[-1] - points[0])) <= 1e-6 * at[-1])
        if closed:
            points[-1] = points[0]
        spline = CubicSpline(at, points, bc_type="periodic" if closed else "not-a-knot")
        cells = max(round(at[-1] / SPACING), 8)
        s = np.linspace(0.0, at[-1], cells + 1)
        first, second = spline(s, 1), spline(s, 2)
        heading = np.unwrap(np.arctan2(first[:, 1], first[:, 0]))
        curvature = (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / np.hypot(*first.T) ** 3
        sharpest = int(abs(curvature).argmax())
        if abs(curvature[sharpest]) > 1.0 / LEAST_RADIUS:
            raise ValueError(
                f"A track must not bend more sharply than a radius of {LEAST_RADIUS:g} m, but at {s[sharpest]:.1f} m "
                f"its radius is {1.0 / abs(curvature[sharpest]):.3g} m."
            )
        track = cls(spline(s), heading, curvature, float(at[-1]) / cells, closed)
        crossing = None if may_cross else track.crossing()
        if crossing is not None:
            raise ValueError(
                f"A track must not cross itself, but it does near ({crossing[0]:.1f}, {crossing[1]:.1f}): make it by "
                "Track.from_function(…, may_cross=True) where it may."
            )
        return track

    def crossing(self) -> tuple[float, float] | None:
        """:return: a point near which the track crosses itself, if there is one"""
        from scipy.spatial import cKDTree

        a, b = self.points[:-1], self.points[1:]
        n = len(a)
        # Pieces that cross have middles no farther from one another than they are long.
        longest = float(np.hypot(*(b - a).T).max())
        pairs = cKDTree((a + b) / 2.0).query_pairs(1.001 * longest, output_type="ndarray")
        apart = abs(pairs[:, 1] - pairs[:, 0])
        i, j = pairs[(apart > 1) & ~((apart == n - 1) & self.closed)].T

        def side(start: Array, end: Array, point: Array) -> Array:
            along, off = end - start, point - start
            return np.asarray(along[:, 0] * off[:, 1] - along[:, 1] * off[:, 0])

        found = (side(a[i], b[i], a[j]) * side(a[i], b[i], b[j]) <= 0) & (
            side(a[j], b[j], a[i]) * side(a[j], b[j], b[i]) <= 0
        )
        if not found.any():
            return None
        first = int(np.minimum(i, j)[found].min())
        return float(a[first, 0]), float(a[first, 1])

    def at(self, s: Number, ops: Ops) -> tuple[Number, Number, Number, Number]:
        """
        :param s: arc length, in m
        :param ops: numbers or arrays
        :return: x and y in m, heading in rad, curvature in 1/m
        """
        tables, c, zero = self._tables[ops.many], self._numbers[ops.many], ops.const.zero
        beyond = zero
        u = s / c.spacing
        if self.closed:
            u = u - c.cells * ops.floor(u / c.cells)
        else:
            inside = ops.clip(u, zero, c.cells)
            beyond = (u - inside) * c.spacing
            u = inside
        # An index is clipped: what is not a number has one too.
        if ops.many:
            i = np.minimum(np.trunc(u), c.last)
            found = tables.take(i.astype(np.int64), axis=1, mode="clip")
            x, y, heading, curvature = found[:4] + (u - i) * found[4:]
        else:
            i = ops.minimum(ops.maximum(ops.whole(u), 0), self.cells - 1)
            f, j = u - i, i + 1
            x, y, heading, curvature = (table[i] + f * (table[j] - table[i]) for table in tables)
        if not self.closed:
            x, y = x + beyond * ops.cos(heading), y + beyond * ops.sin(heading)
            curvature = ops.where(beyond == zero, curvature, zero)
        return x, y, heading, curvature

    def bend(self, s: Number, ops: Ops) -> Number:
        """
        :param s: arc length, in m; an array of any shape where there are many
        :param ops: numbers or arrays
        :return: the curvature of the nearest point that is kept, in 1/m
        """
        kappa = self._bends[ops.many]
        i = ops.whole(ops.floor(s / self.spacing + 0.5))
        inside = i % self.cells if self.closed else ops.minimum(ops.maximum(i, 0), self.cells)
        bend: Number = kappa.take(inside) if ops.many else kappa[inside]
        return bend if self.closed else ops.where(inside == i, bend, 0.0)

    def project(self, x: Number, y: Number, near: Number, ops: Ops) -> tuple[Number, Number, Number]:
        """
        The foot of the perpendicular by two steps of Newton's method.

        :param x: a point's, in m
        :param y: a point's, in m
        :param near: an arc length near the foot's
        :param ops: numbers or arrays
        :return: arc length s of the foot, distance to the left of the track in m, heading there in rad
        """
        s, one, least = near, ops.const.one, self._numbers[ops.many].least
        for _ in range(2):
            px, py, heading, curvature = self.at(s, ops)
            along, up = ops.cos(heading), ops.sin(heading)
            dx, dy = x - px, y - py
            left = dy * along - dx * up
            s = s + (dx * along + dy * up) / ops.maximum(one - curvature * left, least)
        px, py, heading, _ = self.at(s, ops)
        return s, (y - py) * ops.cos(heading) - (x - px) * ops.sin(heading), heading


def _numbers(given: Any) -> Array:
    due = f"A track must map {_SAMPLES} numbers to points of shape ({_SAMPLES}, 2), but it gave "
    try:
        points = np.asarray(given)
    except ValueError as error:
        raise ValueError(f"{due}no array ({error}): np.stack([x, y], axis=1) of arrays of u makes one.") from error
    if points.dtype.kind not in "iuf":
        raise ValueError(f"{due}an array of {points.dtype}.")
    if points.shape != (_SAMPLES, 2):
        raise ValueError(f"{due}{points.shape}.")
    return points.astype(np.float64)


def circle(u: Array, radius: float = 25.0) -> Array:
    """:return: a circle to the left, from (0, 0) to the right"""
    return radius * np.stack([np.sin(2 * np.pi * u), 1.0 - np.cos(2 * np.pi * u)], axis=1)


def lane_change(u: Array) -> Array:
    """
    :return: 3.5 m to the left and back, as long as the lanes of ISO 3888-1: 15 m ahead, 30 m over, 25 m ahead, 25 m
        back, 55 m ahead, the changes by the polynomial 10t³ − 15t⁴ + 6t⁵
    """
    x = 150.0 * u

    def over(start: float, length: float) -> Array:
        t = np.clip((x - start) / length, 0.0, 1.0)
        return np.asarray(t**3 * (10.0 - 15.0 * t + 6.0 * t**2))

    return np.stack([x, 3.5 * (over(15.0, 30.0) - over(70.0, 25.0))], axis=1)


def figure_eight(u: Array, size: float = 60.0) -> Array:
    """:return: Bernoulli's lemniscate, from its right end upward; it crosses itself in (0, 0)"""
    t = 2 * np.pi * u
    scale = size / (1.0 + np.sin(t) ** 2)
    return np.stack([scale * np.cos(t), scale * np.sin(t) * np.cos(t)], axis=1)


#: the tracks that have a name, and whether they cross themselves
TRACKS: dict[str, tuple[Curve, bool]] = {
    "circle": (circle, False),
    "lane_change": (lane_change, False),
    "figure_eight": (figure_eight, True),
}
