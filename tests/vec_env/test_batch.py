"""What batches of environments are made of, apart from any environment."""

import numpy as np
import pytest

from sb3_entropy.vec_env.actions import box_actions, whole_actions
from sb3_entropy.vec_env.batch import rows


def test_rows_are_the_columns_turned() -> None:
    columns = {"a": np.array([1.5, 2.5]), "b'\"": ["x", None], "c": {"d": np.array([True, False]), "e": zip((1, 2))}}
    first, second = rows(columns)
    assert first == {"a": 1.5, "b'\"": "x", "c": {"d": True, "e": (1,)}}
    assert second == {"a": 2.5, "b'\"": None, "c": {"d": False, "e": (2,)}}
    assert (list(first), type(first["a"]), type(first["c"]["d"])) == (["a", "b'\"", "c"], float, bool)
    assert rows({"a": [3]}) == [{"a": 3}]
    assert rows({"none": {}, "a": [3, 4]}) == [{"none": {}, "a": 3}, {"none": {}, "a": 4}]
    with pytest.raises(ValueError, match="shorter"):
        rows({"a": [1, 2], "b": [1]})


def test_actions_are_numbers_within_the_box() -> None:
    given = np.array([[0.5, -3.0], [2.0, 0.25]], np.float32)
    np.testing.assert_array_equal(box_actions(given, 2, 2), [[0.5, -1.0], [1.0, 0.25]])
    np.testing.assert_array_equal(box_actions(given, 2, 2, -2.0, 1.5), [[0.5, -2.0], [1.5, 0.25]])
    assert box_actions([1, 0], 2, 1).tolist() == [[1.0], [0.0]]
    # What can be read in one way alone.
    assert box_actions(np.array([[1], [0]]), 1, 2).tolist() == [[1.0, 0.0]]
    assert box_actions(0.5, 1, 1).tolist() == [[0.5]]
    due = r"3 actions of shape \(2,\), together \(3, 2\), must be given, of finite numbers, but "
    for wrong in (np.zeros((2, 3)), np.zeros(6), [[0.0, 0.0], [0.0], [0.0]], np.zeros((3, 2), bool), None):
        with pytest.raises(ValueError, match=f"(?s){due}.* was given"):
            box_actions(wrong, 3, 2)
    with pytest.raises(ValueError, match=rf"{due}that of environment 1 is \[2.0, inf\]"):
        box_actions([[0.0, 1.0], [2.0, np.inf], [np.nan, 0.0]], 3, 2)
    with pytest.raises(
        ValueError, match=r"1 action of shape \(2,\) must be given, of finite numbers, but \[0.0, nan\]"
    ):
        box_actions([0.0, np.nan], 1, 2)


def test_whole_actions_are_whole_and_within_their_number() -> None:
    assert whole_actions(np.array([[2], [0]], np.uint8), 2, 3, "No").tolist() == [2, 0]
    for wrong in ([0, 3], [0, -1], [0], [0.0, 1.0], [True, False]):
        with pytest.raises(ValueError, match=r"No, but \["):
            whole_actions(wrong, 2, 3, "No")
