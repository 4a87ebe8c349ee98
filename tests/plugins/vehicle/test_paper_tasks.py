"""The vehicle and the Acrobot of Zhang, Chang and Gao 2025 against steps written by hand and against energy."""

import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from sb3_entropy_vehicle import Balance, Chase
from sb3_entropy_vehicle.acrobot import TorqueAcrobot, TorqueAcrobotEnv, derivative
from sb3_entropy_vehicle.balance import NEAR, regulator
from sb3_entropy_vehicle.numerics import FLOATS, rk4
from sb3_entropy_vehicle.vehicle import VehicleEnv

# The vehicle


def one_step(x: float, y: float, yaw: float, vx: float, vy: float, w: float, throttle: float, steer: float) -> Any:
    """:return: the next state, as the source writes it"""
    dt, m, lf, lr = 0.1, 1500.0, 1.45, 1.45
    x, y = (
        x + vx * math.cos(yaw) * dt - vy * math.sin(yaw) * dt,
        y + vx * math.sin(yaw) * dt + vy * math.cos(yaw) * dt,
    )
    yaw = yaw + w * dt
    yaw = math.atan2(math.sin(yaw), math.cos(yaw))
    front = -32.0 * math.atan2((vy + lf * w) / vx - steer, 1.0)
    rear = -34.0 * math.atan2((vy - lr * w) / vx, 1.0)
    load = 1.36 * vx**2 + 0.01 * vx
    vx = vx + (throttle - front * math.sin(steer) / m - load / m + vy * w) * dt
    vy = vy + (rear / m + front * math.cos(steer) / m - vx * w) * dt
    w = w + (front * lf * math.cos(steer) - rear * lr) / 2250.0 * dt
    return [x, y, yaw, min(max(vx, -30.0), 30.0), min(max(vy, -30.0), 30.0), w]


def test_the_vehicle_steps_shows_and_pays_as_the_source() -> None:
    env = gym.make("entropy/PaperVehicle-v0")
    obs, info = env.reset(seed=0)
    assert (info["vx"], info["vy"], info["yaw_rate"]) == (3.0, 0.0, -1.0)
    assert math.hypot(info["x"], info["y"]) == pytest.approx(10.0, rel=0.02)  # a spline through eight points
    around = math.degrees(math.atan2(info["y"], info["x"]))
    assert around == pytest.approx(-45.0 - 45.0 * 9.0 / (20 * math.sin(math.pi / 8)), abs=1.5)  # clockwise
    state = list(info.values())
    rng = np.random.default_rng(0)
    for k in range(1, 30):
        action = rng.uniform(-1, 1, 2).astype(np.float32)
        state = one_step(*state, *action.tolist())
        obs, reward, terminated, _, info = env.step(action)
        assert [info[name] for name in ("x", "y", "yaw", "vx", "vy", "yaw_rate")] == pytest.approx(state, rel=1e-9)
        target = env.unwrapped.task.targets[k]
        x, y, yaw = state[:3]
        nose = (x + 2.9 * math.cos(yaw), y + 2.9 * math.sin(yaw))
        shown = [target[0] - nose[0], target[1] - nose[1], yaw, *state[3:]]
        assert obs.tolist() == pytest.approx(shown, abs=1e-5)
        away = math.hypot(target[0] - x, target[1] - y)
        assert reward == pytest.approx(-0.3 * abs(x**2 + y**2 - 100) - away, rel=1e-9)
        assert info["reward_terms"] == pytest.approx({"off_track": -0.3 * abs(x**2 + y**2 - 100), "distance": -away})
        assert not terminated


def test_the_target_runs_at_1_to_2_metres_a_second_and_stands_after_109_steps() -> None:
    env = VehicleEnv(tyres="paper")
    steps = np.hypot(*np.diff(env.task.targets, axis=0).T) / 0.1
    assert len(steps) == 109
    np.testing.assert_allclose(steps, 1.0 + 0.01 * np.arange(109), rtol=0.06)  # the chords' length is a little less
    far = [0.0] * 6
    assert env.task.target([*far, 109.0], FLOATS) == env.task.target([*far, 199.0], FLOATS)
    assert env.task.target([*far, 108.0], FLOATS) != env.task.target([*far, 109.0], FLOATS)


@pytest.mark.parametrize("clock", [False, True])
def test_the_vehicle_is_cut_after_20_s_or_ends_at_the_clock(clock: bool) -> None:
    env = gym.make("entropy/PaperVehicle-v0", clock=clock)
    env.reset(seed=0)
    steps = [env.step(np.array([0.1, 0.0], np.float32)) for _ in range(200)]
    assert not any(step[2] or step[3] for step in steps[:-1])
    assert steps[-1][2] == clock
    assert clock or steps[-1][3]  # at the clock, whether it is cut too is up to the TimeLimit in use
    assert steps[-1][4]["ended"] == ("clock" if clock else None)


