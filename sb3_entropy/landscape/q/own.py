"""The critics that an agent has itself."""

import copy
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.td3.policies import TD3Policy

from sb3_entropy.algorithms.sac_adaent import SACAdaEnt
from sb3_entropy.landscape.candidates.making import own_copy
from sb3_entropy.landscape.q.critics import Critics
from sb3_entropy.policies.compiled import uncompiled

#: rows evaluated at once
ROWS = 4096


class OwnCritics(Critics):
    """
    The C critics of a training, copied as they are now.

    They are not independent of each other: drawn to one target, the least of both, they share its errors, and they were
    fitted to a policy that changed meanwhile. Under ``VecNormalize`` with rewards they count divided ones, and are
    multiplied back.

    :param policy: whose observations they read
    :param critic: Stable-Baselines3's module of them, with one output each
    :param ent_coef: α of their targets, in the environment's units of reward; 0 for plain ones
    :param scale: what a reward was divided by
    """

    def __init__(self, policy: BasePolicy, critic: Any, ent_coef: float, scale: float = 1.0):
        super().__init__(ent_coef)
        self.policy, self.scale = own_copy(policy), float(scale)
        self.critic = copy.deepcopy(critic).to("cpu").requires_grad_(False)
        self.critic.set_training_mode(False)

    @property
    def n_critics(self) -> int:
        return len(self.critic.q_networks)

    def values(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        return self._evaluated(observations, actions, gradients=False)

    def gradients(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        return self._evaluated(observations, actions, gradients=True)

    def _evaluated(self, observations: Any, actions: np.ndarray, gradients: bool) -> np.ndarray:
        n_states, n, n_actions = actions.shape
        seen = self.policy.obs_to_tensor(observations)[0]
        flat = th.as_tensor(np.asarray(actions, dtype=np.float32).reshape(-1, n_actions))
        found = []
        with th.no_grad():
            read = self.critic.extract_features(seen, self.critic.features_extractor)
            for start in range(0, len(flat), ROWS):
                own = flat[start : start + ROWS]
                states = th.arange(start, start + len(own)) // n
                found.append(self._differentiated(read[states], own) if gradients else self._valued(read[states], own))
        shape = (n_actions,) if gradients else ()
        made = th.cat(found, dim=1).double().numpy().reshape(self.n_critics, n_states, n, *shape)
        return np.asarray(self.scale * made)

    def _valued(self, features: th.Tensor, actions: th.Tensor) -> th.Tensor:
        """:return: shape (C, B)"""
        x = th.cat([features, actions], dim=1)
        return th.stack([network(x)[:, 0] for network in self.critic.q_networks])

    def _differentiated(self, features: th.Tensor, actions: th.Tensor) -> th.Tensor:
        """:return: shape (C, B, A)"""
        with th.enable_grad():
            a = actions.clone().requires_grad_()
            values = self._valued(features, a)
            return th.stack([th.autograd.grad(each.sum(), a, retain_graph=True)[0] for each in values])


def own_critics(model: BaseAlgorithm, ent_coef: float, scale: float = 1.0) -> tuple[Critics | None, Critics | None]:
    """
    :param model: an agent
    :param ent_coef: α of its soft critics, in the environment's units of reward
    :param scale: what a reward was divided by
    :return: its plain and its soft critics, as far as it has them: SACAdaEnt both; SAC, SDDPG and CrossQ soft ones, TD3
        and DDPG plain ones; TQC's, which are of quantiles, are not read
    """
    policy: Any = uncompiled(model.policy)
    if isinstance(model, SACAdaEnt):
        plain = OwnCritics(policy, model.plain_critic, 0.0, scale)
        return plain, OwnCritics(policy, policy.critic, ent_coef, scale)
    critic = getattr(policy, "critic", None)
    if not hasattr(critic, "q_networks"):
        return None, None
    if isinstance(policy, TD3Policy):
        return OwnCritics(policy, critic, 0.0, scale), None
    return None, OwnCritics(policy, critic, ent_coef, scale)
