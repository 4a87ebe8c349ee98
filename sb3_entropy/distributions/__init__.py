"""What a policy chooses from: action distributions, and how their standard deviation depends on the state."""

from sb3_entropy.distributions.base import BoxDistribution
from sb3_entropy.distributions.std_schemes import StdScheme

__all__ = ["BoxDistribution", "StdScheme"]
