"""What is the quadrotors' batch's own: threads that change nothing, targets that are remembered, and its settings."""

import math
import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from sb3_entropy_quadrotor.flights import LEAST
from sb3_entropy_quadrotor.rendering import Camera
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


def test_one_thread_simulates_unless_more_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert [
        make_native_vec_env(ENV_ID, n, **settings).flights.threads  # type: ignore[attr-defined]
        for n, settings in ((4 * LEAST, {}), (2 * LEAST, {"threads": 2}), (2, {"threads": 2}))
    ] == [1, 2, 1]
    assert gym.make(ENV_ID, threads=2).unwrapped.spec.kwargs == {"threads": 2}  # type: ignore[union-attr]


def test_a_charge_is_each_quadrotors_own() -> None:
    settings = {"model": "realistic", "disturbances": {"least_charge": 0.2}}
    batch, single = make_native_vec_env(ENV_ID, 2, seed=3, **settings), gym.make(ENV_ID, **settings)
    batch.reset()
    for i in range(2):
        single.reset(seed=3 + i)
        assert batch.get_attr("charge", i) == [single.get_wrapper_attr("charge")]
    assert batch.get_attr("charge")[0] != batch.get_attr("charge")[1]


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


@pytest.mark.parametrize("settings", [{"task": "circle"}, {"model": "paper", "action_range": "hover"}])
def test_a_batch_is_drawn_as_single_ones_are(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []

    def picture(camera: Any, mode: str, *what: Any) -> np.ndarray:
        drawn.append(what)
        return np.full((16, 16, 3), len(drawn), np.uint8)

    monkeypatch.setattr(Camera, "picture", picture)
    settings = {**settings, "render_mode": "rgb_array"}
    batch, single = make_native_vec_env(ENV_ID, 2, seed=4, **settings), gym.make(ENV_ID, **settings)
    batch.reset()
    single.reset(seed=5)
    for _ in range(3):
        batch.step(np.full((2, 4), 0.125))
        single.step(np.full(4, 0.125, np.float32))
    image = batch.render()
    assert image is not None
    assert image.shape == (32, 16, 3)
    single.render()
    first, second, alone = (np.concatenate([np.ravel(part) for part in what]) for what in drawn)
    np.testing.assert_allclose(second, alone, atol=1e-12)
    assert abs(first - alone).max() > 1e-3
    batch.close()
    batch.close()
