"""Which path a training takes: the fast one wherever nothing stands in its way."""

from typing import TYPE_CHECKING, Any

import torch as th
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import FlattenExtractor, MlpExtractor
from torch import nn

from sb3_entropy.algorithms.common.flat_optimizers import FLAT_OPTIMIZERS, why_not_flat
from sb3_entropy.algorithms.on_policy.buffers import SoftRolloutBuffer
from sb3_entropy.algorithms.on_policy.fast.heads import HEADS
from sb3_entropy.algorithms.on_policy.fast.networks import why_no_trunk
from sb3_entropy.algorithms.on_policy.fast.policy import FlatPolicy
from sb3_entropy.policies.soft import SoftActorCriticPolicy
from sb3_entropy.regularizers.coefficients import GradientShare

if TYPE_CHECKING:
    from sb3_entropy.algorithms.on_policy.algorithm import SoftOnPolicyAlgorithm

#: what a training calls, by whose class: one that somebody has overridden is called on the general path
STEPS = (
    *("collect_rollouts", "train", "_collect", "_improve", "_begin_epoch", "_descend", "_descend_critic"),
    *("_actor_critic_loss", "_critic_loss", "_loss", "_policy_loss", "_policy_loss_gradient", "_value_loss"),
    *("_clipped_values", "_advantages", "_actions", "_adds_entropy", "_adds_log_prob", "_immediate_alpha"),
)
POLICY_STEPS = ("forward", "evaluate_actions", "predict_values", "extract_features", "_get_action_dist_from_latent")
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")

#: see :func:`_standing`
Standing = tuple[list[dict[str, Any]], list[Any], list[dict[str, Any]]]


def choose(algorithm: "SoftOnPolicyAlgorithm", flat_policy: FlatPolicy | None) -> tuple[str | None, FlatPolicy | None]:
    """
    :param algorithm: one that is set up
    :param flat_policy: what its last rollout or update took the fast path with
    :return: why the next one takes the general path, or None; and what takes the fast one, or None
    """
    if algorithm.fast is False:
        return "fast=False", None
    rounding = algorithm.fast == "rounding"
    if flat_policy is not None and flat_policy.fits(algorithm.policy, rounding):
        if flat_policy.seen == _seen(algorithm, flat_policy.standing):
            return None, flat_policy
    else:
        flat_policy = None
    reason = why_general(algorithm)
    if reason is not None:
        return reason, None
    flat_policy = flat_policy or FlatPolicy(algorithm.policy, rounding)
    flat_policy.standing = _standing(algorithm.policy)
    flat_policy.seen = _seen(algorithm, flat_policy.standing)
    return None, flat_policy


def _standing(policy: ActorCriticPolicy) -> Standing:
    """:return: of all its modules what they hold, which stays the same objects: attributes, hooks, parts"""
    attributes = [vars(module) for module in policy.modules()]
    hooks = [held[name] for held in attributes for name in HOOKS]
    return attributes, hooks, [held[name] for held in attributes for name in ("_modules", "_parameters")]


def _seen(algorithm: "SoftOnPolicyAlgorithm", standing: Standing) -> list[Any]:
    """:return: all that :func:`why_general` depends on, quick to read: what is equal needs not be gone into again"""
    group = algorithm.policy.optimizer.param_groups[0]
    seen: list[Any] = [type(algorithm), len(vars(algorithm)), algorithm.use_sde, type(algorithm.rollout_buffer)]
    seen += [id(rule.coefficient) for rule in algorithm.active_regularizers]
    seen += [value for name, value in group.items() if name not in ("params", "lr")]
    seen += [type(group["lr"]), len(algorithm.policy.optimizer.param_groups), *map(id, group["params"])]
    seen += [len(vars(algorithm.policy.optimizer)), len(algorithm.policy.optimizer._optimizer_step_pre_hooks)]
    seen += [len(algorithm.policy.optimizer._optimizer_step_post_hooks), nn.modules.module._has_any_global_hook()]
    attributes, hooks, held = standing
    seen += [any(hooks), *map(len, attributes), *(id(thing) for things in held for thing in things.values())]
    seen += [parameter.requires_grad for parameter in group["params"]]
    seen += [parameter._backward_hooks for parameter in group["params"]]
    return seen


