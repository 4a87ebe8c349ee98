"""Batches of contexts: Stable-Baselines3's conventions, and the distribution of a DummyVecEnv."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from bandit_examples import DIGITS, image_data, label_of
from sb3_entropy_bandits.env import BanditEnv
from sb3_entropy_bandits.tasks.classification import classification_task
from sb3_entropy_bandits.vec_env import BanditVecEnv
from scipy.stats import chi2_contingency, chisquare
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecMonitor

from sb3_entropy.vec_env.native import make_native_vec_env


def small_batch(n_envs: int, seed: int = 0, **options: Any) -> BanditVecEnv:
    """:return: a batch on the small images, seeded"""
    batch = BanditEnv.make_sb3_vec_env(n_envs, seed=seed, task=classification_task(image_data()), **options)
    assert isinstance(batch, BanditVecEnv)
    return batch


def test_the_registration_brings_the_batch() -> None:
    batch = make_native_vec_env(DIGITS, 4, seed=1, support=[3])
    assert type(batch) is BanditVecEnv
    assert batch.reset().shape == (4, 64)
    assert [rewards.argmax() for rewards in batch.get_attr("context_rewards")] == [3] * 4


def test_a_step_pays_for_the_context_that_it_gives_back() -> None:
    batch = small_batch(5)
    shown = batch.reset()
    assert batch.reset_infos == [{}] * 5
    for actions in np.random.default_rng(0).integers(3, size=(40, 5)):
        labels = [label_of(context) for context in shown]
        means = batch.get_attr("context_rewards")
        following, rewards, dones, infos = batch.step(actions)
        assert (following.dtype, rewards.dtype, dones.dtype) == (np.float32, np.float32, np.bool_)
        assert dones.all()
        for i, (label, action) in enumerate(zip(labels, actions, strict=True)):
            assert rewards[i] == means[i][action] == (1.0 if action == label else -0.5)
            np.testing.assert_array_equal(infos[i].pop("terminal_observation"), shown[i])
            regret = 0.0 if action == label else 1.5
            assert infos[i] == {"TimeLimit.truncated": False, "regret": regret, "optimal": action == label}
        shown = following


def test_what_was_returned_is_never_written_to() -> None:
    batch = small_batch(3, reward_noise=0.1)
    kept = [(batch.reset(), None, None, None)]
    copies = [kept[0][0].copy()]
    for _ in range(10):
        kept.append(batch.step(np.array([0, 1, 2])))
        copies.append(kept[-1][0].copy())
        assert not np.shares_memory(kept[-1][0], kept[-2][0])
        assert kept[-1][2] is not kept[-2][2]
        assert kept[-1][3] is not kept[-2][3]
    for (shown, *_, infos), copy, before in zip(kept[1:], copies[1:], copies, strict=False):
        np.testing.assert_array_equal(shown, copy)
        np.testing.assert_array_equal([info["terminal_observation"] for info in infos], before)


def test_the_batch_is_a_dummy_vec_env_in_distribution() -> None:
    # Chi-square tests of the context with the reward (noise is ± by flips), and of pairs of neighbours: three at 1e-5,
    # a false alarm for 3e-5 of the seeds. Streams of numbers differ, so nothing else can be compared.
    options = {"task": classification_task(image_data()), "reward_noise": {"kind": "flip", "probability": 0.3}}
    batch = small_batch(50, reward_noise=options["reward_noise"])
    dummy = DummyVecEnv([lambda: BanditEnv(**options)] * 50)
    dummy.seed(0)
    tables = np.zeros((2, 3, 3, 2))  # of which, label, action, reward
    neighbours = np.zeros((3, 3))
    actions = np.arange(50) % 3
    for which, venv in enumerate((batch, dummy)):
        shown = venv.reset()
        for _ in range(60):
            labels = np.rint(shown[:, 0] * 100).astype(int)
            shown, rewards, _, _ = venv.step(actions)
            np.add.at(tables[which], (labels, actions, (rewards > 0).astype(int)), 1)
            if venv is batch:
                np.add.at(neighbours, (labels[:-1], labels[1:]), 1)
    assert chi2_contingency(tables.reshape(2, -1)).pvalue > 1e-5
    assert chisquare(tables[0].sum(axis=(1, 2)), [500, 1000, 1500]).pvalue > 1e-5
    assert chi2_contingency(neighbours).pvalue > 1e-5


def test_a_seed_decides_and_begins_anew() -> None:
    def run(batch: BanditVecEnv) -> list[Any]:
        shown = [batch.reset().tolist()]
        for _ in range(5):
            observations, rewards, _, _ = batch.step(np.array([0, 1]))
            shown.append((observations.tolist(), rewards.tolist()))
        return shown

    options = {"reward_noise": 0.2, "drift": {"kind": "abrupt", "at": 4}}
    batch = small_batch(2, seed=6, **options)
    first = run(batch)
    assert run(small_batch(2, seed=6, **options)) == first
    assert run(small_batch(2, seed=7, **options)) != first
    assert run(batch) != first  # goes on
    assert batch.get_attr("contexts_served") == [10, 10]
    batch.seed(6)
    assert run(batch) == first
    assert batch.get_attr("contexts_served") == [5, 5]


def test_time_runs_through_the_batch_as_a_whole() -> None:
    batch = small_batch(4, drift={"kind": "abrupt", "at": 6})
    shown = batch.reset()
    for k in range(4):
        moved = [4 * k + i >= 6 for i in range(4)]
        best = [(label_of(context) + moved[i]) % 3 for i, context in enumerate(shown)]
        assert [rewards.argmax() for rewards in batch.get_attr("context_rewards")] == best
        ((seen, rewards),) = batch.env_method("evaluation_set", 7, indices=0)
        np.testing.assert_array_equal(batch.get_attr("evaluation_set")[1](7)[1], rewards)
        tested = (np.array([label_of(context) for context in seen]) + (4 * k >= 6)) % 3
        np.testing.assert_array_equal(rewards.argmax(axis=1), tested)
        shown, *_ = batch.step(np.zeros(4, dtype=int))


def test_the_batch_answers_for_its_environments() -> None:
    batch = small_batch(3)
    batch.reset()
    total = np.zeros(3)
    for actions in np.random.default_rng(0).integers(3, size=(20, 3)):
        *_, infos = batch.step(actions)
        total += [info["regret"] for info in infos]
    assert batch.get_attr("cumulative_regret") == pytest.approx(total.tolist())
    assert sum(batch.get_attr("contexts_served")) == 60
    assert batch.get_attr("cumulative_regret", indices=1) == pytest.approx([total[1]])
    assert batch.get_attr("action_features") == [None] * 3
    assert batch.get_attr("split", indices=[0, 2]) == ["train"] * 2
    assert not batch.has_attr("nothing_of_this_name")
    assert batch.env_is_wrapped(gym.Wrapper) == [False] * 3
    first, second = batch.env_method("evaluation_set", indices=[0, 2])
    assert first is second
    single = BanditEnv(classification_task(image_data()))
    for part, expected in zip(first, single.evaluation_set(), strict=True):
        np.testing.assert_array_equal(part, expected)
    batch.close()


def test_looking_changes_nothing() -> None:
    one, two = small_batch(3, reward_noise=0.3), small_batch(3, reward_noise=0.3)
    np.testing.assert_array_equal(one.reset(), two.reset())
    for _ in range(10):
        two.env_method("evaluation_set")
        two.get_attr("context_rewards")
        left, right = one.step(np.array([2, 1, 0])), two.step(np.array([2, 1, 0]))
        np.testing.assert_array_equal(left[0], right[0])
        np.testing.assert_array_equal(left[1], right[1])


def test_the_batch_is_drawn_as_images() -> None:
    batch = small_batch(2, render_mode="rgb_array")
    shown = batch.reset()
    for picture, context in zip(batch.get_images(), shown, strict=True):
        np.testing.assert_allclose(picture[42::85, 42::85, 0].ravel(), np.rint(context * 255), atol=1)
    assert batch.render() is not None


def test_a_monitor_sees_episodes_of_one_step() -> None:
    batch = VecMonitor(small_batch(2))
    batch.reset()
    _, rewards, _, infos = batch.step(np.array([0, 0]))
    assert [info["episode"]["r"] for info in infos] == pytest.approx(rewards.tolist())
    assert [info["episode"]["l"] for info in infos] == [1, 1]


def test_the_batch_refuses_what_it_cannot_do() -> None:
    batch = small_batch(2)
    with pytest.raises(gym.error.ResetNeeded, match="No context is shown"):
        batch.step(np.array([0, 0]))
    batch.reset()
    with pytest.raises(AttributeError, match="split of a batch of bandits cannot be set"):
        batch.set_attr("split", "test")
    with pytest.raises(AttributeError, match=r"step\(\) of one bandit in a batch cannot be called"):
        batch.env_method("step", 0)
    for actions in ([0, 3], [-1, 0], [0], [0.9, 1.0]):
        with pytest.raises(ValueError, match=r"There must be \d+ actions, each a whole number from 0 to 2, but"):
            batch.step(np.array(actions))
    batch.set_options({"context": 3})
    with pytest.raises(ValueError, match=r"reset\(\) of a bandit knows no options, but {'context': 3} was given"):
        batch.reset()
    batch.reset()  # options hold for one reset
    with pytest.raises(ValueError, match="n_envs must be a whole number ≥ 1, but 0"):
        BanditEnv.make_sb3_vec_env(0)
    with pytest.raises(ValueError, match="max_episode_steps must be a whole number ≥ 1, but 0"):
        BanditEnv.make_sb3_vec_env(1, max_episode_steps=0)


@pytest.mark.slow
def test_children_that_start_with_an_empty_registry_make_it() -> None:
    envs = make_vec_env(
        f"sb3_entropy_bandits:{DIGITS}",
        n_envs=2,
        seed=0,
        env_kwargs={"support": [4, 7]},
        vec_env_cls=SubprocVecEnv,
        vec_env_kwargs={"start_method": "forkserver"},
    )
    try:
        assert envs.reset().shape == (2, 64)
        labels = [int(rewards.argmax()) for rewards in envs.get_attr("context_rewards")]
        assert set(labels) <= {4, 7}
        _, rewards, dones, infos = envs.step(np.array(labels))
        assert rewards.tolist() == [1.0, 1.0]
        assert dones.all()
        assert [info["optimal"] for info in infos] == [True, True]
        observations, means = envs.env_method("evaluation_set", 10, indices=1)[0]
        assert (observations.shape, means.shape) == ((10, 64), (10, 10))
    finally:
        envs.close()
