"""What critics read of an observation."""

import numpy as np
import pytest
from gymnasium import spaces

from sb3_entropy.landscape.q.features import Features, is_readable


def test_numbers_are_standardised_by_the_data_and_what_does_not_vary_is_centred_alone() -> None:
    rng = np.random.default_rng(0)
    seen = rng.normal([3.0, -200.0, 7.0], [0.1, 50.0, 0.0], size=(500, 3)).astype(np.float32)
    features = Features(spaces.Box(-np.inf, np.inf, (3,)), seen)
    made = features(seen)
    assert made.dtype == np.float32
    assert features.size == 3
    assert np.allclose(made.mean(axis=0), 0, atol=1e-4)
    assert np.allclose(made.std(axis=0), [1, 1, 0], atol=1e-4)
    other = features(np.array([[3.5, 0.0, 9.0]]))[0]
    assert np.allclose(other, [(3.5 - 3) / 0.1, 200 / 50, 2], rtol=0.2)


def test_a_dict_is_read_in_the_order_of_its_space_and_choices_are_one_hot() -> None:
    space = spaces.Dict(
        {
            "b": spaces.Box(-1, 1, (2, 2)),
            "a": spaces.Discrete(3, start=5),
            "c": spaces.MultiDiscrete([2, 3], start=[0, 1]),
            "d": spaces.MultiBinary(2),
        }
    )
    numbers = {
        "d": np.array([[0, 1], [1, 1]]),
        "c": np.array([[1, 3], [0, 1]]),
        "a": np.array([7, 5]),
        "b": np.arange(8.0).reshape(2, 2, 2),
    }
    features = Features(space, numbers)
    flat = features(numbers) * features.std + features.mean
    # gymnasium's order of a Dict is that of its keys
    expected = [
        [0, 0, 1, *range(4), 0, 1, 0, 0, 1, 0, 1],
        [1, 0, 0, *range(4, 8), 1, 0, 1, 0, 0, 1, 1],
    ]
    assert np.allclose(flat, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("space", "said"),
    [
        (spaces.Box(0, 255, (3, 8, 8), np.uint8), r"The observation has the shape \(3, 8, 8\), as images have"),
        (spaces.Dict({"eye": spaces.Box(0, 1, (8, 8, 1))}), r"The observation's 'eye' has the shape \(8, 8, 1\)"),
        (spaces.Text(3), "The observation is a Text, which critics do not read"),
    ],
)
def test_what_cannot_be_read_is_named(space, said: str) -> None:
    assert not is_readable(space)
    with pytest.raises(ValueError, match=said):
        Features(space, np.zeros((2, 3)))


def test_a_number_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        Features(spaces.Box(-1, 1, (1,)), np.array([[0.0], [np.nan]]))
