"""The car against closed forms: circles, braking, the engine, lags, the order of the integrator, and what tyres can."""

import math
from typing import Any

import numpy as np
import pytest
from sb3_entropy_vehicle.car import GRAVITY, Car, Tyre
from sb3_entropy_vehicle.models import Kinematic, Linear, Model, Slip
from sb3_entropy_vehicle.numerics import ARRAYS, FLOATS, both, bounds, rk4
from sb3_entropy_vehicle.tyres import Grip

CAR = Car()
AT_15 = [1.0, 2.0, 0.3, 15.0, 0.0, 0.0, 0.0, 0.0]


def held(model: Model, state: Any, steering: float, pedal: float, seconds: float, h: float = 0.025) -> list[float]:
    return list(model.advance(state, steering, pedal, h, round(seconds / h), FLOATS))


def test_the_integrator_is_of_fourth_order() -> None:
    exact = [math.cos(1.0), -math.sin(1.0)]
    errors = []
    for n in (10, 20):
        state: Any = [1.0, 0.0]
        for _ in range(n):
            state = rk4(lambda s: [s[1], -s[0]], state, 1.0 / n)
        errors.append(math.dist(state, exact))
    assert errors[0] / errors[1] == pytest.approx(16.0, rel=0.05)
    many = rk4(lambda s: [s[1], -s[0]], np.array([[1.0, 0.5], [0.0, -0.5]]), 0.1)
    assert many[:, 0].tolist() == pytest.approx(rk4(lambda s: [s[1], -s[0]], [1.0, 0.0], 0.1), rel=1e-15)


def test_constants_and_bounds_are_alike_for_one_and_for_many() -> None:
    numbers, limits = both(dt=0.1, cells=7), bounds([-1.0, -0.5], [2.0, 0.25])
    assert (numbers[False].dt, numbers[False].cells, type(numbers[False].cells)) == (0.1, 7.0, float)
    assert (numbers[True].dt.shape, float(numbers[True].dt), numbers[True].cells.dtype) == ((), 0.1, np.float64)
    columns = np.array([[-3.0, 0.5, 2.5], [0.5, -0.6, 0.1]])
    bounded = ARRAYS.bounded(list(columns), limits[True])
    np.testing.assert_array_equal(bounded, [[-1.0, 0.5, 2.0], [0.25, -0.5, 0.1]])
    assert [FLOATS.bounded(column, limits[False]) for column in columns.T.tolist()] == bounded.T.tolist()
    turns = np.array([-7.0, -math.pi, 1e-17, 3.0, math.pi, 20.0])
    np.testing.assert_array_equal(ARRAYS.wrapped(turns), [FLOATS.wrapped(turn) for turn in turns.tolist()])
    np.testing.assert_allclose(np.exp(1j * ARRAYS.wrapped(turns)), np.exp(1j * turns), atol=1e-14)
    assert (abs(ARRAYS.wrapped(turns)) <= math.pi).all()


@pytest.mark.parametrize("model", [Linear(CAR, False, 1.0), Slip(CAR, False, 0.7)])
def test_halving_the_step_of_the_car_divides_its_error_by_16(model: Model) -> None:
    ends = [np.array(held(model, AT_15, 0.05, 1.0, 0.8, 0.02 / 2**k)) for k in (0, 1, 4)]
    ratio = np.linalg.norm(ends[0] - ends[2]) / np.linalg.norm(ends[1] - ends[2])
    assert ratio == pytest.approx(16.0, rel=0.15)


@pytest.mark.parametrize("friction", [1.0, 0.5])
@pytest.mark.parametrize("speed", [8.0, 20.0])
def test_linear_tyres_steer_neutrally_on_a_circle(friction: float, speed: float) -> None:
    # Stiffness goes with the load on both axles, so that the understeer gradient is 0: r = v·δ/l at every speed.
    delta = -0.03
    car = held(Linear(CAR, False, friction), [0, 0, 0, speed, 0, 0, 0, 0], delta, 0.0, 8.0)
    r = speed * delta / CAR.wheelbase
    slip = r * speed / (CAR.tyre.p_ky1 * friction * GRAVITY)
    assert car[5] == pytest.approx(r, rel=1e-6)
    assert car[4] == pytest.approx(CAR.rear * r / speed - slip, rel=1e-5)


