"""The temperature: what its strings mean, what it does update by update, which targets it refuses, and what it says."""

import math
import pickle
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import cloudpickle
import numpy as np
import pytest
from gymnasium import spaces
from scipy import stats
from stable_baselines3.common.utils import FloatSchedule, LinearSchedule

from oracles import recomputed
from oracles.recomputed import AtRolloutEnd
from sb3_entropy import SPPO
from sb3_entropy.regularizers.coefficients import make_coefficient
from sb3_entropy.target_entropy import auto_target_entropy, max_entropy, n_action_dims
from sb3_entropy.temperature import (
    DecayedTemperature,
    FixedTemperature,
    ScheduledTemperature,
    TunedTemperature,
    make_temperature,
)
from sb3_entropy.temperature import tuned as tuned_rule

BOX = spaces.Box(np.float32([-1, 0]), np.float32([3, 0.5]))
FOUR = spaces.Discrete(4)


# ---------------------------------------------------------------------- numbers and schedules


@pytest.mark.parametrize("given", [0, 0.0, 0.3, 2, np.float32(0.25), np.int64(3)])
def test_a_number_is_constant(given: Any) -> None:
    made = make_temperature(given, FOUR)
    assert made == FixedTemperature(float(given))
    for progress in (1.0, 0.4, 0.0):
        assert made.value(progress) == float(given)
    made.update(0.3, 100)
    assert made.value(0.5) == float(given)


@pytest.mark.parametrize("text", ["lin_0.1", "lin_3", "lin_2e-3", "lin_0"])
def test_a_linear_schedule_ends_at_0(text: str) -> None:
    initial = float(text.removeprefix("lin_"))
    made = make_temperature(text, BOX)
    for progress in (1.0, 0.75, 0.1, 0.0):
        assert made.value(progress) == pytest.approx(initial * progress, abs=1e-15)
    made.update(1.0, 10)
    assert made.value(0.5) == pytest.approx(initial / 2)


def cubic(progress: float) -> float:
    return 0.2 * progress**3


@pytest.mark.parametrize("schedule", [cubic, FloatSchedule(cubic), lambda progress: np.float32(0.2 * progress**3)])
def test_a_function_of_the_remaining_progress(schedule: Callable[[float], float]) -> None:
    made = make_temperature(schedule, BOX)
    for progress in (1.0, 0.6, 0.0):
        assert made.value(progress) == pytest.approx(0.2 * progress**3, rel=1e-6)
    assert isinstance(made.value(0.3), float)


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf, -math.inf])
def test_a_schedule_that_leaves_its_range_is_caught_where_it_does(bad: float) -> None:
    made = make_temperature(lambda progress: 0.1 if progress > 0.5 else bad, FOUR)
    assert made.value(0.6) == 0.1
    with pytest.raises(ValueError, match=rf"schedule of ent_coef gave {bad!r} at remaining progress 0.25.*finite"):
        made.value(0.25)


@pytest.mark.parametrize(
    ("text", "initial", "factor", "floor"),
    [("decay_1_0.99_0.01", 1.0, 0.99, 0.01), ("decay_0.5_0.7", 0.5, 0.7, 0.0), ("decay_2_1_0", 2.0, 1.0, 0.0)],
)
def test_decay_by_a_factor_an_update_down_to_the_floor(text: str, initial: float, factor: float, floor: float) -> None:
    made = make_temperature(text, FOUR)
    for k in range(600):
        assert made.value(0.3) == pytest.approx(max(floor, initial * factor**k), rel=1e-12)
        made.update(None if k % 2 else 0.2, 7)
    if text == "decay_1_0.99_0.01":
        # .99ᵏ < .01 from k = 459 on.
        assert made.value(1.0) == 0.01


# ---------------------------------------------------------------------- tuning


def tuned(initial: float = 1.0, target: float = 0.5, n_dims: int = 1, rate: float = 1e-3) -> TunedTemperature:
    return TunedTemperature(initial, target, n_dims, rate)


