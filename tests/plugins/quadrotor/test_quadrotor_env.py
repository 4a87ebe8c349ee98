"""entropy/Quadrotor-v0 as an environment: what is seen, paid and ended, and what is refused."""

import copy
import pickle
import subprocess
import sys
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import sb3_entropy_quadrotor
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from quadrotor_examples import AT_REST, STEP, quiet, started, trim
from sb3_entropy_quadrotor.env import BOUNDS, QuadrotorEnv
from sb3_entropy_quadrotor.trajectories import TASKS
from scipy.spatial.transform import Rotation
from stable_baselines3.common.env_checker import check_env as sb3_check_env
from stable_baselines3.common.vec_env import SubprocVecEnv

ENV_ID = "entropy/Quadrotor-v0"
MODELS = ["simple", "rotor", "realistic", "paper"]


def helix(t: float) -> tuple[Any, Any]:
    """A trajectory of somebody's, without an acceleration."""
    return (0.1 * np.cos(t), 0.1 * np.sin(t), 1 + 0.1 * t), np.array([-0.1 * np.sin(t), 0.1 * np.cos(t), 0.1])


@pytest.mark.parametrize("model", MODELS)
def test_the_checkers_of_gymnasium_and_sb3_are_content(model: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gymnasium_check_env(gym.make(ENV_ID, model=model).unwrapped, skip_render_check=True)
        sb3_check_env(gym.make(ENV_ID, model=model))


def test_the_observation_is_what_it_says() -> None:
    options: dict[str, Any] = {
        "time": 0.7,
        "position": (0.5, 0.2, 1.1),
        "velocity": (0.3, 0.4, -0.1),
        "angles": (0.1, -0.2, 0.3),
        "rates": (0.5, -0.6, 0.7),
    }
    env = QuadrotorEnv(task="lemniscate")
    seen, info = env.reset(seed=1, options=options)
    (target, speed, pull), hovering = TASKS["lemniscate"](0.7), trim(env)
    rotation = Rotation.from_euler("ZYX", [0.3, -0.2, 0.1]).as_matrix()
    expected = np.concatenate(
        [
            np.subtract(target, options["position"]),
            np.subtract(speed, options["velocity"]),
            rotation.ravel(),
            options["rates"],
            speed,
            pull,
            hovering,
        ]
    )
    np.testing.assert_allclose(seen, expected, atol=1e-6)
    assert (seen.dtype, seen.shape, info["time"], info["target"]) == (np.float32, (28,), 0.7, target)
    assert info["position_error"] == pytest.approx(np.linalg.norm(expected[:3]))
    assert (info["mass"], info["thrust_factor"]) == (0.027, 1.0)
    action = np.array([0.1, -0.2, 0.3, -2.0])
    seen, _, _, _, info = env.step(action)
    np.testing.assert_allclose(seen[24:], [0.1, -0.2, 0.3, -1.0], atol=1e-7)
    assert info["time"] == pytest.approx(0.72)
    np.testing.assert_allclose(info["target"], TASKS["lemniscate"](0.72)[0])
    np.testing.assert_allclose(seen[:3], np.subtract(info["target"], info["position"]), atol=1e-6)


@pytest.mark.parametrize("task", ["hover", "line", "circle", "lemniscate"])
def test_the_targets_move_as_their_derivatives_say(task: str) -> None:
    trajectory, h = TASKS[task], 1e-5
    for t in (0.0, 0.9, 3.3):
        _, velocity, acceleration = trajectory(t)
        for order, derivative in ((0, velocity), (1, acceleration)):
            slope = np.subtract(trajectory(t + h)[order], trajectory(t - h)[order]) / (2 * h)
            np.testing.assert_allclose(slope, derivative, atol=1e-8)
    if task == "line":
        assert trajectory(2.0) == ((3.0, 0.0, 1.0), (1.5, 0.0, 0.0), (0.0, 0.0, 0.0))


def test_the_reward_is_the_sum_of_its_terms() -> None:
    env = started({"position": (0.3, 0.0, 1.4), "velocity": (0.6, 0.0, 0.8), "rates": (0.0, 3.0, 4.0)})
    action = trim(env) + np.array([0.0, 0.0, 0.0, 0.5])
    _, reward, _, _, info = env.step(action)
    terms = info["reward_terms"]
    assert reward == pytest.approx(sum(terms.values()))
    qvel = np.array(env.flight.state()[1])
    assert terms == pytest.approx(
        {
            "alive": 1.0,
            "position": -np.linalg.norm(np.subtract(info["position"], (0, 0, 1))),
            "velocity": -0.1 * np.linalg.norm(qvel[:3]),
            "rates": -0.02 * np.linalg.norm(qvel[3:]),
            "effort": -0.02 * 0.25,
            "crash": 0.0,
        }
    )
    assert terms["rates"] == pytest.approx(-0.1, rel=0.1)


@pytest.mark.parametrize(
    ("options", "settings", "crashed"),
    [
        ({"position": (1.01, 0.0, 1.0)}, {}, True),
        ({"position": (0.99, 0.0, 1.0)}, {}, False),
        ({"position": (0.51, 0.0, 1.0)}, {"crash_distance": 0.5}, True),
        ({"position": (0.0, 0.0, 0.05), "velocity": (0.0, 0.0, -3.0)}, {"crash_distance": 2.0}, True),
        ({"position": (0.0, 0.0, 0.05)}, {"crash_distance": 2.0}, False),
        ({"angles": (1.6, 0.0, 0.0)}, {}, True),
        ({"angles": (0.0, -1.6, 0.0)}, {}, True),
        ({"angles": (1.5, 0.0, 3.0)}, {}, False),
    ],
)
def test_what_a_crash_is(options: dict[str, Any], settings: dict[str, Any], crashed: bool) -> None:
    env = started(options, **settings)
    _, reward, terminated, truncated, info = env.step(trim(env))
    assert (terminated, truncated, info["crashed"], info["diverged"]) == (crashed, False, crashed, False)
    assert info["reward_terms"]["crash"] == (-10.0 if crashed else 0.0)
    assert reward == pytest.approx(sum(info["reward_terms"].values()))
    if crashed:
        with pytest.raises(gym.error.ResetNeeded, match="the last one is over"):
            env.step(trim(env))


def test_a_simulation_that_diverges_ends_the_episode(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # MuJoCo writes a file of its own
    env = started(airframe={"inertia": (1e-13, 1e-13, 1e-13)}, action_range="full")
    before = env.step(trim(env))[0]
    seen, reward, terminated, truncated, info = env.step(np.array([0.0, 1.0, -1.0, 0.5]))
    assert (terminated, truncated, info["diverged"], info["crashed"]) == (True, False, True, True)
    np.testing.assert_array_equal(seen, before)
    assert reward == pytest.approx(sum(info["reward_terms"].values()))
    assert -12.5 < reward < -9
    env.reset(seed=0, options=AT_REST)
    env.flight.data.qvel[:] = np.nan
    seen, _, terminated, _, info = env.step(trim(env))
    assert terminated
    assert info["diverged"]
    assert np.isfinite(seen).all()
    seen, _ = env.reset(options=AT_REST)
    assert np.isfinite(seen).all()
    assert not env.step(trim(env))[4]["diverged"]


def test_far_away_is_not_diverged() -> None:
    env = QuadrotorEnv(task="line")
    env.reset(seed=0, options={"time": 1e5, "angles": (0, 0, 0), "rates": (0, 0, 0)})  # 150 km from the start
    info = env.step(trim(env))[4]
    assert not info["diverged"]
    assert not info["crashed"]
    env.flight.data.qpos[1] = np.inf
    assert env.step(trim(env))[4]["diverged"]


def test_observations_stay_within_their_bounds() -> None:
    env = started({"rates": (50.0, -50.0, 50.0), "velocity": (30.0, -30.0, 30.0)}, action_range="full")
    seen = env.step(np.array([1.0, 1.0, -1.0, 1.0]))[0]
    assert env.observation_space.contains(seen)
    assert (np.abs(seen) == BOUNDS).any()


def test_five_seconds_truncate_and_another_limit_can_be_set() -> None:
    env = gym.make(ENV_ID)
    env.reset(seed=0, options=AT_REST)
    ends = [env.step(np.zeros(4, dtype=np.float32))[2:4] for _ in range(250)]
    assert ends == [(False, False)] * 249 + [(False, True)]
    env = gym.make(ENV_ID, max_episode_steps=3)
    env.reset(seed=0)
    assert [env.step(np.zeros(4, dtype=np.float32))[3] for _ in range(3)] == [False, False, True]


def flown(env: Any, steps: int, seed: int) -> list[Any]:
    actions = np.random.default_rng(seed).uniform(-0.3, 0.3, (steps, 4)).astype(np.float32)
    return [np.concatenate([np.append(*env.step(action)[:2])]) for action in actions]


@pytest.mark.parametrize("model", ["rotor", "realistic", "paper"])
def test_a_seed_decides_and_nothing_else(model: str) -> None:
    np.random.seed(0)
    state = np.random.get_state()[1].tolist()
    first, second = gym.make(ENV_ID, model=model), gym.make(ENV_ID, model=model)
    starts = [env.reset(seed=3)[0] for env in (first, second)]
    np.testing.assert_array_equal(*starts)
    np.testing.assert_array_equal(flown(first, 8, 0), flown(second, 8, 0))
    np.testing.assert_array_equal(first.reset()[0], second.reset()[0])
    np.testing.assert_array_equal(flown(first, 8, 1), flown(second, 8, 1))
    assert (first.reset(seed=4)[0] != starts[0]).any()
    assert np.random.get_state()[1].tolist() == state


def test_episodes_begin_around_the_target() -> None:
    env = QuadrotorEnv(task="circle")
    starts = []
    for seed in range(150):
        _, info = env.reset(seed=seed)
        qpos, qvel = env.flight.state()
        angles = Rotation.from_quat([*qpos[4:], qpos[3]]).as_euler("ZYX")
        starts.append([*np.subtract(qpos[:3], info["target"]), *np.subtract(qvel[:3], TASKS["circle"](0.0)[1])])
        starts[-1] += [*angles, *qvel[3:]]
    offsets = np.array(starts)
    assert abs(offsets).max() <= 0.1
    assert (abs(offsets).max(axis=0) > 0.09).all()
    np.testing.assert_allclose(offsets.std(axis=0), 0.1 / np.sqrt(3), rtol=0.2)


@pytest.mark.parametrize("model", ["simple", "realistic", "paper"])
def test_it_is_pickled_and_copied_in_flight(model: str) -> None:
    env = gym.make(ENV_ID, model=model)
    env.reset(seed=2)
    flown(env, 3, 0)
    twins = [pickle.loads(pickle.dumps(env)), copy.deepcopy(env)]
    expected = flown(env, 6, 1)
    for twin in twins:
        np.testing.assert_array_equal(flown(twin, 6, 1), expected)
        twin.reset(seed=2)


def test_an_ideal_realistic_quadrotor_is_the_rotor_model() -> None:
    ideal, rotor = QuadrotorEnv(**quiet()), QuadrotorEnv(model="rotor")
    options = {**AT_REST, "velocity": (0.2, 0.1, 0.0)}
    for env in (ideal, rotor):
        env.reset(seed=0, options=options)
    np.testing.assert_array_equal(flown(ideal, 10, 0), flown(rotor, 10, 0))


def test_wrenches_of_the_rotor_model_are_those_of_the_ideal_one_where_rotors_can() -> None:
    simple, rotor = started(span=0.1), started(span=0.1, model="rotor", actions="wrench")
    np.testing.assert_allclose(flown(simple, 10, 0), flown(rotor, 10, 0), atol=1e-5)
    beyond = np.array([1.0, 1.0, -1.0, 1.0])
    full = started(model="rotor", actions="wrench", action_range="full")
    full.step(beyond)
    thrusts = full.flight.thrusts()
    assert ((thrusts >= 0) & (thrusts <= 2.25 * 0.027 * 9.81 / 4 + 1e-12)).all()


def test_a_trajectory_of_ones_own_is_followed() -> None:
    env = QuadrotorEnv(task=helix)
    seen, _ = env.reset(seed=0)
    np.testing.assert_allclose(seen[18:24], [0, 0.1, 0.1, 0, 0, 0], atol=1e-7)
    seen, _, _, _, info = env.step(trim(env))
    np.testing.assert_allclose(info["target"], helix(STEP)[0])
    curved = QuadrotorEnv(task=lambda t: ([0, 0, 1], [0, 0, 0], [1, 2, 3]))
    np.testing.assert_array_equal(curved.reset(seed=0)[0][21:24], [1, 2, 3])


@pytest.mark.parametrize(
    "returned",
    [
        ((0, 0, np.nan), (0, 0, 0)),
        ((0, 0, 1),),
        ((0, 0), (0, 0)),
        ((0, 0, 1), (0, 0, np.inf)),
        "up",
        None,
        (("x", 0, 1), (0, 0, 0)),
        ((0, 0, 1), (0, 0, 0), (0, 0, 0), (0, 0, 0)),
    ],
)
def test_a_trajectory_that_returns_what_it_must_not_is_refused(returned: Any) -> None:
    with pytest.raises(ValueError, match=r"A trajectory must return .* but at t = 0 s it returned"):
        QuadrotorEnv(task=lambda t: returned)
    late = QuadrotorEnv(task=lambda t: ((0, 0, 1), (0, 0, 0)) if t < 0.03 else returned)
    late.reset(seed=0)
    late.step(trim(late))
    with pytest.raises(ValueError, match=r"at t = 0\.04 s it returned"):
        late.step(trim(late))


@pytest.mark.parametrize("model", ["simple", "realistic", "paper"])
@pytest.mark.parametrize(
    "action", [[np.nan, 0, 0, 0], [0, 0, 0], [[0, 0, 0, 0]], [0, 0, np.inf, 0], "0000", [None, 0, 0, 0]]
)
def test_an_action_that_is_none_is_refused(model: str, action: Any) -> None:
    env = gym.make(ENV_ID, model=model).unwrapped
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"An action must be four finite numbers, shape \(4,\), in \[-1, 1\], but"):
        env.step(np.array(action))
    env.step(np.zeros(4))  # and the episode goes on


def test_an_episode_must_have_begun() -> None:
    for model in ("simple", "paper"):
        with pytest.raises(gym.error.ResetNeeded, match="no episode has begun"):
            gym.make(ENV_ID, model=model).unwrapped.step(np.zeros(4))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"task": "hoover"}, ValueError, "Unknown task 'hoover'.*Did you mean 'hover'"),
        ({"model": "real"}, ValueError, "Unknown model 'real'. Available: paper, realistic, rotor, simple"),
        ({"actions": "rotor", "model": "rotor"}, ValueError, "Unknown actions 'rotor'.*Did you mean 'rotors'"),
        ({"actions": "rotors"}, ValueError, "model='simple' is commanded .* use model='rotor'"),
        ({"action_range": "all"}, ValueError, "Unknown action_range 'all'. Available: full, hover"),
        ({"span": 0.0}, ValueError, "span must be a number > 0 and ≤ 1, but 0.0"),
        ({"crash_distance": -1}, ValueError, "crash_distance must be a number > 0 and ≤ 2, but -1"),
        ({"airframe": {"mass": -0.1}}, ValueError, "mass must be a number > 0, but -0.1"),
        ({"airframe": {"arm": 0}}, ValueError, "arm must be a number > 0, but 0"),
        ({"airframe": {"torque_ratio": "1"}}, TypeError, "torque_ratio must be a number > 0, but '1'"),
        ({"airframe": {"thrust_to_weight": 1.0}}, ValueError, "thrust_to_weight must be a number > 1, but 1.0"),
        ({"airframe": {"inertia": (1, 1)}}, TypeError, r"inertia must be three numbers, but \(1, 1\)"),
        ({"airframe": {"inertia": (1, 1, -1)}}, ValueError, r"inertia\[2\] must be a number > 0, but -1"),
        ({"airframe": {"inertia": (1, 1, 3)}}, ValueError, r"none is greater .* but \(1, 1, 3\) was given"),
        ({"airframe": {"weight": 1}}, ValueError, "Unknown parameter of airframe 'weight'"),
        ({"airframe": 3}, TypeError, "airframe must be parameters by name, or of class Airframe, but 3"),
        ({"disturbances": {"drag": 0.1}}, ValueError, "those of model='realistic', but model='simple'"),
        ({"model": "realistic", "disturbances": {"drag": -1}}, ValueError, "drag must be a number ≥ 0, but -1"),
        ({"model": "realistic", "disturbances": {"gust_time": 0}}, ValueError, "gust_time must be a number > 0"),
        ({"model": "realistic", "disturbances": {"spread": 0.9}}, ValueError, "spread must be a number between 0 and"),
        (
            {"model": "realistic", "disturbances": {"battery_capacity": -1}},
            ValueError,
            "battery_capacity must be .* ≥ 0",
        ),
        ({"model": "realistic", "disturbances": {"battery_resistance": 1}}, ValueError, "between 0 and 0.5, but 1"),
        ({"model": "realistic", "disturbances": {"least_charge": 0}}, ValueError, "between 0.1 and 1, but 0"),
        ({"model": "realistic", "disturbances": {"rate_noise": None}}, TypeError, "rate_noise must be a number ≥ 0"),
        ({"render_mode": "ansi"}, ValueError, "Unknown render_mode 'ansi'"),
        ({"width": 3}, ValueError, "width must be a whole number between 16 and 4096, but 3"),
        ({"height": 1.5}, TypeError, "height must be a whole number"),
        ({"model": "paper", "task": "hover"}, ValueError, "Unknown task of model='paper' 'hover'. Available: line"),
        ({"model": "paper", "actions": "wrench"}, ValueError, "Unknown actions of model='paper' 'wrench'"),
        ({"model": "paper", "time_limit": 0}, ValueError, "time_limit must be a number between 0.1 and 100, but 0"),
        ({"model": "paper", "limit": "end"}, ValueError, "Unknown limit 'end'. Available: terminate, truncate"),
        ({"model": "paper", "span": 2}, ValueError, "span must be a number > 0 and ≤ 1, but 2"),
        ({"model": "paper", "action_range": "some"}, ValueError, "Unknown action_range 'some'"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    maker = sb3_entropy_quadrotor.making.make  # type: ignore[attr-defined]
    with pytest.raises(error, match=message):
        maker(**settings)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"place": (0, 0, 1)}, ValueError, r"Unknown option of reset\(\) 'place'"),
        ({"time": -1.0}, ValueError, r'options\["time"\] must be a number ≥ 0, but -1.0'),
        ({"position": (0, 0)}, TypeError, r'options\["position"\] must be three numbers, but \(0, 0\)'),
        (
            {"rates": (0, 0, np.nan)},
            ValueError,
            r'options\["rates"\]\[2\] must be .* between -50 and 50, but nan',
        ),
    ],
)
def test_bad_starts_are_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        QuadrotorEnv().reset(options=options)


