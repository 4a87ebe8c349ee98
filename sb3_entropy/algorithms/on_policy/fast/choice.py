"""Which path a training takes: the fast one wherever nothing stands in its way."""

from typing import TYPE_CHECKING, Any

import torch as th
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import FlattenExtractor, MlpExtractor
from torch import nn

from sb3_entropy.algorithms.common.flat_optimizers import FLAT_OPTIMIZERS, why_not_flat
from sb3_entropy.algorithms.common.networks import why_no_trunk
from sb3_entropy.algorithms.common.standing import (
    Standing,
    package,
    replaced,
    seen_of,
    why_counts_differ,
    why_layers_shared,
    why_modules_differ,
    why_overridden,
    why_parameters_differ,
)
from sb3_entropy.algorithms.on_policy.buffers import SoftRolloutBuffer
from sb3_entropy.algorithms.on_policy.fast.heads import HEADS
from sb3_entropy.algorithms.on_policy.fast.policy import FlatPolicy
from sb3_entropy.policies.soft import SoftActorCriticPolicy
from sb3_entropy.regularizers.coefficients import GradientShare
from sb3_entropy.regularizers.regularizer import Regularizer

if TYPE_CHECKING:
    from sb3_entropy.algorithms.on_policy.algorithm import SoftOnPolicyAlgorithm

#: what a training calls, by whose class: one that somebody has overridden is called on the general path
STEPS = (
    *("collect_rollouts", "train", "_collect", "_improve", "_begin_epoch", "_descend", "_descend_critic"),
    *("_actor_critic_loss", "_critic_loss", "_loss", "_policy_loss", "_policy_loss_gradient", "_value_loss"),
    *("_clipped_values", "_advantages", "_actions", "_adds_entropy", "_adds_log_prob", "_immediate_alpha"),
    *("_minimise", "_may_end_update", "_clipped_values_gradient"),
)


def choose(algorithm: "SoftOnPolicyAlgorithm", flat_policy: FlatPolicy | None) -> tuple[str | None, FlatPolicy | None]:
    """
    :param algorithm: one that is set up
    :param flat_policy: what its last rollout or update took the fast path with
    :return: why the next one takes the general path, or None; and what takes the fast one, or None
    """
    if algorithm.fast is False:
        return "fast=False", None
    rounding = algorithm.fast == "rounding"
    fits = flat_policy is not None and flat_policy.fits(algorithm.policy, rounding)
    if fits and flat_policy is not None and flat_policy.seen == _seen(algorithm, flat_policy.standing):
        return None, flat_policy
    reason = why_general(algorithm)
    if reason is not None:
        return reason, None
    flat_policy = FlatPolicy(algorithm.policy, rounding)
    flat_policy.standing = Standing(algorithm.policy)
    flat_policy.seen = _seen(algorithm, flat_policy.standing)
    return None, flat_policy


def _seen(algorithm: "SoftOnPolicyAlgorithm", standing: Standing) -> list[Any]:
    """
    :return: what :func:`why_general` and :class:`FlatPolicy` depend on, quick to read: where it is what it was, nothing
        needs to be gone into again; where it is not, all is, and the flat policy is made anew
    """
    policy, buffer = algorithm.policy, algorithm.rollout_buffer
    seen: list[Any] = [type(algorithm), len(vars(algorithm)), algorithm.use_sde, type(buffer), len(vars(buffer))]
    seen += [id(rule) for rule in algorithm.active_regularizers]
    seen += [id(rule.coefficient) for rule in algorithm.active_regularizers]
    seen += [type(policy.action_dist), id(policy.action_dist), len(vars(policy.action_dist))]
    seen += [getattr(policy, "has_critic", True), algorithm.baseline]
    return [*seen, *seen_of(policy.optimizer), *standing.seen()]


def why_general(algorithm: "SoftOnPolicyAlgorithm") -> str | None:
    """
    :param algorithm: one that is set up
    :return: why its next rollout and update take the general path; None if nothing stands in the fast one's way
    """
    return (
        _of_policy(algorithm.policy)
        or _of_algorithm(algorithm)
        or _of_regularizers(algorithm)
        or why_not_flat(algorithm.policy.optimizer, list(algorithm.policy.parameters()))
        or _of_counts(algorithm.policy)
    )


