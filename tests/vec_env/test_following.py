"""Copies normalise by the learner's statistics, and what they saw is merged as if the learner had seen it."""

import pickle
from typing import Any

import numpy as np
import pytest
from copied_environments import Walk
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecFrameStack, VecMonitor, VecNormalize

from sb3_entropy.vec_env.copies import made, recipe
from sb3_entropy.vec_env.following import (
    Followed,
    FollowingNormalize,
    Moments,
    Summary,
    follow,
    merge,
    statistics,
    take_moments,
)

PRIOR = 1e-4  # samples of mean 0 and variance 1 that SB3's statistics begin with


def walks(n: int = 2, dictionary: bool = False) -> VecEnv:
    return DummyVecEnv([lambda: Walk(dictionary)] * n)


def copied(env: VecEnv, seed: int = 0) -> Any:
    copy = made(recipe(env))
    copy.seed(seed)
    return copy


def stepped(copy: Any, steps: int, seed: int = 0) -> tuple[list[Any], list[np.ndarray]]:
    """Raw observations, and the discounted returns summed up in the slowest way."""
    rng, returns, gamma = np.random.default_rng(seed), [np.zeros(copy.num_envs)], copy.gamma
    copy.reset()
    observations = [copy.get_original_obs()]
    for _ in range(steps):
        _, _, dones, _ = copy.step(rng.uniform(-1, 1, (copy.num_envs, 2)))
        observations.append(copy.get_original_obs())
        returns[-1] = gamma * returns[-1] + copy.get_original_reward()
        returns.append(np.where(dones, 0.0, returns[-1]))
    return observations, returns[:-1]


