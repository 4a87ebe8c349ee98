"""The log: what it refuses, its weights, and its files."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulated_logs import TINY, zip_bytes

from sb3_entropy.offline import LoggedFeedback
from sb3_entropy.offline import archive as archive_module


def fields(**changes: Any) -> dict[str, Any]:
    behaviour = np.array([[0.5, 0.25, 0.25], [0.1, 0.9, 0.0], [0.2, 0.2, 0.6]])
    return {
        "contexts": np.arange(12, dtype=np.uint8).reshape(3, 2, 2),
        "actions": np.array([0, 1, 2]),
        "rewards": np.array([1.0, -2.0, 0.5]),
        "propensities": np.array([0.5, 0.9, 0.6]),
        "n_actions": 3,
        "behaviour": behaviour,
        "mean_rewards": np.arange(9.0).reshape(3, 3),
        "policy": zip_bytes(),
    } | changes


TARGET = np.array([[0.2, 0.3, 0.5], [0.0, 0.45, 0.55], [0.1, 0.0, 0.9]])


def test_fields_have_their_types() -> None:
    log = LoggedFeedback(**fields(actions=[0, 1, 2], rewards=[1, -2, 0], propensities=np.float32([0.5, 0.9, 0.6])))
    assert log.contexts.dtype == np.uint8
    assert log.actions.dtype == np.int64
    assert log.rewards.dtype == log.propensities.dtype == np.float64
    assert len(log) == 3
    assert repr(log) == (
        "LoggedFeedback(n=3, n_actions=3, context_shape=(2, 2), known=['behaviour', 'mean_rewards', 'policy'])"
    )


def test_what_becomes_of_the_given_arrays_does_not_change_the_log() -> None:
    given = fields(support=np.array([0, 1, 2]), contexts=np.arange(12.0).reshape(3, 4))
    log = LoggedFeedback(**given)
    names = [name for name, value in given.items() if isinstance(value, np.ndarray)]
    kept = {name: getattr(log, name).copy() for name in names}
    for name in names:
        given[name][...] = -3
        np.testing.assert_array_equal(getattr(log, name), kept[name], err_msg=name)
    assert len(names) == 7


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"n_actions": 0}, ValueError, "n_actions must be a whole number ≥ 1, but 0 was given"),
    ({"n_actions": 2.5}, TypeError, "n_actions must be a whole number ≥ 1, but 2.5"),
    (
        {"contexts": np.array(1.0)},
        ValueError,
        r"contexts must have the shape \(rows, …\) with at least one row, but \(\)",
    ),
    ({"contexts": np.empty((0, 2))}, ValueError, r"with at least one row, but \(0, 2\)"),
    ({"contexts": ["a", "b", "c"]}, TypeError, "contexts must be an array of numbers, but an array of <U1"),
    (
        {"contexts": np.array([[0.0], [np.nan], [np.inf]])},
        ValueError,
        r"contexts must be finite, but row 1 has \[nan\] \(2 of 3 rows are wrong\). Leave such rows out",
    ),
    ({"actions": np.array([0, 1])}, ValueError, r"actions must have the shape \(rows,\) = \(3,\), but \(2,\)"),
    ({"actions": np.array([0.0, 1, 2])}, TypeError, "actions must be whole numbers, but an array of float64"),
    ({"actions": np.array([0, 3, -1])}, ValueError, r"actions must lie between 0 and 2, but row 1 has 3 \(2 of 3"),
    ({"rewards": np.zeros((3, 1))}, ValueError, r"rewards must have the shape \(rows,\) = \(3,\), but \(3, 1\)"),
    (
        {"rewards": np.ma.masked_greater([0.0, 1.0, 99.0], 50)},
        ValueError,
        "rewards has 1 masked entries, and what stands under a mask is no data",
    ),
    ({"actions": np.ma.masked_equal([0, 1, 2], 2)}, ValueError, "actions has 1 masked"),
    ({"rewards": [0.0, 0.0, np.inf]}, ValueError, "rewards must be finite, but row 2 has inf"),
    ({"propensities": [0.5, 0.9]}, ValueError, r"propensities must have the shape \(rows,\) = \(3,\), but \(2,\)"),
    ({"propensities": [0.5, np.nan, 0.6]}, ValueError, "propensities must be finite, but row 1 has nan"),
    ({"propensities": [0.5, 0.9, 0.0]}, ValueError, r"propensities must lie in \(0, 1\], but row 2 has 0 \(1 of 3"),
    ({"propensities": [1.5, 0.9, 0.6]}, ValueError, r"propensities must lie in \(0, 1\], but row 0 has 1\.5"),
    (
        {"propensities": [0.5, 0.9, 0.3]},
        ValueError,
        r"propensities must be the probabilities of the logged actions in behaviour, but row 2 has \[0\.3, 0\.6\]",
    ),
    (
        {"behaviour": np.ones((3, 2)) / 2},
        ValueError,
        r"behaviour must have the shape \(rows, actions\) = \(3, 3\), but",
    ),
    (
        {"behaviour": np.array([[0.5, 0.25, 0.25], [0.1, 0.9, 0.1], [0.2, 0.2, 0.6]])},
        ValueError,
        r"The sum of behaviour over actions must be 1, but row 1 has 1\.1 \(1 of 3 rows are wrong\). Normalise",
    ),
    (
        {"behaviour": np.array([[1.5, -0.25, -0.25], [0.1, 0.9, 0.0], [0.2, 0.2, 0.6]])},
        ValueError,
        r"behaviour must be ≥ 0, but row 0 has \[ 1\.5 , -0\.25, -0\.25\]",
    ),
    ({"mean_rewards": np.zeros(3)}, ValueError, r"mean_rewards must have the shape \(rows, actions\) = \(3, 3\), but"),
    ({"mean_rewards": np.full((3, 3), np.nan)}, ValueError, "mean_rewards must be finite, but row 0 has"),
    ({"policy": "ppo.zip"}, TypeError, "policy must be bytes or None, but str was given. Save the model to a BytesIO"),
    ({"policy": b"weights"}, ValueError, "policy must be the zip that a model's save writes, but 7 bytes"),
]


@pytest.mark.parametrize(("changes", "error", "message"), REFUSED, ids=lambda value: None)
def test_what_is_refused(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        LoggedFeedback(**fields(**changes))


def test_weights_and_effective_sample_size_by_hand() -> None:
    log = LoggedFeedback(**fields())
    assert log.importance_weights(TARGET) == pytest.approx([0.4, 0.5, 1.5])
    assert log.effective_sample_size(TARGET) == pytest.approx(2.4**2 / (0.16 + 0.25 + 2.25))
    assert log.effective_sample_size(log.behaviour) == pytest.approx(3)  # type: ignore[arg-type]


def test_effective_sample_size_of_no_and_of_huge_weights() -> None:
    log = LoggedFeedback(**fields(propensities=[1e-200, 0.9, 0.6], behaviour=None))
    assert log.effective_sample_size(np.eye(3)[[1, 2, 0]]) == 0
    assert log.effective_sample_size(TARGET) == pytest.approx(1)


def test_true_value_by_hand() -> None:
    expected = (0.3 + 1.0 + 0.45 * 4 + 0.55 * 5 + 0.6 + 0.9 * 8) / 3
    assert LoggedFeedback(**fields()).true_value(TARGET) == pytest.approx(expected)


def test_true_value_of_no_simulation() -> None:
    with pytest.raises(ValueError, match=r"needs mean_rewards, which this log does not have. Only simulated logs"):
        LoggedFeedback(**fields(mean_rewards=None)).true_value(TARGET)


@pytest.mark.parametrize("name", ["importance_weights", "effective_sample_size", "true_value"])
@pytest.mark.parametrize(
    ("target", "message"),
    [
        (np.ones((3, 2)) / 2, r"target must have the shape \(rows, actions\) = \(3, 3\), but \(3, 2\)"),
        (TARGET * 1.1, r"The sum of target over actions must be 1, but row 0 has 1\.1"),
        (TARGET - [0, 0.1, -0.1], r"target must be ≥ 0, but row 2 has"),
        (TARGET * np.nan, "target must be finite"),
    ],
)
def test_targets_that_are_none(name: str, target: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        getattr(LoggedFeedback(**fields()), name)(target)


def test_deficient_actions() -> None:
    log = LoggedFeedback(**fields())
    assert np.argwhere(log.deficient_actions()).tolist() == [[1, 2]]
    assert np.argwhere(log.deficient_actions(0.1)).tolist() == [[1, 0], [1, 2]]
    with pytest.raises(ValueError, match="threshold must be a number between 0 and 1, but 2 was given"):
        log.deficient_actions(2)
    with pytest.raises(
        ValueError, match=r"told from behaviour alone.*which this log does not have. Log them, or count"
    ):
        LoggedFeedback(**fields(behaviour=None)).deficient_actions()


def assert_equal(log: LoggedFeedback, other: LoggedFeedback) -> None:
    for name in fields():
        mine, theirs = getattr(log, name), getattr(other, name)
        assert type(mine) is type(theirs), name
        assert np.array_equal(mine, theirs), name
        assert getattr(mine, "dtype", None) == getattr(theirs, "dtype", None), name


@pytest.mark.parametrize("changes", [{}, {"behaviour": None, "mean_rewards": None, "policy": None}], ids=["all", "few"])
@pytest.mark.parametrize("name", ["deep/log", "deep/log.npz"])
def test_saved_is_loaded(changes: dict[str, Any], name: str, tmp_path: Path) -> None:
    log = LoggedFeedback(**fields(**changes))
    log.save(tmp_path / name)
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["log.npz"]
    assert_equal(LoggedFeedback.load(tmp_path / name), log)


def test_saving_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = LoggedFeedback(**fields())
    log.save(tmp_path / "log")

    def fail(file: Any, **arrays: Any) -> None:
        file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(archive_module.np, "savez_compressed", fail)
    with pytest.raises(OSError, match="No space left"):
        LoggedFeedback(**fields(rewards=[0.0, 0.0, 0.0])).save(tmp_path / "log")
    assert [file.name for file in tmp_path.iterdir()] == ["log.npz"]
    assert_equal(LoggedFeedback.load(tmp_path / "log"), log)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no log at .*absent\.npz. Check the path"):
        LoggedFeedback.load(tmp_path / "absent")


@pytest.mark.parametrize("kept", [0, 1, 50, 0.5, -1])
def test_truncated_files(kept: float, tmp_path: Path) -> None:
    file = tmp_path / "log.npz"
    LoggedFeedback(**fields()).save(file)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(kept * len(whole)) if kept == 0.5 else int(kept)])
    with pytest.raises(ValueError, match=r"log\.npz cannot be read as a log: .*It was cut short, is damaged"):
        LoggedFeedback.load(file)


def test_damaged_file(tmp_path: Path) -> None:
    file = tmp_path / "log.npz"
    LoggedFeedback(**fields(contexts=np.random.default_rng(0).normal(size=(3, 500)))).save(file)
    damaged = bytearray(file.read_bytes())
    damaged[2000] ^= 0xFF
    file.write_bytes(damaged)
    with pytest.raises(ValueError, match="cannot be read as a log"):
        LoggedFeedback.load(file)


def test_foreign_files(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "text.npz").write_text("context,action")
    np.savez(tmp_path / "pickled.npz", contexts=np.array([{}], dtype=object))
    for name in ("array.npy", "text.npz", "pickled.npz"):
        with pytest.raises(ValueError, match=f"{name} cannot be read as a log: .*no .npz file that"):
            LoggedFeedback.load(tmp_path / name)
    np.savez(tmp_path / "other.npz", x=np.zeros(3), y=np.zeros(3))
    with pytest.raises(ValueError, match=r"other\.npz is an \.npz file, but not a log: it holds x, y\."):
        LoggedFeedback.load(tmp_path / "other.npz")


def test_later_versions_and_other_fields(tmp_path: Path) -> None:
    file = tmp_path / "log.npz"
    LoggedFeedback(**fields()).save(file)
    with np.load(file) as archive:
        stored = dict(archive)
    np.savez(file, **(stored | {"version": np.array(2)}))
    with pytest.raises(ValueError, match="has version 2 of the format, and this sb3_entropy reads versions up to 1"):
        LoggedFeedback.load(file)
    del stored["rewards"]
    np.savez(file, **stored, colour=np.zeros(3))
    with pytest.raises(ValueError, match="lacks, or does not know, the fields colour, rewards"):
        LoggedFeedback.load(file)


def test_a_stored_log_is_checked_again(tmp_path: Path) -> None:
    file = tmp_path / "log.npz"
    LoggedFeedback(**fields()).save(file)
    with np.load(file) as archive:
        stored = dict(archive)
    np.savez(file, **(stored | {"propensities": np.array([0.5, 0.9, 7.0])}))
    with pytest.raises(ValueError, match=r"propensities must lie in \(0, 1\], but row 2 has 7"):
        LoggedFeedback.load(file)


def test_the_package_needs_no_torch_and_knows_its_names() -> None:
    heavy = "{'torch', 'sklearn', 'pandas', 'matplotlib', 'stable_baselines3'}"
    code = f"import sys, sb3_entropy.offline as o; dir(o); assert not {heavy} & set(sys.modules), sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    from sb3_entropy import offline

    assert set(offline.__all__) <= set(dir(offline))
    assert all(hasattr(offline, name) for name in offline.__all__)
    with pytest.raises(AttributeError, match=r"module 'sb3_entropy\.offline' has no attribute 'dm'"):
        offline.dm  # noqa: B018


def test_the_tiny_bandit_is_one() -> None:
    total = sum(probability for probability, _, _ in TINY.all_logs(2))
    assert total == pytest.approx(1)
