"""α·H of the steps that a policy has acted in, and the soft return that the journal makes of it."""

from typing import Any

import numpy as np
import pytest
import torch as th
from policies.actors import actor_of
from scipy import stats
from stable_baselines3.common.logger import Logger

from sb3_entropy.algorithms.common.journal import Journal
from sb3_entropy.algorithms.off_policy.acting import ActingEntropies


def entropy_by_hand(mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """−∫ p log p over [−1, 1] in 40,000 cells, of each dimension, shape (N, A) to (N,)."""
    edges = np.tanh(np.linspace(-14, 14, 40_001))
    x, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    log_p = stats.norm(mean[..., None], std[..., None]).logpdf(np.arctanh(x)) - np.log(1 - x**2)
    return -(widths * np.exp(log_p) * log_p).sum(axis=-1).sum(axis=-1)


@pytest.mark.parametrize("kind", ["vector", "gSDE"])
def test_the_bonuses_are_those_of_the_passes(kind: str) -> None:
    model, states = actor_of(kind, 20)
    acting = ActingEntropies(n_envs=4, action_dim=2)
    alphas, expected = [0.3, 0.3, 0.1, 0.5, 0.2], []
    for step, alpha in enumerate(alphas):
        if step < 2:
            acting.add_uniform(alpha)
            expected.append(np.full(4, alpha * np.log(4)))
            continue
        with th.no_grad():
            model.policy.actor(states[4 * step : 4 * step + 4])
        normal: Any = model.policy.actor.action_dist.distribution
        acting.add(normal.loc, normal.scale, alpha)
        expected.append(alpha * entropy_by_hand(normal.loc.double().numpy(), normal.scale.double().numpy()))
        normal.loc.zero_()  # whoever acts may write over what it has given
    assert len(acting) == 5
    found = acting.take()
    assert found.shape == (5, 4)
    assert found == pytest.approx(np.array(expected), abs=2e-3)
    assert len(acting) == 0
    assert acting.take().shape == (0, 4)


@pytest.mark.parametrize("every", [1, 3, 12])
def test_the_soft_return_however_often_it_is_asked(every: int) -> None:
    """Two environments with episodes of 3 and 4 steps; without a mean or a spread the entropy is a number."""
    acting, journal = ActingEntropies(2, 1), Journal()
    journal.begin_episodes(2, window=100, afresh=True)
    one = entropy_by_hand(np.zeros((1, 1)), np.ones((1, 1)))[0]
    sums, running, returns = [], np.zeros(2), []
    for step in range(12):
        alpha = 0.1 * (step + 1)
        acting.add(th.zeros(2, 1), th.ones(2, 1), alpha)
        ended = [(step + 1) % 3 == 0, (step + 1) % 4 == 0]
        infos: list[dict[str, Any]] = [{"episode": {"r": 2.0 + step}} if each else {} for each in ended]
        journal.see_ends(len(acting) - 1, infos)
        running += alpha * one
        for env in np.flatnonzero(ended):
            sums.append(running[env])
            returns.append({"r": 2.0 + step})
            running[env] = 0
        if len(acting) == every:
            journal.add_bonuses(acting.take())
    logger = Logger(None, [])
    journal.record_soft_return(logger, returns)
    expected = np.mean(sums) + np.mean([each["r"] for each in returns])
    assert logger.name_to_value["rollout/soft_return"] == pytest.approx(expected, abs=1e-3)
