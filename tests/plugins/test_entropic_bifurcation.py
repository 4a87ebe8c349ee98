"""The extension around continuous environments: what a step does, and what that does to soft values."""

import subprocess
import sys
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from sb3_entropy_bifurcation import EntropicBifurcation, Preference, UndiscountedInsertion
from sb3_entropy_bifurcation.extension.cuts import CUTS, make_cut
from sb3_entropy_bifurcation.extension.pendulum import nearly_balanced, onward
from sb3_entropy_bifurcation.extension.rule import soft_value
from stable_baselines3 import SAC
from stable_baselines3.common.env_checker import check_env as sb3_check_env
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecNormalize

from sb3_entropy import SDDPG
from sb3_entropy.presets.wrappers import env_wrapper

ENV_ID = "entropy/BifurcatedPendulum-v0"
MODULE = "sb3_entropy_bifurcation.extension.pendulum"
SETTINGS: dict[str, Any] = {"terminal_reward": -900.0, "continuation": -400.0}


def falling(observation: Any) -> bool:
    return bool(observation[2] > 0)


def shared(observation: Any, action: Any) -> float:
    return float(0.3 + 0.2 * action[0] + 0.1 * observation[0])


def wrapped(**settings: Any) -> EntropicBifurcation:
    given: dict[str, Any] = {"region": falling, "share": shared, **SETTINGS, **settings}
    return EntropicBifurcation(gym.make("Pendulum-v1"), **given)


def torque(a: float) -> Any:
    return np.array([a], dtype=np.float32)


# What a step does


def test_taking_a1_is_the_environment_and_inserted_steps_do_not_count() -> None:
    env, bare, rng = wrapped(), gym.make("Pendulum-v1"), np.random.default_rng(0)
    seen, _ = env.reset(seed=4)
    expected, _ = bare.reset(seed=4)
    earned, steps, inserted, over = [0.0, 0.0], 0, 0, False
    while not over:
        np.testing.assert_array_equal(seen, [*expected, 0.0, 0.0])
        action = rng.uniform(-2, 2, size=1).astype(np.float32)
        held = falling(expected)
        if held:
            waiting, reward, *ends, info = env.step(action)
            np.testing.assert_allclose(waiting, [*expected, 1.0, action[0] / 2], rtol=1e-6)
            assert (reward, ends, info["pending"]) == (0.0, [False, False], True)
            assert info["share"] == pytest.approx(shared(expected, action / 2), abs=1e-6)
            assert env.observation_space.contains(waiting)
            inserted += 1
        seen, reward, terminated, over, info = env.step(torque(2.0) if held else action)
        assert (info["pending"], info.get("continued")) == (False, True if held else None)
        expected, other, *others, _ = bare.step(action)
        assert (reward, terminated, over) == (other, *others)
        earned = [earned[0] + float(reward), earned[1] + float(other)]
        steps += 1
    assert steps == 200
    assert 50 < inserted < 150
    assert earned[0] == earned[1]


@pytest.mark.parametrize(("cut", "last", "beyond"), [("half_space", 0.41, 0.39), ("band", -0.29, 0.31)])
def test_a2_ends_the_episode_and_pays_the_terminal_reward(cut: str, last: float, beyond: float) -> None:
    env = wrapped(share=0.3, cut=cut, region=lambda observation: True, terminal_reward=lambda s, a: -500 - a[0])
    for a, continued in ((last, True), (beyond, False)):
        start, _ = env.reset(seed=1)
        env.step(torque(1.5))
        seen, reward, terminated, truncated, info = env.step(torque(2 * a))
        assert (terminated, truncated, info["continued"]) == (not continued, False, continued)
    np.testing.assert_array_equal(seen, start)  # nothing was executed, nothing is pending
    assert reward == -500.75
    with pytest.raises(gym.error.ResetNeeded, match=r"Call reset\(\) before step\(\): no episode has begun"):
        env.step(torque(0))
    env.reset()
    assert env.step(torque(0))[4]["pending"]


def test_actions_out_of_the_box_are_clipped_where_they_are_held_back() -> None:
    env, bare = wrapped(region=lambda observation: True), gym.make("Pendulum-v1")
    env.reset(seed=0)
    bare.reset(seed=0)
    assert env.step(torque(7.0))[0][-1] == 1.0
    np.testing.assert_array_equal(env.step(torque(9.0))[0][:3], bare.step(torque(2.0))[0])