def log_alphas(
    initial: float, target: float, n_dims: int, rate: float, n_transitions: int, entropies: Sequence[float]
) -> list[float]:
    """
    log α before the first and after each update, by hand: it falls by min(rate · n, largest step) · clip(e, ±1), unless
    the entropy moves to its target at more than ⅔ of its best pace since it was last there, and would be there within
    200/rate transitions; and by the damping times the change of clip(e, ±½), where e = (H − H̄)/d and H is a running
    mean.
    """
    found, smooth, pace = [math.log(initial)], entropies[0], 0.0
    paces: list[float] = []
    for k, entropy in enumerate(entropies, start=1):
        before = smooth
        weight = min(1, n_transitions / min(tuned_rule.MEMORY, k * n_transitions))
        smooth += weight * (entropy - smooth)
        pace += min(1, n_transitions / tuned_rule.MEMORY) * ((smooth - before) / n_transitions - pace)
        if (smooth > target) != (before > target):
            paces = []
        paces.append(-pace if smooth > target else pace)
        e, e_before = ((h - target) / n_dims for h in (smooth, before))
        waits = paces[-1] > 2 / 3 * max(0.0, *paces) and abs(smooth - target) <= 200 / rate * paces[-1]
        integral = 0.0 if waits else min(rate * n_transitions, tuned_rule.LARGEST_STEP) * float(np.clip(e, -1, 1))
        damped = float(np.clip(e, -0.5, 0.5) - np.clip(e_before, -0.5, 0.5))
        found.append(found[-1] - integral - min(tuned_rule.DAMPING, 0.5 / weight) * damped)
    return found


def test_auto_starts_at_1_or_where_it_is_told() -> None:
    assert make_temperature("auto", FOUR).value(1.0) == 1.0
    for text, initial in [("auto_0.1", 0.1), ("auto_5", 5.0), ("auto_1e-3", 1e-3)]:
        made = make_temperature(text, FOUR)
        assert isinstance(made, TunedTemperature)
        assert made.value(0.2) == pytest.approx(initial, rel=1e-12)
        assert made.rate == 2e-4
        assert made.n_dims == 1


@pytest.mark.parametrize("n_dims", [1, 3])
@pytest.mark.parametrize("n_transitions", [5, 2048, 100_000])
@pytest.mark.parametrize("off", [-0.8, -0.01, 0.0, 0.02, 0.9, 5.0, -5.0])
def test_updates_by_hand(off: float, n_transitions: int, n_dims: int) -> None:
    entropies = [0.4 + off, 0.4 + 0.7 * off, 0.4 - 0.1 * off, 0.4 - 0.1 * off]
    expected = log_alphas(0.5, 0.4, n_dims, 2e-4, n_transitions, entropies)
    tuning = tuned(initial=0.5, target=0.4, n_dims=n_dims, rate=2e-4)
    for entropy, before, after in zip(entropies, expected, expected[1:], strict=False):
        assert math.log(tuning.value(1.0)) == pytest.approx(before, abs=1e-12)
        tuning.update(entropy, n_transitions)
        assert math.log(tuning.value(1.0)) == pytest.approx(after, abs=1e-12)
        # Stable-Baselines3's loss for SAC, at the α before the step.
        assert tuning.loss == pytest.approx(before * (entropy - 0.4), abs=1e-12)
    # More entropy than wanted lowers α.
    assert np.sign(expected[1] - expected[0]) == -np.sign(off)


def test_two_updates_of_half_a_rollout_are_one_of_a_whole() -> None:
    once, twice = tuned(rate=1e-4), tuned(rate=1e-4)
    once.update(0.9, 2000)
    for _ in range(2):
        twice.update(0.9, 1000)
    assert once.value(1.0) == pytest.approx(twice.value(1.0), rel=1e-12)


