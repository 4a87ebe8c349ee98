"""Which path a training takes: the fast one wherever nothing stands in its way."""

import itertools
from typing import Any

from gymnasium import spaces
from stable_baselines3.common.distributions import SquashedDiagGaussianDistribution
from stable_baselines3.common.policies import ContinuousCritic
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.sac.policies import Actor, SACPolicy
from torch import nn

from sb3_entropy.algorithms.common.flat_optimizers import FLAT_OPTIMIZERS, why_not_flat
from sb3_entropy.algorithms.common.networks import why_no_trunk
from sb3_entropy.algorithms.common.standing import (
    Standing,
    replaced,
    seen_of,
    why_counts_differ,
    why_layers_shared,
    why_modules_differ,
    why_parameters_differ,
)
from sb3_entropy.algorithms.off_policy.fast.path import FlatPath
from sb3_entropy.algorithms.off_policy.parts import Parts


def choose(parts: Parts, flat_path: FlatPath | None) -> tuple[str | None, FlatPath | None]:
    """
    Called before every update, and quick where nothing has changed.

    :param parts: an algorithm's
    :param flat_path: what its last update took the fast path with
    :return: why the next one takes the general path, or None; and what takes the fast one, or None
    """
    if flat_path is not None and flat_path.fits(parts) and flat_path.seen == _seen(parts, flat_path.standing):
        return None, flat_path
    reason = why_general(parts)
    if reason is not None:
        return reason, None
    flat_path = FlatPath(parts)
    flat_path.standing = Standing(parts.policy, *_beside(parts))
    flat_path.seen = _seen(parts, flat_path.standing)
    return None, flat_path


def _beside(parts: Parts) -> list[nn.Module]:
    """:return: modules that are no part of the policy"""
    others = (parts.plain_critic, parts.plain_critic_target, parts.target_actor)
    return [module for module in others if module is not None]


def _seen(parts: Parts, standing: Standing) -> list[Any]:
    """:return: what :func:`why_general` and :class:`FlatPath` depend on, quick to read"""
    buffer = parts.replay_buffer
    seen: list[Any] = [type(buffer), len(vars(buffer)), getattr(buffer, "optimize_memory_usage", False)]
    for actor in parts.actors:
        seen += [actor.use_sde, type(actor.action_dist), id(actor.action_dist), len(vars(actor.action_dist))]
    for critic in (*parts.critics, *parts.target_critics):
        seen += map(id, critic.q_networks)
    for owner in (parts.policy.actor, *parts.critics):
        seen += seen_of(owner.optimizer)
    return seen + standing.seen()


def why_general(parts: Parts) -> str | None:
    """
    :param parts: an algorithm's
    :return: why its next update takes the general path; None if nothing stands in the fast one's way
    """
    reason = _of_policy(parts.policy)
    for actor in parts.actors:
        reason = reason or _of_actor(actor)
    for critic in (*parts.critics, *parts.target_critics):
        reason = reason or _of_critic(critic, parts.policy.critic)
    return reason or _of_modules(parts) or _of_optimizers(parts)


def _of_policy(policy: SACPolicy) -> str | None:
    space = policy.observation_space
    if type(policy) is not SACPolicy:
        return f"the policy is {type(policy).__name__}"
    if is_image_space(space) or isinstance(space, spaces.Dict):
        return f"the observations are {space}"
    return None


def _of_actor(actor: Actor) -> str | None:
    if type(actor) is not Actor:
        return f"the actor is {type(actor).__name__}"
    if actor.use_sde:
        return "use_sde=True"
    distribution: Any = actor.action_dist
    if type(distribution) is not SquashedDiagGaussianDistribution or replaced(distribution):
        return f"the actions are distributed by {type(distribution).__name__}, or by a method of its own"
    reason = _of_extractor(actor.features_extractor) or _of_outputs([actor.mu, actor.log_std])
    return reason or why_no_trunk(actor.latent_pi)


def _of_critic(critic: ContinuousCritic, first: ContinuousCritic) -> str | None:
    if type(critic) is not ContinuousCritic:
        return f"the critic is {type(critic).__name__}"
    shapes: list[Any] = []
    for network in (*first.q_networks, *critic.q_networks):
        layers: Any = list(network.children())
        if type(network) is not nn.Sequential or not layers:
            return f"a critic is {type(network).__name__}, and no sequence of layers"
        if reason := _of_outputs(layers[-1:]) or why_no_trunk(network[:-1]):
            return reason
        shapes.append([(type(layer), *(parameter.shape for parameter in layer.parameters())) for layer in layers])
    if any(shape != shapes[0] for shape in shapes) or len(critic.q_networks) != len(first.q_networks):
        return "the critics are not of one shape"
    return _of_extractor(critic.features_extractor)


def _of_extractor(extractor: nn.Module) -> str | None:
    if type(extractor) is FlattenExtractor and all(type(part) is nn.Flatten for part in extractor.children()):
        return None
    return f"the features are extracted by {type(extractor).__name__}, and not by FlattenExtractor"


def _of_outputs(outputs: list[Any]) -> str | None:
    if any(type(output) is not nn.Linear or output.bias is None for output in outputs):
        return "its outputs are no linear layers"
    return None


def _of_modules(parts: Parts) -> str | None:
    names = ("the plain critic", "its target", "the target actor")
    others = (parts.plain_critic, parts.plain_critic_target, parts.target_actor)
    roots = [("the policy", parts.policy), *((n, m) for n, m in zip(names, others, strict=True) if m is not None)]
    for name, root in roots:
        if reason := why_modules_differ(root, name):
            return reason
    networks = (network for critic in (*parts.critics, *parts.target_critics) for network in critic.q_networks)
    nets = [*networks, *(actor.latent_pi for actor in parts.actors)]
    layers = [layer for net in nets for layer in net.children()]
    heads: list[Any] = [layer for actor in parts.actors for layer in (actor.mu, actor.log_std)]
    if reason := why_layers_shared([root for _, root in roots], [*layers, *heads]):
        return reason
    parameters = itertools.chain.from_iterable(root.named_parameters() for _, root in roots)
    still = [*parts.target_critics, *parts.actors[1:]]
    return why_parameters_differ(parameters, (parameter for module in still for parameter in module.parameters()))


def _of_optimizers(parts: Parts) -> str | None:
    for owner in (parts.policy.actor, *parts.critics):
        optimizer, parameters = owner.optimizer, list(owner.parameters())
        reason = why_not_flat(optimizer, parameters)
        reason = reason or why_counts_differ(optimizer, parameters, FLAT_OPTIMIZERS[type(optimizer)].begins)
        if reason is not None:
            return reason
    return None
