"""The exponential moving average of earlier policies' parameters."""

from typing import Any

from stable_baselines3.common.policies import BasePolicy

from sb3_entropy.distributions.laws import Law
from sb3_entropy.errors import check_number
from sb3_entropy.policies.parameters import Snapshot
from sb3_entropy.references.base import Reference, WeightedLaws
from sb3_entropy.registry import REFERENCES


@REFERENCES.register("ema")
class AveragedPolicy(Reference):
    """
    A policy with the parameters θ̄ ← decay · θ̄ + (1 − decay) · θ, θ taken before every update.

    As with ``"previous"``, θ enters at the next update, and there is no reference in the first one.

    :param decay: in [0, 1): about 1/(1 − decay) updates are remembered; 0 is the previous policy
    :raises TypeError: if it is no number
    :raises ValueError: if it is out of its range
    """

    def __init__(self, decay: float = 0.99):
        check_number("decay", decay, low=0, high=1)
        if decay == 1:
            raise ValueError("decay must be below 1, but 1 was given: the average would never move. Use 'frozen'.")
        self.decay = decay
        self.average: Snapshot | None = None
        self._next: Snapshot | None = None

    def before_update(self, policy: BasePolicy) -> None:
        """
        :param policy: the policy that has collected the rollout
        """
        if self._next is None:
            self._next = Snapshot.of_actor(policy)
            return
        self.average = self._next
        self._next = self.average.averaged_with(policy, self.decay)

    def laws(self, policy: BasePolicy, observations: Any, p: Law) -> WeightedLaws:
        """
        :param policy: the algorithm's policy
        :param observations: B states, as tensors
        :param p: the policy's law in them
        :return: the law of the policy with the averaged parameters
        """
        return [] if self.average is None else [(1.0, self.average.law(policy, observations))]
