"""entropy/Obstacle2D-v0 against points sampled along the way, its batch, and what it pays."""

import warnings
from itertools import pairwise
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from sb3_entropy_bifurcation.geometry import Rectangle
from sb3_entropy_bifurcation.obstacle2d import Obstacle2DEnv
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from sb3_entropy.vec_env.native import make_native_vec_env

ENV_ID = "entropy/Obstacle2D-v0"
NORMALISED = ".*symmetric and normalized (Box action )?space"


def act(x: float, y: float) -> Any:
    return np.array([x, y], dtype=np.float32)


def entered(rectangle: Rectangle, start: Any, end: Any) -> float:
    return float(rectangle.entered(np.array([start], float), np.array([end], float))[0])


# Where a segment meets a rectangle


@pytest.mark.parametrize(
    ("start", "end", "t"),
    [
        ((0, 0), (4, 0), 0.25),  # through it
        ((4, 0), (0, 0), 0.5),  # and back
        ((0, 0), (1, 0), 1.0),  # up to its edge
        ((0, 0), (0.999, 0), None),
        ((0, 2), (4, 2), 0.25),  # along its edge
        ((0, 2.001), (4, 2.001), None),
        ((1, 3), (1, 5), None),  # along the line of its edge, but beyond it
        ((0, 1), (2, 3), 0.5),  # through its corner, (1, 2), alone
        ((0, 1.1), (2, 3.1), None),
        ((1.5, 1), (9, 9), 0.0),  # from inside
        ((1.5, 1), (1.5, 1), 0.0),  # no move, inside, on the corner and outside
        ((2, -1), (2, -1), 0.0),
        ((2.5, 0), (2.5, 0), None),
        ((1.2, 5), (1.2, -5), 0.3),  # straight down
        ((3, 0), (5, 0), None),  # away from it
        ((-3, 0), (0.5, 0), None),  # towards it, too short
    ],
)
def test_the_first_point_of_a_segment_in_a_rectangle(start: Any, end: Any, t: float | None) -> None:
    found = entered(Rectangle((1.0, -1.0), (2.0, 2.0)), start, end)
    assert np.isnan(found) if t is None else found == pytest.approx(t, abs=1e-15)


def test_segments_hit_as_points_sampled_along_them_do() -> None:
    # 1500 segments, 2001 points on each: sampling may not see one that cuts a corner.
    rng = np.random.default_rng(0)
    rectangle = Rectangle((0.4, -0.7), (0.9, 0.6))
    start, end = rng.uniform(-2, 2, size=(2, 1500, 2))
    found = rectangle.entered(start, end)
    t = np.linspace(0, 1, 2001)
    points = start[:, None] + t[:, None] * (end - start)[:, None]
    within = ((points >= rectangle.low) & (points <= rectangle.high)).all(axis=2)
    seen, hit = within.any(axis=1), ~np.isnan(found)
    assert 200 < seen.sum() < 1300
    assert not (seen & ~hit).any()
    np.testing.assert_allclose(found[seen], t[within.argmax(axis=1)][seen], atol=1 / 2000)
    # What sampling did not see is short: sampled more densely from where it is said to begin, it is there.
    for i in np.flatnonzero(hit & ~seen):
        around = start[i] + (found[i] + np.linspace(0, 1, 1001)[:, None] / 2000) * (end[i] - start[i])
        grown = (around >= np.array(rectangle.low) - 1e-12) & (around <= np.array(rectangle.high) + 1e-12)
        assert grown.all(axis=1).any()
    assert (hit & ~seen).sum() < 5


@pytest.mark.parametrize(("point", "distance"), [((0, 0), 1.0), ((1.5, 0), 0.0), ((5, 6), 5.0), ((2, 2), 0.0)])
def test_the_distance_to_a_rectangle(point: Any, distance: float) -> None:
    assert Rectangle((1.0, -1.0), (2.0, 2.0)).distance(np.array(point)) == distance


