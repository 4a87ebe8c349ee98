"""Looking at a policy without a trace."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch as th
from stable_baselines3.common.policies import BasePolicy


@contextmanager
def evaluated(policy: BasePolicy) -> Iterator[None]:
    """
    In evaluation mode; afterwards every module has its own mode back, which need not be that of the policy.

    :param policy: a policy
    """
    modes = [(module, module.training) for module in policy.modules()]
    policy.set_training_mode(False)
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def looked_at(policy: BasePolicy) -> Iterator[None]:
    """
    In evaluation mode, without gradients, and what is drawn inside leaves PyTorch's global generators as they were.

    :param policy: a policy
    """
    devices = [policy.device] if policy.device.type == "cuda" else []
    with evaluated(policy), th.no_grad(), th.random.fork_rng(devices=devices):
        yield