def test_a_division_by_zero_is_a_divergence() -> None:
    env = VehicleEnv(tyres="paper", render_mode="rgb_array")
    env.reset(seed=0)
    env._path[-1][3] = 0.0
    obs, reward, terminated, _, info = env.step(np.zeros(2))
    assert (reward, terminated, info["ended"]) == (0.0, True, "diverged")
    assert np.isfinite(obs).all()
    assert env.render().shape == (480, 480, 3)


def test_chase_follows_the_target_by_thrust_alone() -> None:
    env = gym.make("entropy/PaperVehicle-v0")
    chase, seen, state, total, away = Chase(env), env.reset(seed=0)[0], None, 0.0, []
    for _ in range(200):
        action, state = chase.predict(seen, state)
        seen, reward, _, _, info = env.step(action)
        total, away = total + float(reward), [*away, -info["reward_terms"]["distance"]]
    assert total == pytest.approx(-1610, abs=5)  # of random actions: −81351 ± 13661
    assert max(away) < 8.0
    assert state is not None
    assert float(np.linalg.norm(state[:2])) == pytest.approx(away[-2], abs=1e-5)
    # One step by hand: what the target moved by, less what the car moves at, along the car.
    seen, before = np.array([1.0, -2.0, 0.5, 2.0, 0.3, -1.0], np.float32), np.array([4.0, -1.0, 1.5, 0.5])
    e = np.array([1.0 + 2.9 * math.cos(0.5), -2.0 + 2.9 * math.sin(0.5)])
    v = np.array([2 * math.cos(0.5) - 0.3 * math.sin(0.5), 2 * math.sin(0.5) + 0.3 * math.cos(0.5)])
    target = (e - before[:2]) / 0.1 + before[2:]
    pull = float((0.02 * e + 0.03 * (target - v)) @ [math.cos(0.5), math.sin(0.5)])
    gentle = Chase(env, 0.02, 0.03)
    assert gentle.predict(seen, before)[0].tolist() == pytest.approx([pull, 0.0], abs=1e-6)
    first = float(0.02 * e @ [math.cos(0.5), math.sin(0.5)])
    many, _ = gentle.predict(np.stack([seen, seen]), np.stack([before, before]), np.array([False, True]))
    assert many[:, 0].tolist() == pytest.approx([pull, first], abs=1e-6)
    assert gentle.predict(seen)[0][0] == pytest.approx(first, abs=1e-6)
    with pytest.raises(TypeError, match=r"Chase drives entropy/PaperVehicle-v0, but <.*TimeLimit"):
        Chase(gym.make("entropy/TorqueAcrobot-v0"))


# The Acrobot


def energy(state: Any) -> float:
    """:return: of two rods of 1 kg, 1 m and 1 kg m², in J"""
    q1, q2, w1, w2 = state
    v2 = w1**2 + 0.25 * (w1 + w2) ** 2 + w1 * (w1 + w2) * math.cos(q2)  # of the second rod's middle, squared
    kinetic = 0.5 * (0.25 + 1.0) * w1**2 + 0.5 * v2 + 0.5 * (w1 + w2) ** 2
    return kinetic + 9.8 * (0.5 * math.sin(q1) + math.sin(q1) + 0.5 * math.sin(q1 + q2))


def test_the_arm_keeps_its_energy_and_the_motor_gives_it() -> None:
    state: Any = [0.9, -0.6, 0.4, 1.3]
    start, given = energy(state), 0.0
    for _ in range(2000):
        state = rk4(lambda s: derivative(s, 0.0, FLOATS), state, 1e-3)
    assert energy(state) == pytest.approx(start, abs=1e-9)
    start = energy(state)
    for _ in range(2000):
        before = state[1]
        state = rk4(lambda s: derivative(s, -3.0, FLOATS), state, 1e-3)
        given += -3.0 * (state[1] - before)  # torque times angle
    assert energy(state) == pytest.approx(start + given, abs=1e-8)
    assert abs(given) > 1.0


def test_the_arm_rests_hanging_and_upright() -> None:
    for q1 in (-math.pi / 2, math.pi / 2):
        assert derivative([q1, 0.0, 0.0, 0.0], 0.0, FLOATS) == pytest.approx([0, 0, 0, 0], abs=1e-12)


def test_a_step_is_one_of_runge_and_kutta_cut_and_paid() -> None:
    env = TorqueAcrobotEnv()
    start = {"theta1": 1.0, "theta2": 3.0, "rate1": 2.0, "rate2": 5.0}
    env.reset(seed=0, options=start)
    obs, reward, terminated, truncated, info = env.step(np.array([0.35], np.float32))
    q1, q2, w1, w2 = rk4(lambda s: derivative(s, 20 * float(np.float32(0.35)), FLOATS), list(start.values()), 0.2)
    assert q2 > math.pi
    q2 -= 2 * math.pi
    assert obs.tolist() == pytest.approx([math.cos(q1), math.sin(q1), math.cos(q2), math.sin(q2), w1, w2], abs=1e-5)
    assert reward == pytest.approx(-((q1 - math.pi / 2) ** 2 + q2**2 + 0.1 * w1**2 + 0.1 * w2**2))
    assert (terminated, truncated, info["ended"], info["theta2"]) == (False, False, None, pytest.approx(q2))
    task = TorqueAcrobot()
    cut = task.step([0.0, 0.0, 12.0, -28.0], [-1.0], FLOATS).state
    assert abs(cut[2]) <= 4 * math.pi
    assert abs(cut[3]) <= 9 * math.pi
    assert abs(cut[3]) == pytest.approx(9 * math.pi) or abs(cut[2]) == pytest.approx(4 * math.pi)