class Corner(gym.Env[Any, Any]):
    """One step, with two actions whose box is off the origin, which ends with a reward of their sum."""

    observation_space = spaces.Box(2.0, 3.0, (1,), np.float64)
    action_space = spaces.Box(np.array([1.0, -6.0]), np.array([3.0, -2.0]), dtype=np.float64)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return np.array([2.5]), {"begun": True}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return np.array([2.0]), float(action.sum()), True, False, {"done": True}


def test_a_box_off_the_origin_is_scaled_and_cut_by_the_coordinate() -> None:
    env = EntropicBifurcation(
        Corner(), lambda seen: True, 0.25, terminal_reward=-9, continuation=-5.0, cut="band", coordinate=1
    )
    assert env.reset()[1] == {"begun": True, "pending": False}
    seen = env.step(np.array([1.5, -3.0]))[0]
    assert seen.dtype == np.float64
    np.testing.assert_allclose(seen, [2.5, 1.0, -0.5, 0.5])
    seen, reward, over, _, info = env.step(np.array([1.0, -3.6]))
    assert (seen.tolist(), reward, over, info["done"], info["continued"]) == ([2, 0, 0, 0], -1.5, True, True, True)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(np.array([1.5, -3.0]))
    env.reset()
    env.step(np.array([1.5, -3.0]))
    assert env.step(np.array([2.0, -3.4]))[1:3] == (-9.0, True)


# The cuts and the soft value


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("share", [0.003, 0.25, 0.9])
def test_a1_has_its_share_of_the_box(cut: str, share: float) -> None:
    divided = make_cut(cut, 1, 3)
    x = (2 * np.arange(4000) + 1) / 4000 - 1
    inside = [divided.continues(np.array([0.9, value, -0.9]), share) for value in x]
    assert np.mean(inside) == pytest.approx(share, abs=1e-3)
    assert [divided.continues(np.full(3, middle), share) for middle in divided.middles(share)] == [True, False]
    assert all(abs(middle) <= 1 for middle in divided.middles(share))


@pytest.mark.parametrize(("alpha", "W", "r_T"), [(0.2, -3.0, -3.4), (1.5, 2.0, -1.0), (0.2, -3.0, -400.0)])
def test_the_soft_value_is_the_integral_over_the_box(alpha: float, W: float, r_T: float) -> None:
    x = (2 * np.arange(200_000) + 1) / 200_000 - 1
    pays = np.where(abs(x) < 0.3, W, r_T)
    for n_actions in (1, 3):  # what is constant in the other coordinates integrates to 2 in each
        integral = 2.0 ** (n_actions - 1) * np.exp((pays - W) / alpha).mean() * 2
        expected = W + alpha * np.log(integral)
        assert soft_value(W, 0.3, r_T, alpha, n_actions) == pytest.approx(expected, abs=1e-5)
    assert soft_value(W, 0.3, r_T, 0) == W
    with pytest.raises(ValueError, match="alpha must be a number ≥ 0"):
        soft_value(W, 0.3, r_T, -1)


def test_the_share_makes_any_target_soft_optimal() -> None:
    alpha, a = 0.3, np.linspace(-0.99, 0.99, 34)
    W = -2 * (a - 0.7) ** 2
    target = 0.2 + (a + 0.5) ** 2
    share = 0.1 * target * np.exp(-W / alpha) / (target * np.exp(-W / alpha)).max()
    V = np.array([soft_value(w, s, -80.0, alpha) for w, s in zip(W, share, strict=True)])
    policy = np.exp((V - V.max()) / alpha)
    np.testing.assert_allclose(policy / policy.sum(), target / target.sum(), rtol=1e-12)


def test_a_preference_falls_off_in_the_logarithm() -> None:
    prefers = Preference([0.5, -0.2], 0.01, 0.8)
    nothing = np.zeros(1)
    for action, far in (([0.5, -0.2], 0.0), ([-1, 0.4], 1.0), ([-0.25, -0.2], 0.5), ([0.5, 0.55], 0.5)):
        expected = np.log(0.8) + far * np.log(0.01 / 0.8)
        assert np.log(prefers(nothing, np.array(action))) == pytest.approx(expected, abs=1e-12)
    default = Preference(onward)
    for sine, a, share in ((0.1, 1.0, 0.9), (0.1, -1.0, 0.01), (-0.1, -1.0, 0.9), (0.0, 1.0, 0.9)):
        assert default(np.array([1, sine, 0]), np.array([a])) == pytest.approx(share)
    for wrong in ([0.5], [0.5, 1.1]):
        with pytest.raises(ValueError, match=r"preferred action must be of the unit box \[−1, 1\]\^2, but"):
            Preference(wrong)(nothing, np.zeros(2))
    for least, greatest in ((0.5, 0.5), (0.1, 1.0)):
        with pytest.raises(ValueError, match=rf"least < greatest < 1, but {least} and {greatest}"):
            Preference([0.0], least, greatest)
    with pytest.raises(ValueError, match="least must be a number > 0"):
        Preference([0.0], 0.0)


