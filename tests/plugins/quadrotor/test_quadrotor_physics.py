"""The quadrotor's physics against closed forms: of the integrator exactly, of the motion itself nearly."""

from typing import Any

import numpy as np
import pytest
from quadrotor_examples import STEP, G, H, quiet, started, trim, velocity_and_rates
from sb3_entropy_quadrotor.flight import quaternion_of, rotation_of
from sb3_entropy_quadrotor.parameters import Airframe
from scipy.spatial.transform import Rotation

MASS, J, D, KAPPA = 0.027, np.array([1.4e-5, 1.4e-5, 2.17e-5]), 0.046 / np.sqrt(2), 0.005964552
NOTHING = np.array([-1.0, -1.0, -1.0, -1.0])


def test_it_falls_freely() -> None:
    env = started({"velocity": (0.5, -0.25, 1.0)}, model="rotor", action_range="full")
    for _ in range(20):
        info = env.step(NOTHING)[4]
    k, t = 100, 0.4
    # Semi-implicit Euler: v_k = v_0 − g k h, z_k = z_0 + v_0 t − g h² k (k + 1)/2
    expected = [0.5 * t, -0.25 * t, 1.0 + 1.0 * t - G * H * H * k * (k + 1) / 2]
    np.testing.assert_allclose(info["position"], expected, atol=1e-12)
    assert info["position"][2] == pytest.approx(1.0 + t - G * t * t / 2, abs=1.1 * G * H * t / 2)
    np.testing.assert_allclose(velocity_and_rates(env)[0], [0.5, -0.25, 1.0 - G * t], atol=1e-12)


@pytest.mark.parametrize("reach", ["hover", "full"])
@pytest.mark.parametrize(
    ("model", "actions"), [("simple", "wrench"), ("rotor", "rotors"), ("rotor", "wrench"), ("realistic", "rotors")]
)
def test_it_hovers_at_its_trim(model: str, actions: str, reach: str) -> None:
    settings = quiet(motor_time=0.05) if model == "realistic" else {"model": model}
    env = started(actions=actions, action_range=reach, **settings)
    for _ in range(25):
        info = env.step(trim(env))[4]
    np.testing.assert_allclose(info["position"], (0.0, 0.0, 1.0), atol=1e-12)
    assert sum(info["reward_terms"].values()) == pytest.approx(1.0)
    if reach == "hover":
        np.testing.assert_allclose(trim(env), np.zeros(4), atol=1e-12)
    else:  # a thrust-to-weight ratio of 2.25
        assert trim(env)[0] == pytest.approx(2 / 2.25 - 1)


@pytest.mark.parametrize(
    ("rotor", "roll", "pitch", "yaw"),
    [(0, -1, -1, -1), (1, -1, 1, 1), (2, 1, 1, -1), (3, 1, -1, 1)],  # front right, back right, back left, front left
)
def test_a_rotor_turns_it_as_it_should(rotor: int, roll: int, pitch: int, yaw: int) -> None:
    env = started(model="rotor", span=0.4)
    more = 0.1 * 0.4 * MASS * G / 4
    action = trim(env).copy()
    action[rotor] += 0.1
    env.step(action)
    velocity, rates = velocity_and_rates(env)
    # Turned by so little in 0.02 s that the axes have stayed: ω = J⁻¹ τ t, and v = ΔT t/m upward.
    expected = np.array([roll * D, pitch * D, yaw * KAPPA]) * more * STEP / J
    np.testing.assert_allclose(rates, expected, rtol=2e-3)
    assert velocity[2] == pytest.approx(more * STEP / MASS, rel=0.02)


def test_a_wrench_is_what_it_says_with_and_without_rotors() -> None:
    for model in ("simple", "rotor"):
        env = started(model=model, actions="wrench", span=0.3)
        env.step(np.array([0.2, 0.1, -0.15, 0.3]))
        torque = 0.3 * MASS * G * np.array([0.1 * D, -0.15 * D, 0.3 * KAPPA])
        velocity, rates = velocity_and_rates(env)
        np.testing.assert_allclose(rates, torque * STEP / J, rtol=5e-3)
        assert velocity[2] == pytest.approx(0.2 * 0.3 * G * STEP, rel=0.02)


def test_rolling_to_the_left_side_up_flies_to_the_right() -> None:
    env = started({"angles": (0.2, 0.0, 0.0)})
    for _ in range(5):
        env.step(trim(env))
    velocity, _ = velocity_and_rates(env)
    np.testing.assert_allclose(velocity, [0.0, -G * np.sin(0.2) * 0.1, -G * (1 - np.cos(0.2)) * 0.1], atol=1e-12)
    env = started({"angles": (0.0, 0.2, 0.0)})
    for _ in range(5):
        env.step(trim(env))
    assert velocity_and_rates(env)[0][0] == pytest.approx(G * np.sin(0.2) * 0.1)


