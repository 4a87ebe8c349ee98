"""One contract for every native batch: step by step what a DummyVecEnv of the same environments is."""

from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import pytest
import sb3_entropy_bifurcation  # noqa: F401  (each registers its environments)
import sb3_entropy_gridworld  # noqa: F401
import sb3_entropy_quadrotor  # noqa: F401
import sb3_entropy_vehicle  # noqa: F401
from stable_baselines3.common.vec_env import DummyVecEnv

from sb3_entropy.vec_env.batch import BatchVecEnv
from sb3_entropy.vec_env.native import make_native_vec_env

GRID, TREE, COURSE = "entropy/Gridworld-v0", "entropy/Bifurcation-v0", "entropy/Obstacle2D-v0"
QUADROTOR, VEHICLE = "entropy/Quadrotor-v0", "entropy/Vehicle-v0"


class Case(NamedTuple):
    """
    :param env_id: an environment
    :param settings: its own
    :param ends: by what its episodes must end: whether it was cut, and ``info["ended"]``, "diverged" or None
    :param steps: of each of three environments
    :param reach: of the actions, in both directions from a drift of each environment's own
    :param tolerance: of a float32; 0: to the bit
    """

    env_id: str
    settings: dict[str, Any]
    ends: set[tuple[bool, Any]]
    steps: int = 60
    reach: float = 0.3
    tolerance: float = 0.0


CUT, OVER = (True, None), (False, None)
CASES = {
    "grid": Case(GRID, {"slip": 0.3, "start": (1, 3), "max_episode_steps": 12}, {CUT, OVER}),
    "grid, indices": Case(GRID, {"observation": "index", "start": (1, 3), "max_episode_steps": 12}, {CUT, OVER}),
    "tree": Case(TREE, {"half_width": 0.4, "sure": -1.5}, {OVER}, 20, 1.2),
    "tree, cut": Case(TREE, {"max_episode_steps": 1}, {CUT}, 5, 1.2),
    "course": Case(
        COURSE,
        {"goal": (1.0, 0.5), "goal_radius": 0.4, "wall_x": (2.0, 2.5), "max_episode_steps": 6},
        {CUT, OVER},
        100,
        1.2,
    ),
    "quadrotor, simple": Case(QUADROTOR, {"task": "lemniscate", "max_episode_steps": 17}, {CUT, OVER}, 40, 0.1),
    "quadrotor, rotor": Case(
        QUADROTOR,
        {"model": "rotor", "actions": "wrench", "action_range": "full", "max_episode_steps": 11},
        {CUT, OVER},
        30,
        0.1,
    ),
    "quadrotor, realistic": Case(
        QUADROTOR, {"model": "realistic", "task": "circle", "max_episode_steps": 20}, {CUT, OVER}, 45, 0.2
    ),
    "quadrotor, its battery low": Case(
        QUADROTOR,
        {
            "model": "realistic",
            "action_range": "full",
            "disturbances": {"least_charge": 0.2, "battery_capacity": 1.0, "spread": 0.3},
            "max_episode_steps": 20,
        },
        {OVER},
        45,
        0.8,
    ),
    "quadrotor, diverging": Case(
        QUADROTOR,
        {"airframe": {"inertia": (4e-8, 4e-8, 4e-8)}, "action_range": "full"},
        {OVER, (False, "diverged")},
        30,
        0.4,
    ),
    "quadrotor, paper": Case(
        QUADROTOR, {"model": "paper", "limit": "terminate", "time_limit": 0.7}, {OVER}, 20, 1.1, 1e-6
    ),
    "quadrotor, paper, cut": Case(
        QUADROTOR, {"model": "paper", "max_episode_steps": 9, "action_range": "hover"}, {CUT}, 20, 1.1, 1e-6
    ),
    "quadrotor, paper, its own limit": Case(QUADROTOR, {"model": "paper"}, {CUT}, 45, 1.1, 1e-6),
    "slip": Case(
        VEHICLE,
        {"tyres": "slip", "friction": 0.3, "max_episode_steps": 45},
        {(False, "off_track"), CUT},
        tolerance=1e-5,
    ),
    "linear": Case(
        VEHICLE, {"tyres": "linear", "track": "lane_change", "lag": False}, {(False, "off_track")}, tolerance=1e-5
    ),
    "kinematic": Case(
        VEHICLE,
        {"tyres": "kinematic", "track": "figure_eight", "max_episode_steps": 45},
        {(False, "off_track"), CUT},
        tolerance=1e-5,
    ),
    "paper vehicle": Case("entropy/PaperVehicle-v0", {"max_episode_steps": 15}, {CUT}, 40, tolerance=1e-5),
    "acrobot": Case("entropy/TorqueAcrobot-v0", {"max_episode_steps": 15}, {CUT}, 40, tolerance=1e-5),
}


def alike(ours: Any, theirs: Any, tolerance: float) -> None:
    """Of the same types and keys, and equal, or numbers that are within the tolerance."""
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key, value in theirs.items():
            alike(ours[key], value, tolerance)
    elif isinstance(theirs, np.ndarray):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
    else:
        assert type(ours) is type(theirs)
        near = tolerance and isinstance(theirs, float)
        assert ours == (pytest.approx(theirs, rel=tolerance, abs=tolerance) if near else theirs)


