"""The Jensen–Shannon penalty of Starnes et al. 2023."""

from sb3_entropy.divergences.jensen_shannon import JensenShannon
from sb3_entropy.divergences.multiple import Multiple
from sb3_entropy.registry import DIVERGENCES


@DIVERGENCES.register("jensen_shannon_sum")
class JensenShannonSum(Multiple):
    """
    KL(p‖m) + KL(q‖m) with m = ½(p + q): 2 JSD, what the code of Starnes, Dereventsov, Webster 2023 computes as ``js``.
    """

    description = "2 JSD = KL(p‖m) + KL(q‖m), the penalty 'js' of Starnes et al. 2023"
    factor = 2.0
    divergence = JensenShannon
