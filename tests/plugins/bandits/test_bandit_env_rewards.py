"""What is paid: reward matrices, noise and drift, against rewards written down by hand."""

from typing import Any

import numpy as np
import pytest
from bandit_examples import label_of, row_data, small_bandit
from sb3_entropy_bandits.drift import make_drift
from sb3_entropy_bandits.env import BanditEnv
from sb3_entropy_bandits.noise import make_noise
from scipy.stats import binomtest, kstest

MATRIX = [[2.0, 0.0, 2.0, -1.0], [0.5, 0.25, 0.0, 0.0], [-3.0, -2.0, -2.5, -4.0]]  # 3 classes, 4 actions


def paid(env: BanditEnv, action: int) -> tuple[int, float, dict[str, Any]]:
    """:return: the label that was shown, the reward and the info"""
    label = label_of(env.reset()[0])
    _, reward, _, _, info = env.step(np.int64(action))
    return label, reward, info


# Reward matrices


def test_a_reward_matrix_stands_in_the_place_of_the_rule() -> None:
    env = small_bandit(reward_matrix=MATRIX)
    env.reset(seed=0)
    assert env.action_space.n == 4
    met = set()
    for action in np.random.default_rng(0).integers(4, size=200):
        label, reward, info = paid(env, action)
        assert reward == MATRIX[label][action]
        assert info["regret"] == max(MATRIX[label]) - MATRIX[label][action]
        assert info["optimal"] == (MATRIX[label][action] == max(MATRIX[label]))
        met.add((label, int(action)))
    assert {(0, 0), (0, 2)} <= met  # both best actions of class 0
    assert len(met) == 12
    seen, rewards = env.evaluation_set()
    np.testing.assert_array_equal(rewards, np.float32(MATRIX)[[label_of(context) for context in seen]])


def test_two_classes_pay_one_or_minus_one() -> None:
    data = row_data()
    two = type(data)("two", data.x_train, data.y_train % 2, data.x_test, data.y_test % 2, 2, 1.0, None)
    assert np.unique(small_bandit(two).evaluation_set()[1]).tolist() == [-1.0, 1.0]


# Noise


def test_gaussian_noise_has_its_mean_and_its_spread() -> None:
    # A Kolmogorov-Smirnov test at 1e-5: a false alarm for 1e-5 of the seeds.
    env = small_bandit(reward_noise=0.7)
    env.reset(seed=0)
    residuals = []
    for _ in range(2000):
        label, reward, _ = paid(env, 2)
        residuals.append(reward - (1.0 if label == 2 else -0.5))
    assert kstest(residuals, "norm", args=(0.0, 0.7)).pvalue > 1e-5
    assert set(np.unique(env.evaluation_set()[1])) == {-0.5, 1.0}  # the means are not touched
    assert make_noise({"kind": "gaussian", "std": 0.7}, 0.0, 1.0) == make_noise(0.7, -3.0, 1.0)


def test_flipped_rewards_are_paid_as_often_as_asked_for() -> None:
    # A binomial test at 1e-5: a false alarm for 1e-5 of the seeds.
    env = small_bandit(reward_noise={"kind": "flip", "probability": 0.2})
    env.reset(seed=0)
    flipped = 0
    for _ in range(2000):
        label, reward, info = paid(env, 1)
        assert reward in (1.0, -0.5)
        flipped += (reward == 1.0) != (label == 1)
        # Regret is that of the means: .8·1 + .2·(−.5) = .7 for the right action, .8·(−.5) + .2·1 = −.2 for a wrong one.
        assert info["regret"] == pytest.approx(0.0 if label == 1 else 0.9)
        assert info["optimal"] == (label == 1)
    assert binomtest(flipped, 2000, 0.2).pvalue > 1e-5
    np.testing.assert_allclose(np.unique(env.evaluation_set()[1]), [-0.2, 0.7], rtol=1e-6)


def test_a_flip_mirrors_between_the_least_and_the_greatest_reward() -> None:
    noise = make_noise({"kind": "flip", "probability": 1.0}, -4.0, 2.0)
    rewards = np.array([-4.0, 2.0, 0.5])
    assert noise.draw(rewards, np.random.default_rng(0)).tolist() == [2.0, -4.0, -2.5]
    assert noise.mean(rewards).tolist() == [2.0, -4.0, -2.5]
    env = small_bandit(reward_matrix=MATRIX, reward_noise={"kind": "flip", "probability": 0.25})
    expected = 0.75 * np.array(MATRIX) + 0.25 * (-2.0 - np.array(MATRIX))
    seen, rewards = env.evaluation_set()
    np.testing.assert_allclose(rewards, expected[[label_of(context) for context in seen]], rtol=1e-6)