def test_thrust_does_its_work() -> None:
    env = started(action_range="full", crash_distance=2.0)
    force = 2.25 * MASS * G / 2 * 1.4  # at a₁ = 0.4
    for _ in range(15):
        info = env.step(np.array([0.4, 0.0, 0.0, 0.0]))[4]
    t, acceleration = 0.3, force / MASS - G
    rise, speed = info["position"][2] - 1.0, velocity_and_rates(env)[0][2]
    energy = MASS * speed**2 / 2 + MASS * G * rise
    # Work is F Δz; the integrator's positions are ahead of it by ½ a t h.
    assert speed == pytest.approx(acceleration * t, abs=1e-12)
    assert force * rise - energy == pytest.approx(MASS * acceleration**2 * t * H / 2, rel=1e-9)


def test_a_free_body_keeps_angular_momentum_and_energy() -> None:
    env = started({"rates": (6.0, -4.0, 9.0)}, model="rotor", action_range="full")

    def spin() -> tuple[np.ndarray, float]:
        _, rates = velocity_and_rates(env)
        w, x, y, z = env.flight.state()[0][3:]
        return Rotation.from_quat([x, y, z, w]).apply(J * rates), float(rates @ (J * rates)) / 2

    momentum, energy = spin()
    for _ in range(10):
        env.step(NOTHING)
    later, left = spin()
    # Euler's equations with Jx = Jy: p + iq turns at λ = r (Jz − Jx)/Jx, and r stays.
    turned = (6 - 4j) * np.exp(1j * 9 * (J[2] - J[0]) / J[0] * 10 * STEP)
    np.testing.assert_allclose(velocity_and_rates(env)[1], [turned.real, turned.imag, 9.0], atol=0.15)
    assert abs(turned - (6 - 4j)) > 5  # it wobbles, and is not merely turning
    np.testing.assert_allclose(later, momentum, atol=0.02 * np.linalg.norm(momentum))
    assert left == pytest.approx(energy, rel=0.02)


def test_motors_lag_behind() -> None:
    env = started(action_range="full", **quiet(motor_time=0.06))
    hover, most = MASS * G / 4, 2.25 * MASS * G / 4
    action = np.array([0.2, -0.3, 0.5, -0.1])
    for k in range(1, 6):
        env.step(action)
        commanded = most * (1 + action) / 2
        expected = commanded + (hover - commanded) * np.exp(-k * STEP / 0.06)
        np.testing.assert_allclose(env.flight.thrusts(), expected, rtol=1e-12)
    instant = started(action_range="full", **quiet())
    instant.step(action)
    np.testing.assert_allclose(instant.flight.thrusts(), most * (1 + action) / 2, rtol=1e-12)


def test_drag_slows_it_down_towards_the_wind() -> None:
    start, drag = np.array([0.8, -0.4, 0.3]), 0.05
    env = started({"velocity": start}, **quiet(drag=drag))
    for _ in range(10):
        env.step(trim(env))
    found = velocity_and_rates(env)[0]
    np.testing.assert_allclose(found, start / (1 + H * drag / MASS) ** 50, rtol=1e-9)  # implicit Euler
    np.testing.assert_allclose(found, start * np.exp(-drag / MASS * 0.2), rtol=0.01)
    hover = 4 * [MASS * G / 4]
    env = started(**quiet(drag=drag))
    for _ in range(10):
        env.flight.advance(hover, (1.0, 0.0, -2.0))
    gained = 1 - (1 + H * drag / MASS) ** -50
    np.testing.assert_allclose(velocity_and_rates(env)[0], [gained, 0.0, -2.0 * gained], atol=1e-12)


def test_gusts_have_their_spread_and_memory() -> None:
    # 2000 steps, 3 axes, memory of 5 steps: about 600 independent values, so that 0.15 of the spread is 5 standard
    # errors; the seed is fixed.
    env = started(**quiet(gust_speed=0.7, gust_time=0.1))  # without drag, so that it stays
    winds = []
    for _ in range(2000):
        env.step(trim(env))
        winds.append(env._wind)
    wind = np.array(winds)
    assert abs(wind.mean()) < 0.15
    assert wind.std() == pytest.approx(0.7, rel=0.15)
    assert np.corrcoef(wind[1:].ravel(), wind[:-1].ravel())[0, 1] == pytest.approx(np.exp(-0.2), abs=0.04)
    assert abs(np.corrcoef(wind[:, 0], wind[:, 1])[0, 1]) < 0.3
    first = np.array([started(seed=seed, **quiet(gust_speed=0.7))._wind for seed in range(60)])
    assert first.std() == pytest.approx(0.7, rel=0.25)  # an episode begins in what is stationary


