"""Looking at a policy without a trace."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.distributions import Distribution, StateDependentNoiseDistribution
from stable_baselines3.common.policies import BaseModel, BasePolicy


@contextmanager
def looked_at(policy: BasePolicy, *, seed: int | None = None, n_envs: int | None = None) -> Iterator[None]:
    """
    In evaluation mode and without gradients; ``th.enable_grad()`` inside has them again. Afterwards, also after an
    exception, everything is as it was: the mode of every module, what the distributions hold, which gSDE's exploration
    matrices are part of, and the global generators of PyTorch on the CPU and on the policy's device, of NumPy and of
    Python.

    :param policy: a policy
    :param seed: what the generators are seeded with inside; None for not at all
    :param n_envs: with gSDE: draws noise for so many environments inside
    """
    cuda = [policy.device] if policy.device.type == "cuda" else []
    with evaluated(policy), th.no_grad(), _own_generators(seed, cuda), _own_distributions(policy) as held:
        if n_envs is not None and any(isinstance(each, StateDependentNoiseDistribution) for each in held):
            policy.reset_noise(n_envs)  # type: ignore[operator]
        yield


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """
    Seeds the global generators of PyTorch, on all devices in use, of NumPy and of Python, and gives them back as they
    were, also after an exception.

    :param seed: the seed inside
    """
    cuda = list(range(th.cuda.device_count())) if th.cuda.is_initialized() else []
    with _own_generators(seed, cuda):
        yield


@contextmanager
def evaluated(policy: BaseModel) -> Iterator[None]:
    """
    In evaluation mode; afterwards every module has its own mode back, which need not be that of the policy.

    :param policy: a policy, or a critic
    """
    modes = [(module, module.training) for module in policy.modules()]
    policy.set_training_mode(False)
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _own_generators(seed: int | None, cuda: list[Any]) -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()
    with th.random.fork_rng(devices=cuda):
        try:
            if seed is not None:
                th.default_generator.manual_seed(seed)
                for device in cuda:
                    with th.cuda.device(device):
                        th.cuda.manual_seed(seed)
                np.random.seed(seed % 2**32)
                random.seed(seed)
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


@contextmanager
def _own_distributions(policy: BasePolicy) -> Iterator[list[Distribution]]:
    """Stable-Baselines3's policies fill one object again and again, and with gSDE it holds the noise."""
    found = [getattr(module, "action_dist", None) for module in policy.modules()]
    held = {id(each): (each, dict(vars(each))) for each in found if isinstance(each, Distribution)}
    try:
        yield [distribution for distribution, _ in held.values()]
    finally:
        for distribution, attributes in held.values():
            vars(distribution).clear()
            vars(distribution).update(attributes)