# What an action does and pays


def test_a_way_around_the_wall_step_by_step() -> None:
    env = gym.make(ENV_ID)
    obs, info = env.reset(seed=0)
    assert (obs.dtype, obs.tolist()) == (np.float32, [-1.0, 0.0])
    assert info == {"position": (0.0, 0.0), "distance": 3.0}
    spots = [(0.0, 0.0), (1.0, -1.0), (1.5, 1.5), (1.5, 3.0), (3.5, 3.0), (3.0, 0.05)]
    steps = [env.step(act(b[0] - a[0], b[1] - a[1])) for a, b in pairwise(spots)]
    for (x, y), (obs, _, _, _, info) in zip(spots[1:], steps, strict=True):
        np.testing.assert_allclose(obs, [x / 2.025 - 1, y / 3], atol=1e-6)
        assert info["position"] == pytest.approx((x, y), abs=1e-6)
        assert info["distance"] == pytest.approx(np.hypot(x - 3, y), abs=1e-6)
    paid = [np.hypot(a[0] - 3, a[1]) - np.hypot(b[0] - 3, b[1]) for a, b in pairwise(spots)]
    assert [step[1] for step in steps] == pytest.approx([*paid[:-1], 500.0], abs=1e-6)
    assert [step[2:4] for step in steps] == [(False, False)] * 4 + [(True, False)]
    assert [step[4]["is_success"] for step in steps] == [False] * 4 + [True]


def test_a_move_into_the_wall_ends_where_it_touches_it() -> None:
    env = Obstacle2DEnv()
    env.reset()
    env.step(act(1, 1))
    obs, reward, terminated, truncated, info = env.step(act(3, -1.5))
    assert (reward, terminated, truncated) == (-200.0, True, False)
    assert info == {"position": (2.0, 0.5), "distance": pytest.approx(np.hypot(1, 0.5)), "is_success": False}
    np.testing.assert_allclose(obs, [2 / 2.025 - 1, 0.5 / 3], atol=1e-6)


def test_through_the_wall_into_the_goal_is_into_the_wall() -> None:
    env = Obstacle2DEnv()
    env.reset()
    assert env.step(act(3, 0))[1:3] == (-200.0, True)


def test_to_touch_the_wall_is_to_hit_it() -> None:
    env = Obstacle2DEnv()
    for start, move in (((0, 0), (2, 0)), ((1, 2), (2, 0)), ((2.025, 4), (0, -2)), ((2.5, 1), (-0.45, 0.0))):
        env.reset(options={"position": start})
        reward, over = env.step(np.array(move))[1:3]
        assert (reward, over) == (-200.0, True)


def test_the_goal_is_reached_by_ending_in_it_not_by_passing_through() -> None:
    env = Obstacle2DEnv()
    env.reset(options={"position": (4, 0)})
    _, reward, over, _, info = env.step(act(-1.5, 0))  # through its middle, from 1 to 0.5 away
    assert (reward, over, info["is_success"]) == (0.5, False, False)
    for x, reached in ((3.0999, True), (3.1001, False)):  # less than 0.1 away
        env.reset(options={"position": (4, 0)})
        _, reward, over, _, info = env.step(np.array([x - 4, 0.0]))
        assert (over, info["is_success"]) == (reached, reached)
        assert reward == pytest.approx(500 if reached else 0.8999, abs=1e-9)


def test_the_best_return_of_two_steps() -> None:
    # 500 + 3 − d, with d the distance from which the goal is entered, as rewards telescope.
    rng = np.random.default_rng(0)
    best = -np.inf
    env = Obstacle2DEnv()
    for spot in [(2.0501, 2.0502), *rng.uniform((1.5, 1.9), (3, 3), size=(400, 2))]:
        env.reset()
        _, first, over, _, _ = env.step(np.array(spot))
        if not over:
            _, second, _, _, info = env.step(np.array([3.0, 0.0]) - spot)
            if info["is_success"]:
                best = max(best, float(first) + float(second))
                assert float(first) + float(second) == pytest.approx(503 - np.hypot(spot[0] - 3, spot[1]))
    assert best == pytest.approx(500.74, abs=0.005)


