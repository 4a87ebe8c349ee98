"""Looking at a policy without a trace, compiled or not."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

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


#: what ``th.compile`` puts before the names of the parameters of a module that it is given
COMPILED = "_orig_mod."


def plain_name(name: str) -> str:
    """:return: of a parameter: the name that it has if no part of its module is compiled"""
    return name.replace(COMPILED, "")


def by_plain_names(state: Mapping[str, Any]) -> dict[str, Any]:
    """:return: a module's state by the names that it has if no part of it is compiled"""
    return {plain_name(name): value for name, value in state.items()}


def uncompiled(policy: Any) -> Any:
    """:return: what ``th.compile`` has wrapped, whose class and names are known; anything else as it is"""
    return getattr(policy, COMPILED[:-1], policy)


def compiled_in_place(policy: Any) -> Any:
    """:return: what ``th.compile`` has wrapped, its calls compiled as the wrapper's are; anything else as it is"""
    inner = uncompiled(policy)
    if inner is not policy:
        inner._compiled_call_impl = policy.dynamo_ctx(inner._call_impl)
    return inner
