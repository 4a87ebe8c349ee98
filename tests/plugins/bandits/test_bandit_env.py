"""The bandits as Gymnasium environments: contexts and episodes."""

import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from bandit_examples import digits_bandit, image_data, label_of, row_data, small_bandit
from sb3_entropy_bandits.data import ClassificationData
from sb3_entropy_bandits.env import BanditEnv
from scipy.stats import chisquare
from sklearn.datasets import load_digits

# Contexts


def test_contexts_are_those_of_the_training_set_and_evaluated_are_all_others() -> None:
    digits = load_digits()
    label = {image.tobytes(): target for image, target in zip(digits.data / 16.0, digits.target, strict=True)}
    env = digits_bandit()
    assert env.observation_space == gym.spaces.Box(0.0, 1.0, (64,), np.float32)
    tested, rewards = env.evaluation_set()
    right = np.array([label[context.astype(float).tobytes()] for context in tested])
    assert len(tested) == 355
    expected = np.full((355, 10), -1 / 9)
    expected[np.arange(355), right] = 1.0
    np.testing.assert_allclose(rewards, expected, rtol=1e-7)
    np.testing.assert_allclose(rewards.sum(axis=1), 0.0, atol=1e-6)  # the uniform policy earns nothing
    served = set()
    for seed in range(300):
        context, info = env.reset(seed=seed)
        assert context.dtype == np.float32
        assert info == {}
        right_now = label[context.astype(float).tobytes()]
        assert env.context_rewards[right_now] == 1.0
        served.add(context.tobytes())
    assert len(served) > 250
    assert not served & {context.tobytes() for context in tested}


def test_training_contexts_are_uniform() -> None:
    # Chi-square at 60 contexts, at 1e-5: a false alarm for 1e-5 of the seeds.
    env = small_bandit()
    drawn = env.contexts.draw(np.random.default_rng(0), 30_000)
    assert chisquare(np.bincount(drawn, minlength=60)).pvalue > 1e-5


def test_the_test_split_serves_the_test_contexts() -> None:
    data = image_data()
    env = small_bandit(data, split="test")
    tested = {x.tobytes() for x in (data.x_test.reshape(12, -1) / np.float32(100)).astype(np.float32)}
    assert {env.reset(seed=seed)[0].tobytes() for seed in range(200)} == tested


def test_images_are_enlarged_framed_and_scaled() -> None:
    env = digits_bandit(observation="image")
    assert env.observation_space == gym.spaces.Box(0, 255, (1, 36, 36), np.uint8)
    images, _ = env.evaluation_set(5)
    flat, _ = digits_bandit().evaluation_set(5)
    for image, context in zip(images, flat, strict=True):
        pixels = np.rint(context.reshape(8, 8) * 255)
        for row in range(8):
            for column in range(8):
                block = image[0, 2 + 4 * row : 6 + 4 * row, 2 + 4 * column : 6 + 4 * column]
                assert (block == pixels[row, column]).all()
    inside = images[:, :, 2:34, 2:34].sum(dtype=int)
    assert inside == images.sum(dtype=int) > 0
    assert images.max() == 255


def test_oblong_images_fit_the_same_frame() -> None:
    env = small_bandit(observation="image")  # 2 × 3, twelvefold 24 × 36
    image, _ = env.reset(seed=0)
    assert image.shape == (1, 36, 36)
    assert image.dtype == np.uint8
    assert (image[0, :6] == 0).all()
    assert (image[0, 30:] == 0).all()
    assert (image[0, 6:30] > 0).mean() > 0.8
    values = np.unique(image[0, 6:30])
    assert len(values) <= 6


def test_images_of_bytes_keep_their_values() -> None:
    x = np.arange(2 * 40 * 38 * 3, dtype=np.uint8).reshape(2, 40, 38, 3)  # large enough without a frame
    y = np.array([0, 1])
    env = small_bandit(ClassificationData("bytes", x, y, x, y, 2, 255.0, (40, 38, 3)), observation="image")
    images, rewards = env.evaluation_set()
    assert images.shape == (2, 3, 40, 38)
    for image, label in zip(images, rewards.argmax(axis=1), strict=True):
        np.testing.assert_array_equal(image.transpose(1, 2, 0), x[label])


