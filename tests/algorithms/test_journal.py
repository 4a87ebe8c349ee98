"""The journal alone, without a training: it is told everything, so that any family can keep one."""

import pickle
from typing import Any

import numpy as np
import pytest
import torch as th
from contracts.envs import make_env
from contracts.models import build
from policies.actors import KINDS, actor_of
from stable_baselines3.common.logger import Logger

from sb3_entropy.algorithms.common.journal import Journal
from sb3_entropy.policies.laws import law_at
from sb3_entropy.policies.observations import sample_states


def logged(journal: Journal, n_updates: int = 3) -> dict[str, Any]:
    logger = Logger(None, [])
    journal.record_update(logger, n_updates)
    return dict(logger.name_to_value)


def test_means_of_an_update() -> None:
    journal = Journal()
    given = th.tensor(2.0, requires_grad=True)
    journal.note("policy_loss", given * 3)
    journal.note("policy_loss", th.tensor(1.0))
    journal.note("approx_kl", th.tensor(9.0))
    journal.forget("approx_kl")
    journal.note("approx_kl", th.tensor(0.5))
    for value in (4.0, -1.0):
        journal.note("loss", th.tensor(value), only_last=True)
    assert not any(value.requires_grad for values in journal.statistics.values() for value in values)
    assert logged(journal) == {
        "train/policy_loss": 3.5,
        "train/approx_kl": 0.5,
        "train/loss": -1.0,
        "train/n_updates": 3,
    }
    assert pickle.loads(pickle.dumps(journal)).statistics == {}
    journal.begin_update()
    assert logged(journal) == {"train/n_updates": 3}


@pytest.mark.parametrize("n_steps", [1, 4, 12])
def test_the_soft_return_whether_told_of_single_steps_or_of_rollouts(n_steps: int) -> None:
    """As an off-policy loop steps, one at a time, and as a rollout does; against sums over the episodes."""
    rng = np.random.default_rng(3)
    bonuses, done = rng.random((24, 2)), rng.random((24, 2)) < 0.2
    journal = Journal()
    journal.begin_episodes(2, window=100, afresh=True)
    for t in range(24):
        infos: list[dict[str, Any]] = [{"episode": {}} if ended else {} for ended in done[t]]
        journal.see_ends(t % n_steps, infos)
        if t % n_steps == n_steps - 1:
            journal.add_bonuses(bonuses[t + 1 - n_steps : t + 1])
    sums = []
    for env in range(2):
        running = 0.0
        for t in range(24):
            running += bonuses[t, env]
            if done[t, env]:
                sums.append(running)
                running = 0.0
    assert len(sums) > 4
    logger = Logger(None, [])
    journal.record_soft_return(logger, [{"r": 10.0}, {"r": 20.0}])
    assert logger.name_to_value["rollout/soft_return"] == pytest.approx(15.0 + np.mean(sums))


def test_without_an_episode_there_is_no_soft_return() -> None:
    journal, logger = Journal(), Logger(None, [])
    journal.add_bonuses(np.ones((3, 1)))  # before training has begun there is nothing to add to
    journal.begin_episodes(1, window=5, afresh=True)
    journal.see_ends(0, [{}])
    journal.add_bonuses(np.ones((1, 1)))
    journal.record_soft_return(logger, [{"r": 10.0}])
    journal.see_ends(0, [{"episode": {}}])
    journal.drop_unfinished()
    journal.add_bonuses(np.full((1, 1), 0.25))
    journal.record_soft_return(logger, [])
    assert not logger.name_to_value
    journal.record_soft_return(logger, [{"r": 10.0}])
    assert logger.name_to_value["rollout/soft_return"] == 10.25


def test_another_window_is_another_journal() -> None:
    """A change of arguments that is refused later must leave the first as it was."""
    journal = Journal()
    assert journal.over(3).bonuses is None
    journal.begin_episodes(1, window=5, afresh=True)
    for _ in range(5):
        journal.see_ends(0, [{"episode": {}}])
        journal.add_bonuses(np.ones((1, 1)))
    other = journal.over(2)
    assert other.bonuses is not None
    assert journal.bonuses is not None
    assert (len(other.bonuses.finished), len(journal.bonuses.finished)) == (2, 5)
    journal.begin_episodes(1, window=5, afresh=False)
    assert len(journal.bonuses.finished) == 5
    for n_envs, afresh in ((2, False), (1, True)):
        journal.begin_episodes(n_envs, window=5, afresh=afresh)
        assert len(journal.bonuses.running) == n_envs
        assert len(journal.bonuses.finished) == 0


def test_the_policy_is_looked_at_in_the_states_that_are_told() -> None:
    """And in no others: there is no rollout here."""
    policy = build("sppo", make_env(actions="discrete")).policy
    for states in (th.zeros(1, 3), th.randn(7, 3, generator=th.Generator().manual_seed(0))):
        journal, logger = Journal(), Logger(None, [])
        journal.record_policy(logger, policy, states, alpha=0.1)
        with th.no_grad():
            probabilities = policy.get_distribution(states).distribution.probs.double().numpy()
        entropies = -(probabilities * np.log(probabilities)).sum(axis=1)
        assert logger.name_to_value["train/entropy"] == pytest.approx(entropies.mean(), rel=1e-5)
        assert logger.name_to_value["train/entropy_q10"] == pytest.approx(np.quantile(entropies, 0.1), rel=1e-5)


def test_a_policy_that_is_not_finite_is_named() -> None:
    policy = build("sppo", make_env(actions="discrete")).policy
    policy.action_net.weight.data[0] = np.nan
    with pytest.raises(ValueError, match=r"parameter action_net\.weight has become NaN"):
        Journal().record_policy(Logger(None, []), policy, th.zeros(1, 3), alpha=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_of_sacs_policy_in_states_of_its_buffer(kind: str) -> None:
    """What is logged is the law's, none of it under the key of SAC's own σ with gSDE, and no generator moves."""
    model = actor_of(kind)[0].learn(12)
    seen = sample_states(model.replay_buffer, model.get_vec_normalize_env())
    assert len(seen["b"] if kind == "mapping" else seen) == 12
    model.policy.set_training_mode(True)
    before = th.get_rng_state(), [module.training for module in model.policy.modules()]
    logger = Logger(None, [])
    Journal().record_policy(logger, model.policy, seen, alpha=0.2)
    assert th.equal(th.get_rng_state(), before[0])
    assert [module.training for module in model.policy.modules()] == before[1]
    found = dict(logger.name_to_value)
    with th.no_grad():
        law = law_at(model.policy, seen)
        th.manual_seed(0)
        estimate = -law.log_prob(law.sample(20_000)).mean()
    assert found["train/entropy"] == pytest.approx(estimate.item(), abs=0.03)
    assert found["train/outside_box"] == 0
    assert found["train/action_std" if kind == "gSDE" else "train/std"] == pytest.approx(law.std.mean().item())
    assert ("train/std" in found) is (kind != "gSDE")
