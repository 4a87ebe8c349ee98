"""Which contexts are drawn while training, and what is done to those of the test."""

from typing import Any

import numpy as np
import pytest
from bandit_examples import digits_bandit, image_data, label_of, row_data, small_bandit
from sb3_entropy_bandits.env import BanditEnv
from sb3_entropy_bandits.shift import brightened, noisy, occluded, rotated
from scipy.stats import chisquare, kstest


def labels_drawn(env: BanditEnv, n: int = 6000) -> Any:
    """:return: how often each class is drawn"""
    drawn = env.contexts.draw(np.random.default_rng(0), n)
    return np.bincount(env.contexts.rows[drawn], minlength=3)


# The training contexts. Each chi-square test is at 1e-5: a false alarm for 1e-5 of the seeds.


def test_without_shift_classes_are_as_frequent_as_in_the_data() -> None:
    assert chisquare(labels_drawn(small_bandit()), [1000, 2000, 3000]).pvalue > 1e-5


def test_class_weights_decide_on_the_classes_and_nothing_within_them() -> None:
    env = small_bandit(shift={"kind": "labels", "weights": [6, 3, 1]})
    assert chisquare(labels_drawn(env), [3600, 1800, 600]).pvalue > 1e-5
    drawn = np.bincount(env.contexts.draw(np.random.default_rng(1), 60_000), minlength=60)
    expected = np.repeat([36_000 / 10, 18_000 / 20, 6000 / 30], [10, 20, 30])
    assert chisquare(drawn, expected).pvalue > 1e-5
    assert np.bincount([label_of(context) for context in env.evaluation_set()[0]]).tolist() == [4, 4, 4]


def test_labels_outside_the_support_are_never_served_but_tested() -> None:
    env = small_bandit(support=[2, 0])
    counts = labels_drawn(env)
    assert counts[1] == 0
    assert chisquare(counts[[0, 2]], [1500, 4500]).pvalue > 1e-5
    env.reset(seed=0)
    assert {label_of(env.reset()[0]) for _ in range(100)} == {0, 2}
    assert env.evaluation_set()[1].shape == (12, 3)
    assert {label_of(context) for context in env.evaluation_set()[0]} == {0, 1, 2}
    weighted = small_bandit(support=np.array([1, 0]), shift={"kind": "labels", "weights": [3, 1, 5]})
    assert chisquare(labels_drawn(weighted)[:2], [4500, 1500]).pvalue > 1e-5
    assert labels_drawn(weighted)[2] == 0


def test_a_class_without_weight_at_the_end_is_never_drawn() -> None:
    env = small_bandit(shift={"kind": "labels", "weights": [0.1, 0.7, 0.0]})
    edge = env.contexts.cumulative
    assert edge is not None
    assert edge[29:].tolist() == [1.0] * 31
    assert np.searchsorted(edge, np.nextafter(1.0, 0.0), side="right") <= 29


# The test contexts


@pytest.mark.parametrize(
    "shift",
    [
        {"kind": "noise", "std": 0.2},
        {"kind": "brightness", "factor": 0.5},
        {"kind": "rotation"},
        {"kind": "occlusion", "size": 3},
    ],
)
def test_a_shift_changes_what_is_tested_and_not_what_is_trained_on(shift: dict[str, Any]) -> None:
    plain, shifted, tested = digits_bandit(), digits_bandit(shift=shift), digits_bandit(shift=shift, split="test")
    for env in (plain, shifted, tested):
        env.reset(seed=0)
    for _ in range(20):
        np.testing.assert_array_equal(plain.reset()[0], shifted.reset()[0])
    (before, rewards), (after, rewards_after) = plain.evaluation_set(), shifted.evaluation_set()
    np.testing.assert_array_equal(rewards, rewards_after)
    assert (before != after).any(axis=1).mean() > 0.98
    assert after.min() >= 0.0
    assert after.max() <= 1.0
    np.testing.assert_array_equal(after, digits_bandit(shift=shift).evaluation_set()[0])
    rows = {row.tobytes() for row in after}
    assert all(tested.reset()[0].tobytes() in rows for _ in range(50))


def test_noise_has_its_spread() -> None:
    # Kolmogorov-Smirnov tests at 1e-5, rounding aside: a false alarm for 2e-5 of the seeds.
    grey = np.full((40, 10, 10, 1), 128, dtype=np.uint8)
    moved = noisy(grey, std=0.1, scale=255.0, seed=0)
    assert moved.dtype == np.uint8
    spread = (moved.astype(float) - 128 + np.random.default_rng(9).uniform(-0.5, 0.5, moved.shape)) / 255
    assert kstest(spread.ravel(), "norm", args=(0.0, 0.1)).pvalue > 1e-5
    assert (noisy(grey, std=0.1, scale=255.0, seed=1) != moved).any()
    ends = noisy(np.array([0, 16] * 500, dtype=np.uint8), std=0.5, scale=16.0, seed=0)
    assert (ends.min(), ends.max()) == (0, 16)
    rows = np.full((500, 4), -30.0, dtype=np.float32)
    moved_rows = noisy(rows, std=2.0, scale=None, seed=0)
    assert moved_rows.dtype == np.float32
    assert kstest((moved_rows + 30).ravel(), "norm", args=(0.0, 2.0)).pvalue > 1e-5


def test_rows_can_be_noisy_too() -> None:
    plain, shifted = small_bandit(row_data()), small_bandit(row_data(), shift={"kind": "noise", "std": 0.3, "seed": 4})
    distance = shifted.evaluation_set()[0] - plain.evaluation_set()[0]
    assert 0.1 < np.abs(distance).mean() < 0.5


def test_brightness_multiplies_and_clips() -> None:
    x = np.array([0, 3, 10, 200], dtype=np.uint8)
    assert brightened(x, factor=1.5, scale=255.0).tolist() == [0, 4, 15, 255]
    assert brightened(x, factor=0.25, scale=255.0).tolist() == [0, 1, 2, 50]
    assert brightened(x, factor=0.0, scale=255.0).tolist() == [0, 0, 0, 0]


def test_rotation_turns_anticlockwise() -> None:
    x = np.arange(4, dtype=np.uint8).reshape(1, 2, 2, 1)
    assert rotated(x, quarters=1)[0, ..., 0].tolist() == [[1, 3], [0, 2]]
    assert rotated(x, quarters=2)[0, ..., 0].tolist() == [[3, 2], [1, 0]]
    assert rotated(x, quarters=3)[0, ..., 0].tolist() == [[2, 0], [3, 1]]
    half_turn = small_bandit(shift={"kind": "rotation", "quarters": 2}).task.test.values
    np.testing.assert_array_equal(half_turn, image_data().x_test[:, ::-1, ::-1])


def test_occlusion_hides_a_square_anywhere() -> None:
    x = np.full((400, 4, 5, 3), 7, dtype=np.uint8)
    hidden = occluded(x, size=2, seed=0) == 0
    corners = set()
    for image in hidden:
        rows, columns = np.flatnonzero(image.any(axis=(1, 2))), np.flatnonzero(image.any(axis=(0, 2)))
        assert len(rows) == len(columns) == 2
        assert image.sum() == 12  # two by two pixels of three channels
        corners.add((rows[0], columns[0]))
    assert corners == {(row, column) for row in range(3) for column in range(4)}
    assert (occluded(x, size=4, seed=0)[:, :, 1:4] == 0).all()
