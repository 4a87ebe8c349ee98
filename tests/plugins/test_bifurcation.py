"""entropy/Bifurcation-v0 against a tree written by hand, its batch, and how it is found."""

import json
import subprocess
import sys
import warnings
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import sb3_entropy_bifurcation
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from sb3_entropy_bifurcation.bifurcation import BifurcationEnv
from sb3_entropy_bifurcation.obstacle2d import Obstacle2DEnv
from stable_baselines3.common.env_checker import check_env as sb3_check_env
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import SubprocVecEnv

from sb3_entropy.environments import register_envs
from sb3_entropy.mdp import TabularMDP, value_iteration

ENV_ID = "entropy/Bifurcation-v0"
JUST_BELOW = float(np.nextafter(np.float32(0.1), np.float32(0)))


def act(a: float) -> Any:
    return np.array([a], dtype=np.float32)


def way(env: gym.Env[Any, Any], *actions: float) -> list[tuple[int, float, bool]]:
    """:return: the state, reward and end of each step from the start"""
    env.reset()
    steps = [env.step(act(a)) for a in actions]
    assert not any(step[3] for step in steps)
    assert [step[4]["state"] for step in steps] == [int(step[0].argmax()) for step in steps]
    return [(step[4]["state"], float(step[1]), step[2]) for step in steps]


# What an action does


@pytest.mark.parametrize(("a", "state"), [(0.7, 2), (1e-30, 2), (0.0, 1), (-1e-30, 1), (-1.0, 1)])
def test_the_sign_of_the_first_action_decides_and_zero_goes_to_state_1(a: float, state: int) -> None:
    assert way(gym.make(ENV_ID), a) == [(state, 0.0, False)]


@pytest.mark.parametrize(
    ("a", "end", "reward"),
    [(0.0, 3, 1.0), (JUST_BELOW, 3, 1.0), (-JUST_BELOW, 3, 1.0), (0.1, 4, -20.0), (-0.1, 4, -20.0), (1.0, 4, -20.0)],
)
def test_in_state_1_the_open_band_pays(a: float, end: int, reward: float) -> None:
    assert way(gym.make(ENV_ID), -0.5, a) == [(1, 0.0, False), (end, reward, True)]


@pytest.mark.parametrize("a", [0.0, 0.99, -1.0])
def test_in_state_2_every_action_costs_the_same(a: float) -> None:
    assert way(gym.make(ENV_ID), 0.5, a) == [(2, 0.0, False), (5, -1.0, True)]


def test_every_parameter_reaches_the_episode() -> None:
    env = BifurcationEnv(half_width=0.5, inside=2, outside=-3, sure=-0.25)
    assert way(env, -1, 0.45)[1] == (3, 2.0, True)
    assert way(env, -1, -0.55)[1] == (4, -3.0, True)
    assert way(env, 1, 0)[1] == (5, -0.25, True)


def test_observations_are_one_hot_and_the_success_is_the_band() -> None:
    env = gym.make(ENV_ID)
    obs, info = env.reset(seed=3)
    assert (obs.dtype, obs.tolist(), info) == (np.float32, [1, 0, 0, 0, 0, 0], {"state": 0})
    assert env.step(act(-1))[4] == {"state": 1, "is_success": False}
    obs, _, _, _, info = env.step(act(0.05))
    assert (obs.tolist(), info) == ([0, 0, 0, 1, 0, 0], {"state": 3, "is_success": True})
    for actions in ((-1, 1), (1, 0)):
        env.reset()
        assert [env.step(act(a))[4]["is_success"] for a in actions] == [False, False]