def expected(samples: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean, variance and number of all samples and of the prior's."""
    x = np.concatenate(samples).astype(np.float64)
    n = len(x) + PRIOR
    mean = x.sum(axis=0) / n
    return mean, (((x - mean) ** 2).sum(axis=0) + PRIOR * (1 + mean**2)) / n, n


def assert_is(rms: Any, samples: list[np.ndarray]) -> None:
    for ours, theirs in zip((rms.mean, rms.var, rms.count), expected(samples), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("dictionary", [False, True])
def test_merging_what_two_copies_saw_is_having_seen_all_of_it(dictionary: bool) -> None:
    keys = {"norm_obs_keys": ["x", "square"]} if dictionary else {}
    learner = VecNormalize(walks(dictionary=dictionary), gamma=0.9, **keys)  # type: ignore[arg-type]
    copies = [copied(learner, 1), copied(VecNormalize(walks(3, dictionary), gamma=0.9, **keys), 7)]  # type: ignore[arg-type]
    observations, returns = [], []
    for round_ in range(3):
        for copy in copies:
            follow(copy, pickle.loads(pickle.dumps(statistics(learner))))
            seen = stepped(copy, 3 + round_, seed=round_)  # episodes are four steps long
            observations += seen[0]
            returns += seen[1]
            moments = pickle.loads(pickle.dumps(take_moments(copy)))
            merge(learner, moments)
            assert take_moments(copy) is None
    assert_is(learner.ret_rms, returns)
    if dictionary:
        for key in ("x", "square"):
            assert_is(learner.obs_rms[key], [each[key] for each in observations])
        assert learner.obs_rms.keys() == {"x", "square"}
    else:
        assert_is(learner.obs_rms, observations)


def test_what_stable_baselines3_would_have_counted() -> None:
    learner, theirs = VecNormalize(walks()), VecNormalize(walks())
    copy = copied(learner, 4)
    theirs.seed(4)
    stepped(copy, 9)
    stepped(theirs, 9)
    moments = take_moments(copy)
    assert moments is not None
    merge(learner, moments)
    for rms, same in ((learner.obs_rms, theirs.obs_rms), (learner.ret_rms, theirs.ret_rms)):
        np.testing.assert_allclose([*np.ravel(rms.mean), rms.count], [*np.ravel(same.mean), same.count], rtol=1e-12)
        np.testing.assert_allclose(rms.var, same.var, rtol=1e-12)


def test_moments_of_float32_are_those_of_float64() -> None:
    x = np.random.default_rng(0).normal(1000.0, 1.0, (2, 50, 3)).astype(np.float32)
    rms = Followed(Summary(np.zeros(3), np.ones(3), PRIOR))
    for batch in x:
        rms.update(batch)
    seen = rms.take()
    assert seen is not None
    assert rms.take() is None
    exact = x.reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(seen.mean, exact.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(seen.var, exact.var(axis=0), rtol=1e-10)
    assert seen.count == 100


def known(training: bool = True, **more: Any) -> VecNormalize:
    """A learner whose statistics were counted somewhere else."""
    learner = VecNormalize(walks(), training=training, clip_obs=1.5, clip_reward=0.5, epsilon=0.25, **more)
    learner.obs_rms.mean, learner.obs_rms.var, learner.obs_rms.count = np.array([4.0, 6.0]), np.array([3.0, 8.0]), 10.0
    learner.ret_rms.mean, learner.ret_rms.var, learner.ret_rms.count = np.array(7.0), np.array(99.75), 10.0
    return learner


@pytest.mark.parametrize("training", [True, False])
def test_a_copy_normalises_by_what_was_sent_and_changes_it_not(training: bool) -> None:
    copy = copied(VecNormalize(walks()))
    assert isinstance(copy, FollowingNormalize)
    sent = statistics(known(training))
    follow(copy, sent)

    def normalised(x: np.ndarray) -> np.ndarray:
        return np.clip((x - np.array([4.0, 6.0])) / np.sqrt(np.array([3.25, 8.25])), -1.5, 1.5)

    np.testing.assert_allclose(copy.reset(), normalised(copy.get_original_obs()), rtol=1e-6)
    clipped = 0
    for step in range(1, 9):
        observations, rewards, dones, infos = copy.step(np.full((2, 2), step % 3 - 1.0))
        np.testing.assert_allclose(observations, normalised(copy.get_original_obs()), rtol=1e-6)
        np.testing.assert_allclose(rewards, np.clip(copy.get_original_reward() / 10.0, -0.5, 0.5), rtol=1e-6)
        clipped += int((np.abs(rewards) == 0.5).sum())
        assert dones.tolist() == [step % 4 == 0] * 2
        for info in infos:
            assert ("terminal_observation" in info) == (step % 4 == 0)
            if "terminal_observation" in info:
                np.testing.assert_allclose(info["terminal_observation"], normalised(info["x"]), rtol=1e-6)
        assert (copy.returns == 0).all() == (dones.all() or not training)
    assert 0 < clipped < 16
    now = statistics(copy)
    np.testing.assert_equal(now.observations[None].__dict__, sent.observations[None].__dict__)
    np.testing.assert_equal(now.returns.__dict__, sent.returns.__dict__)
    assert now.training is training


def test_a_copy_begins_with_the_statistics_of_the_recipe_and_its_own_memory() -> None:
    learner = known()
    learner.reset()
    copy = copied(learner)
    assert copy.obs_rms.mean == pytest.approx(learner.obs_rms.mean)
    with pytest.raises(AttributeError):
        copy.get_original_obs()
    follow(copy, None)
    again = made(recipe(copy))
    assert isinstance(again, FollowingNormalize)
    copy.reset()
    assert take_moments(again) is None
    assert learner.obs_rms.count == 12.0


def test_a_snapshot_stays_as_it_is() -> None:
    learner = known()
    sent = statistics(learner)
    learner.obs_rms.mean += 1.0
    assert sent.observations[None].mean.tolist() == [4.0, 6.0]


def test_nothing_is_merged_while_training_is_off() -> None:
    learner = known()
    copy = copied(learner)
    copy.reset()
    moments = take_moments(copy)
    assert moments is not None
    assert moments.returns is None
    assert moments.observations[None].count == 2
    learner.training = False
    merge(learner, moments)
    assert (learner.obs_rms.count, learner.ret_rms.count) == (10.0, 10.0)
    copy.reset()
    follow(copy, statistics(learner))
    assert take_moments(copy) is None
    learner.training = True
    follow(copy, statistics(learner))
    assert take_moments(copy) is None  # what was seen before is forgotten
    assert take_moments(walks()) is None


def test_observations_may_be_left_as_they_are_and_rewards_too() -> None:
    learner = VecNormalize(walks(), norm_obs=False, norm_reward=False)
    copy = copied(learner)
    follow(copy, statistics(learner))
    stepped(copy, 3)
    _, rewards, *_ = copy.step(np.zeros((2, 2)))
    np.testing.assert_array_equal(rewards, copy.get_original_reward())
    moments = take_moments(copy)
    assert moments is not None
    assert moments.observations == {}
    assert moments.returns is not None
    assert moments.returns.count == 8
    merge(learner, moments)
    assert learner.ret_rms.count == pytest.approx(8 + PRIOR)
    switched = known()
    copy = copied(switched)
    copy.reset()
    moments = take_moments(copy)
    switched.norm_obs = False
    assert moments is not None
    merge(switched, moments)
    assert switched.obs_rms.count == 10.0


def test_it_is_followed_wherever_it_stands_and_twice() -> None:
    rewards = VecNormalize(VecMonitor(walks()), norm_obs=False, gamma=0.5)
    learner = VecFrameStack(VecNormalize(rewards, norm_reward=False), 2)
    outer = learner.venv
    assert isinstance(outer, VecNormalize)
    outer.obs_rms.mean, rewards.ret_rms.var = np.array([1.0, 2.0]), np.array(16.0)
    copy = copied(learner)
    rewards.ret_rms.var = np.array(64.0)
    follow(copy, statistics(outer))
    assert copy.reset().shape == (2, 4)
    followed, below = copy.venv, copy.venv.venv
    assert isinstance(followed, FollowingNormalize)
    assert isinstance(below, FollowingNormalize)
    copy.step(np.zeros((2, 2)))
    assert below.ret_rms.var == 64.0
    assert isinstance(below.venv, VecMonitor)
    moments = take_moments(copy)
    assert moments is not None
    assert moments.inner is not None
    merge(outer, moments)
    assert outer.obs_rms.count == pytest.approx(4 + PRIOR)
    assert rewards.ret_rms.count == pytest.approx(2 + PRIOR)
    with pytest.raises(ValueError, match="there is no second VecNormalize"):
        merge(known(), moments)


def test_one_that_leaves_observations_alone_does_not_answer_for_the_next() -> None:
    inner = VecNormalize(walks(), norm_reward=False)
    outer = VecNormalize(inner, norm_obs=False)
    copy = copied(outer)
    assert statistics(outer).observations == {}
    follow(copy, statistics(outer))
    copy.reset()
    copy.step(np.zeros((2, 2)))
    moments = take_moments(copy)
    assert moments is not None
    assert moments.observations == {}
    merge(outer, moments)
    assert inner.obs_rms.count == pytest.approx(4 + PRIOR)
    assert outer.ret_rms.count == inner.ret_rms.count == pytest.approx(2 + PRIOR)


def test_statistics_of_other_environments_are_refused() -> None:
    of_one, of_many = known(), VecNormalize(walks(dictionary=True), norm_obs_keys=["x"])
    copy = copied(of_one)
    with pytest.raises(
        ValueError, match=r"of other environments than the copies': of the keys \['x'\], not \['None'\]"
    ):
        follow(copy, statistics(of_many))
    with pytest.raises(ValueError, match=r"of shape \(4,\), not \(2,\)"):
        follow(copy, statistics(VecNormalize(VecFrameStack(walks(), 2))))
    with pytest.raises(ValueError, match="there is no VecNormalize in"):
        follow(walks(), statistics(of_one))
    with pytest.raises(TypeError, match=r"Only copies follow statistics.*copies\.made\(copies\.recipe\(env\)\)"):
        follow(of_one, statistics(of_one))
    with pytest.raises(TypeError, match="Only copies follow statistics"):
        take_moments(of_one)
    copy.reset()
    moments = take_moments(copy)
    assert isinstance(moments, Moments)
    with pytest.raises(ValueError, match=r"of other environments than the learner's: of the keys"):
        merge(of_many, moments)
    with pytest.raises(ValueError, match=r"of shape \(2,\), not \(4,\)"):
        merge(VecNormalize(VecFrameStack(walks(), 2)), moments)