def _of_algorithm(algorithm: "SoftOnPolicyAlgorithm") -> str | None:
    if reason := why_overridden(algorithm, STEPS):
        return reason
    if algorithm.use_sde:
        return "use_sde=True"
    buffer = algorithm.rollout_buffer
    if type(buffer) is not SoftRolloutBuffer or replaced(buffer):
        return f"the rollout buffer is {type(buffer).__name__}, or a method of it has been replaced"
    if algorithm.baseline != getattr(algorithm.policy, "has_critic", True):
        return "baseline has been changed, from the next rollout on"
    return None


def _of_regularizers(algorithm: "SoftOnPolicyAlgorithm") -> str | None:
    for rule in algorithm.active_regularizers:
        if isinstance(rule.coefficient, GradientShare):
            return "a regularizer's coefficient is a share of the gradient"
        if type(rule) is not Regularizer or package(type(rule.reference)) != "sb3_entropy":
            return f"the regularizer {rule.name} is of a class of its own, or its reference is"
    return None


def _of_policy(policy: ActorCriticPolicy) -> str | None:
    extractor = policy.mlp_extractor
    outputs = policy.action_net, policy.value_net
    reason = None
    if type(policy) not in (SoftActorCriticPolicy, ActorCriticPolicy):
        reason = f"the policy is {type(policy).__name__}"
    elif is_image_space(policy.observation_space) or isinstance(policy.observation_space, spaces.Dict):
        reason = f"the observations are {policy.observation_space}"
    elif type(policy.action_dist) not in HEADS or replaced(policy.action_dist):
        reason = f"the actions are distributed by {type(policy.action_dist).__name__}, or by a method of its own"
    elif type(extractor) is not MlpExtractor or any(type(one) is not FlattenExtractor for one in _extractors(policy)):
        reason = "its features or hidden layers are extracted by a class of its own"
    elif any(type(output) is not nn.Linear or output.bias is None for output in outputs):
        reason = "its outputs are no linear layers"
    reason = reason or why_no_trunk(extractor.policy_net) or why_no_trunk(extractor.value_net)
    if reason is not None:
        return reason
    layers = [layer for net in _nets(policy) for layer in net]
    reason = why_modules_differ(policy, "the policy") or why_layers_shared([policy], layers)
    unused = [] if getattr(policy, "has_critic", True) else policy.value_net.parameters()
    return reason or why_parameters_differ(policy.named_parameters(), unused) or _of_scheme(policy)


def _extractors(policy: ActorCriticPolicy) -> list[nn.Module]:
    """:return: the features extractors, and what they do"""
    extractors = [policy.features_extractor, policy.pi_features_extractor, policy.vf_features_extractor]
    others = [part for one in extractors for part in one.children() if type(part) is not nn.Flatten]
    return [*extractors, *others]


def _of_scheme(policy: ActorCriticPolicy) -> str | None:
    """A parameter that a scheme of somebody's own does not use has no gradient, not even 0."""
    scheme, log_std = getattr(policy, "std_scheme", None), getattr(policy, "log_std", None)
    if scheme is None or type(scheme).__module__.startswith("sb3_entropy."):
        return None
    parameters = {f"std_scheme.{name}": parameter for name, parameter in scheme.named_parameters()}
    if isinstance(log_std, nn.Parameter):
        parameters["log_std"] = log_std
    with th.enable_grad():
        made = scheme(th.zeros((1, policy.mlp_extractor.latent_dim_pi)), log_std)
    if not parameters or not made.requires_grad:
        return "the std scheme uses none of its parameters" if parameters else None
    found = th.autograd.grad(made.sum(), list(parameters.values()), allow_unused=True)
    unused = [name for name, gradient in zip(parameters, found, strict=True) if gradient is None]
    return f"the parameter {unused[0]} is not used by the std scheme" if unused else None


def _nets(policy: ActorCriticPolicy) -> list[list[nn.Module]]:
    extractor = policy.mlp_extractor
    return [[*extractor.policy_net, policy.action_net], [*extractor.value_net, policy.value_net]]


def _of_counts(policy: ActorCriticPolicy) -> str | None:
    """A part of the policy may have had fewer steps than another, but not within the actor, or the critic."""
    names = FLAT_OPTIMIZERS[type(policy.optimizer)].begins
    critics = {id(p) for p in (*policy.mlp_extractor.value_net.parameters(), *policy.value_net.parameters())}
    for of_critic in (False, True):
        own = [p for p in policy.parameters() if (id(p) in critics) == of_critic]
        if reason := why_counts_differ(policy.optimizer, own, names):
            return reason
    return None