# Drift


def test_an_abrupt_drift_moves_rewards_to_the_next_action() -> None:
    env = small_bandit(drift={"kind": "abrupt", "at": [7, 12]})
    env.reset(seed=0)
    for t in range(30):
        moved = (t >= 7) + (t >= 12)
        seen, rewards = env.evaluation_set()
        best = (np.array([label_of(context) for context in seen]) + moved) % 3
        np.testing.assert_array_equal(rewards.argmax(axis=1), best)
        label, reward, info = paid(env, t % 3)
        right = t % 3 == (label + moved) % 3
        assert reward == (1.0 if right else -0.5)
        assert info["optimal"] == right
    assert env.reset(seed=0)
    assert label_of(env.reset()[0]) == env.context_rewards.argmax()  # a seed begins anew


def test_after_a_permutation_each_action_pays_in_the_place_of_another() -> None:
    permutation = [2, 0, 3, 1]  # what action 0 paid is paid by action 2, …
    env = small_bandit(reward_matrix=MATRIX, drift={"kind": "abrupt", "at": 0, "permutation": permutation})
    seen, rewards = env.evaluation_set()
    for context, row in zip(seen, rewards, strict=True):
        for action in range(4):
            assert row[permutation[action]] == MATRIX[label_of(context)][action]
    twice = make_drift({"kind": "abrupt", "at": [3, 5], "permutation": permutation}, 4)
    row = np.array([[10.0, 11.0, 12.0, 13.0]]).repeat(3, axis=0)
    expected = [[10, 11, 12, 13], [11, 13, 10, 12], [13, 12, 11, 10]]
    np.testing.assert_array_equal(twice.rewards_at(np.array([2, 4, 5]), row), expected)


def test_a_seed_gives_a_permutation_that_moves_every_action() -> None:
    row = np.arange(6.0)[None]
    orders = []
    for seed in range(40):
        drift = make_drift({"kind": "gradual", "start": 0, "end": 1, "permutation": seed}, 6)
        (moved,) = drift.rewards_at(np.array([1]), row)
        assert sorted(moved) == row[0].tolist()
        assert (moved != row[0]).all()
        orders.append(tuple(moved))
        (again,) = make_drift({"kind": "abrupt", "at": 1, "permutation": seed}, 6).rewards_at(np.array([1]), row)
        assert tuple(again) == orders[-1]
    assert len(set(orders)) > 30


def test_a_gradual_drift_interpolates_the_mean_rewards() -> None:
    env = small_bandit(drift={"kind": "gradual", "start": 4, "end": 8})
    env.reset(seed=0)
    for t in range(12):
        w = {5: 0.25, 6: 0.5, 7: 0.75}.get(t, 0.0 if t < 5 else 1.0)
        label = label_of(env.reset()[0])
        expected = np.full(3, -0.5)
        expected[label] = (1 - w) * 1.0 + w * -0.5
        expected[(label + 1) % 3] = (1 - w) * -0.5 + w * 1.0
        np.testing.assert_allclose(env.context_rewards, expected, atol=1e-12)
        action = np.int64((label + 1) % 3)
        _, reward, _, _, info = env.step(action)
        assert reward == pytest.approx(expected[action])
        assert info["regret"] == pytest.approx(max(expected) - expected[action])


def test_drift_and_flips_together() -> None:
    flip = {"kind": "flip", "probability": 0.1}
    env = small_bandit(reward_noise=flip, drift={"kind": "gradual", "start": 0, "end": 4})
    env.reset(seed=0)
    env.step(np.int64(0))
    label = label_of(env.reset()[0])
    raw = {label: 0.75 * 1.0 + 0.25 * -0.5, (label + 1) % 3: 0.75 * -0.5 + 0.25 * 1.0, (label + 2) % 3: -0.5}
    expected = [0.9 * raw[action] + 0.1 * (0.5 - raw[action]) for action in range(3)]
    np.testing.assert_allclose(env.context_rewards, expected, atol=1e-12)
