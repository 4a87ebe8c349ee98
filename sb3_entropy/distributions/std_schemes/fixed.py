"""σ is not learned."""

import torch as th

from sb3_entropy.distributions.std_schemes.base import StdScheme
from sb3_entropy.registry import STD_SCHEMES


@STD_SCHEMES.register("fixed")
class FixedStd(StdScheme):
    """log σ = ``log_std_init``, never learned: the policies of Ahmed et al. 2019, Section 3.2."""

    global_part = "constant"

    def of_head(self, output: th.Tensor | None, log_std: th.Tensor | None) -> th.Tensor:
        assert log_std is not None
        return log_std
