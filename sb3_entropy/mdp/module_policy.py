"""A neural network as a policy of a finite process, that of a Stable-Baselines3 model above all."""

import copy
from typing import Any

import numpy as np
import torch as th
from gymnasium import spaces
from torch import nn
from torch.func import functional_call, vmap

from sb3_entropy.mdp.tabular import Array, TabularMDP


class ModulePolicy:
    """
    A network of which each state is an input: ``logits(s, ·) = module(inputs[s])``. θ is the module's parameters in its
    own order, as one vector.

    :param mdp: the process
    :param module: takes inputs (n, …) and returns logits (n, A); a copy is made, in double precision
    :param inputs: what the module is given in each state, shape (n, …), as it takes it. States from n on must be
        absorbing; their logits are 0
    :raises ValueError: if the number of inputs or the shape of what the module returns does not fit the process
    """

    def __init__(self, mdp: TabularMDP, module: nn.Module, inputs: Any):
        self._module = copy.deepcopy(module).cpu().double().eval().requires_grad_(False)
        self._inputs = th.as_tensor(np.asarray(inputs))
        if self._inputs.is_floating_point():
            self._inputs = self._inputs.double()
        n, S, A = len(self._inputs), mdp.n_states, mdp.n_actions
        if n > S or not mdp.absorbing[n:].all():
            raise ValueError(
                f"inputs must have one entry for each of the {S} states, but for absorbing ones at the end, but "
                f"{n} were given."
            )
        self._without_input = S - n
        # A parameter may have several names, as those of a shared features extractor have.
        self._names = dict.fromkeys(name for name, _ in self._module.named_parameters())
        parameters = dict(self._module.named_parameters(remove_duplicate=False))
        first = {id(parameters[name]): name for name in self._names}
        self._held_as = {name: first[id(parameter)] for name, parameter in parameters.items()}
        self._shapes = {name: parameters[name].shape for name in self._names}
        #: of the module as it was given, shape (P,)
        self.theta: Array = np.concatenate([parameters[name].numpy().reshape(-1) for name in self._names])
        found = self._one(th.tensor(self.theta)).shape
        if tuple(found) != (S, A):
            raise ValueError(
                f"module must return logits of the shape {(n, A)} for these inputs, but "
                f"{(found[0] - S + n, *found[1:])} came."
            )

    @classmethod
    def of_sb3(cls, mdp: TabularMDP, policy: Any, observations: Any | None = None) -> "ModulePolicy":
        """
        :param mdp: the process
        :param policy: an ``ActorCriticPolicy`` with discrete actions; θ is the parameters that they depend on
        :param observations: the observation of each state, shape (n, …), n ≤ S as in the constructor. ``None`` for
            indices, where observations are ``Discrete``, and for one-hot vectors where they are a flat box
        :return: the policy
        :raises ValueError: if it is no such policy, or does not say what a state looks like
        """
        from stable_baselines3.common.distributions import CategoricalDistribution
        from stable_baselines3.common.policies import ActorCriticPolicy

        if not isinstance(policy, ActorCriticPolicy) or not isinstance(policy.action_dist, CategoricalDistribution):
            raise ValueError(
                f"policy must be an ActorCriticPolicy with discrete actions, as model.policy of A2C or PPO is, but "
                f"{type(policy).__name__} was given."
            )
        if isinstance(policy.observation_space, spaces.Dict):
            raise ValueError(
                f"Observations must be one array, but those of {policy.observation_space} are several. Give a module "
                "that takes one: ModulePolicy(mdp, module, inputs)."
            )
        if observations is None:
            observations = _observations(mdp, policy)
        observations = np.asarray(observations)
        actor = _Actor(policy)
        made = cls(mdp, actor, actor.prepared(observations))
        with th.no_grad():
            theirs_now: Any = policy.get_distribution(policy.obs_to_tensor(observations)[0]).distribution
            theirs = theirs_now.probs.double().cpu()
            ours = th.softmax(made._one(th.tensor(made.theta))[: len(observations)], dim=-1)
        if not th.allclose(ours, theirs, rtol=0.0, atol=1e-4):
            raise ValueError(
                f"{type(policy).__name__} acts otherwise than by features, latent and action_net, so its logits are "
                "not known here. Give a module that computes them: ModulePolicy(mdp, module, inputs)."
            )
        return made

    @property
    def n_parameters(self) -> int:
        """:return: P"""
        return len(self.theta)

    def logits(self, theta: th.Tensor) -> th.Tensor:
        """
        :param theta: θ of one policy, shape (P,), or of K, shape (K, P)
        :return: logits, shape (S, A) or (K, S, A)
        """
        found: th.Tensor = vmap(self._one)(theta) if theta.ndim == 2 else self._one(theta)
        return found

    def _one(self, theta: th.Tensor) -> th.Tensor:
        sizes = [shape.numel() for shape in self._shapes.values()]
        parts = zip(self._shapes.items(), theta.split(sizes), strict=True)
        own = {name: part.view(shape) for (name, shape), part in parts}
        every = {name: own[first] for name, first in self._held_as.items()}
        logits: th.Tensor = functional_call(self._module, every, (self._inputs,), tie_weights=False)
        return nn.functional.pad(logits, (0, 0, 0, self._without_input))


class _Actor(nn.Module):
    """The part of an ActorCriticPolicy that its actions depend on. Nothing of it is the policy's own."""

    def __init__(self, policy: Any):
        super().__init__()
        own = copy.deepcopy(policy).to("cpu")
        self.features, self.latent, self.action_net = own.pi_features_extractor, own.mlp_extractor, own.action_net
        # What has no part in the actions would be parameters without effect.
        self.latent.value_net = nn.Identity()
        self._prepare = own.obs_to_tensor, own.observation_space, own.normalize_images

    def prepared(self, observations: Any) -> Any:
        """What the features are made from."""
        from stable_baselines3.common.preprocessing import preprocess_obs

        to_tensor, space, normalize_images = self._prepare
        found: Any = preprocess_obs(to_tensor(observations)[0], space, normalize_images=normalize_images)
        return found

    def forward(self, inputs: th.Tensor) -> th.Tensor:
        """:return: logits"""
        logits: th.Tensor = self.action_net(self.latent.forward_actor(self.features(inputs)))
        return logits


def _observations(mdp: TabularMDP, policy: Any) -> Any:
    """:return: the observation of each state, where the space leaves no doubt"""
    space, S = policy.observation_space, mdp.n_states
    if isinstance(space, spaces.Discrete) and space.n <= S and mdp.absorbing[space.n :].all():
        return np.arange(space.n) + space.start
    if isinstance(space, spaces.Box) and len(space.shape) == 1 and space.shape[0] <= S:
        n = space.shape[0]
        if mdp.absorbing[n:].all():
            return np.eye(n, dtype=space.dtype)
    raise ValueError(
        f"What the {S} states look like in {space} is not known. Give observations, shape (S, …): the observation of "
        "each state."
    )
