"""A policy's networks, as they are read: by PyTorch, and by NumPy where they are multilayer perceptrons."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch as th
from gymnasium import spaces
from sb3_contrib.qrdqn.policies import QRDQNPolicy
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import FlattenExtractor, MlpExtractor
from stable_baselines3.sac.policies import LOG_STD_MAX, LOG_STD_MIN
from stable_baselines3.td3.policies import TD3Policy
from torch import nn

from sb3_entropy.distributions import StdScheme
from sb3_entropy.landscape.candidates.dense import ACTIVATIONS, DenseNetworks, Layer, LogStd, Place
from sb3_entropy.policies.laws import SQUASHED, is_actor_critic
from sb3_entropy.policies.parameters import ParameterVector


@dataclass(frozen=True)
class Reading:
    """
    The pass through a policy's networks, without distributions, whose checks ``torch.vmap`` cannot follow.

    :param std: whether log σ is wanted
    """

    std: bool

    def __call__(self, policy: Any, observations: Any) -> tuple[th.Tensor, ...]:
        """
        :param policy: the policy
        :param observations: B of them, preprocessed
        :return: the leaves, shape (B, …)
        """
        if is_actor_critic(policy):
            return self._of_actor_critic(policy, observations)
        if isinstance(policy, SQUASHED):
            actor: Any = policy.actor
            latent = actor.latent_pi(actor.features_extractor(observations))
            mean = actor.mu(latent)
            if not self.std:
                return (mean,)
            return mean, th.clamp(actor.log_std(latent), LOG_STD_MIN, LOG_STD_MAX)
        if isinstance(policy, TD3Policy):
            return (policy.actor.mu(policy.actor.features_extractor(observations)),)
        if isinstance(policy, QRDQNPolicy):
            net: Any = policy.quantile_net
            quantiles = net.quantile_net(net.features_extractor(observations))
            return (quantiles.view(-1, net.n_quantiles, int(net.action_space.n)).mean(1),)
        return (policy.q_net.q_net(policy.q_net.features_extractor(observations)),)

    def _of_actor_critic(self, policy: Any, observations: Any) -> tuple[th.Tensor, ...]:
        latent = policy.mlp_extractor.forward_actor(policy.pi_features_extractor(observations))
        output = policy.action_net(latent)
        if not self.std:
            return (output,)
        scheme: Any = getattr(policy, "std_scheme", None)
        own: Any = getattr(policy, "log_std", None)
        log_std: th.Tensor = own if scheme is None else scheme(latent, own)
        return output, log_std.expand(output.shape)


def dense_networks(policy: Any, read_std: bool) -> DenseNetworks | None:
    """
    :param policy: a copy of a policy
    :param read_std: whether log σ is wanted
    :return: its networks for NumPy; None where it is no multilayer perceptron on vectors, or not in all of its parts
    """
    space = policy.observation_space
    if not isinstance(space, spaces.Box) or is_image_space(space) or isinstance(policy, QRDQNPolicy):
        return None
    places = _Places(policy)
    try:
        if is_actor_critic(policy):
            return _of_actor_critic(policy, places, read_std)
        if isinstance(policy, SQUASHED):
            return _of_squashed(policy.actor, places, read_std)
        net: Any = policy.actor if isinstance(policy, TD3Policy) else policy.q_net
        _check_type(net.features_extractor, FlattenExtractor)
        layers = places.layers(net.mu if isinstance(policy, TD3Policy) else net.q_net)
        return DenseNetworks(tuple(layers[:-1]), layers[-1])
    except _NotDenseError:
        return None


class _NotDenseError(Exception):
    """A part of the policy is not what :class:`DenseNetworks` computes."""


def _check_type(module: object, *allowed: type) -> None:
    if type(module) not in allowed:
        raise _NotDenseError


def _of_actor_critic(policy: Any, places: "_Places", read_std: bool) -> DenseNetworks:
    _check_type(policy.pi_features_extractor, FlattenExtractor)
    _check_type(policy.mlp_extractor, MlpExtractor)
    hidden, output = places.layers(policy.mlp_extractor.policy_net), places.layer(policy.action_net)
    log_std = None
    if read_std:
        scheme, own = getattr(policy, "std_scheme", None), getattr(policy, "log_std", None)
        place = None if own is None else places.of(own)
        if scheme is None or not scheme.is_local:
            # Of a scheme that is not local, log σ is a function of log σ₀ alone, by rule log σ₀ itself.
            if place is None or (scheme is not None and scheme.of_head(None, own) is not own):
                raise _NotDenseError
            log_std = LogStd(place)
        else:
            head = places.layer(scheme.head)
            if type(scheme).forward is not StdScheme.forward or len([*scheme.parameters()]) != 2:
                raise _NotDenseError
            log_std = LogStd(place, head, scheme)
    return DenseNetworks(tuple(hidden), output, log_std)


def _of_squashed(actor: Any, places: "_Places", read_std: bool) -> DenseNetworks:
    _check_type(actor.features_extractor, FlattenExtractor)
    hidden, output = places.layers(actor.latent_pi), places.layer(actor.mu)
    clip = float(LOG_STD_MIN), float(LOG_STD_MAX)
    log_std = LogStd(None, places.layer(actor.log_std), clip=clip) if read_std else None
    return DenseNetworks(tuple(hidden), output, log_std)


class _Places:
    """Where each tensor of a policy is in θ."""

    def __init__(self, policy: BasePolicy):
        named, self.starts, start = dict(policy.named_parameters()), {}, 0
        for name, shape in ParameterVector(policy).shapes.items():
            self.starts[id(named[name])] = start
            start += int(np.prod(shape))

    def of(self, tensor: th.Tensor) -> Place:
        start = self.starts.get(id(tensor))
        constant = tensor.detach().numpy().copy() if start is None else None
        return Place(start or 0, tuple(tensor.shape), constant)

    def layer(self, linear: Any, activation: type[nn.Module] | None = None) -> Layer:
        _check_type(linear, nn.Linear)
        return Layer(self.of(linear.weight), None if linear.bias is None else self.of(linear.bias), activation)

    def layers(self, modules: nn.Module) -> list[Layer]:
        _check_type(modules, nn.Sequential)
        found: list[Layer] = []
        for module in modules.children():
            if type(module) is nn.Linear:
                found.append(self.layer(module))
            elif type(module) in ACTIVATIONS and found and found[-1].activation is None:
                found[-1] = Layer(found[-1].weight, found[-1].bias, type(module))
            else:
                raise _NotDenseError
        return found
