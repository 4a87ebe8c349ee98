"""Where in the box of actions a landscape lies: the line, the square, or a plane through the mode of the policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from gymnasium import spaces

from sb3_entropy.errors import HOW_TO_BOUND, check_number, unknown

#: planes of more than two actions, by how their directions are found
KINDS = ("principal", "greedy", "random")
#: how far a plane must reach, in units of [−1, 1]; where it does not, it is moved towards the middle by these shares
LEAST_REACH, SHIFTS = 0.2, (0.1, 0.25, 0.5, 1.0)
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Axis:
    """
    How a coordinate is written in the environment's units: ``offset + scale · coordinate``.

    :param label: its name
    :param scale: of it
    :param offset: what 0 is
    """

    label: str
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class Planes:
    """
    In each of S states the actions ``o + Σ c_p d_p`` inside [−1, 1]ᴬ, d_p of length 1 and at right angles.

    :param kind: ``"box"`` for all of it (A ≤ 2), ``"pair"`` for two of its coordinates, else one of :data:`KINDS`
    :param origins: o, shape (S, A)
    :param directions: d, shape (S, P, A), P = 1 on a line and else 2
    :param low: the least coordinate that occurs inside the box, shape (S, P)
    :param high: the greatest, shape (S, P)
    :param coordinates_of: which of the action's coordinates the axes are, if they are such
    :param shifts: by which share of the way a plane was moved from the mode to the middle of the box, because it meets
        the box in little more than a point at a mode in a corner, shape (S,)
    """

    kind: str
    origins: np.ndarray
    directions: np.ndarray
    low: np.ndarray
    high: np.ndarray
    coordinates_of: tuple[int, ...] | None
    shifts: np.ndarray

    @property
    def n_axes(self) -> int:
        """:return: P"""
        return int(self.directions.shape[1])

    def grid(self, resolution: int) -> np.ndarray:
        """
        :param resolution: R points along each axis
        :return: coordinates, evenly from the least to the greatest, shape (S, P, R)
        """
        check_number("resolution", resolution, low=3, integer=True)
        return np.asarray(np.moveaxis(np.linspace(self.low, self.high, resolution), 0, -1))

    def actions(self, resolution: int) -> tuple[np.ndarray, np.ndarray]:
        """
        :param resolution: R points along each axis
        :return: actions, shape (S, R, A) or (S, R, R, A), the first axis's coordinate first; and which are in the box,
            shape (S, R) or (S, R, R)
        """
        grid = self.grid(resolution)
        if self.n_axes == 1:
            moved = grid[:, 0, :, None] * self.directions[:, None, 0]
        else:
            along = [grid[:, axis, :, None] * self.directions[:, None, axis] for axis in (0, 1)]
            moved = along[0][:, :, None] + along[1][:, None, :]
        shape = (len(self.origins), *[1] * self.n_axes, -1)
        found = self.origins.reshape(shape) + moved
        inside = (np.abs(found) <= 1 + _ROUNDING).all(axis=-1)
        return np.clip(found, -1.0, 1.0), inside

    def project(self, actions: np.ndarray) -> np.ndarray:
        """
        :param actions: one a state, shape (S, A)
        :return: the coordinates of the nearest points of the planes, shape (S, P)
        """
        return np.asarray(np.einsum("spa,sa->sp", self.directions, actions - self.origins))

    def axes(self, space: spaces.Box) -> tuple[Axis, ...]:
        """
        :param space: the environment's box
        :return: how to write each coordinate in its units; along directions that go through coordinates of different
            units in halves of the box
        """
        low, high = (np.asarray(end, dtype=np.float64).ravel() for end in (space.low, space.high))
        half, middle = (high - low) / 2, (high + low) / 2
        if self.coordinates_of is not None:
            names = ["action"] if len(half) == 1 else [f"action[{index}]" for index in self.coordinates_of]
            return tuple(
                Axis(name, float(half[i]), float(middle[i])) for name, i in zip(names, self.coordinates_of, strict=True)
            )
        if np.allclose(half, half[0]):
            return tuple(Axis(f"along {letter}", float(half[0])) for letter in "uv")
        return tuple(Axis(f"along {letter}, in halves of the box") for letter in "uv")


def check_bounded(space: Any) -> None:
    """
    :param space: the space of the environment's actions
    :raises ValueError: if it is no box with finite bounds
    """
    if not isinstance(space, spaces.Box):
        raise ValueError(f"A landscape of Q is drawn over a box of actions, but the actions are {space}.")
    if not (np.isfinite(space.low).all() and np.isfinite(space.high).all()):
        raise ValueError(
            f"A landscape of Q is drawn over a bounded box of actions, but {space} has no bounds. {HOW_TO_BOUND}"
        )


def whole_box(modes: np.ndarray, coordinates: Sequence[int] | None = None) -> Planes:
    """
    :param modes: the policy's, shape (S, A)
    :param coordinates: one or two of 0 … A − 1 that are varied while the others stay at the mode; None for all (A ≤ 2)
    :return: the line or square of these
    :raises TypeError: if they are no whole numbers
    :raises ValueError: if there are not one or two, or if an action has no such coordinate
    """
    n_states, n_actions = modes.shape
    chosen = tuple(range(n_actions)) if coordinates is None else tuple(coordinates)
    if len(chosen) not in (1, 2) or len(set(chosen)) < len(chosen):
        raise ValueError(f"A plane has one or two different coordinates of the action, but {chosen} were given.")
    for index in chosen:
        check_number("A coordinate of the action", index, low=0, high=n_actions - 1, integer=True)
    directions = np.broadcast_to(np.eye(n_actions)[list(chosen)], (n_states, len(chosen), n_actions))
    origins = modes.astype(np.float64)
    origins[:, list(chosen)] = 0.0
    ones = np.ones((n_states, len(chosen)))
    kind = "box" if len(chosen) == n_actions else "pair"
    return Planes(kind, origins, directions, -ones, ones, chosen, np.zeros(n_states))


def check_plane(plane: Any, n_actions: int) -> None:
    """
    :param plane: as :func:`~sb3_entropy.landscape.q.surface.q_landscape` takes it
    :param n_actions: A
    :raises TypeError: if coordinates are no whole numbers
    :raises ValueError: if an action has no such plane
    """
    check_kind(plane)
    if not isinstance(plane, str):
        whole_box(np.zeros((1, n_actions)), plane)


def planes_through(kind: str, modes: np.ndarray, directions: np.ndarray) -> Planes:
    """
    :param kind: one of :data:`KINDS`
    :param modes: the policy's, through which the planes go, shape (S, A), A > 2
    :param directions: two a state, orthonormal, shape (S, 2, A)
    :return: the planes, as far as the box reaches
    """
    origins, ends, shifts = [], [], []
    for mode, pair in zip(modes.astype(np.float64), directions, strict=True):
        shift, origin, (low, high) = 0.0, mode, extent(mode, pair)
        for farther in SHIFTS:
            if (high - low).min() >= LEAST_REACH:
                break
            shift, origin = farther, (1 - farther) * mode
            low, high = extent(origin, pair)
        origins.append(origin)
        ends.append((low, high))
        shifts.append(shift)
    low, high = np.array(ends).transpose(1, 0, 2)
    return Planes(kind, np.array(origins), directions, low, high, None, np.array(shifts))


def extent(origin: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    The box cuts a convex polygon out of the plane. Its corners lie where two of the 2A faces meet the plane.

    :param origin: a point in [−1, 1]ᴬ, shape (A,)
    :param directions: u and v, shape (2, A)
    :return: the least and the greatest coordinates of the polygon, each of shape (2,); 0 of a mere point
    """
    normals = np.concatenate([directions.T, directions.T])
    offsets = np.concatenate([1 - origin, -1 - origin])
    first, second = np.array(list(combinations(range(len(normals)), 2))).T
    determinant = normals[first, 0] * normals[second, 1] - normals[first, 1] * normals[second, 0]
    first, second = (which[np.abs(determinant) > _ROUNDING] for which in (first, second))
    determinant = determinant[np.abs(determinant) > _ROUNDING]
    x = (offsets[first] * normals[second, 1] - offsets[second] * normals[first, 1]) / determinant
    y = (normals[first, 0] * offsets[second] - normals[second, 0] * offsets[first]) / determinant
    corners = np.stack([x, y], axis=-1)
    corners = corners[(np.abs(origin + corners @ directions) <= 1 + _ROUNDING).all(axis=-1)]
    corners = np.concatenate([corners, np.zeros((1, 2))])
    return corners.min(axis=0), corners.max(axis=0)