def test_no_entropy_no_update() -> None:
    tuning = tuned(initial=0.3)
    tuning.update(None, 100)
    assert tuning.value(1.0) == 0.3
    assert tuning.loss == 0.0


def test_alpha_stays_within_a_thousand_times_where_it_started() -> None:
    tuning = tuned(initial=0.2, rate=1.0)
    tuning.warned = True  # of which the tests of the warnings speak
    for _ in range(100):
        tuning.update(3.0, 1000)
    assert tuning.value(1.0) == pytest.approx(2e-4, rel=1e-9)
    for _ in range(100):
        tuning.update(-3.0, 1000)
    assert tuning.value(1.0) == pytest.approx(200, rel=1e-9)


@pytest.mark.parametrize("n_transitions", [2048, 16384])
@pytest.mark.parametrize("slope", [0.25, 0.5, 0.73])
@pytest.mark.parametrize("pace", [0.03, 0.1, 0.3, 0.6, 0.9, 1.0])
def test_the_loop_is_stable_with_policies_of_any_pace(pace: float, slope: float, n_transitions: int) -> None:
    """
    A model of training: an update takes the entropy the share ``pace`` of its way to H̄ + slope · log(α/α*), where α* is
    the temperature wanted. The slope is ½ for a Gaussian with a quadratic reward, .73 for the arms of
    :class:`~oracles.bandits.ArmBandit`. At the default rate both have to come to rest.
    """
    tuning = make_temperature("auto", FOUR, 0.6)
    assert isinstance(tuning, TunedTemperature)
    entropy, wanted = 1.3, 0.2
    entropies = []
    for _ in range(600):
        alpha = tuning.value(1.0)
        tuning.update(entropy, n_transitions)
        entropy += pace * (0.6 + slope * math.log(alpha / wanted) - entropy)
        entropies.append(entropy)
    assert np.abs(np.array(entropies[-50:]) - 0.6).max() < 0.02
    assert tuning.value(1.0) == pytest.approx(wanted, rel=0.1)


