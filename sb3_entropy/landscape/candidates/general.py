"""Networks of any kind of many candidates, by PyTorch: the policy's own modules, mapped over parameters."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import preprocess_obs

from sb3_entropy.distributions.choices import from_zero
from sb3_entropy.landscape.candidates.base import Leaves, Networks, Stack
from sb3_entropy.policies.observations import of_each
from sb3_entropy.policies.parameters import ParameterVector, exchanged

#: from a policy and B preprocessed observations to what the law of the action is made of, of shape (B, …)
Reading = Callable[[BasePolicy, Any], tuple[th.Tensor, ...]]


class GeneralNetworks(Networks):
    """
    Where ``torch.vmap`` takes the policy's modules, all candidates go through them at once; where it does not, each
    goes alone.

    :param policy: one of which nobody else has a hold, on the CPU and in evaluation mode
    :param reading: the pass through its networks
    """

    name = "general"

    def __init__(self, policy: BasePolicy, reading: Reading):
        self.policy, self.reading = policy, reading
        shapes = ParameterVector(policy).shapes
        self.sizes = [(name, shape, int(np.prod(shape))) for name, shape in shapes.items()]
        #: found out at the first observations
        self.maps = True

    def stack(self, thetas: np.ndarray) -> "GeneralStack":
        return GeneralStack(self, thetas)

    def read(self, parameters: dict[str, th.Tensor], observations: Any) -> tuple[th.Tensor, ...]:
        """
        :param parameters: one candidate's, by name
        :param observations: S of them, preprocessed, as tensors
        :return: its leaves, shape (S, …)
        """
        with exchanged(self.policy, parameters):
            return self.reading(self.policy, observations)

    def preprocessed(self, observations: Any) -> Any:
        """
        :param observations: shape (C, S, …), or a dict of such
        :return: what the networks read, as tensors, shape (C, S, …)
        """
        policy = self.policy
        first = next(iter(observations.values())) if isinstance(observations, dict) else observations
        leading = first.shape[:2]
        rows = of_each(lambda array: array.reshape(-1, *array.shape[2:]), observations)
        tensors = from_zero(policy.obs_to_tensor(rows)[0], policy.observation_space)
        read = preprocess_obs(tensors, policy.observation_space, normalize_images=policy.normalize_images)
        return of_each(lambda tensor: tensor.reshape(*leading, *tensor.shape[1:]), read)


class GeneralStack(Stack):
    """
    The parameters of C candidates.

    :param networks: the architecture
    :param thetas: shape (C, P)
    """

    def __init__(self, networks: GeneralNetworks, thetas: np.ndarray):
        self.networks = networks
        values, self.parameters, start = th.as_tensor(thetas, dtype=th.float32), {}, 0
        for name, shape, size in networks.sizes:
            self.parameters[name] = values[:, start : start + size].reshape(-1, *shape)
            start += size

    def leaves(self, observations: Any) -> Leaves:
        read = self.networks.preprocessed(observations)
        with th.no_grad():
            found = self._mapped(read) if self.networks.maps else self._one_by_one(read)
        return tuple(leaf.numpy() for leaf in found)

    def _mapped(self, read: Any) -> tuple[th.Tensor, ...]:
        try:
            found: tuple[th.Tensor, ...] = th.vmap(self.networks.read)(self.parameters, read)
        except RuntimeError:
            # Of control flow that depends on numbers, and of operations that it has no rule for.
            found = self._one_by_one(read)
            self.networks.maps = False
        return found

    def _one_by_one(self, read: Any) -> tuple[th.Tensor, ...]:
        found = []
        for k in range(len(next(iter(self.parameters.values())))):
            own = {name: values[k] for name, values in self.parameters.items()}
            found.append(self.networks.read(own, of_each(operator.itemgetter(k), read)))
        return tuple(th.stack(leaf) for leaf in zip(*found, strict=True))

    def keep(self, candidates: np.ndarray) -> None:
        index = th.as_tensor(np.arange(len(next(iter(self.parameters.values()))))[candidates])
        self.parameters = {name: values[index] for name, values in self.parameters.items()}
