"""entropy/Vehicle-v0: what it shows, pays and ends for, its batch, its controller, and how it is found."""

import json
import math
import pickle
import subprocess
import sys
import warnings
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import sb3_entropy_vehicle
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from sb3_entropy_vehicle import Car, Pursuit, Track
from sb3_entropy_vehicle.acrobot import TorqueAcrobotEnv
from sb3_entropy_vehicle.numerics import FLOATS
from sb3_entropy_vehicle.track import TRACKS, circle
from sb3_entropy_vehicle.vehicle import VehicleEnv
from stable_baselines3.common.env_checker import check_env as sb3_check_env
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import SubprocVecEnv

ENV_ID = "entropy/Vehicle-v0"
IDS = [ENV_ID, "entropy/PaperVehicle-v0", "entropy/TorqueAcrobot-v0"]
STRAIGHT = np.array([0.0, 0.0], np.float32)


def straight_line(u: Any) -> Any:
    return np.stack([300.0 * u, 0.0 * u], axis=1)


def a_line(**settings: Any) -> VehicleEnv:
    return VehicleEnv(track=straight_line, **settings)


# What it shows and pays


def test_the_observation_is_what_the_table_says() -> None:
    env = VehicleEnv(track="circle", friction=0.5)
    v = math.sqrt(0.6 * 1.0489 * 0.5 * 9.81 * 25)
    assert env.task.target_speed == pytest.approx(v, rel=1e-3)
    obs, info = env.reset(options={"arc_length": 30, "lateral_error": -0.5, "heading_error": 0.2, "speed": 6.0})
    assert obs.dtype == np.float32
    delta = math.atan((1.1561957064 + 1.4227170936) / 25)
    beta = math.atan(1.4227170936 / 25)
    rolling = [beta, 6.0 / 25 * math.cos(beta), delta / 0.5, 0.0]
    assert obs.tolist() == pytest.approx([-0.25, 0.2, 6.0 / v - 1.0, *rolling, *[0.6] * 8], abs=2e-3)
    expected = {"arc_length": 30, "lateral_error": -0.5, "heading_error": 0.2, "speed": 6, "slip_angle": beta}
    assert info == pytest.approx(expected, rel=1e-3)
    x, y = env.path[0][:2]
    assert math.hypot(x, y - 25.0) == pytest.approx(25.5, abs=1e-3)  # to the right of a left turn is outside
    obs = env.step(np.array([0.0, delta / 0.5 + 0.05]))[0]
    assert obs[5] == pytest.approx(delta / 0.5 + 0.05 * (1.0 - math.exp(-0.5)), abs=1e-4)  # a lag of 0.1 s
    assert obs[6] == 0.0


def test_bends_are_seen_before_they_come() -> None:
    env = VehicleEnv(track="lane_change", tyres="kinematic")
    obs, _ = env.reset(options={"speed": 12.0, "lateral_error": 0.0, "heading_error": 0.0})
    v, track = env.task.target_speed, env.task.track
    for i, seconds in enumerate((0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3)):
        seen = track.bend(seconds * v, FLOATS) * v**2 / (1.0489 * 9.81)
        assert obs[7 + i] == pytest.approx(seen, abs=1e-6)
    assert obs[7] == 0.0
    assert obs[12] > 0.05


def test_the_reward_is_its_formula() -> None:
    env = a_line(tyres="kinematic", lag=False, half_width=1.5)
    env.reset(options={"lateral_error": 0.6, "heading_error": 0.1, "speed": 9.0})
    _, reward, _, _, info = env.step(np.array([0.5, -0.2]))
    assert set(info["reward_terms"]) == {"alive", "lateral", "speed", "course", "effort"}
    e, v, course = info["lateral_error"], info["speed"], info["heading_error"] + info["slip_angle"]
    assert v == pytest.approx(9.0 + 0.05 * 2.0)
    expected = [1.0, -((e / 1.5) ** 2), -((v / 12 - 1) ** 2), -0.1 * course**2, -0.05 * (0.2**2 + 0.25**2)]
    assert list(info["reward_terms"].values()) == pytest.approx(expected, rel=1e-9)
    assert reward == pytest.approx(sum(expected), rel=1e-9)
    _, _, _, _, info = env.step(np.array([0.5, -0.2]))  # what is asked for is what the car has
    assert info["reward_terms"]["effort"] == 0.0