# The registered environment


def test_the_pendulum_is_bifurcated_where_it_is_nearly_balanced() -> None:
    env = gym.make(ENV_ID)
    assert env.observation_space == spaces.Box(
        np.array([-1, -1, -8, 0, -1], np.float32), np.array([1, 1, 8, 1, 1], np.float32)
    )
    pendulum: Any = env.unwrapped
    extension: Any = env.get_wrapper_attr("extension")
    for angle, speed, held in (
        (0.49, 2.4, True),
        (-0.49, 0, True),
        (0.51, 0, False),
        (0, -2.6, False),
        (3.1, 0, False),
    ):
        env.reset()
        pendulum.state = np.array([angle, speed])
        assert nearly_balanced(pendulum._get_obs()) == held
        env.get_wrapper_attr("stand_at")(pendulum._get_obs())
        _, reward, _, _, info = env.step(torque(0.5))
        assert info["pending"] == held
        assert reward == (0 if held else pytest.approx(-0.1 * (angle**2 + 0.1 * speed**2 + 0.00025)))
    pending = extension.pending(np.array([np.cos(0.2), np.sin(0.2), 0]), np.array([-1.0]))
    assert (pending.share, pending.terminal_reward) == (pytest.approx(0.05), -20.0)


def test_every_parameter_reaches_the_pendulum() -> None:
    env = gym.make(
        ENV_ID,
        reward_scale=1.0,
        region=f"{MODULE}:nearly_balanced",
        share=0.5,
        terminal_reward=-7000,
        continuation=-3000,
        cut="band",
        time_limit=2,
        g=5.0,
    )
    assert env.unwrapped.g == 5.0  # type: ignore[attr-defined]
    env.reset(options={"x_init": 0.1, "y_init": 0.1})
    assert env.step(torque(0))[4]["share"] == 0.5
    env.step(torque(0.9))
    assert env.step(torque(0))[1:4] == (0.0, False, False)
    assert env.step(torque(-0.9))[3]
    env.reset(options={"x_init": 0.1, "y_init": 0.1})
    env.step(torque(0))
    assert env.step(torque(1.1))[1:3] == (-7000.0, True)
    assert gym.make(ENV_ID, least=0.2).get_wrapper_attr("extension").share.least == 0.2
    for name, wrong in (("reward_scale", 0.0), ("time_limit", 0)):
        with pytest.raises(ValueError, match=f"{name} must be"):
            gym.make(ENV_ID, **{name: wrong})


def test_what_its_spec_makes_does_not_count_inserted_steps_either() -> None:
    first = gym.make(ENV_ID, time_limit=2)
    assert first.spec is not None
    assert first.spec.max_episode_steps is None
    for env in (first, gym.make(first.spec)):
        env.reset(options={"x_init": 0.1, "y_init": 0.1})
        # Two steps of the pendulum, an inserted one before each.
        told = [env.step(torque(asked))[2:] for asked in (0.0, 1.9, 0.0, 1.9)]
        assert [(*ends, info["pending"]) for *ends, info in told] == [
            (False, False, True),
            (False, False, False),
            (False, False, True),
            (False, True, False),
        ]
    assert gym.make(first.spec).spec == first.spec


def test_both_checkers_are_satisfied() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*recommend.* a symmetric and normalized")
        sb3_check_env(gym.make(ENV_ID))
        sb3_check_env(wrapped())
        warnings.filterwarnings("ignore", ".*different from the unwrapped version.*")
        warnings.filterwarnings("ignore", ".*render mode.*")
        gymnasium_check_env(gym.make(ENV_ID).env.env, skip_render_check=True)  # type: ignore[attr-defined]


