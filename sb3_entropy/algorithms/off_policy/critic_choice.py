"""Which critic the actor ascends: critic 1, or the minimum of all."""

from abc import ABC, abstractmethod

import torch as th

from sb3_entropy.algorithms.off_policy.path import Path


class CriticChoice(ABC):
    """Which of the C critics of a group is ascended in a state."""

    @abstractmethod
    def weights(self, path: Path) -> th.Tensor:
        """
        :param path: which can be asked for Q(s, ã), shape (G, C, B)
        :return: shape (G, C, B), one-hot over C
        """


class FirstCritic(CriticChoice):
    """Q₁, as in Fig. 1, line 14, of Liu et al. 2020, and in DDPG and TD3; nobody else is asked."""

    def weights(self, path: Path) -> th.Tensor:
        weights = th.zeros(path.shape, device=path.log_prob.device)
        weights[:, 0] = 1.0
        return weights


class MinimumOfCritics(CriticChoice):
    """min_c Q_c, as in Stable-Baselines3's SAC (Haarnoja et al. 2018, arXiv 1812.05905)."""

    def weights(self, path: Path) -> th.Tensor:
        values = path.values()
        least = values.min(dim=1, keepdim=True).indices
        return th.zeros_like(values).scatter_(1, least, 1.0)


#: by what ``actor_critic`` may be
CRITIC_CHOICES: dict[str, type[CriticChoice]] = {"first": FirstCritic, "minimum": MinimumOfCritics}
