"""Divergences between the laws of two policies, one a file, and the kernels of MMD."""

from sb3_entropy.divergences.base import Divergence
from sb3_entropy.divergences.f_divergence import FDivergence
from sb3_entropy.divergences.kernels import Kernel, make_kernel
from sb3_entropy.divergences.making import make_divergence

__all__ = ["Divergence", "FDivergence", "Kernel", "make_divergence", "make_kernel"]
