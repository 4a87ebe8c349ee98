"""The car against CommonRoad's vehicle models, a program of others (commonroad-vehicle-models)."""

import math
from typing import Any

import numpy as np
import pytest
from sb3_entropy_vehicle.car import Car
from sb3_entropy_vehicle.models import Kinematic, Linear, Slip
from sb3_entropy_vehicle.numerics import FLOATS
from sb3_entropy_vehicle.tyres import Grip
from scipy.integrate import solve_ivp

pytest.importorskip("vehiclemodels", reason="commonroad-vehicle-models, of the extra 'dev', is not installed")

from vehiclemodels.init_std import init_std
from vehiclemodels.parameters_vehicle2 import parameters_vehicle2
from vehiclemodels.utils import tire_model
from vehiclemodels.utils.vehicle_dynamics_ks_cog import vehicle_dynamics_ks_cog
from vehiclemodels.vehicle_dynamics_st import vehicle_dynamics_st
from vehiclemodels.vehicle_dynamics_std import vehicle_dynamics_std

BMW = parameters_vehicle2()


def test_the_car_is_its_vehicle_2() -> None:
    car = Car()
    theirs = {
        "mass": BMW.m, "inertia": BMW.I_z, "front": BMW.a, "rear": BMW.b, "height": BMW.h_s, "length": BMW.l,
        "width": BMW.w, "steering_rate": BMW.steering.v_max, "max_speed": BMW.longitudinal.v_max,
        "front_brake": BMW.T_sb, "front_drive": BMW.T_se,
        "power": BMW.longitudinal.a_max * BMW.longitudinal.v_switch,
    }  # fmt: skip
    assert {name: getattr(car, name) for name in theirs} == theirs
    for name in vars(car.tyre):
        assert getattr(car.tyre, name) == getattr(BMW.tire, name) * (-1.0 if name == "p_ky1" else 1.0), name


def drive(model: Any, theirs: Any, substeps: int) -> float:
    """:return: the greatest difference of any number of the state in 5 s of swerving, braking and driving"""
    ours = [0.0, 0.0, 0.3, 15.0, 0.0, 0.0, 0.0, 0.0]
    exact = [0.0, 0.0, 0.0, 15.0, 0.3, 0.0, 0.0]
    worst = 0.0
    for i in range(100):
        steering, pedal = 0.06 * math.sin(0.105 * i + 0.4), 2.0 * math.cos(0.065 * i)
        ours = model.advance(ours, steering, pedal, 0.05 / substeps, substeps, FLOATS)
        exact[2] = steering  # at once: no lag
        found = solve_ivp(
            lambda _, x, a=pedal: theirs(x, [0.0, a]), (0, 0.05), exact, method="DOP853", rtol=1e-11, atol=1e-12
        )
        exact = found.y[:, -1].tolist()
        x, y, _, v, psi, r, beta = exact
        worst = max(worst, float(abs(np.array([x, y, psi, v, beta, r]) - ours[:6]).max()))
    return worst


def test_linear_tyres_are_its_single_track_to_1e_6_over_5_s() -> None:
    def theirs(x: Any, u: Any) -> Any:
        return vehicle_dynamics_st(x, u, BMW)

    assert drive(Linear(Car(), False, 1.0), theirs, 20) < 1e-6
    assert 1e-6 < drive(Linear(Car(), False, 1.0), theirs, 2) < 1e-4  # the steps of the environment
    assert drive(Linear(Car(), False, 0.8), theirs, 2) > 1e-2  # on another road it is not


def test_rolling_wheels_are_its_kinematic_single_track() -> None:
    model, car = Kinematic(Car(), False), [0.0, 0.0, 0.3, 15.0, 0.0, 0.0, 0.0, 0.0]
    exact = [0.0, 0.0, 0.0, 15.0, 0.3]
    for steering, pedal in ((0.1, 2.0), (-0.05, -3.0), (0.3, 1.0)):
        car = list(model.advance(car, steering, pedal, 0.01, 20, FLOATS))
        exact[2] = steering
        found = solve_ivp(lambda _, x, a=pedal: vehicle_dynamics_ks_cog(x, [0.0, a], BMW), (0, 0.2), exact, rtol=1e-10)
        exact = found.y[:, -1].tolist()
        np.testing.assert_allclose(
            [car[0], car[1], car[3], car[2]], [exact[0], exact[1], exact[3], exact[4]], atol=1e-7
        )


@pytest.mark.parametrize(
    ("speed", "steering", "slips"),  # m/s, rad, and the slip angles of front and rear that this takes, in rad
    [
        (15, 0.02, (-0.008, -0.008)),
        (15, -0.09, (0.046, 0.043)),
        (10, 0.2, (-0.046, -0.042)),
        (15, 0.12, (-0.074, -0.062)),
    ],
)
def test_slipping_tyres_corner_as_its_drift_model(speed: float, steering: float, slips: tuple[float, float]) -> None:
    """
    Lateral acceleration and yaw rate within 10 % are asked for, and 3 % found. Without shifts left turns are right
    turns here, and the speed falls by some more per cent under the lesser longitudinal force.
    """
    start = init_std([0.0, 0.0, steering, speed, 0.0, 0.0, 0.0], BMW)
    found = solve_ivp(
        lambda _, x: vehicle_dynamics_std(list(x), [0.0, 2.0 * (speed - x[3])], BMW),
        (0, 6), start, method="LSODA", rtol=1e-6, atol=1e-7,
    )  # fmt: skip
    _, _, delta, v, _, r, beta, _, _ = found.y[:, -1].tolist()
    front = math.atan((v * math.sin(beta) + r * BMW.a) / (v * math.cos(beta))) - delta
    rear = math.atan((v * math.sin(beta) - r * BMW.b) / (v * math.cos(beta)))
    model, car = Slip(Car(), False, 1.0), [0.0, 0.0, 0.0, float(speed), 0.0, 0.0, 0.0, 0.0]
    for _ in range(120):
        car = list(model.advance(car, steering, 2.0 * (speed - car[3]), 0.025, 2, FLOATS))
    assert abs(car[5] * car[3] / (r * v) - 1.0) < 0.03
    assert abs(car[5] / r - 1.0) < 0.03
    # One side's slip angles are as stated, the other's a little less: their tyres pull to one side.
    assert (front, rear) == pytest.approx(slips, abs=4e-3)


def test_combined_forces_are_its_own_but_for_the_shifts() -> None:
    """Within 0.04 of the load along and 0.07 across, which is their S_hx, S_vx, r_hx1, r_by3 and S_vyκ."""
    grip = Grip(Car().tyre, 1.0)
    for alpha in (-0.3, -0.05, -0.02, 0.0, 0.03, 0.1):
        for share in (-1.0, -0.5, 0.0, 0.3, 0.8):
            kappa = grip.slip(share, FLOATS)
            along, across = grip.forces(4000.0, share, kappa, alpha, FLOATS)
            pure_along = tire_model.formula_longitudinal(-kappa, 0, 4000.0, BMW.tire)
            pure_across, mu = tire_model.formula_lateral(alpha, 0, 4000.0, BMW.tire)
            if share == 0.0:  # no longitudinal slip: the lateral force is theirs
                assert across == pytest.approx(pure_across, rel=1e-12, abs=1e-9)
            x = tire_model.formula_longitudinal_comb(-kappa, alpha, pure_along, BMW.tire)
            y = tire_model.formula_lateral_comb(-kappa, alpha, 0, mu, 4000.0, pure_across, BMW.tire)
            assert abs(along - x) < 0.04 * 4000.0
            assert abs(across - y) < 0.07 * 4000.0
