"""The Hellinger penalty of Starnes et al. 2023."""

from sb3_entropy.divergences.hellinger import Hellinger
from sb3_entropy.divergences.multiple import Multiple
from sb3_entropy.registry import DIVERGENCES


@DIVERGENCES.register("hellinger_sum")
class HellingerSum(Multiple):
    """Σ_a (√p − √q)²: 2 H², what the code of Starnes, Dereventsov, Webster 2023 computes as ``hl``."""

    description = "2 H² = Σ (√p − √q)², the penalty 'hl' of Starnes et al. 2023"
    factor = 2.0
    divergence = Hellinger