def test_fifty_steps_truncate_and_another_limit_can_be_set() -> None:
    env = gym.make(ENV_ID)
    env.reset(seed=0)
    assert [env.step(act(-1, 0))[2:4] for _ in range(50)] == [(False, False)] * 49 + [(False, True)]
    env = gym.make(ENV_ID, max_episode_steps=3)
    env.reset()
    assert [env.step(act(0, 0))[3] for _ in range(3)] == [False, False, True]
    assert env.spec is not None
    assert env.spec.reward_threshold == 490.0


def test_actions_are_clipped_to_the_speed() -> None:
    env = Obstacle2DEnv(speed=0.5)
    env.reset()
    assert env.action_space.high.tolist() == [0.5, 0.5]  # type: ignore[attr-defined]
    assert env.step(act(9, -0.25))[4]["position"] == (0.5, -0.25)


def test_every_parameter_reaches_the_episode() -> None:
    env = Obstacle2DEnv(goal=[4, 1], goal_radius=0.5, wall_x=(1, 2), wall_half_height=0.5, hit_reward=-7, goal_reward=9)
    obs, info = env.reset()
    assert obs.tolist() == [-1.0, 0.0]
    assert info["distance"] == pytest.approx(np.sqrt(17))
    assert env.step(act(1.5, 0.4))[1] == -7
    env.reset()
    assert env.step(act(0.0, 0.6))[2] is False
    assert env.step(act(2.75, 0.2))[2] is False  # over the lower wall
    _, reward, over, _, info = env.step(act(1, 0))
    assert (reward, over, info["is_success"]) == (9.0, True, True)


def test_an_episode_can_begin_elsewhere() -> None:
    env = Obstacle2DEnv()
    obs, info = env.reset(options={"position": [4.05, -3]})
    np.testing.assert_allclose(obs, [1, -1], atol=1e-6)
    assert info["position"] == (4.05, -3.0)
    for inside in ((2.0, 1.0), (3.05, 0.05)):
        with pytest.raises(ValueError, match="must be a point outside the wall and the goal, but"):
            env.reset(options={"position": inside})
    with pytest.raises(TypeError, match=r'options\["position"\] must be two numbers, but 3 was given'):
        env.reset(options={"position": 3})
    with pytest.raises(ValueError, match=r'options\["position"\]\[1\] must be a number, but nan'):
        env.reset(options={"position": (0, np.nan)})
    with pytest.raises(ValueError, match=r"Unknown option of reset\(\) 'start'. Available: position"):
        env.reset(options={"start": (0, 0)})


def test_a_wrong_action_is_refused() -> None:
    env = Obstacle2DEnv()
    env.reset()
    with pytest.raises(ValueError, match=r"1 action of shape \(2,\) must be given, of finite numbers, but array"):
        env.step(np.array([1.0]))


# Checkers and rendering


def test_both_checkers_are_satisfied() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The velocities of the source reach to 3: both checkers recommend 1, and have nothing else to say.
        warnings.filterwarnings("ignore", message=NORMALISED)
        env = gym.make(ENV_ID, render_mode="rgb_array")
        gymnasium_check_env(env.unwrapped)
        sb3_check_env(env)


