"""
Whether modules and optimisers are what they were, and do nothing but what their classes do: only then is arithmetic
that is written out for these classes theirs.
"""

import itertools
import operator
from collections.abc import Iterable
from typing import Any

import torch as th
from torch import nn
from torch.optim import Optimizer

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_OF_PARAMETER = operator.attrgetter("requires_grad", "_backward_hooks", "_post_accumulate_grad_hooks")
PARTS = ("_modules", "_parameters", "_buffers")


def package(step: object) -> str:
    """:return: where a method, property or class was written; of what there is not, nowhere"""
    return (getattr(getattr(step, "fget", step), "__module__", "") or "").partition(".")[0]


def replaced(thing: object) -> list[str]:
    """:return: methods of its class in whose place it has something else"""
    return [name for name in vars(thing) if callable(getattr(type(thing), name, None))]


def why_overridden(thing: object, steps: Iterable[str]) -> str | None:
    """
    :param thing: one of our classes, or of somebody's who has derived from it
    :param steps: methods and properties of ours
    :return: which is somebody's; None if none is
    """
    for name in steps:
        if name in vars(thing) or package(getattr(type(thing), name, None)) not in ("sb3_entropy", ""):
            return f"{name} has been overridden"
    return None


def why_modules_differ(root: nn.Module, name: str) -> str | None:
    """
    :param root: a policy, or a part of one
    :param name: what it is called
    :return: why it, or a part of it, may do otherwise than its class; None if nothing says so
    """
    for path, module in root.named_modules():
        held, called = vars(module), path or name
        if any(held[hooks] for hooks in HOOKS) or held.get("_compiled_call_impl"):
            return f"there are hooks on {called}, or it is compiled"
        if methods := replaced(module):
            return f"{methods[0]} of {called} has been replaced"
        if type(module).train is not nn.Module.train:
            return f"{called} does otherwise in training, by a train() of its own"
    return "there are hooks on all modules" if nn.modules.module._has_any_global_hook() else None


def why_layers_shared(roots: Iterable[nn.Module], layers: Iterable[nn.Module]) -> str | None:
    """
    :param roots: modules of which no parameter may be another's
    :param layers: of which none may stand twice
    :return: why they are not each their own; None if they are
    """
    modules = itertools.chain.from_iterable(root.modules() for root in roots)
    slots = [id(parameter) for module in modules for parameter in module._parameters.values()]
    linear = [id(layer) for layer in layers if isinstance(layer, nn.Linear)]
    shared = len({*slots}) < len(slots) or len({*linear}) < len(linear)
    return "layers share their parameters" if shared else None


def why_parameters_differ(parameters: Iterable[tuple[str, nn.Parameter]], fixed: Iterable[nn.Parameter]) -> str | None:
    """
    :param parameters: by name
    :param fixed: those among them that need not be learned
    :return: why one is not a plain parameter on the CPU; None if all are
    """
    need_not = {id(parameter) for parameter in fixed}
    for name, parameter in parameters:
        if parameter.dtype is not th.float32 or parameter.device.type != "cpu":
            return f"the parameter {name} is {parameter.dtype} on {parameter.device}"
        if parameter._backward_hooks or parameter._post_accumulate_grad_hooks:
            return f"there are hooks on the parameter {name}"
        if not parameter.requires_grad and id(parameter) not in need_not:
            return f"the parameter {name} is not learned"
    return None


def why_counts_differ(optimizer: Optimizer, parameters: Iterable[nn.Parameter], names: Iterable[str]) -> str | None:
    """
    :param optimizer: one that takes the steps of these parameters
    :param parameters: such as are descended together
    :param names: what its state has of each
    :return: why their steps cannot be taken in one; None if they can
    """
    held = [optimizer.state.get(parameter, {}) for parameter in parameters]
    if len({int(entry.get("step", 0)) for entry in held}) > 1:
        return "the optimizer has taken more steps with some parameters than with others"
    if any(entry and not set(names) <= entry.keys() for entry in held):
        return "the optimizer's state is another one's"
    return None


class Standing:
    """
    What the sentences above depend on, quick to read again: where it is what it was, nothing needs to be gone into.

    :param roots: modules
    """

    def __init__(self, *roots: nn.Module):
        self._modules = [module for root in roots for module in root.modules()]
        #: of each what stays the same object: attributes, hooks, parts
        attributes = [vars(module) for module in self._modules]
        parts = [held[name] for held in attributes for name in PARTS]
        self._hooks = [held[name] for held in attributes for name in HOOKS]
        self._sized = [*attributes, *parts]
        self._filled = [part for part in parts if part]
        self._parameters = [parameter for root in roots for parameter in root.parameters()]

    def seen(self) -> list[Any]:
        """:return: what compares equal as long as nothing has changed"""
        seen: list[Any] = [nn.modules.module._has_any_global_hook(), any(self._hooks)]
        seen += map(type, self._modules)
        seen += map(len, self._sized)
        seen += map(id, itertools.chain.from_iterable(map(dict.values, self._filled)))
        seen += map(_OF_PARAMETER, self._parameters)
        return seen


def seen_of(optimizer: Optimizer) -> list[Any]:
    """
    :param optimizer: any
    :return: what compares equal as long as nobody has changed its options, parameters or hooks
    """
    group = optimizer.param_groups[0]
    seen: list[Any] = [value for name, value in group.items() if name not in ("params", "lr")]
    seen += [type(group["lr"]), len(optimizer.param_groups), *map(id, group["params"])]
    return [
        *seen,
        len(vars(optimizer)),
        len(optimizer._optimizer_step_pre_hooks),
        len(optimizer._optimizer_step_post_hooks),
    ]
