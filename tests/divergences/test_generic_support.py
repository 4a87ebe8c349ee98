"""A law of another package's distribution stands on the same box as the uniform one, whatever the box's type."""

import numpy as np
import pytest
import torch as th
from gymnasium import spaces

from sb3_entropy.distributions.beta import BetaDistribution
from sb3_entropy.distributions.laws import Generic, law_of, uniform_law
from sb3_entropy.divergences import make_divergence


class Foreign(BetaDistribution):
    """A bounded distribution whose density is its own affair."""

    def log_prob(self, actions: th.Tensor) -> th.Tensor:
        return super().log_prob(actions)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bounds_that_single_precision_rounds(dtype: type) -> None:
    box = spaces.Box(0.1, 0.7, (2,), dtype)
    law = law_of(Foreign(box).proba_distribution(th.zeros(3, 4)), box)
    assert isinstance(law, Generic)
    uniform = uniform_law(box, 3, th.zeros(1))
    assert law.support == uniform.support
    th.manual_seed(0)
    assert make_divergence("hellinger", estimator="mixture_sampling")(law, uniform).isfinite().all()