def loop(
    tuning: TunedTemperature, n_transitions: int, pace: float, wanted: float, start: float, steps: int
) -> np.ndarray:
    """
    A model of training: the entropy goes to H̄ + d · ½ log(α/α*), with a time constant of 5000 transitions but by no
    more than ``pace`` · d a transition, as Adam or a trust region lets it.

    :return: transitions, α/α* and (H − H̄)/d after each update
    """
    height, seen = start, []
    for k in range(steps // n_transitions):
        ratio = tuning.value(1.0) / wanted
        seen.append((k * n_transitions, ratio, height))
        tuning.update(tuning.target + tuning.n_dims * height, n_transitions)
        share = 1 - math.exp(-n_transitions / 5000)
        most = pace * n_transitions
        height += min(max(share * (0.5 * math.log(ratio) - height), -most), most)
    return np.array(seen)


#: α of the bandit r = −a² whose best policy has no entropy, and the entropy with which a policy starts, σ = 1
WANTED, START = 2 / (2 * math.pi * math.e), 0.5 * math.log(2 * math.pi * math.e)


@pytest.mark.parametrize(
    ("n_transitions", "pace", "initial", "settled_at"),
    [
        (40, 4e-5, 0.1, 100_000),
        (40, 4e-5, 1.0, 200_000),
        (2048, 2e-5, 0.1, 100_000),
        (2048, 2e-5, 1.0, 100_000),
        (2048, 4e-5, 0.1, 100_000),
        (2048, 4e-5, 1.0, 100_000),
        (8192, 4e-5, 0.1, 100_000),
        # These need 142,000 steps to lose their entropy, whatever α does meanwhile.
        (100, 1e-5, 0.1, 250_000),
        (2048, 1e-5, 1.0, 250_000),
    ],
)
def test_alpha_does_not_wind_up_while_the_policy_is_on_its_way(
    n_transitions: int, pace: float, initial: float, settled_at: int
) -> None:
    """H stays within .2 nats of the target on its far side, and α within 20 % of theory from ``settled_at`` on."""
    steps, ratio, height = loop(tuned(initial, 0.0, rate=2e-4), n_transitions, pace, WANTED, START, 400_000).T
    assert height.min() > -0.2
    assert ratio[steps >= settled_at] == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize(("sign", "start"), [(1.0, 0.9), (-1.0, -0.9)])
def test_lambda_does_not_wind_up_either(sign: float, start: float) -> None:
    """To attract, D begins next to 0 and λ falls; to repel, λ rises until the policy is D̄ away."""
    coefficient = make_coefficient("auto_1", sign, 0.3, 2e-4)
    assert isinstance(coefficient, TunedTemperature)
    steps, ratio, height = loop(coefficient, 2048, 2e-5, 1.0, start, 300_000).T
    assert (height * np.sign(start)).min() > -0.1
    assert ratio[steps >= 150_000] == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize(("share", "waits"), [(1e-6, False), (0.99, False), (1.01, True)])
def test_a_policy_that_would_not_arrive_is_not_waited_for(share: float, waits: bool) -> None:
    """1.5 nats away, at a share of the pace that takes 200/rate transitions: never slower than before, but too slow."""
    tuning = tuned(0.1, 0.0, rate=2e-4)
    tuning.update(1.5 + share * 1.5 * 2e-4 / 200 * tuned_rule.MEMORY, tuned_rule.MEMORY)
    before = tuning.log_factor
    tuning.update(1.5, tuned_rule.MEMORY)
    assert (tuning.log_factor == before) == waits


def test_a_target_crossed_is_a_new_start() -> None:
    """What counts is the best pace since H was last at H̄: an old, faster one does not make α descend meanwhile."""
    tuning = tuned(0.1, 0.0, rate=2e-4)
    for k in range(20):
        tuning.update(1.0 - 0.1 * k, 2048)
    assert tuning.entropy is not None
    assert tuning.entropy < 0
    assert tuning.best_pace == 0.0  # it moves away from the target since
    before = tuning.value(1.0)
    tuning.update(-1.0, 2048)
    assert tuning.value(1.0) > before


# ---------------------------------------------------------------------- at its ends


def entropies_for(tuning: TunedTemperature, entropy: float, n_updates: int) -> list[str]:
    """:return: the warnings that come while H stays where it is"""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(n_updates):
            tuning.update(entropy, 2048)
    return [str(warning.message) for warning in caught]


def test_alpha_at_its_floor_says_that_the_constraint_is_inactive_once() -> None:
    tuning = tuned(0.1, target=-0.31, rate=2e-4)
    assert entropies_for(tuning, 0.52, 18) == []
    (said,) = entropies_for(tuning, 0.52, 30)
    assert said == (
        "ent_coef has been next to its floor, 0.0001, for 16384 transitions, with entropy 0.52 and "
        "target_entropy=-0.31. The policy keeps the target by itself: the constraint is inactive, ent_coef next to 0 "
        "is right, and this is nearly the algorithm without it. If it is to act, choose a higher target_entropy or a "
        "fixed ent_coef. If rewards are so small that the floor is felt, start lower."
    )
    assert entropies_for(pickle.loads(pickle.dumps(tuning)), 0.52, 50) == []


def test_alpha_at_its_ceiling_says_what_to_do() -> None:
    (said,) = entropies_for(tuned(0.2, target=1.2, rate=1e-3), 0.4, 60)
    assert re.match(
        r"ent_coef has been next to its ceiling, 200, for 16384 .* entropy 0.4 and target_entropy=1.2", said
    )
    assert said.endswith(
        "Start higher, with ent_coef='auto_2e+02', if rewards are that large, or choose a lower "
        "target_entropy that the policy can reach."
    )


@pytest.mark.parametrize(
    ("sign", "divergence", "end", "advice"),
    [
        (1.0, 0.01, "floor", "choose a lower target_divergence or a fixed coef"),
        (1.0, 0.9, "ceiling", "choose a higher target_divergence that the policy can reach"),
        (-1.0, 0.9, "floor", "choose a higher target_divergence or a fixed coef"),
        (-1.0, 0.01, "ceiling", "choose a lower target_divergence that the policy can reach"),
    ],
)
def test_lambda_at_an_end_speaks_of_its_divergence(sign: float, divergence: float, end: str, advice: str) -> None:
    coefficient = make_coefficient("auto_1", sign, 0.3, 1e-3)
    assert isinstance(coefficient, TunedTemperature)
    (said,) = entropies_for(coefficient, -sign * divergence, 60)
    assert f"coef has been next to its {end}" in said
    assert f"with divergence {divergence} and target_divergence=0.3" in said
    assert advice in said


def test_a_visit_to_an_end_is_no_stay() -> None:
    tuning = tuned(0.1, rate=1.0)
    for _ in range(20):
        assert entropies_for(tuning, 1.5, 6) == []
        assert entropies_for(tuning, -0.5, 6) == []


# ---------------------------------------------------------------------- targets


@pytest.mark.parametrize(
    ("space", "uniform"),
    [
        (spaces.Discrete(7), stats.randint(0, 7).entropy()),
        (spaces.Discrete(3, start=5), stats.randint(0, 3).entropy()),
        (spaces.MultiDiscrete([2, 5, 9]), sum(stats.randint(0, n).entropy() for n in (2, 5, 9))),
        (spaces.MultiDiscrete([[2, 3], [4, 5]]), sum(stats.randint(0, n).entropy() for n in (2, 3, 4, 5))),
        (spaces.MultiBinary(4), 4 * stats.bernoulli(0.5).entropy()),
        (BOX, sum(stats.uniform(low, width).entropy() for low, width in [(-1, 4), (0, 0.5)])),
        (spaces.Box(-3, 7, (2, 2)), 4 * stats.uniform(-3, 10).entropy()),
    ],
)
def test_largest_entropy_and_automatic_target(space: spaces.Space, uniform: float) -> None:
    """
    Discrete: half of the uniform entropy. Box: the uniform one less log 2 + 1 a dimension, that is SAC's
    −1 on [−1, 1], moved by the log of the half-range.
    """
    assert max_entropy(space) == pytest.approx(float(uniform), rel=1e-6)
    if isinstance(space, spaces.Box):
        expected = sum(
            stats.uniform(low, (high - low) / 2).entropy() - 1
            for low, high in zip(space.low.ravel().astype(float), space.high.ravel().astype(float), strict=True)
        )
    else:
        expected = uniform / 2
    assert auto_target_entropy(space) == pytest.approx(float(expected), rel=1e-6)
    made = make_temperature("auto", space)
    assert isinstance(made, TunedTemperature)
    assert made.target == auto_target_entropy(space)


def test_on_sacs_own_box_the_target_is_sacs() -> None:
    assert auto_target_entropy(spaces.Box(-1, 1, (6,))) == pytest.approx(-6.0, abs=1e-12)


def test_stretching_a_box_moves_the_target_as_it_moves_the_entropy() -> None:
    """h(cX) = h(X) + log c a dimension."""
    small, large = (auto_target_entropy(spaces.Box(-c, c, (3,))) for c in (1, 10))
    assert large - small == pytest.approx(3 * math.log(10), rel=1e-6)


@pytest.mark.parametrize(
    ("space", "n"),
    [
        (spaces.Discrete(9), 1),
        (spaces.MultiDiscrete([2, 3, 4]), 3),
        (spaces.MultiBinary(5), 5),
        (BOX, 2),
        (spaces.Box(0, 1, (2, 3)), 6),
    ],
)
def test_how_many_independent_actions(space: spaces.Space, n: int) -> None:
    assert n_action_dims(space) == n
    made = make_temperature("auto", space)
    assert isinstance(made, TunedTemperature)
    assert made.n_dims == n


@pytest.mark.parametrize(
    ("space", "bounded", "target", "reachable"),
    [
        (FOUR, False, math.log(4), False),
        (FOUR, False, math.log(4) - 1e-6, True),
        (FOUR, False, 0.0, False),
        (FOUR, False, -1.0, False),
        (FOUR, False, 1e-6, True),
        (spaces.MultiBinary(2), False, 1.5, False),
        (spaces.MultiDiscrete([2, 3]), False, 1.7, True),
        (BOX, True, math.log(2.0), False),
        (BOX, True, math.log(2.0) - 0.2, True),
        (BOX, True, -50.0, True),
        (BOX, False, 50.0, True),
    ],
)
def test_which_targets_can_be_reached(space: spaces.Space, bounded: bool, target: float, reachable: bool) -> None:
    if reachable:
        made = make_temperature("auto", space, target, bounded=bounded)
        assert isinstance(made, TunedTemperature)
        assert made.target == target
        return
    lowest = "−∞" if isinstance(space, spaces.Box) else "0"
    largest = f"{max_entropy(space):.4g}"
    with pytest.raises(ValueError, match=rf"cannot be reached.*between {lowest} and {largest} nats.*'auto'"):
        make_temperature("auto", space, target, bounded=bounded)


@pytest.mark.parametrize("name", ["beta", "tanh_gaussian"])
def test_a_policy_inside_its_box_refuses_the_boxs_own_entropy(name: str) -> None:
    estimator = "quadrature" if name == "tanh_gaussian" else None
    kwargs = {"action_distribution": name, "entropy_estimator": estimator}
    env = recomputed.tape_envs(1, BOX)
    with pytest.raises(ValueError, match="target_entropy=1 cannot be reached"):
        SPPO("MlpPolicy", env, ent_coef="auto", target_entropy=1.0, policy_kwargs=kwargs)
    SPPO("MlpPolicy", env, ent_coef="auto", target_entropy=0.0, policy_kwargs=kwargs)
    # The unbounded Gaussian can have any entropy.
    SPPO("MlpPolicy", env, ent_coef="auto", target_entropy=1.0)


def test_a_target_is_only_looked_at_when_alpha_is_tuned() -> None:
    assert make_temperature(0.1, FOUR, target_entropy=99.0) == FixedTemperature(0.1)


# ---------------------------------------------------------------------- messages


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("aut", ValueError, "ent_coef must be .*'auto'.*'lin_<initial>'.* but 'aut' was given"),
        ("auto_", ValueError, "ent_coef must be .* but 'auto_' was given"),
        ("auto_1_2", ValueError, "but 'auto_1_2' was given"),
        ("auto_x", ValueError, "but 'auto_x' was given"),
        ("lin", ValueError, "but 'lin' was given"),
        ("lin_1_2", ValueError, "but 'lin_1_2' was given"),
        ("decay_1", ValueError, "but 'decay_1' was given"),
        ("decay_1_2_3_4", ValueError, "but 'decay_1_2_3_4' was given"),
        ("", ValueError, "but '' was given"),
        ("0.1", ValueError, "but '0.1' was given"),
        ("auto_0", ValueError, "the initial value of ent_coef must be a number > 0, but 0.0 was given"),
        ("auto_-1", ValueError, "the initial value of ent_coef must be a number > 0, but -1.0 was given"),
        ("auto_nan", ValueError, "the initial value of ent_coef must be a number > 0, but nan was given"),
        ("lin_-0.1", ValueError, "the initial value of ent_coef must be a number ≥ 0, but -0.1 was given"),
        ("lin_inf", ValueError, "the initial value of ent_coef must be a number ≥ 0, but inf was given"),
        ("decay_-1_0.9", ValueError, "the initial value of ent_coef must be a number ≥ 0"),
        ("decay_1_0", ValueError, "the decay factor of ent_coef must be a number > 0 and ≤ 1, but 0.0 was given"),
        ("decay_1_1.1", ValueError, "the decay factor of ent_coef must be .* but 1.1 was given"),
        ("decay_1_0.9_-1", ValueError, "the floor of ent_coef must be a number ≥ 0, but -1.0 was given"),
        (-0.1, ValueError, "ent_coef must be a number ≥ 0, but -0.1 was given"),
        (math.nan, ValueError, "ent_coef must be a number ≥ 0, but nan was given"),
        (math.inf, ValueError, "ent_coef must be a number ≥ 0, but inf was given"),
        (None, TypeError, "ent_coef must be a number ≥ 0, 'auto'.* but None was given"),
        (True, TypeError, "ent_coef must be a number ≥ 0, 'auto'.* but True was given"),
        ([0.1], TypeError, r"ent_coef must be a number ≥ 0, 'auto'.* but \[0.1\] was given"),
    ],
)
def test_what_cannot_be_read(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make_temperature(given, FOUR)
    with pytest.raises(error, match=message):
        SPPO("MlpPolicy", recomputed.tape_envs(1, FOUR), ent_coef=given)


@pytest.mark.parametrize(
    ("target", "rate", "space", "error", "message"),
    [
        ("half", 1e-4, FOUR, TypeError, "target_entropy must be a number.* but 'half'"),
        (None, 1e-4, FOUR, TypeError, "target_entropy must be a number.* but None"),
        (math.nan, 1e-4, FOUR, ValueError, "target_entropy must be a number.* but nan"),
        ("auto", 0.0, FOUR, ValueError, "ent_coef_lr must be a number > 0, but 0.0 was given"),
        ("auto", -1.0, FOUR, ValueError, "ent_coef_lr must be a number > 0, but -1.0 was given"),
        ("auto", "fast", FOUR, TypeError, "ent_coef_lr must be a number > 0, but 'fast'"),
        (
            "auto",
            1e-4,
            spaces.Box(0, np.inf, (1,)),
            ValueError,
            "needs a box with finite, distinct bounds.*as a number",
        ),
        ("auto", 1e-4, spaces.Box(np.float32([0, 1]), np.float32([1, 1])), ValueError, "finite, distinct bounds"),
        ("auto", 1e-4, spaces.Discrete(1), ValueError, "target_entropy=0 cannot be reached"),
    ],
)
def test_what_cannot_be_tuned(target: Any, rate: Any, space: spaces.Space, error: type, message: str) -> None:
    with pytest.raises(error, match=message), np.errstate(divide="ignore"):
        make_temperature("auto", space, target, rate)


# ---------------------------------------------------------------------- in an algorithm, and through a file


@pytest.mark.parametrize("given", [0.3, "lin_0.2", "decay_1_0.9_0.1", "auto_0.4", lambda progress: 0.1 + progress])
def test_pickling_keeps_the_state(given: Any) -> None:
    made = make_temperature(given, FOUR)
    for entropy in (0.9, 0.2, 1.3):
        made.update(entropy, 300)
    again = pickle.loads(cloudpickle.dumps(made))
    assert type(again) is type(made)
    for progress in (0.9, 0.1):
        assert again.value(progress) == made.value(progress)
    for one in (made, again):
        one.update(0.1, 1000)
    assert again.value(0.5) == made.value(0.5)


@pytest.mark.parametrize(
    ("given", "kind"),
    [(0.3, FixedTemperature), ("lin_0.2", ScheduledTemperature), ("decay_1_0.9_0.1", DecayedTemperature)],
)
def test_the_kinds(given: Any, kind: type) -> None:
    assert type(make_temperature(given, FOUR)) is kind


def alphas_of(model: SPPO, steps: int, **kwargs: Any) -> list[float]:
    """:return: α in each rollout of a training"""
    seen: list[float] = []
    model.learn(steps, callback=AtRolloutEnd(lambda model, _: seen.append(model.tempering.alpha)), **kwargs)
    return seen


def sppo(ent_coef: Any, **kwargs: Any) -> SPPO:
    env = recomputed.tape_envs(2, FOUR)
    return SPPO("MlpPolicy", env, n_steps=16, batch_size=32, n_epochs=1, ent_coef=ent_coef, seed=0, **kwargs)


def test_a_factor_an_update_in_training() -> None:
    assert alphas_of(sppo("decay_1_0.5_0.2"), 32 * 5) == pytest.approx([1, 0.5, 0.25, 0.2, 0.2])


def test_a_linear_schedule_follows_the_progress_of_the_training() -> None:
    model = sppo("lin_0.8")
    assert alphas_of(model, 32 * 4) == pytest.approx([0.6, 0.4, 0.2, 0.0])
    # Going on, the progress is that of both trainings together, as it is for Stable-Baselines3's learning rate.
    assert alphas_of(model, 32 * 4, reset_num_timesteps=False) == pytest.approx([0.3, 0.2, 0.1, 0.0])


def test_linear_schedules_agree_with_stable_baselines3s() -> None:
    assert alphas_of(sppo(LinearSchedule(0.8, 0.0, 1.0)), 128) == alphas_of(sppo("lin_0.8"), 128)


def test_a_tuned_alpha_in_training_by_hand() -> None:
    """α of every rollout from the entropies that the previous ones had."""
    model = sppo("auto_0.5", target_entropy=0.6, ent_coef_lr=3e-3)
    entropies: list[float] = []
    seen: list[float] = []

    def look(model: Any, local: dict[str, Any]) -> None:
        seen.append(model.tempering.alpha)
        weights = recomputed.Weights.of(model.policy)
        states = model.rollout_buffer.observations.reshape(-1, 3)
        entropies.append(np.mean([recomputed.categorical_entropy(weights.head(state)) for state in states]))

    model.learn(32 * 6, callback=AtRolloutEnd(look))
    expected = log_alphas(0.5, 0.6, 1, 3e-3, 32, entropies)[:-1]
    np.testing.assert_allclose(np.log(seen), expected, atol=1e-5)
    assert seen[-1] < seen[0]


def test_a_tuned_alpha_survives_saving(tmp_path: Any) -> None:
    model = sppo("auto_0.5", ent_coef_lr=3e-3)
    model.learn(32 * 3)
    assert model.temperature is not None
    before = model.temperature.value(0.0)
    assert before != 0.5
    model.save(tmp_path / "model")
    again = SPPO.load(tmp_path / "model", env=recomputed.tape_envs(2, FOUR))
    assert again.temperature == model.temperature  # its pace too
    assert again.temperature.value(0.0) == before
    assert alphas_of(again, 32, reset_num_timesteps=False) == [before]
    # Another temperature asked for is another temperature made.
    other = SPPO.load(tmp_path / "model", ent_coef=0.2)
    assert other.temperature == FixedTemperature(0.2)


def test_a_decaying_alpha_survives_saving(tmp_path: Any) -> None:
    model = sppo("decay_1_0.5")
    model.learn(32 * 3)
    model.save(tmp_path / "model")
    again = SPPO.load(tmp_path / "model", env=recomputed.tape_envs(2, FOUR))
    assert alphas_of(again, 64, reset_num_timesteps=False) == pytest.approx([0.125, 0.0625])


def test_a_closure_survives_saving(tmp_path: Any) -> None:
    top = 0.7
    model = sppo(lambda progress: top * progress**2)
    model.save(tmp_path / "model")
    again = SPPO.load(tmp_path / "model", env=recomputed.tape_envs(2, FOUR))
    assert alphas_of(again, 64) == pytest.approx([0.7 / 4, 0.0])