def test_speed_costs_no_more_than_standing() -> None:
    env = a_line(tyres="kinematic", speed=5.0)
    env.reset(options={"speed": 40.0})
    assert env.step(STRAIGHT)[4]["reward_terms"]["speed"] == -1.0


def test_leaving_the_track_ends_the_episode() -> None:
    env = gym.make(ENV_ID, track="circle")
    env.reset(seed=0, options={"lateral_error": 0.0, "heading_error": 0.0})
    steps, terminated = 0, False
    while not terminated:
        obs, _, terminated, truncated, info = env.step(STRAIGHT)
        assert (info["ended"] is None) == (not terminated)
        steps += 1
    assert (info["ended"], truncated) == ("off_track", False)
    assert -2.6 < info["lateral_error"] < -2.0  # outward
    assert math.sqrt(27**2 - 25**2) < steps * 0.05 * 12 < 20.0  # the wheels straighten with a lag
    assert env.observation_space.contains(obs)


@pytest.mark.parametrize(("heading", "sign"), [(1.45, 1.0), (-1.45, -1.0)])
def test_turning_across_the_track_is_a_spin(heading: float, sign: float) -> None:
    env = a_line(half_width=10.0)
    env.reset(options={"heading_error": heading, "speed": 8.0, "lateral_error": 0.0})
    for _ in range(40):
        _, _, terminated, _, info = env.step(np.array([0.0, sign]))
        if terminated:
            break
    assert info["ended"] == "spin"
    assert abs(info["heading_error"]) > math.pi / 2


def test_the_time_limit_truncates() -> None:
    env = gym.make(ENV_ID, max_episode_steps=3)
    env.reset(seed=0)
    assert [env.step(STRAIGHT)[2:4] for _ in range(3)] == [(False, False), (False, False), (False, True)]
    assert gym.spec(ENV_ID).max_episode_steps == 400


def test_the_start_is_drawn_from_the_generator_alone() -> None:
    env = VehicleEnv()
    starts = np.array([env.reset(seed=seed)[0] for seed in range(40)])
    np.random.seed(0)
    again = np.array([env.reset(seed=seed)[0] for seed in range(40)])
    np.testing.assert_array_equal(starts, again)
    assert 0.12 < abs(starts[:, 0]).max() <= 0.15
    assert 0.04 < abs(starts[:, 1] + starts[:, 3]).max() <= 0.05 + 1e-6
    assert -0.2 - 1e-6 <= starts[:, 2].min() < -0.15
    assert starts[:, 2].max() <= 1e-6
    # An option changes what it names and nothing else.
    env.reset(seed=3, options={"speed": 5.0})
    fixed = env.path[0]
    env.reset(seed=3)
    drawn = env.path[0]
    different = [i for i, (a, b) in enumerate(zip(fixed, drawn, strict=True)) if a != b]
    assert different == [3, 5]  # the speed, and the yaw rate that goes with it


def test_options_are_checked() -> None:
    env = VehicleEnv()
    with pytest.raises(ValueError, match=r"Unknown option of reset\(\) 'sped'.*Did you mean 'speed'"):
        env.reset(options={"sped": 1})
    with pytest.raises(ValueError, match=r'options\["lateral_error"\] must be a number between -2 and 2, but 3'):
        env.reset(options={"lateral_error": 3})
    with pytest.raises(TypeError, match=r'options\["speed"\] must be a number between 0 and 50.8, but None'):
        env.reset(options={"speed": None})


@pytest.mark.parametrize("wrong", [[np.nan, 0.0], [0.1], [0.1, 0.2, 0.3], ["0", "1"], [np.inf, 0], [True, False]])
def test_other_actions_are_refused(wrong: list[Any]) -> None:
    env = VehicleEnv()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"1 action of shape \(2,\) must be given, of finite numbers, but array"):
        env.step(np.array(wrong))