def test_a_yaml_wraps_with_it() -> None:
    settings = {"region": f"{MODULE}:nearly_balanced", "share": 0.2, **SETTINGS}
    wrapping = env_wrapper({"sb3_entropy_bifurcation.EntropicBifurcation": settings})
    assert wrapping is not None
    env = wrapping(gym.make("Pendulum-v1"))
    assert isinstance(env, EntropicBifurcation)
    assert env.extension.region is nearly_balanced
    assert env.spec is not None
    assert env.spec.additional_wrappers[-1].kwargs == {**settings, "cut": "half_space", "coordinate": 0}


@pytest.mark.slow
def test_children_that_start_with_an_empty_registry_make_it() -> None:
    envs = make_vec_env(f"sb3_entropy_bifurcation:{ENV_ID}", n_envs=2, vec_env_cls=SubprocVecEnv, seed=0)
    single = DummyVecEnv([lambda: gym.make(ENV_ID)] * 2)
    single.seed(0)
    try:
        np.testing.assert_array_equal(envs.reset(), single.reset())
        for _ in range(30):
            actions = np.random.default_rng(0).uniform(-2, 2, size=(2, 1)).astype(np.float32)
            np.testing.assert_array_equal(envs.step(actions)[0], single.step(actions)[0])
    finally:
        envs.close()