def principal_directions(actions: np.ndarray) -> np.ndarray:
    """
    :param actions: shape (n, A), A ≥ 2
    :return: the two directions in which they vary most, the most first, each with its greatest component positive,
        shape (2, A)
    """
    centred = actions - actions.mean(axis=0)
    _, found = np.linalg.eigh(centred.T @ centred)
    return _signed(found[:, ::-1].T[:2])


def random_directions(n_actions: int, seed: int) -> np.ndarray:
    """
    :param n_actions: A ≥ 2
    :param seed: of the random numbers
    :return: two directions, of a plane that is as likely as any other, shape (2, A)
    """
    check_number("seed", seed, low=0, integer=True)
    drawn = np.random.default_rng(seed).standard_normal((n_actions, 2))
    return _signed(np.linalg.qr(drawn)[0].T)


def directions_to(modes: np.ndarray, targets: np.ndarray, others: np.ndarray) -> np.ndarray:
    """
    :param modes: shape (S, A)
    :param targets: one or two actions a state that a plane should go through as well, shape (S, 1 or 2, A)
    :param others: two directions for where these are not apart, shape (2, A)
    :return: two directions a state, shape (S, 2, A)
    """
    found = []
    for mode, wanted in zip(modes, targets, strict=True):
        pair: list[np.ndarray] = []
        for candidate in [*(wanted - mode), *others]:
            rest = candidate - sum((candidate @ each) * each for each in pair)
            if len(pair) < 2 and np.linalg.norm(rest) > 1e-6:
                pair.append(rest / np.linalg.norm(rest))
        found.append(pair)
    return np.array(found)


def check_kind(plane: Any) -> None:
    """
    :param plane: one of :data:`KINDS`, or coordinates
    :raises ValueError: if it is neither
    """
    if isinstance(plane, str) and plane not in KINDS:
        raise ValueError(f"{unknown('plane', plane, KINDS)} Or give two coordinates of the action, such as (0, 3).")
    if not isinstance(plane, (str, Sequence)):
        raise ValueError(
            f"plane must be one of {', '.join(KINDS)}, or two coordinates of the action, but {plane!r} was given."
        )


def _signed(directions: np.ndarray) -> np.ndarray:
    greatest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1)
    return np.asarray(directions * np.sign(greatest))
