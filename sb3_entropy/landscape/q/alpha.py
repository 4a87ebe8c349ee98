"""At which temperature an agent's soft critics are looked at."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_entropy.errors import check_number
from sb3_entropy.landscape.q.critics import Behaviour
from sb3_entropy.temperature import DualTemperature, Temperature

#: α A log 2, the most that entropy adds to what a step pays, is called small below this part of the mean |reward|
SMALL = 0.01


@dataclass(frozen=True)
class Alpha:
    """
    α, and what is to be said of it.

    :param ent_coef: α in the environment's units of reward; None for no soft critics
    :param is_own: whether it is the agent's own
    :param is_tuned: whether that is tuned automatically
    :param remarks: sentences
    """

    ent_coef: float | None
    is_own: bool = False
    is_tuned: bool = False
    remarks: tuple[str, ...] = ()

    def warnings(self, rewards: np.ndarray, n_actions: int) -> list[str]:
        """
        :param rewards: of steps of the policy
        :param n_actions: A
        :return: a sentence that says that entropy hardly counts, α A log 2 being less than a hundredth of the mean
            |reward|, if so: entropy is A log 2 at most
        """
        if self.ent_coef is None or not self.is_own:
            return []
        most, reward = self.ent_coef * n_actions * math.log(2), float(np.abs(rewards).mean())
        if most >= SMALL * reward:
            return []
        cause = "Automatic tuning has left α near 0" if self.is_tuned else "α is near 0"
        return [
            f"{cause}: in a step, entropy counts for {most:.2g} at most, beside a mean |reward| of {reward:.2g}, so "
            "that soft and plain Q are nearly one. Name another α to see what it would do, such as the one at the "
            "training's start."
        ]


def alpha_of(
    model: BaseAlgorithm, behaviour: Behaviour, ent_coef: float | None, std: float | None, scale: float
) -> Alpha:
    """
    :param model: an agent
    :param behaviour: its policy
    :param ent_coef: α that was named, in the environment's units of reward; None for its own
    :param std: σ that was named of a Gaussian about a deterministic policy
    :param scale: what its rewards were divided by
    :return: α
    :raises TypeError: if it is no number
    :raises ValueError: if it is not above 0, of no use without a density, or missing where σ was named
    """
    if ent_coef is not None:
        check_number("ent_coef", ent_coef, low=0, open_low=True)
    noise = () if std is None else (f"Soft under a Gaussian with σ = {std:g} about its actions, which is not its own.",)
    if not behaviour.is_stochastic:
        if ent_coef is None:
            return Alpha(None)
        raise ValueError(
            f"ent_coef={ent_coef:g} asks for soft critics, but this policy has no density, and its entropy is −∞. For "
            "TD3 and DDPG name the σ of a Gaussian about its actions, std=0.1; others have plain critics alone."
        )
    if ent_coef is not None:
        return Alpha(float(ent_coef), remarks=(*noise, f"α = {ent_coef:g} was named."))
    if std is not None:
        raise ValueError(
            f"std={std:g} gives the policy an entropy, but it has no α to weigh it with. Name that too, ent_coef=0.1."
        )
    value, is_tuned = _own_ent_coef(model)
    if value is None:
        return Alpha(None, remarks=("It has no α of its own, and none was named: plain critics alone.",))
    how = "as it was tuned" if is_tuned else "as it was set"
    units = (
        "" if scale == 1 else f", {value:.3g} of the rewards that it learned from, which were divided by {scale:.3g}"
    )
    return Alpha(scale * value, True, is_tuned, (f"α = {scale * value:.3g} is its own, {how}{units}.",))


def _own_ent_coef(model: Any) -> tuple[float | None, bool]:
    """:return: α of the training as it is now, and whether it is tuned"""
    temperature = getattr(model, "temperature", None)
    if isinstance(temperature, Temperature):
        return float(temperature.value(model._current_progress_remaining)), isinstance(temperature, DualTemperature)
    log_ent_coef = getattr(model, "log_ent_coef", None)
    if log_ent_coef is not None:
        return math.exp(float(log_ent_coef.detach())), True
    tensor = getattr(model, "ent_coef_tensor", None)
    return (None if tensor is None else float(tensor)), False
