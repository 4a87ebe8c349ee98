"""Which critic the actor ascends: critic 1, or the minimum of all."""

from abc import ABC, abstractmethod

import torch as th


class CriticChoice(ABC):
    """Which of the C critics of a group is ascended in a state."""

    #: how many of them, from the first on, are asked; None for all
    n_asked: int | None = None

    @abstractmethod
    def weights(self, values: th.Tensor) -> th.Tensor:
        """
        :param values: Q(s, ã), shape (…, C, B)
        :return: shape (…, C, B), one-hot over C
        """


class FirstCritic(CriticChoice):
    """Q₁, as in Fig. 1, line 14, of Liu et al. 2020, and in DDPG and TD3."""

    n_asked = 1

    def weights(self, values: th.Tensor) -> th.Tensor:
        weights = th.zeros_like(values)
        weights[..., 0, :] = 1.0
        return weights


class MinimumOfCritics(CriticChoice):
    """min_c Q_c, as in Stable-Baselines3's SAC (Haarnoja et al. 2018, arXiv 1812.05905)."""

    def weights(self, values: th.Tensor) -> th.Tensor:
        least = values.min(dim=-2, keepdim=True).indices
        return th.zeros_like(values).scatter_(-2, least, 1.0)


#: by what ``actor_critic`` may be
CRITIC_CHOICES: dict[str, type[CriticChoice]] = {"first": FirstCritic, "minimum": MinimumOfCritics}