def test_the_picture_shows_wall_goal_and_way() -> None:
    env = Obstacle2DEnv(render_mode="rgb_array")
    bare = env.render()
    assert (bare.shape, bare.dtype) == ((420, 360, 3), np.uint8)

    def pixel(x: float, y: float) -> tuple[int, int]:
        return round(60 * (3.5 - y)), round(60 * (x + 1.5))

    def colours(frame: Any, x: float, y: float) -> list[int]:
        row, column = pixel(x, y)
        return [int(part) for part in frame[row, column]]

    for y in (-1.9, 0.0, 1.9):
        assert max(colours(bare, 2.025, y)) < 100  # the wall, dark
    for y in (-2.1, 2.1):
        assert min(colours(bare, 2.025, y)) > 200
    red, green, _ = colours(bare, 3.0, 0.0)
    assert green > red + 50
    env.reset()
    env.step(act(1, 2.5))
    env.step(act(2, 0))
    frame = env.render()
    for x, y in ((0.5, 1.25), (1.0, 2.5), (2.0, 2.5), (3.0, 2.5)):
        red, _, blue = colours(frame, x, y)
        assert blue > red + 50
    assert colours(frame, 0.5, 2.0) == colours(bare, 0.5, 2.0)
    env.reset()
    for _ in range(3):
        env.step(act(-3, 3))  # out of the picture
    outside = env.render()
    assert outside.shape == (420, 360, 3)
    np.testing.assert_array_equal(outside[:, 100:], bare[:, 100:])


def test_the_picture_keeps_its_proportions_for_other_courses() -> None:
    env = Obstacle2DEnv(goal=(9, 0), wall_x=(2, 3), wall_half_height=1.0, render_mode="rgb_array")
    env.reset()
    assert env.render().shape == (round(420 * 5 / 12), 420, 3)


# The batch


def test_the_batch_has_the_limit_of_the_registration_and_draws_each_way() -> None:
    batch = make_native_vec_env(ENV_ID, 2, render_mode="rgb_array")
    batch.reset()
    single = Obstacle2DEnv(render_mode="rgb_array")
    single.reset()
    for move in ((0.5, 1.0), (0.25, -2.0)):
        batch.step(np.array([move, (0.0, 0.1)]))
        single.step(np.array(move))
    images = batch.get_images()
    np.testing.assert_array_equal(images[0], single.render())
    assert (images[1] != images[0]).any()
    dones = [batch.step(np.zeros((2, 2)))[2].tolist() for _ in range(48)]
    assert dones == [[False, False]] * 47 + [[True, True]]
    np.testing.assert_array_equal(batch.get_images()[0], batch.get_images()[1])  # both at their start again


# Bad input


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"goal": (3,)}, TypeError, r"goal must be two numbers, but \(3,\) was given"),
        ({"goal": "30"}, TypeError, "goal must be two numbers, but '30' was given"),
        ({"goal": (3, "0")}, TypeError, r"goal\[1\] must be a number, but '0'"),
        (
            {"goal": (2.1, 0)},
            ValueError,
            r"must leave the wall free, but goal=\(2.1, 0\) is 0.05 from it, and goal_rad",
        ),
        ({"goal": (0.06, 0.08)}, ValueError, r"must leave the start free, but goal=\(0.06, 0.08\) is 0.1 from it"),
        ({"goal_radius": 0}, ValueError, "goal_radius must be a number > 0, but 0 was given"),
        ({"wall_x": (2.0, 2.0)}, ValueError, r"0 < wall_x\[0\] < wall_x\[1\], but \(2.0, 2.0\) was given"),
        ({"wall_x": (0.0, 1.0)}, ValueError, "the start, at x = 0, is left of the wall"),
        ({"wall_half_height": -1}, ValueError, "wall_half_height must be a number > 0, but -1"),
        ({"speed": 0.0}, ValueError, "speed must be a number > 0, but 0.0"),
        ({"hit_reward": np.inf}, ValueError, "hit_reward must be a number, but inf"),
        ({"goal_reward": "500"}, TypeError, "goal_reward must be a number, but '500'"),
        ({"render_mode": "ansi"}, ValueError, "Unknown render_mode 'ansi'. Available: rgb_array"),
    ],
)
def test_bad_parameters_are_refused(parameters: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Obstacle2DEnv(**parameters)
