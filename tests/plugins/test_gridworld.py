"""entropy/Gridworld-v0 against values enumerated by hand and a solver of its own."""

import json
import subprocess
import sys
import warnings
from importlib.metadata import entry_points
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import sb3_entropy_gridworld
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from sb3_entropy_gridworld.env import GridworldEnv
from sb3_entropy_gridworld.vec_env import GridworldVecEnv
from scipy.special import logsumexp, softmax
from scipy.stats import chisquare
from stable_baselines3.common.env_checker import check_env as sb3_check_env
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import SubprocVecEnv

from sb3_entropy.environments import register_envs

ENV_ID = "entropy/Gridworld-v0"
LEFT, RIGHT, UP, DOWN = range(4)

# Where each action leads, cell by cell, as read off the drawn grid; the goals are 4 and 20, and 25 is absorbing.
NEXT = {
    LEFT: [0, 0, 1, 2, 25, 5, 5, 6, 7, 8, 10, 10, 11, 12, 13, 15, 15, 16, 17, 18, 25, 20, 21, 22, 23, 25],
    RIGHT: [1, 2, 3, 4, 25, 6, 7, 8, 9, 9, 11, 12, 13, 14, 14, 16, 17, 18, 19, 19, 25, 22, 23, 24, 24, 25],
    UP: [0, 1, 2, 3, 25, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 25, 16, 17, 18, 19, 25],
    DOWN: [5, 6, 7, 8, 25, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 21, 22, 23, 24, 25],
}


def reward_of(state: int) -> float:
    return {4: 5.0, 20: 4.5}.get(state, 0.0)


def value_of(actions: dict[int, int], gamma: float) -> float:
    """Discounted return of following ``actions`` from the start, step by step through NEXT."""
    state, total, discount = 0, 0.0, 1.0
    while state != 25:
        total += discount * reward_of(state)
        discount *= gamma
        state = NEXT[actions[state]][state]
    return total


def optimal_values(P: Any, R: Any, gamma: float) -> list[float]:
    """Value iteration, in plain Python."""
    n_states, n_actions = R.shape
    values = [0.0] * n_states
    for _ in range(5000):
        updated = [
            max(
                R[s, a] + gamma * sum(P[s, a, t] * values[t] for t in np.flatnonzero(P[s, a])) for a in range(n_actions)
            )
            for s in range(n_states)
        ]
        change = max(abs(new - old) for new, old in zip(updated, values, strict=True))
        values = updated
        if change < 1e-14:
            return values
    raise AssertionError("value iteration did not converge")


# The model


def test_transitions_are_those_of_the_drawn_grid() -> None:
    model = GridworldEnv().to_mdp()
    assert model.P.shape == (26, 4, 26)
    assert set(np.unique(model.P)) == {0.0, 1.0}
    for action, arrivals in NEXT.items():
        assert model.P[:, action].argmax(axis=1).tolist() == arrivals
    np.testing.assert_array_equal(model.P.sum(axis=2), 1.0)


def test_rewards_are_paid_on_leaving_a_goal_by_any_action() -> None:
    R = GridworldEnv().to_mdp().R
    assert R.shape == (26, 4)
    assert R.tolist() == [[reward_of(state)] * 4 for state in range(26)]


def test_the_start_is_the_top_left_and_the_discount_is_the_papers() -> None:
    model = GridworldEnv().to_mdp()
    assert model.rho.tolist() == [1.0] + [0.0] * 25
    assert model.gamma == 0.99


def test_the_best_return_and_the_suboptimal_one() -> None:
    mdp = GridworldEnv().to_mdp()
    values = optimal_values(mdp.P, mdp.R, mdp.gamma)
    assert mdp.rho @ values == pytest.approx(5 * 0.99**4, abs=1e-12)
    assert values[25] == 0.0
    assert values[21] == pytest.approx(max(0.99 * 4.5, 0.99**7 * 5), abs=1e-12)  # one step left of it, or seven away
    # The two straight paths, followed through the drawn grid.
    assert value_of(dict.fromkeys(range(26), RIGHT), 0.99) == pytest.approx(5 * 0.99**4, abs=1e-12)
    assert value_of(dict.fromkeys(range(26), DOWN), 0.99) == pytest.approx(4.5 * 0.99**4, abs=1e-12)
    # Without the better goal, the other is worth what its path pays.
    mdp = GridworldEnv(rewards=(0.0, 4.5)).to_mdp()
    assert mdp.rho @ optimal_values(mdp.P, mdp.R, mdp.gamma) == pytest.approx(4.5 * 0.99**4, abs=1e-12)