def test_every_episode_has_a_mass_an_inertia_and_a_thrust_of_its_own() -> None:
    env = started(**quiet(spread=0.1))
    masses, factors, inertias = [], [], []
    for _ in range(200):
        _, info = env.reset(options={"velocity": (0.0, 0.0, 0.0), "angles": (0, 0, 0), "rates": (0, 0, 0)})
        masses.append(info["mass"] / MASS)
        factors.append(info["thrust_factor"])
        inertias.append(env.flight.model.body_inertia[1] / J)
        assert env.flight.model.body_mass[1] == info["mass"]
    for drawn in (masses, factors, *np.array(inertias).T):
        assert 0.9 <= min(drawn) < 0.905
        assert 1.095 < max(drawn) <= 1.1
        assert np.std(drawn) == pytest.approx(0.2 / np.sqrt(12), rel=0.15)
    assert abs(np.corrcoef([masses, factors, *np.array(inertias).T]) - np.eye(5)).max() < 0.3
    env.step(trim(env))
    rise = (factors[-1] / masses[-1] - 1) * G * STEP
    np.testing.assert_allclose(velocity_and_rates(env)[0], [0.0, 0.0, rise], atol=1e-9)


def test_no_spread_makes_what_no_body_is() -> None:
    env = started(**quiet(spread=0.5))
    cut = 0
    for _ in range(60):
        env.reset()
        moments = np.sort(env.flight.model.body_inertia[1])
        assert moments[2] <= moments[:2].sum() * (1 + 1e-12)
        cut += moments[2] == pytest.approx(moments[:2].sum(), rel=1e-12)
    assert 5 < cut < 55


def test_thrusts_are_noisy_each_for_itself() -> None:
    env = started(**quiet(thrust_noise=0.1))
    commands = []
    for _ in range(400):
        commands.append(env.flight.thrusts()) if not env.step(trim(env))[2] else env.reset()
    noise = np.array(commands[1:]) / (MASS * G / 4) - 1
    noise = noise[(noise != -1).all(axis=1)]
    assert len(noise) > 300
    assert noise.std() == pytest.approx(0.1, rel=0.15)
    assert abs(np.corrcoef(noise.T) - np.eye(4)).max() < 0.25


def test_sensors_are_noisy_and_the_reward_is_not() -> None:
    noise: dict[str, Any] = {
        "position_noise": 0.03,
        "velocity_noise": 0.2,
        "attitude_noise": 0.01,
        "rate_noise": 0.5,
    }
    env = started(**quiet(**noise))
    options: dict[str, Any] = {
        "position": (0.1, 0.0, 1.0),
        "velocity": (0.0, 0.5, 0.0),
        "angles": (0.3, -0.5, 1.0),
        "rates": (1, 2, 3),
    }
    results = [env.reset(options=options) for _ in range(300)]
    seen = np.array([observation for observation, _ in results], dtype=np.float64)
    np.testing.assert_allclose([info["position_error"] for _, info in results], 0.1, rtol=1e-12)
    true = Rotation.from_euler("ZYX", [1.0, -0.5, 0.3])
    turned = (true.inv() * Rotation.from_matrix(seen[:, 6:15].reshape(-1, 3, 3))).as_rotvec()
    for values, mean, spread in (
        (seen[:, :3], (-0.1, 0.0, 0.0), 0.03),
        (seen[:, 3:6], (0.0, -0.5, 0.0), 0.2),
        (turned, (0.0, 0.0, 0.0), 0.01),
        (seen[:, 15:18], (1.0, 2.0, 3.0), 0.5),
    ):
        np.testing.assert_allclose(values.std(axis=0), spread, rtol=0.2)
        np.testing.assert_allclose(values.mean(axis=0), mean, atol=5 * spread / np.sqrt(300))
    np.testing.assert_allclose(seen[:, 18:], np.tile(seen[0, 18:], (300, 1)), atol=0)


def test_rotations_are_scipys() -> None:
    for angles in ((0.3, -0.7, 2.0), (-1.2, 0.4, -0.5)):
        w, x, y, z = quaternion_of(*angles)
        expected = Rotation.from_euler("ZYX", angles[::-1]).as_matrix()
        np.testing.assert_allclose(np.reshape(rotation_of(w, x, y, z), (3, 3)), expected, atol=1e-14)
        np.testing.assert_allclose(np.reshape(rotation_of(2 * w, 2 * x, 2 * y, 2 * z), (3, 3)), expected, atol=1e-14)


def test_the_airframe_of_another_reaches_the_physics() -> None:
    env = started(airframe={"mass": 0.05, "inertia": [3e-5, 2e-5, 4e-5], "arm": 0.06}, model="rotor", span=0.2)
    env.step(trim(env) + np.array([0.1, 0.1, -0.1, -0.1]))  # the right rotors
    torque = -4 * 0.1 * 0.2 * 0.05 * G / 4 * 0.06 / np.sqrt(2)
    np.testing.assert_allclose(velocity_and_rates(env)[1], [torque * STEP / 3e-5, 0.0, 0.0], rtol=5e-3, atol=1e-9)
    frame = Airframe()
    assert frame.weight == pytest.approx(0.26487)
    np.testing.assert_allclose(
        frame.mixer,
        [[1, 1, 1, 1], [-D, -D, D, D], [-D, D, D, -D], [-KAPPA, KAPPA, -KAPPA, KAPPA]],
        rtol=1e-12,
    )