def test_the_arm_starts_near_upright_and_runs_for_400_steps() -> None:
    env = gym.make("entropy/TorqueAcrobot-v0", render_mode="rgb_array")
    starts = np.array([list(env.reset(seed=seed)[1].values()) for seed in range(60)])
    assert math.pi / 4 <= starts[:, 0].min() < 0.9
    assert 2.2 < starts[:, 0].max() <= 3 * math.pi / 4
    assert 0.08 < abs(starts[:, 1:]).max() <= 0.1
    assert env.spec.max_episode_steps == 400
    frame = env.render()
    assert frame.shape == (420, 420, 3)
    assert (env.unwrapped.task.image([]) != frame).any()
    with pytest.raises(ValueError, match=r"Unknown option of reset\(\) 'theta3'"):
        env.reset(options={"theta3": 0.0})


def test_the_regulators_value_is_what_it_costs() -> None:
    """xᵀPx is the cost of getting upright by −Kx: of the task's own steps, from so near that they are linear."""
    value, gain = regulator()
    task = TorqueAcrobot()
    for x in ([3e-4, 0.0, 0.0, 0.0], [-1e-4, 2e-4, 1e-4, -3e-4], [0.0, 0.0, 2e-4, 5e-4]):
        state, cost = [math.pi / 2 + x[0], *x[1:]], sum(w * v * v for w, v in zip((1, 1, 0.1, 0.1), x, strict=True))
        for _ in range(60):
            torque = -float(gain @ [state[0] - math.pi / 2, *state[1:]])
            moved = task.step(state, [torque], FLOATS)
            state, cost = list(moved.state), cost + 0.01 * torque**2 - sum(moved.terms.values())
        assert cost == pytest.approx(x @ value @ x, rel=2e-3)
        assert abs(np.subtract(state, [math.pi / 2, 0, 0, 0])).max() < 1e-7


def test_the_arm_is_brought_upright_from_where_the_regulator_cannot() -> None:
    env = gym.make("entropy/TorqueAcrobot-v0")
    controller, (value, gain) = Balance(env), regulator()
    for theta1 in (0.8, 2.3):
        for planned in (False, True):
            seen, state = env.reset(seed=0, options={"theta1": theta1})[0], None
            away = np.inf
            for _ in range(40):
                angle = math.atan2(seen[1], seen[0]) - math.pi / 2
                x = np.array([angle, math.atan2(seen[3], seen[2]), *seen[4:]])
                away = x @ value @ x
                action = np.clip([-gain @ x], -1, 1).astype(np.float32)
                if planned:
                    told, state = controller.predict(seen, state)
                    assert away >= NEAR or told == pytest.approx(action, abs=1e-6)
                    action = told
                seen, *_ = env.step(action)
            assert (away < 0.01) == planned


def test_many_arms_are_planned_as_each_alone() -> None:
    env = gym.make("entropy/TorqueAcrobot-v0")
    controller = Balance(env, horizon=5, candidates=20, iterations=2)
    seen = np.array([env.reset(seed=seed)[0] for seed in range(3)])
    actions, plans = controller.predict(seen)
    assert actions.shape == (3, 1)
    assert plans.shape == (3, 5)
    assert (plans[:, -1] == 0).all()
    again, later = controller.predict(seen, plans, episode_start=np.array([True, False, False]))
    assert again[0] == actions[0]  # it forgets its plan
    assert not np.array_equal(again[1:], actions[1:])
    for number in range(3):
        one, plan = controller.predict(seen[number])
        assert one.tolist() == pytest.approx(actions[number].tolist())
        assert plan.tolist() == pytest.approx(plans[number].tolist())
        one, plan = controller.predict(seen[number], None if number == 0 else plans[number])
        assert one.tolist() == pytest.approx(again[number].tolist())
        assert plan.tolist() == pytest.approx(later[number].tolist())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"horizon": 0}, "horizon must be a whole number ≥ 1, but 0"),
        ({"candidates": 19}, "candidates must be a whole number ≥ 20, but 19"),
        ({"iterations": 0}, "iterations must be a whole number ≥ 1, but 0"),
    ],
)
def test_a_planner_of_nothing_is_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Balance(gym.make("entropy/TorqueAcrobot-v0"), **settings)
    with pytest.raises(TypeError, match=r"Balance moves entropy/TorqueAcrobot-v0, but <.*TimeLimit"):
        Balance(gym.make("entropy/PaperVehicle-v0"))