def test_the_papers_text_has_the_better_goal_at_the_bottom() -> None:
    R = GridworldEnv(rewards=(4.5, 5.0)).to_mdp().R
    assert (R[4, 0], R[20, 0]) == (4.5, 5.0)


def test_the_default_step_limit_cuts_few_episodes_of_a_random_policy() -> None:
    # The figures in the docstring of register(): mean length, and the share that has not ended in 200 steps.
    inside = GridworldEnv().to_mdp().P.mean(axis=1)[:25, :25]
    assert np.linalg.solve(np.eye(25) - inside, np.ones(25))[0] == pytest.approx(42.67, abs=0.01)
    assert np.linalg.matrix_power(inside, 200)[0].sum() == pytest.approx(0.004, abs=5e-4)


@pytest.mark.parametrize(("ent_coef", "length"), [(0.01, 5.04), (0.03, 9.45), (0.05, np.inf)])
def test_above_a_temperature_of_0_035_wandering_pays_more(ent_coef: float, length: float) -> None:
    # The remark in the docstring of GridworldEnv: soft value iteration, without entropy after the end, and the mean
    # length of the soft-optimal policy's episodes.
    mdp = GridworldEnv().to_mdp()
    P, R, gamma = mdp.P, mdp.R, mdp.gamma
    values = np.zeros(26)
    for _ in range(4000):
        q = R + gamma * P @ values
        values = ent_coef * logsumexp(q / ent_coef, axis=1)
        values[25] = 0.0
    assert 5 * gamma**4 * (1 - gamma) / np.log(4) == pytest.approx(0.035, abs=0.0005)
    inside = np.einsum("sa,sat->st", softmax(q / ent_coef, axis=1), P)[:25, :25]
    if np.isinf(length):
        assert np.linalg.matrix_power(inside, 10_000)[0].sum() > 0.999  # after 10 000 steps, still inside
    else:
        assert np.linalg.solve(np.eye(25) - inside, np.ones(25))[0] == pytest.approx(length, abs=0.01)


@pytest.mark.parametrize(("state", "action"), [(12, RIGHT), (0, LEFT), (24, UP), (2, UP)])
def test_a_slip_carries_out_one_of_the_other_actions(state: int, action: int) -> None:
    P = GridworldEnv(slip=0.3).to_mdp().P
    expected = np.zeros(26)
    for carried_out in range(4):
        expected[NEXT[carried_out][state]] += 0.7 if carried_out == action else 0.1
    np.testing.assert_allclose(P[state, action], expected, atol=1e-15)
    np.testing.assert_allclose(P.sum(axis=2), 1.0, atol=1e-15)
    assert P[4, action, 25] == pytest.approx(1.0, abs=1e-15)  # a goal is left whatever is carried out


def test_every_parameter_reaches_the_model() -> None:
    env = GridworldEnv(size=3, goals=[(1, 1), [2, 2], (0, 2)], rewards=[1, -2.5, 3], start=(2, 0), gamma=0.5)
    mdp = env.to_mdp()
    P, R, rho, gamma = mdp.P, mdp.R, mdp.rho, mdp.gamma
    assert P.shape == (10, 4, 10)
    assert {state: R[state, 0] for state in np.flatnonzero(R[:, 0])} == {4: 1.0, 8: -2.5, 2: 3.0}
    assert np.flatnonzero(P[4].sum(axis=0)).tolist() == [9]
    assert rho.argmax() == 6
    assert gamma == 0.5
    assert P[6, RIGHT, 7] == P[6, UP, 3] == P[6, LEFT, 6] == P[6, DOWN, 6] == 1.0