def test_actions_outside_the_box_are_clipped_and_a_step_needs_an_episode() -> None:
    one, other = VehicleEnv(), VehicleEnv()
    with pytest.raises(gym.error.ResetNeeded, match="no episode has begun, or the last one is over"):
        one.step(STRAIGHT)
    one.reset(seed=1)
    other.reset(seed=1)
    np.testing.assert_array_equal(one.step(np.array([7.0, -3.0]))[0], other.step(np.array([1.0, -1.0]))[0])


@pytest.mark.parametrize("failure", [math.nan, math.inf, ZeroDivisionError, OverflowError, ValueError])
def test_a_simulation_that_diverges_ends_the_episode_and_says_so(failure: Any, monkeypatch: Any) -> None:
    env = VehicleEnv()
    before, _ = env.reset(seed=0)

    def broken(state: Any, *_: Any) -> Any:
        if isinstance(failure, float):
            return [*state[:3], failure, *state[4:]]
        raise failure("as Python's numbers do")

    monkeypatch.setattr(env.task.model, "advance", broken)
    obs, reward, terminated, truncated, info = env.step(STRAIGHT)
    np.testing.assert_array_equal(obs, before)
    assert (reward, terminated, truncated, info["ended"]) == (0.0, True, False, "diverged")
    assert isinstance(reward, float)
    assert info["reward_terms"] == dict.fromkeys(env.task.terms, 0.0)


@pytest.mark.parametrize("env_id", [ENV_ID, "entropy/PaperVehicle-v0", "entropy/TorqueAcrobot-v0"])
def test_a_tasks_terms_are_those_of_its_steps(env_id: str) -> None:
    env = gym.make(env_id)
    env.reset(seed=0)
    terms = env.step(env.action_space.sample())[4]["reward_terms"]
    assert tuple(terms) == env.unwrapped.task.terms  # type: ignore[attr-defined]


def test_one_of_a_batch_that_diverges_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = VehicleEnv.make_sb3_vec_env(3, seed=0)
    before = batch.reset()
    advance = batch.task.model.advance

    def broken(*given: Any) -> Any:
        state = np.array(advance(*given))
        state[3, 1] = np.nan
        return state

    monkeypatch.setattr(batch.task.model, "advance", broken)
    obs, rewards, dones, infos = batch.step(np.zeros((3, 2)))
    assert dones.tolist() == [False, True, False]
    assert [info["ended"] for info in infos] == [None, "diverged", None]
    assert np.isfinite(obs).all()
    assert rewards[1] == 0.0
    np.testing.assert_array_equal(infos[1]["terminal_observation"], before[1])


# The controller


def pursued(track: str, tyres: str, seed: int) -> tuple[float, float]:
    """:return: the return of an episode that is not over before its time, and the greatest distance to the track"""
    env = gym.make(ENV_ID, track=track, tyres=tyres)
    pursuit = Pursuit(env)
    obs, info = env.reset(seed=seed)
    total, farthest, truncated = 0.0, abs(info["lateral_error"]), False
    while not truncated:
        obs, reward, terminated, truncated, info = env.step(pursuit.predict(obs)[0])
        assert not terminated
        total, farthest = total + float(reward), max(farthest, abs(info["lateral_error"]))
    return total, farthest


@pytest.mark.parametrize(
    ("track", "tyres"),
    [("circle", "kinematic"), ("lane_change", "linear"), *((track, "slip") for track in sorted(TRACKS))],
)
def test_pursuit_stays_within_half_a_metre_on_a_dry_track(track: str, tyres: str) -> None:
    total, farthest = pursued(track, tyres, 0)
    assert farthest < 0.5
    assert 390.0 < total < 400.0


@pytest.mark.slow
@pytest.mark.parametrize("tyres", ["kinematic", "linear", "slip"])
@pytest.mark.parametrize("track", sorted(TRACKS))
def test_pursuit_does_so_from_many_starts(track: str, tyres: str) -> None:
    assert max(pursued(track, tyres, seed)[1] for seed in range(20)) < 0.5


def test_pursuit_reads_one_observation_or_many() -> None:
    batch = VehicleEnv.make_sb3_vec_env(3, seed=0)
    pursuit, seen = Pursuit(batch.world), batch.reset()
    actions, held = pursuit.predict(seen, "held")
    assert (actions.shape, actions.dtype, held) == ((3, 2), np.float32, "held")
    np.testing.assert_array_equal(actions, [pursuit.predict(one)[0] for one in seen])


