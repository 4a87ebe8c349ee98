"""The uniform policy."""

from typing import Any

import torch as th
from stable_baselines3.common.policies import BasePolicy

from sb3_entropy.distributions.laws import Law, uniform_law
from sb3_entropy.references.base import Reference, WeightedLaws
from sb3_entropy.registry import REFERENCES


@REFERENCES.register("uniform")
class UniformReference(Reference):
    """
    Every action alike: q(a|s) = 1/n for n actions, or the uniform density on the action box.

    What the code of Starnes et al. 2023 regularises towards; KL(p ‖ q) is then log n − H(p), the entropy bonus.
    """

    def begin(self, policy: BasePolicy) -> None:
        """
        :param policy: the algorithm's policy
        :raises ValueError: if the actions are an unbounded box, on which nothing is uniform
        """
        uniform_law(policy.action_space, 1, th.zeros(1))

    def laws(self, policy: BasePolicy, observations: Any, p: Law) -> WeightedLaws:
        """
        :param policy: the algorithm's policy
        :param observations: B states, as tensors
        :param p: the policy's law in them
        :return: the uniform law
        """
        return [(1.0, uniform_law(policy.action_space, p.batch, th.zeros(1, device=policy.device)))]
