"""Policies before the current one."""

from collections import deque
from typing import Any

import numpy as np
from stable_baselines3.common.policies import BasePolicy

from sb3_entropy.distributions.laws import Law, mixture
from sb3_entropy.errors import check_choice, check_number
from sb3_entropy.policies.parameters import Snapshot
from sb3_entropy.references.base import Reference, WeightedLaws
from sb3_entropy.registry import REFERENCES


@REFERENCES.register("previous")
class PreviousPolicies(Reference):
    """
    Snapshots of earlier policies, "the policies computed previously" of Starnes et al. 2023, whose code has none.

    A snapshot is taken before every ``every``-th update, and used from the next update on, so that the reference is
    always older than the policy that has collected the rollout: at its own parameters a divergence has no gradient.
    There is no reference in the first update. An update of the off-policy family is one call of ``train``, by default
    one step of the environments: give ``every``, or the previous policy is nearly the present one.

    :param n_snapshots: how many are kept, the newest: 1 for the previous policy, more for a window
    :param every: updates between two snapshots: 1 for consecutive ones, more for spaced ones
    :param decay: weight of a snapshot relative to the one after it, in (0, 1]; 1 for equal weights
    :param combine: ``"mixture"``, D(p, Σ wᵢqᵢ); or ``"mean"``, Σ wᵢ D(p, qᵢ), which has a closed form wherever
        D(p, qᵢ) has: the mixture of Gaussians, or of products, has none
    :raises TypeError: if a number is of the wrong type
    :raises ValueError: if one is out of its range, or ``combine`` is none of the two
    """

    def __init__(self, n_snapshots: int = 1, every: int = 1, decay: float = 1.0, combine: str = "mixture"):
        check_number("n_snapshots", n_snapshots, low=1, integer=True)
        check_number("every", every, low=1, integer=True)
        check_number("decay", decay, low=0, high=1, open_low=True)
        check_choice("combine", combine, ("mixture", "mean"))
        self.n_snapshots = n_snapshots
        self.every = every
        self.decay = decay
        self.combine = combine
        self.snapshots: deque[Snapshot] = deque(maxlen=int(n_snapshots))
        self.n_updates = 0
        self._next: Snapshot | None = None

    def before_update(self, policy: BasePolicy) -> None:
        """
        :param policy: the policy that has collected the rollout
        """
        if self._next is not None:
            self.snapshots.append(self._next)
        self._next = Snapshot.of_actor(policy) if self.n_updates % self.every == 0 else None
        self.n_updates += 1

    def example(self, policy: BasePolicy, observations: Any, p: Law) -> WeightedLaws:
        """
        :param policy: the algorithm's policy
        :param observations: B states, as tensors
        :param p: the policy's law in them
        :return: laws of policies that have learned a little less
        """
        return self._combined([Snapshot.near(policy).law(policy, observations)] * min(self.n_snapshots, 2))

    def laws(self, policy: BasePolicy, observations: Any, p: Law) -> WeightedLaws:
        """
        :param policy: the algorithm's policy
        :param observations: B states, as tensors
        :param p: the policy's law in them
        :return: the snapshots' laws, or their mixture
        """
        if not self.snapshots:
            return []
        return self._combined([snapshot.law(policy, observations) for snapshot in self.snapshots])

    def _combined(self, laws: list[Law]) -> WeightedLaws:
        """From the oldest to the newest."""
        powers = self.decay ** np.arange(len(laws) - 1, -1, -1.0)
        weights = [float(weight) for weight in powers / powers.sum()]
        if self.combine == "mixture":
            return [(1.0, mixture(laws, weights))]
        return list(zip(weights, laws, strict=True))
