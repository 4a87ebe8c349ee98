"""What every reference policy is."""

import inspect
from abc import ABC, abstractmethod
from typing import Any

from stable_baselines3.common.policies import ActorCriticPolicy

from sb3_entropy.distributions.laws import Law
from sb3_entropy.errors import unknown
from sb3_entropy.handed_over import Remembering
from sb3_entropy.registry import REFERENCES

WeightedLaws = list[tuple[float, Law]]


class Reference(Remembering, ABC):
    """
    A policy q that the current policy p is compared with, in the states of a minibatch.

    It may be several policies at once: the divergence is then Σ wᵢ D(p, qᵢ). What it remembers of the training is
    saved with the model.
    """

    def begin(self, policy: ActorCriticPolicy) -> None:
        """
        Called when the algorithm is set up, and again when it is loaded.

        :param policy: the algorithm's policy
        :raises ValueError: if the two do not fit together
        """

    def before_update(self, policy: ActorCriticPolicy) -> None:
        """
        Called before each update.

        :param policy: the policy that has collected the rollout
        """

    @abstractmethod
    def laws(self, policy: ActorCriticPolicy, observations: Any, p: Law) -> WeightedLaws:
        """
        :param policy: the algorithm's policy
        :param observations: B states, as tensors
        :param p: the policy's law in them
        :return: weights wᵢ that add up to 1, and laws qᵢ, without gradient; empty as long as there is no reference yet
        """

    def example(self, policy: ActorCriticPolicy, observations: Any, p: Law) -> WeightedLaws:
        """
        Laws of the kind that :meth:`laws` will give, to find before training what cannot be compared.

        :param policy: the algorithm's policy
        :param observations: B states, as tensors
        :param p: the policy's law in them
        :return: weights and laws
        """
        return [(1.0, p.detach())]


def make_reference(given: Any, **options: Any) -> Reference:
    """
    :param given: a reference, or its key: ``"uniform"``, ``"previous"``, ``"ema"``, ``"frozen"``
    :param options: the reference's own arguments
    :return: the reference
    :raises TypeError: if it is neither
    :raises ValueError: if the key or an option is not known
    """
    if isinstance(given, Reference):
        if options:
            raise ValueError(
                f"reference_kwargs={options!r} was given with a reference that is made already: leave it out."
            )
        return given
    if not isinstance(given, str):
        raise TypeError(f"reference must be one of {', '.join(REFERENCES.keys())}, but {given!r} was given.")
    cls = REFERENCES.get(given)
    signature = inspect.signature(cls)
    for option in options:
        if option not in signature.parameters:
            raise ValueError(unknown(f"option of reference={given!r}", option, signature.parameters))
    for name, parameter in signature.parameters.items():
        if parameter.default is parameter.empty and name not in options:
            raise ValueError(f"reference={given!r} needs {name!r}: give it as reference_kwargs=dict({name}=…).")
    made: Reference = cls(**options)
    return made