@pytest.mark.parametrize("friction", [0.4, 0.1])
def test_pursuit_stays_on_snow_and_ice(friction: float) -> None:
    env = gym.make(ENV_ID, track="lane_change", tyres="slip", friction=friction)
    pursuit = Pursuit(env)
    obs, _ = env.reset(seed=0)
    over = False
    while not over:
        obs, _, terminated, over, info = env.step(pursuit.predict(obs)[0])
        assert not terminated
        assert abs(info["lateral_error"]) < 0.5


def test_pursuit_steers_cars_on_tracks_alone() -> None:
    with pytest.raises(TypeError, match=r"Pursuit steers environments of entropy/Vehicle-v0 on a track, but"):
        Pursuit(gym.make("entropy/PaperVehicle-v0"))


# Checkers, rendering, being found


@pytest.mark.parametrize("env_id", IDS)
def test_both_checkers_are_satisfied(env_id: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gym.make(env_id, render_mode="rgb_array")
        # The environment renders "human" too, which needs a display.
        gymnasium_check_env(env.unwrapped, skip_render_check=True)
        sb3_check_env(env)
        frame = env.render()
    assert (frame.dtype, frame.ndim, frame.shape[2]) == (np.uint8, 3, 3)


def test_the_spec_survives_json_and_the_environment_pickling() -> None:
    env = gym.make(ENV_ID, track="lane_change", friction=0.4)
    again = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json())).unwrapped
    assert json.loads(env.spec.to_json())["kwargs"] == {"track": "lane_change", "friction": 0.4}
    assert again.task.model.friction == 0.4
    # A car is a mapping in JSON, and in a YAML file.
    driven = gym.make(ENV_ID, car=Car(mass=1500.0)).spec
    again = gym.make(gym.envs.registration.EnvSpec.from_json(driven.to_json())).unwrapped
    assert again.task.model.car == VehicleEnv(car={"mass": 1500.0}).task.model.car == Car(mass=1500.0)
    for env_id in IDS:
        one = gym.make(env_id).unwrapped
        one.reset(seed=4)
        other = pickle.loads(pickle.dumps(one))
        action = one.action_space.sample()
        np.testing.assert_array_equal(one.step(action)[0], other.step(action)[0])


def test_the_picture_shows_road_car_and_way() -> None:
    env = VehicleEnv(render_mode="rgb_array")

    def blue(frame: Any) -> int:
        return int((frame[..., 2].astype(int) > frame[..., 0].astype(int) + 60).sum())

    assert blue(env.render()) == 0  # before the first episode, the road alone
    env.reset(options={"arc_length": 0.0, "lateral_error": 0.0, "heading_error": 0.0})
    frame = env.render()
    assert frame.shape == (640, 640, 3)
    scale = 640 / (50 + 2 * 8)
    assert blue(frame) == pytest.approx(4.508 * 1.61 * scale**2, rel=0.1)
    middle = (640 - round(8 * scale), 320)  # of the car, at the lowest point of the circle
    assert blue(frame[middle[0] - 3 : middle[0] + 3, middle[1] - 3 : middle[1] + 3]) == 36
    env.step(STRAIGHT)
    assert (env.render() != frame).any()


def test_a_window_shows_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pygame", reason="the extra 'zoo' is not installed")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = VehicleEnv(track="lane_change", render_mode="human", dt=0.01)
    env.reset(seed=0)
    env.step(STRAIGHT)
    assert env.render() is None
    import pygame

    shown = pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)
    np.testing.assert_array_equal(shown, env.task.image(env.path))
    env.close()
    env.close()


def test_without_a_display_the_window_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pygame", reason="the extra 'zoo' is not installed")
    monkeypatch.setenv("SDL_VIDEODRIVER", "none_of_this_name")
    with pytest.raises(RuntimeError, match=r"needs a display, but there is none .*: use render_mode=\"rgb_array\""):
        VehicleEnv(render_mode="human").reset(seed=0)


