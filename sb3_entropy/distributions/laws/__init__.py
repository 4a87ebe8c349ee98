"""Laws: the distribution of the action in each of a batch of states, as values that can be kept and compared."""

from sb3_entropy.distributions.laws.base import Bounds, Choices, Law, Reals, Support
from sb3_entropy.distributions.laws.bounded import Beta, TanhGaussian, UniformBox
from sb3_entropy.distributions.laws.dirac import Dirac
from sb3_entropy.distributions.laws.finite import Finite
from sb3_entropy.distributions.laws.gaussian import Gaussian
from sb3_entropy.distributions.laws.generic import Generic
from sb3_entropy.distributions.laws.making import law_of, uniform_law
from sb3_entropy.distributions.laws.mixture import Mixture, mixture, tabulate

__all__ = [
    "Beta",
    "Bounds",
    "Choices",
    "Dirac",
    "Finite",
    "Gaussian",
    "Generic",
    "Law",
    "Mixture",
    "Reals",
    "Support",
    "TanhGaussian",
    "UniformBox",
    "law_of",
    "mixture",
    "tabulate",
    "uniform_law",
]
