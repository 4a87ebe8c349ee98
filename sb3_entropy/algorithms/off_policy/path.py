"""How one gradient step is computed: the loop calls these in this order, on the general path and on the fast one."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch as th
from stable_baselines3.common.type_aliases import ReplayBufferSamples

from sb3_entropy.algorithms.off_policy.similarity.states import StateCritics
from sb3_entropy.distributions.laws import Law
from sb3_entropy.temperature import Temperature

#: the scalar that regularisers add to the actor's loss, from that loss; None for none
Penalty = Callable[[th.Tensor], th.Tensor]


class Path(ABC):
    """
    G groups of C critics: group 0 is soft, group 1, where there is one, plain. B transitions, actions in [−1, 1]ᴬ.

    Random numbers are drawn as Stable-Baselines3's SAC draws them, from the same generators in the same order.
    """

    #: log π(ã|s) and log π(ã'|s') of the samples that :meth:`begin` has drawn, shape (B,)
    log_prob: th.Tensor
    next_log_prob: th.Tensor
    #: G, C and B
    shape: tuple[int, int, int]
    #: log π(ã|s) that the temperature is told of: the target actor's where there is one, shape (B,)
    temperature_log_prob: th.Tensor
    #: π(·|s) that ã was drawn from, with gradient, where regularisers ask for it
    law: Law | None = None

    @abstractmethod
    def sample(self, batch_size: int) -> ReplayBufferSamples:
        """
        :param batch_size: B
        :return: transitions from the replay buffer
        """

    @abstractmethod
    def begin(self, batch: ReplayBufferSamples) -> None:
        """
        Draw ã ~ π(·|s), then ã' ~ π(·|s'), of the target actor where that is asked for.

        :param batch: B transitions
        """

    @abstractmethod
    def descend_temperature(self, temperature: Temperature) -> th.Tensor | None:
        """
        One step of α, from :attr:`temperature_log_prob`.

        :param temperature: α
        :return: the loss that it has descended, without gradient; None if there is none
        """

    @abstractmethod
    def next_values(self) -> th.Tensor:
        """:return: Q̄(s', ã') of the target critics, shape (G, C, B), without gradient"""

    @abstractmethod
    def descend_critics(self, targets: th.Tensor) -> th.Tensor:
        """
        One step of the critics down ½ Σ_c mean_B (Q_c(s, a) − y)².

        :param targets: y, shape (G, B)
        :return: that loss of each group, shape (G,), without gradient
        :raises DivergedError: if a loss is not finite; nothing is changed then
        """

    @abstractmethod
    def values(self) -> th.Tensor:
        """:return: Q(s, ã) of the critics that the actor ascends, online or target, (G, C, B), without gradient"""

    @abstractmethod
    def state_critics(self, target: bool) -> StateCritics:
        """
        :param target: whether it is the target critics that are asked
        :return: the critics in the batch's states
        """

    @abstractmethod
    def descend_actor(self, weights: th.Tensor, alpha: float | th.Tensor, penalty: Penalty | None) -> th.Tensor:
        """
        One step of the actor down mean_B (α log π(ã|s) − Σ w Q(s, ã)).

        :param weights: w, shape (G, C, B): one-hot where one critic teaches; without gradient. Where nobody has asked
            for values, a critic that teaches everywhere is evaluated alone
        :param alpha: α, a number, or one a state, shape (B,)
        :param penalty: what the regularisers add; None for nothing
        :return: the loss without penalty, a scalar without gradient
        :raises DivergedError: if it is not finite; nothing is changed then
        """

    @abstractmethod
    def move_targets(self, tau: float) -> None:
        """
        :param tau: θ̄ ← (1 − τ)θ̄ + τθ, of critics and of the actor where it has a target
        """