@pytest.mark.parametrize("delta", [0.2, -0.45])
def test_rolling_wheels_drive_a_circle_about_the_intersection_of_their_axes(delta: float) -> None:
    radius = math.hypot(CAR.wheelbase / math.tan(delta), CAR.rear)
    model = Kinematic(CAR, False)
    around = 2.0 * math.pi * radius / 5.0
    car = list(model.advance([3.0, 1.0, 0.2, 5.0, 0, 0, 0, 0], delta, 0.0, around / 400, 400, FLOATS))
    assert car[:2] == pytest.approx([3.0, 1.0], abs=1e-6)  # all the way round
    assert abs(car[2] - 0.2) == pytest.approx(2.0 * math.pi, rel=1e-9)
    assert car[5] == pytest.approx(math.copysign(5.0 / radius, delta))
    assert car[4] == pytest.approx(math.atan(CAR.rear * math.tan(delta) / CAR.wheelbase))


@pytest.mark.parametrize("model", [Linear(CAR, True, 1.0), Slip(CAR, True, 1.0)])
@pytest.mark.parametrize("speed", [0.5, 4.0])
def test_slow_cars_roll(model: Model, speed: float) -> None:
    car = held(model, [0, 0, 0, speed, 0, 0, 0, 0], 0.1, 0.0, 4.0)
    rolling = held(Kinematic(CAR, True), [0, 0, 0, speed, 0, 0, 0, 0], 0.1, 0.0, 4.0)
    assert car[5] / car[3] == pytest.approx(rolling[5] / rolling[3], rel=0.02)
    assert car[4] == pytest.approx(rolling[4], rel=0.12)


@pytest.mark.parametrize("model", [Kinematic(CAR, False), Linear(CAR, False, 1.0), Slip(CAR, False, 1.0)])
def test_a_car_brakes_to_a_halt_and_stays_there(model: Model) -> None:
    car = held(model, AT_15, 0.0, -6.0, 1.5)
    assert car[3] == pytest.approx(15.0 - 6.0 * 1.5, rel=1e-9)
    assert math.dist(car[:2], AT_15[:2]) == pytest.approx(15.0 * 1.5 - 3.0 * 1.5**2)
    car = held(model, car, 0.0, -6.0, 2.0)
    again = held(model, car, 0.0, -6.0, 1.0)
    assert car[3] == again[3] == 0.0
    assert again[:2] == pytest.approx(car[:2], abs=0.01)


def test_the_engine_gives_no_more_than_its_power() -> None:
    model = Kinematic(CAR, False)
    assert model.powered(4.0, 20.0, FLOATS) == 4.0
    assert model.powered(4.0, 40.0, FLOATS) == pytest.approx(11.5 * 7.319 / 40.0)
    assert model.powered(4.0, 50.8, FLOATS) == 0.0
    assert model.powered(-8.0, 60.0, FLOATS) == -8.0
    # v² grows by 2·power·t
    car = held(model, [0, 0, 0, 30.0, 0, 0, 0, 0], 0.0, 4.0, 2.0)
    assert car[3] ** 2 == pytest.approx(30.0**2 + 2 * 11.5 * 7.319 * 2.0, rel=1e-9)


def test_steering_and_pedals_lag() -> None:
    model = Kinematic(CAR, True)
    car = held(model, AT_15, 0.03, 2.0, 0.3, 0.001)
    assert car[6] == pytest.approx(0.03 * (1.0 - math.exp(-0.3 / 0.1)), rel=1e-9)
    assert car[7] == pytest.approx(2.0 * (1.0 - math.exp(-0.3 / 0.2)), rel=1e-9)
    assert held(model, AT_15, 0.5, 0.0, 0.3)[6] == pytest.approx(0.4 * 0.3)  # at its greatest rate
    assert held(model, AT_15, -0.5, 0.0, 0.3)[6] == pytest.approx(-0.4 * 0.3)
    assert held(Kinematic(CAR, False), AT_15, 0.5, -1.0, 0.025)[6:] == [0.5, -1.0]


