"""
How the standard deviation of a Gaussian policy depends on the state (Liu et al. 2020, Table 1), one scheme a file.

A scheme is found by its key, as ``policy_kwargs=dict(std_scheme="local")``.
"""

from sb3_entropy.distributions.std_schemes.base import StdScheme

__all__ = ["StdScheme"]