def test_importing_the_plugin_loads_the_wrapper_when_it_is_asked_for() -> None:
    code = (
        "import sys, sb3_entropy_bifurcation as b; print({'torch', 'scipy', 'sb3_entropy', 'stable_baselines3'} & "
        "set(sys.modules)); b.EntropicBifurcation; print('torch' in sys.modules, hasattr(b, 'Nothing'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["set()", "False False"]


# γ at the inserted step


def always(observation: Any) -> bool:
    return bool(observation[2] > -0.5)


def test_the_replay_buffer_does_not_discount_what_is_inserted() -> None:
    def make() -> EntropicBifurcation:
        return wrapped(region=always, share=0.9)

    normalised = VecNormalize(DummyVecEnv([make, make]))
    model = SAC(
        "MlpPolicy",
        normalised,
        replay_buffer_class=UndiscountedInsertion,
        replay_buffer_kwargs={"gamma": 0.9},
        gamma=0.9,
        learning_starts=100,
        seed=0,
        policy_kwargs={"net_arch": [4]},
    )
    model.learn(80)
    buffer = model.replay_buffer
    assert isinstance(buffer, UndiscountedInsertion)
    steps = np.arange(40)
    np.random.seed(0)
    plain = buffer._get_samples(steps)
    np.random.seed(0)
    scaled = buffer._get_samples(steps, normalised)
    flags = plain.next_observations[:, 3].numpy().round(6)  # the last of an episode has been normalised and back
    assert set(flags) == {0.0, 1.0}
    for samples in (plain, scaled):
        assert samples.discounts is not None
        np.testing.assert_allclose(samples.discounts.numpy()[:, 0], np.where(flags == 1, 1.0, 0.9))
    np.random.seed(0)
    expected = super(UndiscountedInsertion, buffer)._get_samples(steps, normalised)
    for ours, theirs in zip(scaled[:5], expected[:5], strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    with pytest.raises(ValueError, match="gamma must be a number between 0 and 1, but 2"):
        UndiscountedInsertion(2, normalised.observation_space, normalised.action_space, gamma=2)


def test_the_replay_buffer_refuses_observations_without_a_flag() -> None:
    acted = gym.make("Pendulum-v1").action_space
    extended = wrapped().observation_space
    assert UndiscountedInsertion(2, extended, acted, gamma=0.9).gamma == 0.9
    clock = gym.wrappers.TimeAwareObservation(wrapped())  # after the pending action
    whole = spaces.Box(-1.0, 1.0, (2, 2))
    for observed in (gym.make("Pendulum-v1").observation_space, clock.observation_space, whole):
        with pytest.raises(ValueError, match=r"a flag in \[0, 1\] and that action in \[−1, 1\]\^1 must be the last"):
            UndiscountedInsertion(2, observed, acted, gamma=0.9)


def test_our_algorithms_learn_from_that_buffer() -> None:
    settings: dict[str, Any] = {"learning_starts": 20, "seed": 0, "policy_kwargs": {"net_arch": [8]}, "batch_size": 32}
    weights = []
    for gamma in (0.5, 1.0):  # the learner's γ is 0.5, so that only the buffer's can make a difference
        model = SDDPG(
            "MlpPolicy",
            wrapped(region=always, share=0.9),
            gamma=0.5,
            replay_buffer_class=UndiscountedInsertion,
            replay_buffer_kwargs={"gamma": gamma},
            **settings,
        )
        model.learn(40)
        weights.append(next(model.policy.critic.parameters()).detach().numpy().copy())  # type: ignore[union-attr]
    assert (weights[0] != weights[1]).any()


# Bad input


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"region": 3}, TypeError, "region must be a function or 'module:name', but 3 was given"),
        ({"region": "nowhere:at_all"}, ValueError, "region must be a function or 'module:name', but 'nowhere:at_all'"),
        ({"region": f"{MODULE}:nothing"}, ValueError, "where none is found: "),
        ({"region": f"{MODULE}:ANGLE"}, TypeError, "region must be a function"),
        ({"region": "no_colon"}, ValueError, "region must be a function or 'module:name'"),
        ({"share": 0.0}, ValueError, r"share must be in \(0, 1\), but 0.0 was given: A1 and A2 need a volume each"),
        ({"share": 1}, ValueError, r"share must be in \(0, 1\), but 1.0"),
        ({"share": None}, TypeError, "share must be a number"),
        ({"terminal_reward": -400.0}, ValueError, "terminal_reward must be less than continuation, but -400.0 and -4"),
        ({"terminal_reward": float("nan")}, ValueError, "terminal_reward must be a number"),
        ({"continuation": "gone:away"}, ValueError, "continuation must be a function or 'module:name'"),
        ({"cut": "bands"}, ValueError, "Unknown cut 'bands'. Available: band, half_space. Did you mean 'band'"),
        ({"coordinate": 1}, ValueError, "coordinate must be a whole number between 0 and 0, but 1"),
        ({"coordinate": 0.5}, TypeError, "coordinate must be a whole number"),
    ],
)
def test_arguments_that_are_not_allowed(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        wrapped(**settings)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (
            {"region": lambda seen: 1.0},
            TypeError,
            r"region must return True or False, but 1.0 was returned for the obs",
        ),
        (
            {"share": lambda seen, a: 1.0},
            ValueError,
            r"share must be in \(0, 1\), but 1.0 was given for the observation",
        ),
        ({"share": lambda seen, a: "half"}, TypeError, "share must be a number"),
        ({"terminal_reward": lambda seen, a: 0.0}, ValueError, "terminal_reward must be less than continuation"),
    ],
)
def test_functions_are_checked_when_they_are_called(
    settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    env = wrapped(**{"region": lambda seen: np.bool_(True), **settings})
    env.reset()
    with pytest.raises(error, match=message):
        env.step(torque(0))


@pytest.mark.parametrize("wrong", [[np.nan], [0.1, 0.2], ["0"], [np.inf], 0.5])
def test_actions_that_are_no_actions_are_refused(wrong: Any) -> None:
    env = wrapped(region=lambda seen: True)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(torque(0))
    env.reset()
    with pytest.raises(ValueError, match=r"An action of shape \(1,\), of finite numbers, must be given, but "):
        env.step(np.array(wrong))


class Spaced(gym.Env[Any, Any]):
    """Nothing but its spaces."""

    def __init__(self, observed: spaces.Space[Any], acted: spaces.Space[Any]):
        self.observation_space, self.action_space = observed, acted


UNIT, SEEN = spaces.Box(-1.0, 1.0, (1,)), spaces.Box(-1.0, 1.0, (3,))


@pytest.mark.parametrize(
    ("observed", "acted", "error", "message"),
    [
        (SEEN, spaces.Discrete(2), TypeError, "needs continuous actions, a Box, but the actions are Discrete"),
        (SEEN, spaces.Box(-np.inf, np.inf, (1,)), ValueError, "needs a bounded box of actions of one axis"),
        (SEEN, spaces.Box(-1, 1, (2, 2)), ValueError, "needs a bounded box of actions of one axis"),
        (
            SEEN,
            spaces.Box(np.array([0, 1], np.float32), np.array([1, 1], np.float32)),
            ValueError,
            "needs a bounded box of actions",
        ),
        (spaces.Dict({"a": SEEN}), UNIT, TypeError, "needs observations in a Box.*FlattenObservation"),
        (spaces.Box(0, 255, (8, 8, 3), np.uint8), UNIT, ValueError, "needs observations of one axis and of real"),
        (spaces.Box(0, 255, (8,), np.uint8), UNIT, ValueError, "needs observations of one axis and of real"),
    ],
)
def test_spaces_that_it_cannot_extend(observed: Any, acted: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        EntropicBifurcation(Spaced(observed, acted), falling, 0.5, terminal_reward=-1.0, continuation=0.0)
