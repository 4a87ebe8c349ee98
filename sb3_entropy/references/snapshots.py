"""The parameters of a policy at one time, and what that policy would do."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

from sb3_entropy.distributions.laws import Law, law_of
from sb3_entropy.policies.looking import COMPILED, by_plain_names, evaluated


class Snapshot:
    """
    θ of a policy. It is pickled as NumPy arrays, so that it can be read on a machine without the device that made it.

    :param policy: the policy, of which copies are taken
    """

    def __init__(self, policy: ActorCriticPolicy):
        self.tensors = {name: tensor.detach().clone() for name, tensor in by_plain_names(policy.state_dict()).items()}

    def __getstate__(self) -> dict[str, np.ndarray]:
        return {name: tensor.cpu().numpy() for name, tensor in self.tensors.items()}

    def __setstate__(self, arrays: dict[str, np.ndarray]) -> None:
        self.tensors = {name: th.as_tensor(array) for name, array in arrays.items()}

    @classmethod
    def near(cls, policy: ActorCriticPolicy) -> "Snapshot":
        """:return: one that has learned a little: what is learned is a hundredth larger, and shifted"""
        snapshot = cls(policy)
        for name, parameter in policy.named_parameters(remove_duplicate=False):
            if parameter.requires_grad:
                snapshot.tensors[name.replace(COMPILED, "")].mul_(1.01).add_(0.01)
        return snapshot

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
        own = by_plain_names(policy.state_dict())
        if {name: tensor.shape for name, tensor in own.items()} != {n: t.shape for n, t in self.tensors.items()}:
            raise ValueError(
                "The reference's parameters do not fit the policy's network: the policy has been exchanged. Make the "
                "regularizers anew."
            )
        tensors = {name: tensor.to(own[name].device) for name, tensor in self.tensors.items()}
        with evaluated(policy), th.no_grad(), _exchanged(policy, tensors):
            return law_of(policy.get_distribution(observations), policy.action_space)


@contextmanager
def _exchanged(module: nn.Module, tensors: Mapping[str, th.Tensor]) -> Iterator[None]:
    """
    Other tensors in the place of a module's parameters and buffers, and its own back again.

    ``torch.func.functional_call`` does that too, but in torch 2.13 it gives a module that stands under two names, as a
    shared features extractor does, the other tensors back.
    """
    own: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for prefix, part in module.named_modules():  # each once, whatever its names
            for held in (part._parameters, part._buffers):
                for name in held:
                    other = tensors.get((f"{prefix}.{name}" if prefix else name).replace(COMPILED, ""))
                    if other is not None:
                        own.append((held, name, held[name]))
                        held[name] = other
        yield
    finally:
        for held, name, tensor in own:
            held[name] = tensor