def test_rows_are_seen_as_they_are() -> None:
    data = row_data()
    env = small_bandit(data)
    tested, rewards = env.evaluation_set()
    assert sorted(map(tuple, tested)) == sorted(map(tuple, data.x_test))
    assert rewards[np.arange(6), tested[:, 0].astype(int)].tolist() == [1.0] * 6
    assert env.observation_space.shape == (2,)
    assert env.observation_space.contains(np.array([-3e38, 3e38], dtype=np.float32))


# Episodes


def test_an_episode_has_one_step() -> None:
    env = small_bandit()
    context, _ = env.reset(seed=1)
    label = label_of(context)
    expected = [1.0 if action == label else -0.5 for action in range(3)]
    assert env.context_rewards.tolist() == expected
    again, reward, terminated, truncated, info = env.step(np.int64(1))
    np.testing.assert_array_equal(again, context)
    assert (reward, terminated, truncated) == (expected[1], True, False)
    assert info == {"regret": 1.0 - expected[1], "optimal": label == 1}
    with pytest.raises(gym.error.ResetNeeded, match=r"call reset\(\) first, and again after each step\(\)"):
        env.step(np.int64(1))


def test_regret_and_contexts_are_counted() -> None:
    env = small_bandit()
    env.reset(seed=0)
    total, optimal = 0.0, []
    for k, action in enumerate(np.random.default_rng(0).integers(3, size=90)):
        assert env.contexts_served == k
        label = label_of(env.reset()[0])  # a second reset shows another context, and counts nothing
        *_, info = env.step(action)
        total += 0.0 if action == label else 1.5
        optimal.append(info["optimal"])
        env.reset()
    assert env.contexts_served == 90
    assert env.cumulative_regret == pytest.approx(total)
    assert 0 < sum(optimal) < 90
    env.reset(seed=3)  # begins anew
    assert (env.contexts_served, env.cumulative_regret) == (0, 0.0)


def run(env: BanditEnv, seed: int | None, look: bool = False) -> list[Any]:
    observation, _ = env.reset(seed=seed)
    seen: list[Any] = [observation.tolist()]
    for action in np.random.default_rng(3).integers(3, size=40):
        seen.append(env.step(action)[1])
        seen.append(env.reset()[0].tolist())
        if look:
            env.evaluation_set(3)
    return seen


def test_a_seed_decides_on_everything_and_evaluation_on_nothing() -> None:
    options = {"reward_noise": 0.3, "drift": {"kind": "abrupt", "at": 20}}
    one, two = small_bandit(**options), small_bandit(**options)
    first = run(one, seed=7)
    assert run(two, seed=7, look=True) == first
    assert run(two, seed=8) != first
    assert run(one, seed=None) != first
    assert run(one, seed=7) == first


def test_the_evaluation_set_is_the_beginning_of_one_shuffle() -> None:
    env = small_bandit()
    all_seen, all_rewards = env.evaluation_set()
    few_seen, few_rewards = env.evaluation_set(5)
    assert all_seen.shape == (12, 6)
    assert all_rewards.dtype == np.float32
    np.testing.assert_array_equal(few_seen, all_seen[:5])
    np.testing.assert_array_equal(few_rewards, all_rewards[:5])
    labels = [label_of(seen) for seen in all_seen]
    assert labels != sorted(labels)
    assert sorted(labels) == [0] * 4 + [1] * 4 + [2] * 4


def test_an_environment_survives_pickling() -> None:
    env = digits_bandit(reward_noise={"kind": "flip", "probability": 0.2})
    env.reset(seed=4)
    again = pickle.loads(pickle.dumps(env))
    for action in range(10):
        left, right = env.step(np.int64(action)), again.step(np.int64(action))
        assert left[1:] == right[1:]
        np.testing.assert_array_equal(env.reset()[0], again.reset()[0])


def test_rendering_shows_the_context() -> None:
    env = small_bandit(render_mode="rgb_array")
    context, _ = env.reset(seed=0)
    frame = env.render()
    assert frame.shape == (170, 255, 3)
    pixels = frame[42::85, 42::85].astype(float)  # one in each cell
    np.testing.assert_allclose(pixels.mean(axis=2).ravel(), np.rint(context * 255), atol=1)
    rows = small_bandit(row_data(), render_mode="rgb_array")
    rows.reset(seed=0)
    assert rows.render().shape == (128, 256, 3)
    assert set(np.unique(rows.render())) == {0, 255}
    blind = small_bandit()
    blind.reset()
    with pytest.warns(UserWarning, match="without a render mode"):
        assert blind.render() is None