def why_general(algorithm: "SoftOnPolicyAlgorithm") -> str | None:
    """
    :param algorithm: one that is set up
    :return: why its next rollout and update take the general path; None if nothing stands in the fast one's way
    """
    return (
        _of_policy(algorithm.policy)
        or _of_algorithm(algorithm)
        or why_not_flat(algorithm.policy.optimizer, list(algorithm.policy.parameters()))
        or _of_counts(algorithm.policy)
    )


def _of_algorithm(algorithm: "SoftOnPolicyAlgorithm") -> str | None:
    cls = type(algorithm)
    for name in STEPS:
        step = getattr(cls, name, None)
        if name in vars(algorithm) or _module(step).partition(".")[0] not in ("sb3_entropy", ""):
            return f"{name} has been overridden"
    if algorithm.use_sde:
        return "use_sde=True"
    if type(algorithm.rollout_buffer) is not SoftRolloutBuffer:
        return f"the rollout buffer is {type(algorithm.rollout_buffer).__name__}"
    if any(isinstance(rule.coefficient, GradientShare) for rule in algorithm.active_regularizers):
        return "a regularizer's coefficient is a share of the gradient"
    return None


def _module(step: object) -> str:
    """:return: where a method or property was written; of what there is not, nowhere"""
    return getattr(getattr(step, "fget", step), "__module__", "") or ""


def _of_policy(policy: ActorCriticPolicy) -> str | None:
    extractor = policy.mlp_extractor
    outputs = policy.action_net, policy.value_net
    reason = None
    if type(policy) not in (SoftActorCriticPolicy, ActorCriticPolicy):
        reason = f"the policy is {type(policy).__name__}"
    elif is_image_space(policy.observation_space) or isinstance(policy.observation_space, spaces.Dict):
        reason = f"the observations are {policy.observation_space}"
    elif overridden := [name for name in POLICY_STEPS if name in vars(policy)]:
        reason = f"the policy's {overridden[0]} has been replaced"
    elif type(policy.action_dist) not in HEADS:
        reason = f"the actions are distributed by {type(policy.action_dist).__name__}"
    elif type(policy.features_extractor) is not FlattenExtractor or type(extractor) is not MlpExtractor:
        reason = "its features or hidden layers are extracted by a class of its own"
    elif any(type(output) is not nn.Linear or output.bias is None for output in outputs):
        reason = "its outputs are no linear layers"
    return reason or why_no_trunk(extractor.policy_net) or why_no_trunk(extractor.value_net) or _of_modules(policy)


def _of_modules(policy: ActorCriticPolicy) -> str | None:
    for name, module in policy.named_modules():
        held = vars(module)
        if (
            any(held[hooks] for hooks in HOOKS)
            or held.get("_compiled_call_impl")
            or (module is not policy and "forward" in held)
        ):
            return f"there are hooks on {name or 'the policy'}"
    if nn.modules.module._has_any_global_hook():
        return "there are hooks on all modules"
    values_alone = {id(parameter) for parameter in policy.value_net.parameters()}
    for name, parameter in policy.named_parameters():
        if parameter.dtype is not th.float32 or parameter.device.type != "cpu":
            return f"the parameter {name} is {parameter.dtype} on {parameter.device}"
        if parameter._backward_hooks or getattr(parameter, "_post_accumulate_grad_hooks", None):
            return f"there are hooks on the parameter {name}"
        if not parameter.requires_grad and id(parameter) not in values_alone:
            return f"the parameter {name} is not learned"
    return None


def _of_counts(policy: ActorCriticPolicy) -> str | None:
    """A part of the policy may have had fewer steps than another, but not within the actor, or the critic."""
    state = policy.optimizer.state
    names = FLAT_OPTIMIZERS[type(policy.optimizer)].begins
    critics = {id(p) for p in (*policy.mlp_extractor.value_net.parameters(), *policy.value_net.parameters())}
    for of_critic in (False, True):
        held = [state.get(p, {}) for p in policy.parameters() if (id(p) in critics) == of_critic]
        if len({int(entry.get("step", 0)) for entry in held}) > 1:
            return "the optimizer has taken more steps with some parameters than with others"
        if any(entry and not names.keys() <= entry.keys() for entry in held):
            return "the optimizer's state is another one's"
    return None