@pytest.mark.parametrize("name", CASES)
def test_it_is_step_by_step_a_dummy_vec_env(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # MuJoCo writes a file of its own where it diverges
    case = CASES[name]
    batch = make_native_vec_env(case.env_id, 3, seed=5, **case.settings)
    dummy = DummyVecEnv([lambda: gym.make(case.env_id, **case.settings)] * 3)
    dummy.seed(5)
    assert isinstance(batch, BatchVecEnv)
    alike(batch.reset(), dummy.reset(), case.tolerance)
    rng, seen = np.random.default_rng(0), set()
    space = dummy.action_space
    drift = case.reach * rng.uniform(-1.0, 1.0, (3, *space.shape))
    for _ in range(case.steps):
        if isinstance(space, gym.spaces.Discrete):
            actions = rng.integers(space.n, size=3)
        else:
            actions = (drift + case.reach * rng.uniform(-1.0, 1.0, drift.shape)).astype(np.float32)
        ours, theirs = batch.step(actions), dummy.step(actions)
        for one, other in zip(ours[:3], theirs[:3], strict=True):
            alike(one, other, case.tolerance)
        for info, other, done in zip(ours[3], theirs[3], theirs[2], strict=True):
            alike(info, other, case.tolerance)
            if done:
                seen.add((info["TimeLimit.truncated"], "diverged" if info.get("diverged") else info.get("ended")))
        for info, other in zip(batch.reset_infos, dummy.reset_infos, strict=True):
            alike(info, other, case.tolerance)
    assert seen == case.ends


@pytest.mark.parametrize("name", ["grid", "tree", "quadrotor, simple", "quadrotor, paper", "slip"])
def test_it_answers_for_its_environments_and_refuses_what_it_cannot_do(name: str) -> None:
    case = CASES[name]
    batch = make_native_vec_env(case.env_id, 2, **case.settings)
    assert isinstance(batch, BatchVecEnv)
    called = "gridworld" if name == "grid" else "environment"
    assert batch.get_attr("unwrapped") == [batch.world] * 2
    assert batch.env_method("has_wrapper_attr", "render_mode", indices=1) == [True]
    assert batch.env_is_wrapped(gym.Wrapper) == [False, False]
    assert batch.metadata == gym.make(case.env_id, **case.settings).metadata
    assert not batch.has_attr("nothing_of_this_name")
    for asked in (batch.get_attr, lambda name: batch.env_method("get_wrapper_attr", name)):
        assert asked("np_random") == batch.generators
    assert batch.get_attr("render_mode", -1) == [None]
    for ask in (lambda i: batch.get_attr("render_mode", [0, i]), lambda i: batch.env_is_wrapped(gym.Wrapper, i)):
        with pytest.raises(IndexError, match=f"There is no {called} 2: a batch of 2 has those from 0 to 1"):
            ask(2)
    with pytest.raises(AttributeError, match=f"render_mode of a batch of {called}s cannot be set"):
        batch.env_method("set_wrapper_attr", "render_mode", "human")
    with pytest.raises(AttributeError, match=f"unwrapped of a batch of {called}s cannot be set: give it when"):
        batch.set_attr("unwrapped", None)
    for method in ("reset", "step", "render"):
        with pytest.raises(AttributeError, match=rf"{method}\(\) of one {called} in a batch cannot be called"):
            batch.env_method(method)
    space = batch.action_space
    good = np.stack([space.sample(), space.sample()])
    with pytest.raises(gym.error.ResetNeeded, match=r"Call reset\(\) before step\(\): no episode has begun"):
        batch.step(good)
    batch.seed(3)
    batch.set_options([{}, {"nothing_of_this_name": 1}])
    with pytest.raises(ValueError, match=r"Unknown option of reset\(\) 'nothing_of|no options of reset"):
        batch.reset()
    batch.set_options([{}])
    with pytest.raises(ValueError, match="one mapping for all, or one for each of the 2 environments, but 1 "):
        batch.reset()
    batch.set_options([None, {}])  # type: ignore[list-item]
    # Options hold for one reset, and the seed for one that worked.
    again = make_native_vec_env(case.env_id, 2, seed=3, **case.settings)
    np.testing.assert_array_equal(batch.reset(), again.reset())
    wrong = [good[:1], np.concatenate([good, good]), np.array(["a", "b"])]
    wrong += [good.T] if good.ndim > 1 and good.shape[1] > 1 and good.shape[1] != 2 else []
    wrong += [np.where(np.arange(good.size).reshape(good.shape) == 0, np.nan, good)]
    for actions in wrong:
        with pytest.raises(
            ValueError,
            match=r"2 actions of shape \(\d,\), .* must be .* finite numbers, but|Each action must be .* but",
        ):
            batch.step(actions)
    ours, theirs = batch.step(good), again.step(good)  # and the episodes go on
    np.testing.assert_array_equal(ours[0], theirs[0])
    batch.close()
    for number in ("n_envs", "max_episode_steps"):
        settings = {**case.settings, "n_envs": 2, number: 0}
        with pytest.raises(ValueError, match=f"{number} must be a whole number ≥ 1, but 0"):
            make_native_vec_env(case.env_id, **settings)
