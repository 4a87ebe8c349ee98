"""Divergences between the laws of two policies, one a file, and the kernels of MMD."""

from sb3_entropy.divergences.base import Divergence, make_divergence
from sb3_entropy.divergences.f_divergence import FDivergence
from sb3_entropy.divergences.kernels import Kernel, make_kernel

__all__ = ["Divergence", "FDivergence", "Kernel", "make_divergence", "make_kernel"]