@pytest.mark.parametrize("friction", [1.0, 0.4, 0.1])
def test_no_car_decelerates_or_corners_by_more_than_friction(friction: float) -> None:
    model = Slip(CAR, False, friction)
    limit = model.tyre.peak_along * GRAVITY
    car = held(model, AT_15, 0.0, -8.0, 0.5)
    assert (15.0 - car[3]) / 0.5 <= limit + 1e-9
    if friction < 0.5:  # both axles at their peaks
        assert (15.0 - car[3]) / 0.5 == pytest.approx(limit, rel=0.03)
    rng = np.random.default_rng(0)
    for _ in range(200):
        v, beta, r, delta, a = rng.uniform([3, -0.8, -1, -0.5, -8], [30, 0.8, 1, 0.5, 4])
        speed, slipping, *_ = model.slipping(v, beta, r, delta, a, FLOATS)
        assert math.hypot(speed, v * (slipping + r)) <= 1.1 * limit


@pytest.mark.parametrize("friction", [0.4, 0.1])
def test_ice_is_slippery_for_slow_cars_too(friction: float) -> None:
    model = Slip(CAR, False, friction)
    limit = model.tyre.peak_along * GRAVITY
    car, speeds = [0, 0, 0, 3.0, 0, 0, 0, 0], [3.0]
    while speeds[-1] > 0.0:
        car = held(model, car, 0.0, -8.0, 0.025)
        speeds.append(car[3])
    braked = -np.diff(speeds)[:-1] / 0.025
    assert braked == pytest.approx(limit, rel=0.03)  # both axles at their peaks, down to a halt
    # From a standstill the driven axle pulls with what weighs on it: a = μ_x (g l_f + a h)/l.
    pull = model.tyre.peak_along * GRAVITY * CAR.front / (CAR.wheelbase - model.tyre.peak_along * CAR.height)
    car = held(model, [0, 0, 0, 0.0, 0, 0, 0, 0], 0.0, 4.0, 1.0)
    # Loads are shifted by what is asked for, at most all that the road can give.
    assert pull <= car[3] <= model.tyre.peak_along * (GRAVITY * CAR.front + limit * CAR.height) / CAR.wheelbase + 1e-9


@pytest.mark.parametrize("friction", [1.0, 0.4, 0.1])
def test_the_forces_of_a_tyre_stay_near_its_ellipse_and_have_its_peaks(friction: float) -> None:
    grip = Grip(CAR.tyre, friction)
    alpha, share = np.meshgrid(np.linspace(-1.2, 1.2, 241), np.linspace(-1, 1, 41))
    along, across = grip.forces(3000.0, share, grip.slip(share, ARRAYS), alpha, ARRAYS)
    used = np.hypot(along / grip.peak_along, across / grip.peak_across) / 3000.0
    assert 1.0 <= used.max() < 1.1
    assert abs(along).max() == pytest.approx(3000.0 * 1.1739 * friction)
    fine = grip.forces(3000.0, 0.0, 0.0, np.linspace(0, 0.5, 4001), ARRAYS).across
    assert abs(fine).max() == pytest.approx(3000.0 * 1.0489 * friction, rel=1e-5)
    assert abs(across).max() <= 3000.0 * 1.0489 * friction
    assert (across * alpha <= 0).all()  # it opposes the slip
    assert (along * share >= 0).all()
    # Slopes at rest do not depend on friction.
    tiny = 1e-7
    assert grip.forces(1.0, 0.0, 0.0, tiny, FLOATS).across / tiny == pytest.approx(-CAR.tyre.p_ky1, rel=1e-5)
    assert grip.pure_along(tiny) / tiny == pytest.approx(CAR.tyre.p_kx1, rel=1e-5)


@pytest.mark.parametrize("friction", [1.0, 0.1])
def test_the_slip_of_a_force_is_the_inverse_of_the_magic_formula(friction: float) -> None:
    grip = Grip(CAR.tyre, friction)
    for share in np.linspace(-1, 1, 41).tolist():
        assert grip.pure_along(grip.slip(share, FLOATS)) == pytest.approx(share * grip.peak_along, abs=1e-12)
    assert grip.slip(1.0, FLOATS) == pytest.approx(0.15 * friction, abs=0.002 * friction)
    beyond = grip.slip(1.0, FLOATS) * 1.05
    assert grip.pure_along(beyond) < grip.peak_along


