"""Bad input: what was given, what is allowed, what to do."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from bandit_examples import DIGITS, image_data, row_data, small_bandit
from sb3_entropy_bandits.data import ClassificationData
from sb3_entropy_bandits.env import BanditEnv
from sb3_entropy_bandits.tasks.classification import classification_task
from stable_baselines3.common.env_util import make_vec_env

MATRIX = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
FULL = {"kind": "abrupt", "at": 3}


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"split": "validation"}, ValueError, "Unknown split 'validation'. Available: test, train"),
        ({"render_mode": "human"}, ValueError, "Unknown render_mode 'human'. Available: rgb_array"),
        ({"observation": "images"}, ValueError, "Unknown observation 'images'.*Did you mean 'image'"),
        ({"support": []}, ValueError, "support is empty: name at least one label"),
        ({"support": "012"}, TypeError, "support must be a list of labels, but '012' was given"),
        ({"support": 2}, TypeError, "support must be a list of labels, but 2 was given"),
        ({"support": [0, 3]}, ValueError, r"support\[1\] must be a whole number between 0 and 2, but 3"),
        ({"support": [0.5]}, TypeError, r"support\[0\] must be a whole number between 0 and 2, but 0.5"),
        ({"reward_matrix": np.eye(2)}, ValueError, r"a row for each of the 3 classes of 'small'.*shape is \(2, 2\)"),
        ({"reward_matrix": np.ones((3, 1))}, ValueError, r"a column for each action, at least 2, .* \(3, 1\)"),
        ({"reward_matrix": [1.0, 2.0, 3.0]}, ValueError, r"reward_matrix must have a row .* shape is \(3,\)"),
        ({"reward_matrix": "good"}, ValueError, "reward_matrix must be a matrix of numbers, but 'good' was given"),
        ({"reward_matrix": [[1.0, 2.0], [3.0]]}, ValueError, "reward_matrix must be a matrix of numbers"),
        ({"reward_matrix": np.where(MATRIX, np.nan, 0)}, ValueError, "must be finite, but nan .* class 0 and action 0"),
        ({"reward_noise": -0.1}, ValueError, "reward_noise .* must be a number ≥ 0, but -0.1"),
        ({"reward_noise": "flip"}, TypeError, "or give {'kind': 'flip', .* must be a number ≥ 0, but 'flip'"),
        ({"reward_noise": {"kind": "flop"}}, ValueError, r"Unknown reward_noise\['kind'\] 'flop'.*'flip'"),
        ({"reward_noise": {"kind": "flip"}}, ValueError, "reward_noise of kind 'flip' needs 'probability', but"),
        ({"reward_noise": {"kind": "flip", "probability": 1.5}}, ValueError, "between 0 and 1, but 1.5"),
        ({"reward_noise": {"kind": "gaussian", "std": -1}}, ValueError, r"reward_noise\['std'\] must be a number ≥ 0"),
        (
            {"reward_noise": {"kind": "flip", "probability": 0.1, "sigma": 1}},
            ValueError,
            "Unknown option of reward_noise of kind 'flip': 'sigma'. Available: probability",
        ),
        ({"drift": 5}, TypeError, r"drift must be a dictionary with 'kind' \(one of abrupt, gradual\), but 5"),
        ({"drift": {"at": 5}}, ValueError, "drift must say its 'kind', one of abrupt, gradual, but {'at': 5}"),
        ({"drift": {"kind": "abrupt"}}, ValueError, "drift of kind 'abrupt' needs 'at'"),
        ({"drift": {"kind": "abrupt", "at": -1}}, ValueError, r"drift\['at'\] must be a whole number ≥ 0, but -1"),
        ({"drift": {"kind": "abrupt", "at": "9"}}, TypeError, r"drift\['at'\] must be a whole number ≥ 0, but '9'"),
        ({"drift": {"kind": "abrupt", "at": []}}, ValueError, r"an ascending list of distinct times, but \[\]"),
        ({"drift": {"kind": "abrupt", "at": [4, 4]}}, ValueError, r"ascending list of distinct times, but \[4, 4\]"),
        ({"drift": {"kind": "gradual", "start": 4, "end": 4}}, ValueError, r"drift\['end'\] .* ≥ 5, but 4"),
        (
            {"drift": {"kind": "gradual", "start": 4, "stop": 9}},
            ValueError,
            "'stop'. Available: end, permutation, start",
        ),
        ({"drift": {"kind": "gradual", "start": -4, "end": 4}}, ValueError, r"drift\['start'\] .* ≥ 0, but -4"),
        ({"drift": {**FULL, "permutation": [0, 1, 1]}}, ValueError, r"each action from 0 to 2 once, but \[0, 1, 1\]"),
        ({"drift": {**FULL, "permutation": [1, 0]}}, ValueError, r"each action from 0 to 2 once, but \[1, 0\]"),
        ({"drift": {**FULL, "permutation": [[0], [1], [2]]}}, ValueError, "each action from 0 to 2 once"),
        ({"drift": {**FULL, "permutation": [True, 0, 2]}}, ValueError, "each action from 0 to 2 once"),
        ({"drift": {**FULL, "permutation": -3}}, ValueError, r"a seed, or a list of actions\) must be .* ≥ 0, but -3"),
        ({"drift": {**FULL, "permutation": "012"}}, TypeError, "a seed, or a list of actions"),
        ({"shift": {"kind": "blur"}}, ValueError, r"Unknown shift\['kind'\] 'blur'. Available: brightness, labels"),
        ({"shift": {"kind": "labels"}}, ValueError, "shift of kind 'labels' needs 'weights'"),
        ({"shift": {"kind": "labels", "weights": [1, 2]}}, ValueError, "must be 3 numbers ≥ 0, one a class of 'small'"),
        ({"shift": {"kind": "labels", "weights": [1, 2, -1]}}, ValueError, r"numbers ≥ 0.* \[1, 2, -1\] was given"),
        ({"shift": {"kind": "labels", "weights": [0, 0, 0]}}, ValueError, "not all 0"),
        ({"shift": {"kind": "labels", "weights": "abc"}}, ValueError, "must be 3 numbers.* 'abc' was given"),
        ({"shift": {"kind": "noise", "std": -1}}, ValueError, r"shift\['std'\] must be a number ≥ 0, but -1"),
        ({"shift": {"kind": "noise", "std": 1, "seed": 0.5}}, TypeError, r"shift\['seed'\] must be a whole number ≥ 0"),
        ({"shift": {"kind": "brightness", "factor": -2}}, ValueError, r"shift\['factor'\] must be a number ≥ 0"),
        ({"shift": {"kind": "rotation", "quarters": 4}}, ValueError, r"shift\['quarters'\] .* between 1 and 3, but 4"),
        (
            {"shift": {"kind": "rotation"}},
            ValueError,
            "by 1 quarters needs square images, .* are 2 × 3. Only 2 quarters",
        ),
        ({"shift": {"kind": "occlusion", "size": 3}}, ValueError, r"shift\['size'\] .* between 1 and 2, but 3"),
        ({"shift": {"kind": "occlusion", "size": 1, "seed": -1}}, ValueError, r"shift\['seed'\] .* ≥ 0, but -1"),
        (
            {"support": [1], "shift": {"kind": "labels", "weights": [1, 0, 1]}},
            ValueError,
            r"Nothing is left to train on: no class in support \[1\] .*Widen support",
        ),
    ],
)
def test_a_bad_parameter_is_named(parameters: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        small_bandit(**parameters)


def test_rows_are_no_images() -> None:
    with pytest.raises(ValueError, match="observation='image' needs images, but the contexts of 'rows' are rows"):
        small_bandit(row_data(), observation="image")
    with pytest.raises(ValueError, match=r"shift of kind 'occlusion' changes images, .* Choose 'noise' or 'labels'"):
        small_bandit(row_data(), shift={"kind": "occlusion", "size": 1})


def test_a_class_that_is_absent_cannot_be_drawn() -> None:
    data = image_data()
    two = ClassificationData("two", data.x_train[:30], data.y_train[:30], data.x_test, data.y_test, 3, 100.0, (2, 3, 1))
    assert small_bandit(two).evaluation_set()[1].shape == (12, 3)
    with pytest.raises(ValueError, match=r"asks for contexts of class 2, but 'two' has none to train on. Give it the"):
        small_bandit(two, shift={"kind": "labels", "weights": [1, 1, 1]})
    with pytest.raises(ValueError, match=r"Nothing is left to train on: no class in support \[2\]"):
        small_bandit(two, support=[2])


def test_an_unknown_option_or_task_is_named() -> None:
    with pytest.raises(TypeError, match=r"Unknown option of the bandit 'digits': 'suport'.*Did you mean 'support'\?"):
        gym.make(DIGITS, suport=[1])
    with pytest.raises(TypeError, match=r"Unknown option of the bandit 'digits': 'drifts'.*Did you mean 'drift'"):
        make_vec_env(DIGITS, env_kwargs={"drifts": None})
    with pytest.raises(TypeError, match="Unknown option of the bandit 'spotify': 'support'"):
        gym.make("entropy/SpotifyBandit-v0", support=[1])
    with pytest.raises(ValueError, match=r"Unknown task 'digit'.*Did you mean 'digits'\?"):
        BanditEnv("digit")
    with pytest.raises(TypeError, match=r"task must be one of cifar10, digits, .*, or a Task, but 3 was given"):
        BanditEnv(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="has its options already, but support was given beside it"):
        BanditEnv(classification_task(image_data()), support=[1])


def test_missing_data_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        gym.make("entropy/SpotifyBandit-v0", folder=tmp_path)
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        gym.make("entropy/MNISTBandit-v0", folder=tmp_path)
    monkeypatch.delenv("SB3_ENTROPY_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match="SB3_ENTROPY_DATA"):
        gym.make("entropy/SpotifyBandit-v0")


def test_bad_tables_are_named() -> None:
    x = np.ones((20, 2))
    x[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"nan|NaN"):
        gym.make("entropy/TabularBandit-v0", x=x, y=np.arange(20) % 2)
    data = row_data()
    with pytest.raises(ValueError, match="The labels in y_train of 'rows' must be whole numbers between 0 and 2"):
        ClassificationData("rows", data.x_train, data.y_train + 1, data.x_test, data.y_test, 3, 1.0, None)


@pytest.mark.parametrize("action", [3, -1, 1.5, None, "right"])
def test_a_bad_action_is_named(action: Any) -> None:
    env = small_bandit()
    env.reset()
    with pytest.raises(ValueError, match="action must be a whole number from 0 to 2, but"):
        env.step(action)


def test_bad_calls_are_named() -> None:
    env = small_bandit()
    with pytest.raises(gym.error.ResetNeeded, match="No context is shown"):
        env.step(np.int64(0))
    with pytest.raises(gym.error.ResetNeeded, match="No context is shown"):
        _ = env.context_rewards
    with pytest.raises(ValueError, match=r"reset\(\) of a bandit knows no options, but {'context': 1} was given"):
        env.reset(options={"context": 1})
    with pytest.raises(ValueError, match="n of evaluation_set must be a whole number between 1 and 12, but 13"):
        env.evaluation_set(13)
    with pytest.raises(TypeError, match="n of evaluation_set must be a whole number"):
        env.evaluation_set(2.5)  # type: ignore[arg-type]
