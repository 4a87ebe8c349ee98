"""A network and its target, which follows it slowly."""

from typing import Any

import torch as th
from stable_baselines3.common.utils import get_parameters_by_name, polyak_update


class Targeted:
    """
    θ and θ̄ ← (1 − τ)θ̄ + τθ; running statistics, as a normalisation's, are taken over as they are.

    :param name: what its loss is called in the log
    :param online: θ; of critics its ``optimizer`` is an attribute, as in Stable-Baselines3
    :param target: θ̄
    """

    def __init__(self, name: str, online: Any, target: Any):
        self.name, self.online, self.target = name, online, target
        self._running = [get_parameters_by_name(net, ["running_"]) for net in (online, target)]

    @property
    def optimizer(self) -> th.optim.Optimizer:
        """What descends θ."""
        optimizer: th.optim.Optimizer = self.online.optimizer
        return optimizer

    def move(self, tau: float) -> None:
        """
        :param tau: τ
        """
        polyak_update(self.online.parameters(), self.target.parameters(), tau)
        polyak_update(self._running[0], self._running[1], 1.0)
