"""The contestants of the benchmark of finite processes do the same."""

import numpy as np
import pytest
import torch as th

from benchmarks.mdp import RATE, TAU, by_autograd, loop
from sb3_entropy.mdp import ExactObjective, SoftmaxLinear, TabularMDP, gradient_ascent


@pytest.mark.parametrize("terminal_entropy", [False, True])
def test_both_climb_to_the_same_place(terminal_entropy: bool) -> None:
    mdp = TabularMDP.from_env("entropy/Gridworld-v0", terminal_entropy=terminal_entropy)
    policy = SoftmaxLinear(mdp)
    initial = policy.initial(2, np.random.default_rng(0))
    found = gradient_ascent(mdp, policy, initial, updates=5, learning_rate=RATE, tau=TAU)
    np.testing.assert_allclose(found.theta, loop(mdp, initial, 5), rtol=0.0, atol=1e-13)
    hessian = th.autograd.functional.hessian(by_autograd(mdp), th.tensor(initial[0]))
    np.testing.assert_allclose(ExactObjective(mdp, policy, TAU).hessian(initial[0]), hessian, rtol=0.0, atol=1e-11)