def test_left_is_right_mirrored_and_braking_loads_the_front() -> None:
    model = Slip(CAR, False, 0.4)
    left = model.slipping(10.0, 0.02, 0.3, 0.08, -3.0, FLOATS)
    right = model.slipping(10.0, -0.02, -0.3, -0.08, -3.0, FLOATS)
    assert left == pytest.approx([right[0], -right[1], -right[2], right[3]], rel=1e-12)
    linear = Linear(CAR, False, 1.0)
    _, _, braking, _ = linear.slipping(10.0, 0.0, 0.0, 0.05, -4.0, FLOATS)
    _, _, rolling, _ = linear.slipping(10.0, 0.0, 0.0, 0.05, 0.0, FLOATS)
    shifted = GRAVITY * CAR.rear + 4.0 * CAR.height
    assert braking / rolling == pytest.approx(shifted / (GRAVITY * CAR.rear))


@pytest.mark.parametrize("model", [Kinematic(CAR, True), Linear(CAR, True, 0.9), Slip(CAR, True, 0.3)])
def test_many_cars_move_as_one(model: Model) -> None:
    rng = np.random.default_rng(1)
    states = rng.uniform([-9, -9, -3, 0, -0.3, -0.5, -0.4, -5], [9, 9, 3, 30, 0.3, 0.5, 0.4, 4], (20, 8))
    steering, pedal = rng.uniform(-0.5, 0.5, 20), rng.uniform(-8, 4, 20)
    many = np.array(model.advance(states.T.copy(), steering, pedal, 0.025, 2, ARRAYS))
    for i, state in enumerate(states.tolist()):
        one = model.advance(state, float(steering[i]), float(pedal[i]), 0.025, 2, FLOATS)
        np.testing.assert_allclose(many[:, i], one, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"mass": -1.0}, "mass must be a number > 0, but -1.0"),
        ({"inertia": 0}, "inertia must be a number > 0, but 0"),
        ({"max_steering": 1.6}, r"max_steering must be a number > 0 and ≤ 1.5, but 1.6"),
        ({"front_drive": 1.1}, "front_drive must be a number between 0 and 1, but 1.1"),
        ({"height": -0.1}, "height must be a number ≥ 0, but -0.1"),
        ({"height": 2.0}, "height=2.0 with max_drive=4.0 and max_brake=8.0 lifts an axle off the road"),
        ({"tyre": {"p_dy1": -1.0}}, "p_dy1 must be a number > 0, but -1.0"),
        ({"tyre": {"p_cx1": 0.9}}, "p_cx1 must be a number > 1 and ≤ 2, but 0.9"),
        ({"tyre": {"p_ex1": 1.0}}, "p_ex1 must be a number ≤ 0.99, but 1.0"),
        ({"tyre": {"r_bx1": math.nan}}, "r_bx1 must be a number, but nan"),
        ({"tyre": {"p_ky": 20.0}}, "Unknown parameter of tyre 'p_ky'.*Did you mean 'p_ky1'"),
    ],
)
def test_cars_that_cannot_be_are_refused(numbers: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Car(**numbers)


def test_cars_are_made_of_what_differs() -> None:
    car = Car.of({"mass": 1500.0, "tyre": {"p_ky1": 20.0}})
    assert car == Car(mass=1500.0, tyre=Tyre(p_ky1=20.0))
    assert Car.of(car) is car
    assert Car.of(None) == Car()
    with pytest.raises(TypeError, match="tyre must be a Tyre, parameters of one by name, or None, but 3 was given"):
        Car(tyre=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Unknown parameter of car 'weight'"):
        Car.of({"weight": 1500.0})


@pytest.mark.parametrize(
    "model",
    [
        Kinematic(Car(pedal_lag=0.03), True),
        Kinematic(Car(steering_lag=0.03), True),
        Linear(CAR, False, 1.0),
        Linear(CAR, False, 1.7),
        Slip(Car(inertia=400.0), False, 0.5),
    ],
)
def test_a_step_is_too_long_where_what_should_settle_grows(model: Model) -> None:
    """Small departures from straight driving shrink in steps that are allowed, and grow in longer ones."""

    def growth(h: float) -> float:
        worst = 0.0
        for v in np.linspace(1.5, 3.5, 11).tolist():
            sizes, state = [], [0, 0, 0, v, 1e-15, 2e-15, 1e-15, 1e-15]
            for _ in range(40):
                state = list(model.advance(state, 0.0, 0.0, h, 1, FLOATS))
                state[3] = v
                sizes.append(float(np.linalg.norm(state[4:])))
            worst = max(worst, sizes[39] / sizes[19])
        return worst

    assert growth(model.longest_step) < 1.0
    assert growth(1.2 * model.longest_step) > 1.0
    assert Kinematic(CAR, False).longest_step == math.inf