def test_the_package_offers_its_parts_by_name() -> None:
    assert sb3_entropy_quadrotor.QuadrotorEnv is QuadrotorEnv
    assert sb3_entropy_quadrotor.Airframe().mass == 0.027
    assert sb3_entropy_quadrotor.Disturbances().spread == 0.1
    with pytest.raises(AttributeError, match="has no attribute 'Quadrocopter'"):
        sb3_entropy_quadrotor.Quadrocopter  # noqa: B018
    sb3_entropy_quadrotor.register()  # once more does nothing


@pytest.mark.slow
def test_importing_it_imports_no_mujoco() -> None:
    code = "import sys, sb3_entropy_quadrotor; assert not {'mujoco', 'torch', 'glfw'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_it_works_in_processes_of_its_own() -> None:
    def make() -> Any:
        return gym.make(f"sb3_entropy_quadrotor:{ENV_ID}", model="realistic")

    batch = SubprocVecEnv([make, make], start_method="forkserver")
    batch.seed(5)
    seen = batch.reset()
    single = make()
    np.testing.assert_array_equal(seen[1], single.reset(seed=6)[0])
    for _ in range(5):
        seen, *_ = batch.step(np.zeros((2, 4), dtype=np.float32))
        expected = single.step(np.zeros(4, dtype=np.float32))[0]
    np.testing.assert_array_equal(seen[1], expected)
    batch.close()
