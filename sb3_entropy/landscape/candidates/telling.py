"""What of a policy determines its actions besides θ."""

import hashlib

from stable_baselines3.common.policies import BasePolicy
from torch import nn

from sb3_entropy.policies.parameters import CRITICS, ParameterVector


def fingerprint(policy: BasePolicy) -> str:
    """
    :param policy: a policy
    :return: a digest of what its actions depend on besides θ: its architecture, spaces, and buffers
    """
    actor = [(name, module) for name, module in policy.named_modules() if name and not f"{name}.".startswith(CRITICS)]
    leaves = [f"{name}: {module!r}" for name, module in actor if not list(module.children())]
    settings = [_settings(name, module) for name, module in [("", policy), *actor]]
    shapes = sorted(ParameterVector(policy).shapes.items())
    distribution = type(getattr(getattr(policy, "actor", policy), "action_dist", None)).__name__
    told = [*leaves, *settings, repr(shapes), distribution, repr(policy.observation_space), repr(policy.action_space)]
    digest = hashlib.sha256("\n".join(told).encode())
    for name, buffer in policy.named_buffers():
        if not name.startswith(CRITICS):
            digest.update(name.encode() + buffer.cpu().numpy().tobytes())
    return digest.hexdigest()


def _settings(name: str, module: nn.Module) -> str:
    """:return: its class and its plain attributes, such as a std scheme's Δ"""
    plain = {
        key: value
        for key, value in sorted(vars(module).items())
        if isinstance(value, (bool, int, float, str, tuple)) and not key.startswith("_") and key != "training"
    }
    return f"{name}: {type(module).__module__}.{type(module).__qualname__} {plain!r}"