def test_an_episode_can_begin_in_a_state_and_only_in_one_that_acts() -> None:
    env = BifurcationEnv()
    obs, info = env.reset(options={"state": np.int64(1)})
    assert (obs.argmax(), info) == (1, {"state": 1})
    assert env.step(act(0))[1:3] == (1.0, True)
    with pytest.raises(ValueError, match=r'options\["state"\] must be a whole number between 0 and 2, but 3'):
        env.reset(options={"state": 3})
    with pytest.raises(ValueError, match=r"Unknown option of reset\(\) 'sate'.*Did you mean 'state'"):
        env.reset(options={"sate": 1})


def test_actions_outside_the_box_are_clipped_and_of_other_forms_taken() -> None:
    env = BifurcationEnv()
    assert way(env, -7.0, -0.09)[1] == (3, 1.0, True)
    for action in (0.5, [0.5], np.float64(0.5), np.array([[1]])):
        env.reset()
        assert env.step(action)[4]["state"] == 2  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [[np.nan], [0.1, 0.2], [], ["0"], [np.inf], [True]])
def test_other_actions_are_refused(wrong: list[Any]) -> None:
    env = BifurcationEnv()
    env.reset()
    with pytest.raises(ValueError, match=r"1 action of shape \(1,\) must be given, of finite numbers, but array"):
        env.step(np.array(wrong))


def test_a_step_needs_an_episode_that_goes_on() -> None:
    env = BifurcationEnv()
    with pytest.raises(gym.error.ResetNeeded, match="no episode has begun, or the last one is over"):
        env.step(act(0))
    way(env, 1, 1)
    with pytest.raises(gym.error.ResetNeeded, match=r"Call reset\(\) before step\(\)"):
        env.step(act(0))


# The model


def test_the_model_is_what_steps_do() -> None:
    settings: dict[str, Any] = {"half_width": 0.3, "inside": 2.0, "outside": -7.0, "sure": 0.5}
    env, mdp = BifurcationEnv(**settings), BifurcationEnv(gamma=0.8, **settings).to_mdp()
    # A set of the first action and one of the second, in each state, and what there is of them in [−1, 1].
    grid = (np.arange(4000) + 0.5) / 2000 - 1
    sets = {0: (grid <= 0, grid > 0), 1: (abs(grid) < 0.3, abs(grid) >= 0.3)}
    for state, members in sets.items():
        for action, member in enumerate(members):
            assert mdp.measure[state, action] == pytest.approx(2 * member.mean(), abs=1e-12)
            for a in np.random.default_rng(0).choice(grid[member], 20):
                env.reset(options={"state": state})
                _, reward, over, _, info = env.step(act(a))
                assert mdp.P[state, action].tolist() == np.eye(6)[info["state"]].tolist()
                assert mdp.R[state, action] == reward
                assert over == mdp.absorbing[info["state"]]
    assert mdp.measure[2].sum() == 2.0
    assert (mdp.R[2].tolist(), mdp.P[2, :, 5].tolist()) == ([0.5, 0.5], [1.0, 1.0])
    assert mdp.absorbing.tolist() == [False] * 3 + [True] * 3
    assert (mdp.gamma, mdp.rho.tolist()) == (0.8, [1, 0, 0, 0, 0, 0])


def test_the_model_is_found_by_the_id_and_its_best_return_is_that_of_the_band() -> None:
    mdp = TabularMDP.from_env(ENV_ID)
    assert mdp.gamma == 0.99
    best = value_iteration(mdp)
    assert pytest.approx(0.99) == best.J


# Checkers, spaces, rendering


