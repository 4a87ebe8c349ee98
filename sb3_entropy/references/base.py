"""What every reference policy is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from stable_baselines3.common.policies import BasePolicy

from sb3_entropy.distributions.laws import Law
from sb3_entropy.handed_over import Remembering
from sb3_entropy.policies.parameters import Snapshot
from sb3_entropy.registry import REFERENCES

WeightedLaws = list[tuple[float, Law]]


class Reference(Remembering, ABC):
    """
    A policy q that the current policy p is compared with, in the states of a minibatch.

    It may be several policies at once: the divergence is then Σ wᵢ D(p, qᵢ). What it remembers of the training is
    saved with the model.
    """

    def begin(self, policy: BasePolicy) -> None:
        """
        Called when the algorithm is set up, and again when it is loaded.

        :param policy: the algorithm's policy
        :raises ValueError: if the two do not fit together
        """

    def before_update(self, policy: BasePolicy) -> None:
        """
        Called before each update: what comes between two rollouts, or off-policy one call of ``train``.

        :param policy: the policy that has collected the rollout, or off-policy the newest transitions
        """

    @abstractmethod
    def laws(self, policy: BasePolicy, observations: Any, p: Law) -> WeightedLaws:
        """
        :param policy: the algorithm's policy
        :param observations: B states, as tensors
        :param p: the policy's law in them
        :return: weights wᵢ that add up to 1, and laws qᵢ, without gradient; empty as long as there is no reference yet
        """

    def example(self, policy: BasePolicy, observations: Any, p: Law) -> WeightedLaws:
        """
        Laws of the kind that :meth:`laws` will give, to find before training what cannot be compared.

        :param policy: the algorithm's policy
        :param observations: B states, as tensors
        :param p: the policy's law in them
        :return: weights and laws; if nothing else is said, the law of a policy near the present one
        """
        return [(1.0, Snapshot.near(policy).law(policy, observations))]


def make_reference(spec: str | Mapping[str, Any] | Reference, **options: Any) -> Reference:
    """
    :param spec: a key, a mapping ``{"reference": key, **options}``, or a reference, which is returned as it is
    :param options: its constructor's arguments
    :return: the reference
    :raises TypeError: if ``spec`` is none of these
    :raises ValueError: if the key or an option is unknown, or one that it needs is missing
    """
    made: Reference = REFERENCES.make(spec, **options)
    return made