@pytest.mark.parametrize("driver", ["dummy", "offscreen"])
def test_a_window_that_nobody_sees_is_none(driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pygame = pytest.importorskip("pygame", reason="the extra 'zoo' is not installed")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    real = pygame.display.init

    def without_a_display() -> None:
        real()
        monkeypatch.delenv("SDL_VIDEODRIVER")

    monkeypatch.setattr(pygame.display, "init", without_a_display)
    monkeypatch.setattr(pygame.display, "get_driver", lambda: driver)
    with pytest.raises(RuntimeError, match=rf"there is none \(SDL has its driver '{driver}' alone\)"):
        VehicleEnv(render_mode="human").reset(seed=0)


def test_without_pygame_the_window_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(RuntimeError, match=r"This needs pygame, which cannot be imported.*zoo"):
        VehicleEnv(render_mode="human").reset(seed=0)


def test_the_way_is_kept_where_it_is_drawn() -> None:
    for mode, kept in ((None, 1), ("rgb_array", 6)):
        env = TorqueAcrobotEnv(render_mode=mode)
        env.reset(seed=0)
        for _ in range(5):
            info = env.step(np.zeros(1))[4]
        assert len(env.path) == kept
        assert env.path[-1][0] == info["theta1"]


def test_rendering_without_a_mode_warns() -> None:
    env = VehicleEnv()
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="without a render mode"):
        assert env.render() is None


def test_the_plugin_is_declared_and_registering_again_changes_nothing() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[3] / "plugins" / "vehicle" / "pyproject.toml").read_text())
    ((name, value),) = project["project"]["entry-points"]["sb3_entropy.envs"].items()
    specs = {env_id: gym.registry[env_id] for env_id in IDS}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        EntryPoint(name, value, "sb3_entropy.envs").load()()
    assert all(gym.registry[env_id] is spec for env_id, spec in specs.items())
    assert sb3_entropy_vehicle.Car is Car
    with pytest.raises(AttributeError, match="has no attribute 'Cart'"):
        _ = sb3_entropy_vehicle.Cart


