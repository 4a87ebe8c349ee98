"""What is wrong with a question about Q, told before critics are fitted, which takes minutes."""

from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_entropy.errors import check_number
from sb3_entropy.landscape.q.alpha import alpha_of
from sb3_entropy.landscape.q.behaviours import behaviour_of
from sb3_entropy.landscape.q.planes import check_bounded, check_plane
from sb3_entropy.landscape.q.states import check_states


def check_asked(
    model: BaseAlgorithm,
    states: Any,
    plane: Any,
    resolution: int | None,
    n_states: int,
    *,
    ent_coef: float | None = None,
    std: float | None = None,
) -> None:
    """
    :param model: the agent
    :param states: as :func:`~sb3_entropy.landscape.q.surface.q_landscape` takes it, and the next three too
    :param plane: which
    :param resolution: of it
    :param n_states: how many
    :param ent_coef: as :func:`~sb3_entropy.landscape.q.making.subject_of_model` takes it, and the next too
    :param std: σ about a deterministic policy's actions
    :raises TypeError: if a number is none, or nothing is known of how the policy acts
    :raises ValueError: if the agent will have no such landscape
    """
    check_bounded(model.action_space)
    behaviour = behaviour_of(model.policy, std)
    alpha = alpha_of(model, behaviour, ent_coef, std, 1.0)
    check_states(states, alpha.ent_coef is not None)
    check_plane(plane, behaviour.n_actions)
    check_number("n_states", n_states, low=1, integer=True)
    if resolution is not None:
        check_number("resolution", resolution, low=3, integer=True)
