"""What is the quadrotors' batch's own: threads that change nothing, targets that are remembered, and its settings."""

import math
import pickle
from typing import Any

import numpy as np
import pytest
from sb3_entropy_quadrotor.flights import LEAST, usable_threads
from sb3_entropy_quadrotor.trajectories import TASKS, Timetable, UserTrajectory
from sb3_entropy_quadrotor.vec_env import QuadrotorVecEnv

from sb3_entropy.vec_env.native import make_native_vec_env

ENV_ID = "entropy/Quadrotor-v0"


def flown(batch: Any, steps: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    drawn = [rng.uniform(-0.3, 0.3, (batch.num_envs, 4)) for _ in range(steps)]
    return [batch.reset(), *(part for actions in drawn for part in batch.step(actions)[:3])]


def test_threads_change_nothing() -> None:
    n = 3 * LEAST
    batches = [make_native_vec_env(ENV_ID, n, seed=2, model="realistic", threads=threads) for threads in (1, 3, 64)]
    assert [batch.flights.threads for batch in batches] == [1, 3, 3]
    one, *others = (flown(batch, 15) for batch in batches)
    for other in others:
        for ours, theirs in zip(one, other, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_options_begin_where_they_say_and_a_copy_goes_on_as_it_does() -> None:
    batch = make_native_vec_env(ENV_ID, 2, task="circle", seed=0)
    assert isinstance(batch, QuadrotorVecEnv)
    batch.set_options([{"time": 1.3, "position": (0.1, 0.2, 0.9)}, {"angles": (0.1, 0.0, -0.2)}])
    batch.reset()
    first, second = batch.reset_infos
    assert (first["time"], first["position"], first["target"]) == (1.3, (0.1, 0.2, 0.9), TASKS["circle"](1.3)[0])
    assert first["position_error"] == math.dist((0.1, 0.2, 0.9), TASKS["circle"](1.3)[0])
    assert second["time"] == 0.0
    other = pickle.loads(pickle.dumps(batch))
    actions = np.full((2, 4), 0.1)
    ours, theirs = batch.step(actions), other.step(actions)
    np.testing.assert_array_equal(ours[0], theirs[0])
    assert ours[3] == theirs[3]
    assert ours[3][0]["target"] == TASKS["circle"](1.3 + 0.02)[0]
    assert batch.get_images() == [None, None]


def test_a_timetable_asks_once_a_time_and_forgets_what_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def trajectory(t: float) -> Any:
        asked.append(t)
        return TASKS["lemniscate"](t)

    table = Timetable(trajectory)
    for times in ([0.5, 0.1, 0.5], [0.7, 0.1]):
        goals, numbers = table.at(times)
        expected = [TASKS["lemniscate"](t) for t in times]
        assert goals == [target[0] for target in expected]
        np.testing.assert_array_equal(numbers.T, np.reshape(expected, (-1, 9)))
    assert asked == [0.5, 0.1, 0.7]
    monkeypatch.setattr(Timetable, "MOST", 2)
    goals, _ = table.at([0.7])
    assert asked == [0.5, 0.1, 0.7, 0.7]
    assert goals == [TASKS["lemniscate"](0.7)[0]]
    with pytest.raises(ValueError, match=r"A trajectory must return .* but at t = 2 s it returned"):
        Timetable(UserTrajectory(lambda t: None)).at([2.0])


def test_threads_are_those_that_openmp_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert usable_threads() == 5
    for value in ("", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", value)
        assert usable_threads() >= 1
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert make_native_vec_env(ENV_ID, 2 * LEAST).flights.threads == 2  # type: ignore[attr-defined]
    assert make_native_vec_env(ENV_ID, 2).flights.threads == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"threads": 0}, ValueError, "threads must be a whole number ≥ 1, but 0"),
        ({"threads": 1.5}, TypeError, "threads must be a whole number ≥ 1, but 1.5"),
        ({"model": "rotors"}, ValueError, "Unknown model 'rotors'"),
        ({"model": "paper", "limit": "end"}, ValueError, "Unknown limit 'end'"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make_native_vec_env(ENV_ID, 2, **settings)


def test_papers_batch_is_not_drawn() -> None:
    assert make_native_vec_env(ENV_ID, 2, model="paper", threads=2).get_images() == [None, None]