def test_importing_the_plugin_registers_and_loads_nothing_heavy() -> None:
    code = (
        f"import sys, sb3_entropy_vehicle, gymnasium; print(set({IDS}) <= set(gymnasium.registry), "
        "{'torch', 'scipy', 'sb3_entropy', 'stable_baselines3', 'pygame'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True set()"


@pytest.mark.slow
def test_children_that_start_with_an_empty_registry_make_it() -> None:
    envs = make_vec_env(f"sb3_entropy_vehicle:{ENV_ID}", n_envs=2, vec_env_cls=SubprocVecEnv, seed=0)
    alone = make_vec_env(f"sb3_entropy_vehicle:{ENV_ID}", n_envs=2, seed=0)
    try:
        np.testing.assert_array_equal(envs.reset(), alone.reset())
        actions = np.array([[1.0, 0.1], [-1.0, -0.2]])
        np.testing.assert_array_equal(envs.step(actions)[0], alone.step(actions)[0])
    finally:
        envs.close()


# The batch


def test_the_batch_takes_options_and_answers_for_its_environments() -> None:
    batch = VehicleEnv.make_sb3_vec_env(2, render_mode="rgb_array", seed=1)
    batch.set_options([{"speed": 3.0}, {"speed": 4.0}])
    batch.reset()
    assert [info["speed"] for info in batch.reset_infos] == [3.0, 4.0]
    batch.reset()
    assert batch.reset_infos[0]["speed"] > 5.0  # options hold for one reset
    assert [task.half_width for task in batch.get_attr("task")] == [2.0, 2.0]
    single = VehicleEnv(render_mode="rgb_array")
    single.reset(seed=1)
    batch.seed(1)
    batch.reset()
    np.testing.assert_array_equal(batch.get_images()[0], single.render())
    assert batch.get_attr("path", 0) == [single.path]
    assert batch.get_attr("path")[0] != batch.get_attr("path")[1]


# Parameters


def test_every_parameter_reaches_the_task() -> None:
    car = Car(mass=1500.0)
    track = Track.from_function(circle)
    task = VehicleEnv(
        track=track, tyres="linear", friction=0.7, speed=9, half_width=1, lag=False, dt=0.1, substeps=5, car=car
    ).task
    assert (task.track, task.model.car, task.model.friction, task.model.lag) == (track, car, 0.7, False)
    assert (task.target_speed, task.half_width, task.dt, task.substeps) == (9.0, 1.0, 0.1, 5)
    assert VehicleEnv(dt=0.1, substeps=3).metadata["render_fps"] == 10
    assert a_line().task.target_speed == 12.0  # nothing bends


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        (
            {"track": "cirle"},
            ValueError,
            "Unknown track 'cirle'. Available: circle, figure_eight, lane_change. Did you",
        ),
        ({"track": 3}, TypeError, "A track must be a function"),
        (
            {"tyres": "slick"},
            ValueError,
            "Unknown tyres 'slick'. Available: kinematic, linear, paper, slip. Did you mean",
        ),
        ({"friction": -0.1}, ValueError, "friction must be a number > 0 and ≤ 2, but -0.1"),
        ({"friction": "icy"}, TypeError, "friction must be a number > 0 and ≤ 2, but 'icy'"),
        ({"tyres": "kinematic", "friction": 0.4}, ValueError, 'friction=0.4 does not go with tyres="kinematic"'),
        ({"speed": 0}, ValueError, "speed must be a number > 0 and ≤ 50, but 0"),
        ({"half_width": -2}, ValueError, "half_width must be a number > 0, but -2"),
        ({"lag": 1}, TypeError, "lag must be True or False, but 1"),
        ({"dt": 2.0}, ValueError, "dt must be a number > 0 and ≤ 1, but 2.0"),
        ({"substeps": 0}, ValueError, "substeps must be a whole number ≥ 1, but 0"),
        ({"car": "BMW"}, TypeError, "car must be a Car, parameters of one by name, or None, but 'BMW'"),
        (
            {"dt": 0.1},
            ValueError,
            "dt=0.1 with substeps=2 makes Runge–Kutta steps of 0.05 s, .* needs steps of 0.034 s at most.* at least 3",
        ),
        ({"car": {"pedal_lag": 0.004}, "tyres": "kinematic"}, ValueError, "substeps must be at least 5"),
        ({"half_width": 26.0}, ValueError, "half_width=26.0 reaches beyond the centre of a bend of 25 m"),
        ({"clock": True}, ValueError, "clock=True goes with tyres=\"paper\" alone, but tyres='slip'"),
        ({"clock": 1}, TypeError, "clock must be True or False, but 1"),
        (
            {"tyres": "paper", "track": "circle", "friction": 0.5},
            ValueError,
            'friction=0.5 does not go with tyres="paper"',
        ),
        ({"render_mode": "ansi"}, ValueError, "Unknown render_mode 'ansi'. Available: human, rgb_array"),
    ],
)
def test_bad_parameters_are_refused(parameters: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        VehicleEnv(**parameters)


def test_the_docs_show_what_is_drawn() -> None:
    image = pytest.importorskip("matplotlib.image", reason="the extra 'zoo' is not installed")
    pictures = Path(__file__).parents[3] / "docs" / "images"
    for name, frame in drawn().items():
        kept = np.rint(255 * image.imread(pictures / f"{name}.png")[..., :3]).astype(int)
        # The last place of a rounded colour may be another elsewhere.
        np.testing.assert_allclose(kept, frame.astype(int), atol=2)


def drawn() -> dict[str, Any]:
    """:return: the pictures of the docs"""
    car = VehicleEnv(track="lane_change", tyres="slip", friction=0.4, render_mode="rgb_array")
    driver = Pursuit(car)
    seen, _ = car.reset(seed=0)
    for _ in range(140):
        seen = car.step(driver.predict(seen)[0])[0]
    paper = VehicleEnv(tyres="paper", render_mode="rgb_array")
    paper.reset(seed=0)
    for _ in range(40):
        paper.step(np.array([0.2, -0.3]))
    arm = TorqueAcrobotEnv(render_mode="rgb_array")
    arm.reset(seed=1)
    for _ in range(5):
        arm.step(np.array([0.1]))
    return {"vehicle": car.render(), "paper_vehicle": paper.render(), "torque_acrobot": arm.render()}
