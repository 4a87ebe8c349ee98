"""
Plain names in YAMLs, for what has no literal: classes of torch, HER's buffer, and classes by their path. Nothing is
evaluated.
"""

import importlib
import re
from collections.abc import Mapping
from typing import Any

import torch
from stable_baselines3.common.buffers import BaseBuffer
from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike
from stable_baselines3.her.her_replay_buffer import HerReplayBuffer
from torch import nn

from sb3_entropy.errors import unknown

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "leaky_relu": nn.LeakyReLU,
    "mish": nn.Mish,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
}
OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "rmsprop_tf_like": RMSpropTFLike,
    "sgd": torch.optim.SGD,
}
#: of what stands beside ``policy_kwargs``; rl-zoo evaluates the one name that it has imported
BUFFERS: dict[str, type[BaseBuffer]] = {"HerReplayBuffer": HerReplayBuffer}
_BUFFER_KEYS = {"replay_buffer_class": "replay buffer", "rollout_buffer_class": "rollout buffer"}
_NAMES: dict[str, tuple[str, Mapping[str, type]]] = {
    "activation_fn": ("activation", ACTIVATIONS),
    "optimizer_class": ("optimizer", OPTIMIZERS),
    "features_extractor_class": ("features extractor", {}),
}
_MAPPINGS = {
    "policy_kwargs": "policy_kwargs:\n  activation_fn: relu\n  net_arch: {pi: [64, 64], vf: [64, 64]}",
    "replay_buffer_kwargs": "replay_buffer_kwargs:\n  n_sampled_goal: 4\n  goal_selection_strategy: future",
    "normalize": "normalize: {norm_obs: true, norm_reward: false}",
    "monitor_kwargs": "monitor_kwargs:\n  info_keywords: [is_success]",
    "env_kwargs": "env_kwargs:\n  some_setting: 1.0",
}


def refuse_expressions(hyperparams: Mapping[str, Any]) -> None:
    """
    :param hyperparams: as they were read
    :raises ValueError: if a string stands where a mapping belongs: rl-zoo evaluates it as Python, we do not
    """
    for key, form in _MAPPINGS.items():
        value = hyperparams.get(key)
        if isinstance(value, str):
            raise ValueError(f"{key} must be a mapping, but the text {value!r} was given. Write, for example:\n{form}")


def resolve_names(hyperparams: Mapping[str, Any]) -> dict[str, Any]:
    """
    :param hyperparams: as they were read, e.g. ``{"policy_kwargs": {"activation_fn": "relu"}}``
    :return: a copy with classes in the place of their names
    :raises ValueError: if a name is not known
    """
    resolved = dict(hyperparams)
    if isinstance(resolved.get("policy_kwargs"), Mapping):
        policy_kwargs = dict(resolved["policy_kwargs"])
        for key, (kind, names) in _NAMES.items():
            if isinstance(policy_kwargs.get(key), str):
                policy_kwargs[key] = _find_class(kind, policy_kwargs[key], names)
        resolved["policy_kwargs"] = policy_kwargs
    for key, kind in _BUFFER_KEYS.items():
        if isinstance(resolved.get(key), str):
            names = BUFFERS if key == "replay_buffer_class" else {}
            resolved[key] = _find_class(kind, resolved[key], names)
    monitor_kwargs = resolved.get("monitor_kwargs")
    if isinstance(monitor_kwargs, Mapping) and isinstance(monitor_kwargs.get("info_keywords"), list):
        resolved["monitor_kwargs"] = {**monitor_kwargs, "info_keywords": tuple(monitor_kwargs["info_keywords"])}
    return resolved


def import_class(kind: str, path: str) -> Any:
    """
    :param kind: what the class is, for the message
    :param path: e.g. ``my_package.networks.MyExtractor``
    :return: the class
    :raises ValueError: if there is none under that path
    """
    module, _, name = path.rpartition(".")
    if not module:
        raise ValueError(
            f"The {kind} {path!r} is no full path. Name its module too, such as 'my_package.module.{path}'."
        )
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"The {kind} {path!r} cannot be imported: {error}. Correct the path, or install it."
        ) from error


def _find_class(kind: str, name: str, names: Mapping[str, type]) -> Any:
    if name in names:
        return names[name]
    if re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", name):
        return import_class(kind, name)
    raise ValueError(f"{unknown(kind, name, names)} A class's full path, such as 'my_package.module.Class', works too.")
