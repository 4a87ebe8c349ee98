"""The battery against its closed form, and its constants against the measurements that they come from."""

import math

import numpy as np
import pytest
from quadrotor_examples import QUIET, STEP, G, quiet, started, trim
from sb3_entropy_quadrotor.battery import EMPTY, FULL, IDLE, RISE, Battery
from sb3_entropy_quadrotor.env import QuadrotorEnv
from sb3_entropy_quadrotor.parameters import Airframe

#: of a rotor, in N
MOST = 2.25 * 0.027 * G / 4
ALL = np.ones(4)


def voltage(charge: float, current: float) -> float:
    return 3.74 + 0.42 * charge - 0.163 * current


def test_its_constants_are_those_of_the_measurements() -> None:
    """Bitcraze's thrust stand (A, gram of four rotors, V, % of duty), and the firmware's table of voltage by charge."""
    current = np.array([0.24, 0.37, 0.56, 0.75, 0.94, 1.15, 1.37, 1.59, 1.83, 2.11, 2.39, 2.71, 3.06, 3.46, 3.88, 4.44])
    gram = np.array([0, 1.6, 4.8, 7.9, 10.9, 13.9, 17.3, 21.0, 24.4, 28.6, 32.8, 37.3, 41.7, 46.0, 51.9, 57.9])
    volt = np.array([4.01, 3.98, 3.95, 3.92, 3.88, 3.84, 3.80, 3.76, 3.71, 3.67, 3.65, 3.62, 3.56, 3.48, 3.40, 3.30])
    duty = np.array([0, 6.25, 12.5, 18.75, 25, 31.25, 37.5, 43.25, 50, 56.25, 62.5, 68.75, 75, 81.25, 87.5, 93.75])
    thrust = gram * 9.81e-3
    np.testing.assert_allclose(-np.polyfit(current, volt, 1)[0], 0.163, atol=5e-4)
    slope, idle = np.polyfit(thrust, current, 1)
    assert (idle, slope * 4 * MOST) == pytest.approx((IDLE, FULL), rel=5e-3)
    assert abs(0.0976 * (duty / 100 * volt) ** 1.5 - thrust).max() < 0.04
    table = np.array([3.78, 3.83, 3.87, 3.89, 3.92, 3.96, 4.00, 4.04, 4.10, 4.20])
    assert abs(EMPTY + RISE * np.linspace(0.1, 1.0, 10) - table).max() < 0.041


@pytest.mark.parametrize("charge", [1.0, 0.6, 0.1])
def test_the_greatest_thrust_falls_with_the_voltage(charge: float) -> None:
    battery = Battery(Airframe(), 250.0, 0.163, STEP)
    for share in (1.0, 0.95, 0.5):
        given, left = battery.spend([share * MOST, MOST, share * MOST, 0.2 * MOST], charge)
        asked = (2 * share + 1.2) / 4
        full = voltage(1.0, 0.17 + 4.29)
        limit = MOST * min(1.0, voltage(charge, 0.17 + 4.29 * asked) / full) ** 1.5
        expected = [min(share * MOST, limit), min(MOST, limit), min(share * MOST, limit), 0.2 * MOST]
        np.testing.assert_allclose(given, expected, rtol=1e-12)
        drawn = (0.17 + 4.29 * sum(expected) / (4 * MOST)) * STEP / (0.250 * 3600)
        assert left == pytest.approx(charge - drawn, rel=1e-12)
        assert str(battery.spend([0.0] * 4, 1e-9).charge) == "0.0"
    full_thrust = battery.spend(list(MOST * ALL), charge).thrusts[0] / MOST
    assert full_thrust == pytest.approx({1.0: 1.0, 0.6: 0.9275, 0.1: 0.8395}[charge], abs=1e-4)
    assert battery.spend(list(MOST * ALL), 0.0).charge == 0.0  # and not less


def test_many_are_spent_as_one() -> None:
    battery, rng = Battery(Airframe(), 250.0, 0.2, STEP), np.random.default_rng(0)
    commands, charges = rng.uniform(0, MOST, (4, 30)), rng.uniform(0, 1, 30)
    given, left = battery.spend(list(commands), charges, np.minimum, np.sqrt)
    for i in range(30):
        one = battery.spend(commands[:, i].tolist(), float(charges[i]))
        assert (one.thrusts, one.charge) == ([thrusts[i] for thrusts in given], left[i])


def test_it_empties_in_flight_and_climbs_worse() -> None:
    env = started(action_range="full", crash_distance=2.0, **quiet(battery_capacity=2.0, battery_resistance=0.163))
    speeds, charge = [0.0], 1.0
    for k in range(1, 25):
        env.step(ALL)
        limit = (voltage(charge, 0.17 + 4.29) / voltage(1.0, 0.17 + 4.29)) ** 1.5
        charge -= STEP * (0.17 + 4.29 * limit) / (3.6 * 2.0)
        assert env.charge == pytest.approx(charge, rel=1e-9)
        speeds.append(float(env.flight.state()[1][2]))
        assert (speeds[-1] - speeds[-2]) / STEP == pytest.approx(G * (2.25 * limit - 1.0), rel=1e-6), k
    assert charge < 0.75
    env.reset(seed=1)
    assert env.charge == 1.0


def test_without_it_and_where_it_suffices_all_is_as_before() -> None:
    def flown(**disturbances: float) -> list[np.ndarray]:
        env = QuadrotorEnv(model="realistic", disturbances=disturbances)
        seen = [env.reset(seed=5)[0]]
        rng = np.random.default_rng(1)
        return seen + [env.step(rng.uniform(-0.3, 0.3, 4))[0] for _ in range(15)]

    ideal = flown(battery_capacity=0.0)
    np.testing.assert_array_equal(flown(), ideal)  # around hovering a full one has more than is asked for
    np.testing.assert_array_equal(flown(battery_capacity=0.0, least_charge=0.5), ideal)  # what is off draws nothing
    assert QUIET["battery_capacity"] == 0.0


def test_an_episode_begins_with_a_charge_of_its_own() -> None:
    env = QuadrotorEnv(model="realistic", disturbances={"least_charge": 0.4})
    charges = [env.reset(seed=seed)[1]["charge"] for seed in range(80)]
    assert env.charge == charges[-1] == env.reset(seed=79)[1]["charge"]
    assert 0.4 <= min(charges) < 0.43
    assert 0.97 < max(charges) <= 1.0
    assert np.std(charges) == pytest.approx(0.6 / math.sqrt(12), rel=0.2)
    _, info = QuadrotorEnv(model="realistic").reset(seed=0)
    assert "charge" not in info
    hovering = started(**quiet(battery_capacity=250.0, battery_resistance=0.163))
    for _ in range(50):
        hovering.step(trim(hovering))
    assert 1 - hovering.charge == pytest.approx((0.17 + 4.29 / 2.25) / 900, rel=1e-9)  # a second