def test_the_corners_follow_the_size() -> None:
    assert GridworldEnv(size=3).grid.goals == {(0, 2): 5.0, (2, 0): 4.5}


# The environment


@pytest.mark.parametrize("observation", ["one_hot", "index"])
def test_steps_agree_with_the_model_for_every_state_and_action(observation: str) -> None:
    env = GridworldEnv(observation=observation)
    P, R = env.to_mdp().P, env.to_mdp().R
    for state in range(26):
        for action in range(4):
            if state == env.grid.absorbing:  # which no episode starts in: enter it
                env.reset(options={"state": 4})
                env.step(np.int64(action))
            else:
                env.reset(options={"state": state})
            obs, reward, terminated, truncated, info = env.step(np.int64(action))
            arrival = int(np.argmax(obs)) if observation == "one_hot" else int(obs)
            assert env.observation_space.contains(obs)
            assert P[state, action, arrival] == 1.0
            assert reward == R[state, action]
            assert terminated == (arrival == 25)
            assert not truncated
            assert info == {"state": arrival}


def test_slips_happen_as_often_as_the_model_says() -> None:
    # Chi-square at 12 state–action pairs, each at 1e-5: a false alarm for 1.2e-4 of the seeds.
    env = GridworldEnv(slip=0.3, observation="index")
    P = env.to_mdp().P
    env.reset(seed=0)
    n = 2000
    for state in (12, 0, 14):
        for action in range(4):
            counts = np.zeros(26)
            for _ in range(n):
                env.reset(options={"state": state})
                counts[env.step(np.int64(action))[0]] += 1
            reached = P[state, action] > 0
            assert counts[~reached].sum() == 0
            assert chisquare(counts[reached], n * P[state, action][reached]).pvalue > 1e-5


def test_a_slip_of_one_never_carries_out_the_action() -> None:
    env = GridworldEnv(slip=1.0, observation="index")
    env.reset(seed=0)
    arrivals = set()
    for _ in range(200):
        env.reset(options={"state": 12})
        arrivals.add(int(env.step(np.int64(RIGHT))[0]))
    assert arrivals == {11, 7, 17}


def test_an_episode_right_and_then_out() -> None:
    env = gym.make(ENV_ID)
    obs, info = env.reset(seed=0)
    assert obs.dtype == np.float32
    assert obs.tolist() == [1.0] + [0.0] * 25
    assert info == {"state": 0}
    steps = [env.step(RIGHT) for _ in range(4)]
    assert [step[4]["state"] for step in steps] == [1, 2, 3, 4]
    assert [step[1] for step in steps] == [0.0] * 4
    assert not any(step[2] or step[3] for step in steps)  # arriving at a goal ends nothing
    obs, reward, terminated, truncated, _ = env.step(UP)
    assert (reward, terminated, truncated) == (5.0, True, False)
    assert obs.tolist() == [0.0] * 25 + [1.0]


def test_the_absorbing_state_pays_nothing_and_stays() -> None:
    env = GridworldEnv()
    env.reset(options={"state": 20})
    assert env.step(np.int64(DOWN))[1:3] == (4.5, True)
    assert env.step(np.int64(DOWN))[1:3] == (0.0, True)


def test_the_step_limit_truncates_and_can_be_changed() -> None:
    env = gym.make(ENV_ID)
    env.reset(seed=0)
    ends = [env.step(LEFT)[2:4] for _ in range(200)]
    assert ends == [(False, False)] * 199 + [(False, True)]
    env = gym.make(ENV_ID, max_episode_steps=7)
    env.reset(seed=0)
    assert [env.step(LEFT)[3] for _ in range(7)] == [False] * 6 + [True]


def _walk(env: GridworldEnv, seed: int | None) -> list[int]:
    _, info = env.reset(seed=seed)
    states = [info["state"]]
    for action in np.random.default_rng(3).integers(4, size=100):
        states.append(env.step(action)[4]["state"])
    return states