@pytest.mark.parametrize("render_mode", [None, "rgb_array"])
def test_both_checkers_are_satisfied(render_mode: str | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gym.make(ENV_ID, render_mode=render_mode)
        if render_mode is not None:  # which Gymnasium's checker asks for
            gymnasium_check_env(env.unwrapped)
        sb3_check_env(env)
    assert env.spec is not None
    assert env.spec.max_episode_steps is None
    assert env.spec.reward_threshold == 0.0


def test_the_spec_survives_json() -> None:
    spec = gym.make(ENV_ID, half_width=0.2, sure=-2.0).spec
    assert spec is not None
    again = gym.make(gym.envs.registration.EnvSpec.from_json(spec.to_json())).unwrapped
    assert json.loads(spec.to_json())["kwargs"]["half_width"] == 0.2
    assert isinstance(again, BifurcationEnv)
    assert (again.tree.half_width, again.tree.sure, again.tree.inside) == (0.2, -2.0, 1.0)


def test_the_picture_shows_the_branches_that_were_taken() -> None:
    env = BifurcationEnv(render_mode="rgb_array")

    def blue(frame: Any) -> Any:
        return frame[..., 2].astype(int) > frame[..., 0].astype(int) + 50

    assert not blue(env.render()).any()  # before the first episode, the tree alone
    env.reset()
    start = env.render()
    assert (start.shape, start.dtype) == ((280, 420, 3), np.uint8)
    assert blue(start)[130:170, 30:70].mean() > 0.4  # state 0, filled
    assert not blue(start)[:, 80:].any()
    env.step(act(-1))
    env.step(act(0.5))
    frame = env.render()
    middles = {"0-1": (120, 112), "0-2": (185, 112), "1-3": (67, 237), "1-4": (112, 237), "2-5": (220, 237)}
    assert [branch for branch, spot in middles.items() if blue(frame)[spot]] == ["0-1", "1-4"]
    reached = [state for state, spot in {3: (45, 287), 4: (135, 287), 5: (220, 287)}.items() if blue(frame)[spot]]
    assert reached == [4]
    red, green = frame[..., 0].astype(int), frame[..., 1].astype(int)
    assert (green - red)[30:60, 330:].max() > 50  # the best end's reward is green, and the worst one's red
    assert (red - green)[120:150, 330:].max() > 50
    assert abs(red - green)[205:235, 330:].max() < 10


def test_rewards_are_written_beside_the_ends() -> None:
    env = BifurcationEnv(render_mode="rgb_array")
    other = BifurcationEnv(render_mode="rgb_array", sure=-1.75e-8)
    env.reset()
    other.reset()
    differs = np.argwhere((env.render() != other.render()).any(axis=2))
    assert differs.size
    assert (differs.min(axis=0) >= (205, 325)).all()
    assert (differs.max(axis=0) < (235, 420)).all()


def test_rendering_without_a_mode_warns() -> None:
    env = BifurcationEnv()
    env.reset()
    with pytest.warns(UserWarning, match="without a render mode"):
        assert env.render() is None


# Being found


def test_the_plugin_is_found_by_its_entry_point() -> None:
    (entry_point,) = entry_points(group="sb3_entropy.envs", name="bifurcation")
    assert entry_point.value == "sb3_entropy_bifurcation:register"
    assert register_envs()["bifurcation"] == [
        "entropy/BifurcatedPendulum-v0",
        ENV_ID,
        "entropy/Obstacle2D-v0",
        "entropy/WideBifurcation-v0",
    ]


def test_the_wide_one_has_a_band_four_times_as_wide() -> None:
    env = gym.make("entropy/WideBifurcation-v0")
    inside = []
    for action in (-0.41, -0.39, 0.0, 0.39, 0.41):
        env.reset(options={"state": 1})
        inside.append(env.step(np.array([action], np.float32))[1])
    assert inside == [-20, 1, 1, 1, -20]
    assert env.unwrapped.tree.half_width == 4 * BifurcationEnv().tree.half_width


def test_registering_again_changes_nothing() -> None:
    specs = {name: gym.registry[name] for name in (ENV_ID, "entropy/Obstacle2D-v0")}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sb3_entropy_bifurcation.register()
    assert all(gym.registry[name] is spec for name, spec in specs.items())


def test_importing_the_plugin_registers_and_loads_nothing_heavy() -> None:
    code = (
        "import sys, sb3_entropy_bifurcation, gymnasium; print({'entropy/Bifurcation-v0', 'entropy/Obstacle2D-v0'} "
        "<= set(gymnasium.registry), {'torch', 'scipy', 'sb3_entropy', 'stable_baselines3'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True set()"


@pytest.mark.slow
def test_children_that_start_with_an_empty_registry_make_it() -> None:
    envs = make_vec_env(f"sb3_entropy_bifurcation:{ENV_ID}", n_envs=2, vec_env_cls=SubprocVecEnv)
    try:
        assert envs.reset().argmax(axis=1).tolist() == [0, 0]
        assert envs.step(np.array([[1.0], [-1.0]]))[0].argmax(axis=1).tolist() == [2, 1]
    finally:
        envs.close()


# The batch


def test_the_batch_takes_options_and_answers_for_its_environments() -> None:
    batch = BifurcationEnv.make_sb3_vec_env(2, render_mode="rgb_array", seed=1)
    batch.set_options([{"state": 1}, {"state": 2}])
    assert batch.reset().argmax(axis=1).tolist() == [1, 2]
    assert batch.reset().argmax(axis=1).tolist() == [0, 0]  # options hold for one reset
    assert [tree.inside for tree in batch.get_attr("tree")] == [1.0, 1.0]
    assert [mdp.gamma for mdp in batch.env_method("to_mdp", indices=1)] == [0.99]
    single = BifurcationEnv(render_mode="rgb_array")
    single.reset()
    single.step(act(1))
    batch.step(np.array([[1.0], [-1.0]]))
    images = batch.get_images()
    np.testing.assert_array_equal(images[0], single.render())
    assert batch.get_attr("path") == [(0, 2), (0, 1)] == [single.path, (0, 1)]
    assert (images[1] != images[0]).any()
    tiled = batch.render()
    assert tiled is not None
    assert tiled.shape == (560, 420, 3)
    batch.close()


def test_the_batch_refuses_what_the_environment_does() -> None:
    with pytest.raises(ValueError, match="half_width must be a number > 0 and ≤ 1"):
        BifurcationEnv.make_sb3_vec_env(1, half_width=2.0)


# Bad input


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"half_width": 0}, ValueError, "half_width must be a number > 0 and ≤ 1, but 0 was given"),
        ({"half_width": 1.0}, ValueError, "half_width must be < 1, but 1.0 was given: every action would be inside"),
        ({"half_width": "0.1"}, TypeError, "half_width must be a number > 0 and ≤ 1, but '0.1'"),
        ({"inside": np.nan}, ValueError, "inside must be a number, but nan was given"),
        ({"outside": -np.inf}, ValueError, "outside must be a number, but -inf was given"),
        ({"sure": None}, TypeError, "sure must be a number, but None"),
        ({"gamma": 1.5}, ValueError, "gamma must be a number between 0 and 1, but 1.5"),
        ({"render_mode": "human"}, ValueError, "Unknown render_mode 'human'. Available: rgb_array"),
    ],
)
def test_bad_parameters_are_refused(parameters: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        BifurcationEnv(**parameters)


def test_the_docs_show_what_is_drawn() -> None:
    image = pytest.importorskip("matplotlib.image", reason="the extra 'zoo' is not installed")
    pictures = Path(__file__).parents[2] / "docs" / "images"
    toy, course = BifurcationEnv(render_mode="rgb_array"), Obstacle2DEnv(render_mode="rgb_array")
    toy.reset()
    for a in (-0.5, 0.03):
        toy.step(act(a))
    course.reset()
    for velocity in ((0.8, 1.4), (0.4, 0.9), (1.5, 0.2), (0.3, -2.5)):
        course.step(np.array(velocity))
    for name, env in (("bifurcation", toy), ("obstacle2d", course)):
        drawn = np.rint(255 * image.imread(pictures / f"{name}.png")[..., :3]).astype(int)
        # The last place of a rounded colour may be another elsewhere.
        np.testing.assert_allclose(drawn, env.render().astype(int), atol=1)
