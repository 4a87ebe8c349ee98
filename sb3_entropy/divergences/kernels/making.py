"""Kernels by their names."""

from collections.abc import Mapping
from typing import Any

from sb3_entropy.divergences.by_name import by_name
from sb3_entropy.divergences.kernels.base import Kernel
from sb3_entropy.registry import KERNELS


def make_kernel(spec: str | Mapping[str, Any] | Kernel) -> Kernel:
    """
    :param spec: a key, a mapping ``{"kernel": key, **options}``, or a kernel, which is returned as it is
    :return: the kernel
    :raises TypeError: if ``spec`` is none of these
    :raises ValueError: if the key or an option is unknown, or an option is out of range
    """
    if isinstance(spec, Kernel):
        return spec
    made: Kernel = by_name(KERNELS, spec, {})
    return made
