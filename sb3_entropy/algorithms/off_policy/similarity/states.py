"""What a similarity rule may ask: the critics as functions of the action, and the policy's law, in B states."""

from abc import ABC, abstractmethod

import torch as th


class StateCritics(ABC):
    """
    G groups of C critics in B states; group 0 is soft, group 1 plain. Nothing has a gradient.

    Actions are as the critics read them, in [−1, 1]ᴬ; the policy is tanh of a Gaussian.
    """

    #: mean and standard deviation of the Gaussian before tanh, shape (B, A)
    mean: th.Tensor
    std: th.Tensor
    #: the actor's sample ã, and Q(s, ã), which there is anyway; shapes (B, A) and (G, C, B)
    sample: th.Tensor
    values_at_sample: th.Tensor

    @abstractmethod
    def values(self, actions: th.Tensor, states: th.Tensor | None = None, low_precision: bool = False) -> th.Tensor:
        """
        :param actions: shape (N, B, A)
        :param states: the numbers of those B of the states that are asked about; None for all
        :param low_precision: whether all layers but the last are computed in bfloat16
        :return: Q(s, a), shape (G, C, N, B)
        """

    @abstractmethod
    def values_and_gradients(self, actions: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
        """
        :param actions: shape (B, A)
        :return: Q(s, a), shape (G, C, B), and ∇ₐQ(s, a), shape (G, C, B, A)
        """

    @abstractmethod
    def gradients_at_sample(self) -> th.Tensor:
        """:return: ∇ₐQ(s, ã), shape (G, C, B, A), which the actor's step then uses again"""