def test_a_seed_decides_on_the_slips() -> None:
    goal = {"goals": [(4, 4)], "rewards": [1.0]}  # far off: long walks
    one, two = GridworldEnv(slip=0.5, **goal), GridworldEnv(slip=0.5, **goal)
    first = _walk(one, seed=7)
    assert _walk(two, seed=7) == first
    assert _walk(two, seed=8) != first
    assert _walk(one, seed=None) != first  # the generator goes on
    assert _walk(one, seed=7) == first


def test_without_slips_the_actions_alone_decide() -> None:
    assert _walk(GridworldEnv(), seed=1) == _walk(GridworldEnv(), seed=2)


def test_numpy_actions_of_any_width_are_taken() -> None:
    env = GridworldEnv()
    env.reset()
    for action in (1, np.int32(1), np.uint8(1), np.array(1)):
        _, _, _, _, info = env.step(action)  # type: ignore[arg-type]
    assert info == {"state": 4}


# Checkers, spaces, rendering


@pytest.mark.parametrize("observation", ["one_hot", "index"])
@pytest.mark.parametrize("slip", [0.0, 0.2])
def test_both_checkers_are_satisfied(observation: str, slip: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gym.make(ENV_ID, observation=observation, slip=slip, render_mode="rgb_array")
        gymnasium_check_env(env.unwrapped)
        sb3_check_env(env)


def test_the_spec_survives_json() -> None:
    spec = gym.make(ENV_ID, size=4, goals=((1, 1),), rewards=(2.0,), start=(3, 3)).spec
    assert spec is not None
    again = gym.make(gym.envs.registration.EnvSpec.from_json(spec.to_json())).unwrapped
    assert json.loads(spec.to_json())["kwargs"]["size"] == 4
    assert isinstance(again, GridworldEnv)
    assert (again.grid.size, again.grid.goals, again.grid.start) == (4, {(1, 1): 2.0}, (3, 3))


def test_the_grid_as_text() -> None:
    env = gym.make(ENV_ID, size=3, render_mode="ansi")
    env.reset()
    assert env.render() == "  A   .   5\n  .   .   .\n4.5   .   ."
    env.step(RIGHT)
    env.step(DOWN)
    assert env.render() == "  .   .   5\n  .   A   .\n4.5   .   ."
    env.step(UP)
    env.step(RIGHT)
    env.step(RIGHT)
    assert env.render() == "  .   .   5\n  .   .   .\n4.5   .   ."  # it has left


def test_the_grid_as_an_image() -> None:
    env = gym.make(ENV_ID, rewards=(5.0, -1.0), goals=((0, 4), (3, 1)), render_mode="rgb_array")
    env.reset(options={"state": 7})
    frame = env.render()
    assert isinstance(frame, np.ndarray)
    assert (frame.shape, frame.dtype) == ((240, 240, 3), np.uint8)
    middle = frame[24::48, 24::48].astype(int)  # one pixel a cell
    red, green, blue = middle[..., 0], middle[..., 1], middle[..., 2]
    assert np.argwhere(blue > red + 50).tolist() == [[1, 2]]  # the agent, blue
    assert np.argwhere(red > blue + 50).tolist() == [[0, 4], [3, 1]]  # the goals, gold and red
    assert green[0, 4] > green[3, 1] + 50
    env.reset(options={"state": 4})
    env.step(UP)
    gone = env.render()
    assert isinstance(gone, np.ndarray)
    assert not (gone[24::48, 24::48, 2].astype(int) > gone[24::48, 24::48, 0].astype(int) + 50).any()


def test_the_paler_goal_is_the_lesser_one() -> None:
    env = GridworldEnv(render_mode="rgb_array")
    env.reset()
    frame = env.render().astype(int)
    assert (frame[24, 216] < frame[216, 24]).any()
    assert (frame[24, 216] <= frame[216, 24]).all()


def test_rendering_without_a_mode_warns() -> None:
    env = GridworldEnv()
    env.reset()
    with pytest.warns(UserWarning, match="without a render mode"):
        assert env.render() is None


# Being found


def test_the_plugin_is_found_by_its_entry_point() -> None:
    (entry_point,) = entry_points(group="sb3_entropy.envs", name="gridworld")
    assert entry_point.value == "sb3_entropy_gridworld:register"
    assert register_envs()["gridworld"] == [ENV_ID]


def test_registering_again_changes_nothing() -> None:
    spec = gym.registry[ENV_ID]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sb3_entropy_gridworld.register()
    assert gym.registry[ENV_ID] is spec


def test_importing_the_plugin_registers_and_loads_nothing_heavy() -> None:
    code = (
        "import sys, sb3_entropy_gridworld, gymnasium; "
        f"print({ENV_ID!r} in gymnasium.registry, {{'torch', 'sb3_entropy', 'stable_baselines3'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True set()"


def test_an_id_with_its_module_needs_no_import() -> None:
    code = f"import gymnasium; print(gymnasium.make('sb3_entropy_gridworld:{ENV_ID}').unwrapped.grid.n_states)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "26"


@pytest.mark.parametrize("start_method", ["forkserver", pytest.param("spawn", marks=pytest.mark.slow)])
def test_children_that_start_with_an_empty_registry_make_it(start_method: str) -> None:
    envs = make_vec_env(
        f"sb3_entropy_gridworld:{ENV_ID}",
        n_envs=2,
        vec_env_cls=SubprocVecEnv,
        vec_env_kwargs={"start_method": start_method},
    )
    try:
        assert envs.reset().argmax(axis=1).tolist() == [0, 0]
        obs, _, _, _ = envs.step(np.array([RIGHT, DOWN]))
        assert obs.argmax(axis=1).tolist() == [1, 5]
    finally:
        envs.close()


# The batch


def test_the_batch_without_a_limit_goes_on() -> None:
    batch = GridworldEnv.make_sb3_vec_env(2)
    batch.reset()
    for _ in range(500):
        _, _, dones, _ = batch.step(np.array([LEFT, UP]))
        assert not dones.any()


def test_the_batch_is_random_without_a_seed_and_goes_on_from_its_seed() -> None:
    batch = GridworldEnv.make_sb3_vec_env(20, slip=0.5, start=(2, 2))
    actions = np.full(20, RIGHT)

    def states() -> list[int]:
        batch.reset()
        batch.step(actions)
        return [info["state"] for info in batch.step(actions)[3]]

    batch.seed(1)
    first = states()
    assert states() != first
    batch.seed(1)
    assert states() == first


def test_the_batch_takes_options_and_answers_for_its_environments() -> None:
    batch = GridworldEnv.make_sb3_vec_env(2, render_mode="rgb_array")
    batch.set_options([{"state": 3}, {"state": 19}])
    assert batch.reset().argmax(axis=1).tolist() == [3, 19]
    assert batch.reset().argmax(axis=1).tolist() == [0, 0]  # options hold for one reset
    assert [grid.n_states for grid in batch.get_attr("grid")] == [26, 26]
    assert batch.get_attr("observation", indices=0) == ["one_hot"]
    assert [model.gamma for model in batch.env_method("to_mdp")] == [0.99, 0.99]
    single = GridworldEnv(render_mode="rgb_array")
    single.reset()
    batch.step(np.array([RIGHT, LEFT]))
    images = batch.get_images()
    np.testing.assert_array_equal(images[1], single.render())
    single.step(np.int64(RIGHT))
    np.testing.assert_array_equal(images[0], single.render())
    tiled = batch.render()
    assert tiled is not None
    assert tiled.shape == (480, 240, 3)
    batch.close()


def test_the_batch_refuses_what_it_cannot_do() -> None:
    batch = GridworldEnv.make_sb3_vec_env(2)
    assert type(batch) is GridworldVecEnv
    batch.reset()
    for wrong in ([0, 4], [0, 1.5], [0], [0, 1, 2]):  # of which 1.5 was taken for 1
        with pytest.raises(
            ValueError, match=r"Each action must be 0 \(left\), .* of the 2 environments, but array\(\[0"
        ):
            batch.step(np.array(wrong))
    with pytest.raises(ValueError, match="slip must be a number between 0 and 1"):
        GridworldEnv.make_sb3_vec_env(1, slip=2.0)


# Bad input


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"size": 1}, ValueError, "size must be a whole number ≥ 2, but 1 was given"),
        ({"size": 2.5}, TypeError, "size must be a whole number ≥ 2, but 2.5"),
        ({"slip": -0.1}, ValueError, "slip must be a number between 0 and 1, but -0.1 was given"),
        ({"slip": 1.1}, ValueError, "slip must be a number between 0 and 1"),
        ({"slip": "0.1"}, TypeError, "slip must be a number between 0 and 1, but '0.1'"),
        ({"gamma": 1.01}, ValueError, "gamma must be a number between 0 and 1"),
        ({"gamma": float("nan")}, ValueError, "gamma must be a number between 0 and 1, but nan"),
        ({"observation": "onehot"}, ValueError, "Unknown observation 'onehot'.*Did you mean 'one_hot'"),
        ({"render_mode": "human"}, ValueError, "Unknown render_mode 'human'. Available: ansi, rgb_array"),
        ({"start": (0, 5)}, ValueError, r"start must be a cell .* from 0 to 4, but \(0, 5\) was given"),
        ({"start": (-1, 0)}, ValueError, r"start must be a cell"),
        ({"start": (0, 0, 0)}, ValueError, r"start must be a cell"),
        ({"start": (0.0, 1.0)}, ValueError, r"start must be a cell"),
        ({"start": (True, 1)}, ValueError, r"start must be a cell"),
        ({"start": "00"}, ValueError, r"start must be a cell .* but '00' was given"),
        ({"start": 3}, ValueError, r"start must be a cell .* but 3 was given"),
        ({"goals": (0, 4)}, ValueError, r"goals\[0\] must be a cell .* but 0 was given"),
        ({"goals": [(0, 4), (5, 0)]}, ValueError, r"goals\[1\] must be a cell .* but \(5, 0\) was given"),
        ({"goals": [(0, 4), (0, 4)]}, ValueError, r"goals must be distinct cells, but \(0, 4\) was given twice"),
        ({"goals": [(0, 4)]}, ValueError, "one reward for each, but 1 goals .* and 2 rewards"),
        ({"goals": [], "rewards": []}, ValueError, "at least one goal"),
        ({"goals": 7}, TypeError, "goals must be a list with one entry a goal, but 7 was given"),
        ({"rewards": 5.0}, TypeError, "rewards must be a list with one entry a goal, but 5.0 was given"),
        ({"rewards": "54"}, TypeError, "rewards must be a list"),
        ({"rewards": (5.0, float("inf"))}, ValueError, r"rewards\[1\] must be a number, but inf"),
        ({"rewards": (5.0, "4.5")}, TypeError, r"rewards\[1\] must be a number, but '4.5'"),
    ],
)
def test_a_bad_parameter_is_named(parameters: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        GridworldEnv(**parameters)


@pytest.mark.parametrize("action", [4, -1, 1.5, None, "up"])
def test_a_bad_action_is_named(action: Any) -> None:
    env = GridworldEnv()
    env.reset()
    with pytest.raises(ValueError, match=r"action must be 0 \(left\), 1 \(right\), 2 \(up\) or 3 \(down\), but"):
        env.step(action)


def test_options_that_are_none_are_named() -> None:
    message = r"Unknown option of reset\(\) 'sate'. Available: state. Did you mean 'state'"
    with pytest.raises(ValueError, match=message):
        GridworldEnv().reset(options={"sate": 3})
    batch = GridworldEnv.make_sb3_vec_env(2)
    batch.set_options({"sate": 3})
    with pytest.raises(ValueError, match=message):
        batch.reset()


@pytest.mark.parametrize(("state", "error"), [(25, ValueError), (-1, ValueError), (1.0, TypeError), ("0", TypeError)])
def test_a_bad_first_state_is_named(state: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r'options\["state"\] must be a whole number between 0 and 24, but'):
        GridworldEnv().reset(options={"state": state})


def test_a_step_before_the_first_reset_is_refused() -> None:
    with pytest.raises(gym.error.ResetNeeded, match="reset"):
        GridworldEnv().step(np.int64(0))
