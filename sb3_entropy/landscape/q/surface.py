"""Q landscapes: soft and plain Q over the actions in a few states (Zhang et al. 2025, "Q-value landscapes")."""

from typing import Any

import numpy as np

from sb3_entropy.landscape.q.actions import SIDES, candidate_actions
from sb3_entropy.landscape.q.critics import Critics
from sb3_entropy.landscape.q.found import QLandscape, Surface, centred
from sb3_entropy.landscape.q.planes import (
    Planes,
    check_bounded,
    check_plane,
    directions_to,
    planes_through,
    principal_directions,
    random_directions,
    whole_box,
)
from sb3_entropy.landscape.q.states import States, find_states
from sb3_entropy.landscape.q.subject import Subject
from sb3_entropy.policies.observations import n_rows, rows_of

#: of visited states, evenly, the policy's actions whose principal directions are looked at
MOST_VISITED = 2048


def q_landscape(
    subject: Subject,
    states: Any = "critical",
    plane: Any = "principal",
    resolution: int | None = None,
    *,
    n_states: int = 4,
    seed: int = 0,
) -> QLandscape:
    """
    Soft and plain Q over the whole box of one or two actions, or over a plane through the mode of more.

    :param subject: the agent with its critics
    :param states: ``"critical"``, where plain- and soft-greedy actions differ most in plain value, ``"visited"``, or
        observations, as the policy sees them
    :param plane: of more than two actions: ``"principal"``, along the principal directions of the policy's modes in the
        states that it visits; ``"greedy"``, through the plain- and the soft-greedy action; ``"random"``; or one or two
        coordinates of the action, such as ``(0, 3)``, while the others stay at the mode
    :param resolution: R points along each axis; 201 on a line and 41 on a plane if not given
    :param n_states: how many critical or visited states
    :param seed: of random directions
    :return: the landscape
    :raises TypeError: if a number is none
    :raises ValueError: if one is out of range, the box is not bounded, there is no such plane, or critical states are
        asked for without soft critics, or if a critic is not finite
    """
    check_bounded(subject.action_space)
    check_plane(plane, subject.behaviour.n_actions)
    found = find_states(subject, states, n_states)
    modes = np.asarray(subject.behaviour.mode(found.observations), dtype=np.float64)
    planes = _planes(subject, found, modes, plane, seed)
    resolution = SIDES[planes.n_axes] if resolution is None else resolution
    actions, inside = planes.actions(resolution)
    flat, flat_inside = actions.reshape(len(found), -1, actions.shape[-1]), inside.reshape(len(found), -1)
    # What is outside is not evaluated: as many as the fullest plane has, those inside first.
    order = np.argsort(~flat_inside, axis=1, kind="stable")[:, : int(flat_inside.sum(axis=1).max())]
    offered = np.take_along_axis(flat, order[..., None], axis=1)

    def on_grid(values: np.ndarray) -> np.ndarray:
        full = np.full((*values.shape[:-1], flat.shape[1]), np.nan)
        np.put_along_axis(full, np.broadcast_to(order, values.shape), values, axis=-1)
        full[..., ~flat_inside] = np.nan
        return full.reshape(*values.shape[:-1], *inside.shape[1:])

    grid = planes.grid(resolution)
    behaviour, observations = subject.behaviour, found.observations

    def surface(critics: Critics) -> Surface:
        gradient = critics.gradients(observations, modes[:, None])[:, :, 0].mean(axis=0)
        values = critics.values(observations, offered)
        if not (np.isfinite(values).all() and np.isfinite(gradient).all()):
            raise ValueError(
                f"The critics of {subject.name} have values or gradients that are not finite, as after a training that "
                "has diverged. Look at an earlier agent, or fit other critics."
            )
        return _surface(critics.ent_coef, on_grid(values), gradient, planes, grid)

    log_density = behaviour.log_prob(observations, offered) if behaviour.is_stochastic else None
    known, hatched = subject.known, None
    if known is not None and known.read is not None:
        hatched = on_grid(known.far(observations, offered).astype(np.float64)) > 0.5
    return QLandscape(
        name=subject.name,
        remarks=subject.remarks,
        states=found,
        planes=planes,
        grid=grid,
        action_space=subject.action_space,
        plain=surface(subject.plain),
        soft=None if subject.soft is None else surface(subject.soft),
        density=None if log_density is None else np.exp(on_grid(np.asarray(log_density, dtype=np.float64))),
        mode=planes.project(modes),
        far=hatched,
        are_own=subject.are_own,
    )


def _surface(ent_coef: float, values: np.ndarray, gradient: np.ndarray, planes: Planes, grid: np.ndarray) -> Surface:
    """:return: of K critics, shape (K, S, R) or (K, S, R, R), and the gradients' mean, shape (S, A)"""
    mean = values.mean(axis=0)
    flat = mean.reshape(len(mean), -1)
    best_index = np.nanargmax(flat, axis=1)
    places = np.stack(np.unravel_index(best_index, mean.shape[1:]), axis=1)
    shapes = np.stack([centred(each) for each in values])
    spread = shapes.std(axis=0, ddof=1) if len(values) > 1 else np.full_like(mean, np.nan)
    return Surface(
        ent_coef=ent_coef,
        values=mean,
        spread=spread,
        best=np.take_along_axis(grid, places[..., None], axis=2)[..., 0],
        best_index=best_index,
        gradient=gradient,
        slope=np.asarray(np.einsum("spa,sa->sp", planes.directions, gradient)),
    )


def _planes(subject: Subject, states: States, modes: np.ndarray, plane: Any, seed: int) -> Planes:
    n_actions = modes.shape[1]
    if not isinstance(plane, str):
        return whole_box(modes, plane)
    if n_actions <= 2:
        return whole_box(modes)
    if plane == "random":
        directions = random_directions(n_actions, seed)
    else:
        visited = subject.visited.observations
        chosen = np.unique(np.linspace(0, n_rows(visited) - 1, MOST_VISITED).astype(int))
        directions = principal_directions(np.asarray(subject.behaviour.mode(rows_of(visited, chosen)), np.float64))
    each = np.broadcast_to(directions, (len(modes), 2, n_actions))
    if plane == "greedy":
        each = directions_to(modes, _greedy(subject, states.observations), directions)
    return planes_through(plane, modes, each)


def _greedy(subject: Subject, observations: Any) -> np.ndarray:
    """:return: the plain- and, if there are soft critics, the soft-greedy action of each state, shape (S, 1 or 2, A)"""
    candidates = candidate_actions(subject.behaviour.n_actions)
    offered = np.broadcast_to(candidates, (n_rows(observations), *candidates.shape))
    critics = [each for each in (subject.plain, subject.soft) if each is not None]
    best = [each.values(observations, offered).mean(axis=0).argmax(axis=1) for each in critics]
    return np.stack([candidates[index] for index in best], axis=1)
