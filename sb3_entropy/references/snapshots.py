"""The parameters of a policy at one time, and what that policy would do."""

from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

from sb3_entropy.distributions.laws import Law, law_of


class Snapshot:
    """
    θ of a policy. It is pickled as NumPy arrays, so that it can be read on a machine without the device that made it.

    :param policy: the policy, of which copies are taken
    """

    def __init__(self, policy: ActorCriticPolicy):
        self.tensors = {name: tensor.detach().clone() for name, tensor in policy.state_dict().items()}

    def __getstate__(self) -> dict[str, np.ndarray]:
        return {name: tensor.cpu().numpy() for name, tensor in self.tensors.items()}

    def __setstate__(self, arrays: dict[str, np.ndarray]) -> None:
        self.tensors = {name: th.as_tensor(array) for name, array in arrays.items()}

    def averaged_with(self, policy: ActorCriticPolicy, decay: float) -> "Snapshot":
        """
        :param policy: whose parameters θ are
        :param decay: in [0, 1)
        :return: decay · (these) + (1 − decay) · θ
        """
        average = Snapshot(policy)
        for name, tensor in average.tensors.items():
            if tensor.is_floating_point():
                tensor.mul_(1 - decay).add_(self.tensors[name].to(tensor.device), alpha=decay)
        return average

    def law(self, policy: ActorCriticPolicy, observations: Any) -> Law:
        """
        :param policy: a policy of the same architecture; it is left as it is
        :param observations: B states, as tensors
        :return: what the policy with these parameters would do in them, without gradient
        :raises ValueError: if the parameters are another architecture's
        """
        own = policy.state_dict()
        if {name: tensor.shape for name, tensor in own.items()} != {n: t.shape for n, t in self.tensors.items()}:
            raise ValueError(
                "The reference's parameters do not fit the policy's network: the policy has been exchanged. Make the "
                "regularizers anew."
            )
        tensors = {name: tensor.to(own[name].device) for name, tensor in self.tensors.items()}
        was_training = policy.training
        policy.set_training_mode(False)
        with th.no_grad():
            law = th.func.functional_call(_Acting(policy), {f"policy.{k}": v for k, v in tensors.items()}, observations)
        policy.set_training_mode(was_training)
        assert isinstance(law, Law)
        return law


class _Acting(nn.Module):
    """A policy whose forward pass gives the law of its actions."""

    def __init__(self, policy: ActorCriticPolicy):
        super().__init__()
        self.policy = policy

    def forward(self, observations: Any) -> Law:
        return law_of(self.policy.get_distribution(observations), self.policy.action_space)
