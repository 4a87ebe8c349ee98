"""Kernels between actions, one a file."""

from sb3_entropy.divergences.kernels.base import Kernel, make_kernel

__all__ = ["Kernel", "make_kernel"]
