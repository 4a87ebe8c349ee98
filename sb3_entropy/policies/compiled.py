"""A policy that ``th.compile`` has wrapped keeps its class, and the names of its parameters."""

from collections.abc import Mapping
from typing import Any

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
