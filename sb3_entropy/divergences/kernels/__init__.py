"""Kernels between actions, one a file."""

from sb3_entropy.divergences.kernels.base import Kernel
from sb3_entropy.divergences.kernels.making import make_kernel

__all__ = ["Kernel", "make_kernel"]
