"""The envpool adapter against Gymnasium's own environments: conventions, and the physics of every transition."""

import pickle
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import load_results
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

from sb3_entropy.vec_env.envpool import EnvPoolVecEnv

pytest.importorskip("envpool", reason="envpool has wheels for Linux on x86-64 only")


def _pendulum_step(obs, action):
    """One step of Gymnasium's Pendulum from the state that an observation tells."""
    env = gym.make("Pendulum-v1").unwrapped
    env.reset(seed=0)
    env.state = np.array([np.arctan2(obs[1], obs[0]), obs[2]], dtype=np.float64)
    next_obs, reward, *_ = env.step(action)
    return next_obs, reward


def _cartpole_step(obs, action):
    """One step of Gymnasium's CartPole from the state that an observation tells."""
    env = gym.make("CartPole-v1").unwrapped
    env.reset(seed=0)
    env.state = np.array(obs, dtype=np.float64)
    next_obs, reward, terminated, *_ = env.step(int(action))
    return next_obs, reward, terminated


@pytest.mark.parametrize(
    "env_id", ["CartPole-v1", "Pendulum-v1", "Acrobot-v1", "MountainCarContinuous-v0", "Hopper-v5"]
)
def test_spaces_and_shapes_are_those_of_a_dummy_vec_env(env_id):
    ours, reference = EnvPoolVecEnv(env_id, 3, seed=1), make_vec_env(env_id, n_envs=3, seed=1)
    assert ours.action_space == reference.action_space
    assert ours.observation_space.shape == reference.observation_space.shape
    assert ours.observation_space.dtype == reference.observation_space.dtype
    for vec_env in (ours, reference):
        obs = vec_env.reset()
        actions = np.array([vec_env.action_space.sample() for _ in range(3)])
        next_obs, rewards, dones, infos = vec_env.step(actions)
        assert obs.shape == next_obs.shape == (3, *reference.observation_space.shape)
        assert obs.dtype == next_obs.dtype == reference.observation_space.dtype
        assert (rewards.shape, rewards.dtype, dones.shape, dones.dtype) == ((3,), np.float32, (3,), bool)
        assert [info["TimeLimit.truncated"] for info in infos] == [False] * 3
        vec_env.close()


def test_every_transition_of_pendulum_obeys_its_physics_through_the_time_limit():
    vec_env = EnvPoolVecEnv("Pendulum-v1", 2, seed=7)
    rng = np.random.default_rng(0)
    obs = vec_env.reset()
    for step in range(1, 405):
        actions = rng.uniform(-2, 2, size=(2, 1)).astype(np.float32)
        next_obs, rewards, dones, infos = vec_env.step(actions)
        assert dones.tolist() == [step % 200 == 0] * 2
        for i in range(2):
            assert infos[i]["TimeLimit.truncated"] == dones[i]
            assert ("terminal_observation" in infos[i]) == dones[i]
            reached = infos[i]["terminal_observation"] if dones[i] else next_obs[i]
            expected, reward = _pendulum_step(obs[i], actions[i])
            np.testing.assert_allclose(reached, expected, atol=1e-4)
            np.testing.assert_allclose(rewards[i], reward, atol=1e-3)
            if dones[i]:
                assert np.abs(next_obs[i] - reached).max() > 1e-3  # the next episode's first, not the last
                assert abs(next_obs[i][2]) <= 1  # Pendulum starts at |θ̇| ≤ 1
        obs = next_obs
    vec_env.close()


def test_every_transition_of_cartpole_obeys_its_physics_through_falls():
    vec_env = EnvPoolVecEnv("CartPole-v1", 4, seed=3)
    rng = np.random.default_rng(1)
    obs = vec_env.reset()
    falls, lengths = 0, np.zeros(4, dtype=int)
    for _ in range(150):
        actions = rng.integers(0, 2, size=4)
        next_obs, rewards, dones, infos = vec_env.step(actions)
        lengths += 1
        for i in range(4):
            reached = infos[i].get("terminal_observation", next_obs[i])
            expected, reward, fell = _cartpole_step(obs[i], actions[i])
            np.testing.assert_allclose(reached, expected, atol=1e-5)
            assert (rewards[i], dones[i]) == (reward, fell)
            assert infos[i]["TimeLimit.truncated"] is False
            assert infos[i]["elapsed_step"] == lengths[i]
            if dones[i]:
                assert np.abs(next_obs[i]).max() <= 0.05  # CartPole starts within ±0.05
        falls += dones.sum()
        lengths[dones] = 0
        obs = next_obs
    assert falls > 10
    vec_env.close()


def _fall(limit):
    """Push a cart to the right until its episode ends; return the length and what the last step said."""
    vec_env = EnvPoolVecEnv("CartPole-v1", 1, seed=0, max_episode_steps=limit)
    vec_env.reset()
    for length in range(1, 100):
        *_, dones, infos = vec_env.step(np.array([1]))
        if dones[0]:
            vec_env.close()
            return length, infos[0]["TimeLimit.truncated"]
    raise RuntimeError("The pole never fell.")


def test_a_limit_is_told_from_an_end_and_both_at_once_are_an_end():
    falls_at, truncated = _fall(limit=99)
    assert not truncated
    assert _fall(limit=falls_at - 1) == (falls_at - 1, True)
    assert _fall(limit=falls_at) == (falls_at, False)  # Gymnasium: terminated, hence not TimeLimit.truncated


def test_seeds_are_one_an_environment_and_a_seeded_reset_repeats():
    vec_env = EnvPoolVecEnv("Pendulum-v1", 3, seed=5)
    first = vec_env.reset()
    second = vec_env.reset()
    assert len(np.unique(first, axis=0)) == 3
    assert not np.allclose(first, second)  # without a new seed the streams go on
    vec_env.seed(5)
    np.testing.assert_array_equal(vec_env.reset(), first)
    np.testing.assert_array_equal(vec_env.reset(), second)
    shifted = EnvPoolVecEnv("Pendulum-v1", 2, seed=6)
    np.testing.assert_array_equal(shifted.reset(), first[1:])  # environment i has seed + i
    wrapped = EnvPoolVecEnv("Pendulum-v1", 3, seed=5 + 2**31)
    np.testing.assert_array_equal(wrapped.reset(), first)
    drawn = EnvPoolVecEnv("Pendulum-v1", 2), EnvPoolVecEnv("Pendulum-v1", 2)
    assert not np.allclose(drawn[0].reset(), drawn[1].reset())
    for each in (vec_env, shifted, wrapped, *drawn):
        each.close()
    assert vec_env.reset().shape == (3, 3)  # closed, it opens again
    vec_env.close()


def test_its_pickle_makes_a_pool_of_its_own():
    vec_env = EnvPoolVecEnv("Pendulum-v1", 2, seed=0, max_episode_steps=3)
    vec_env.reset()
    copy = pickle.loads(pickle.dumps(vec_env))
    with pytest.raises(RuntimeError, match="reset"):
        copy.step(np.zeros((2, 1)))
    for each in (vec_env, copy):
        each.seed(9)
    for _ in range(2):
        np.testing.assert_array_equal(copy.reset(), vec_env.reset())
        for _ in range(3):
            ours, theirs = copy.step(np.ones((2, 1))), vec_env.step(np.ones((2, 1)))
            np.testing.assert_equal(ours[:3], theirs[:3])
        assert ours[2].all()
    vec_env.close()
    assert copy.step(np.ones((2, 1)))[0].shape == (2, 3)  # a pool of its own
    copy.close()


def test_returned_arrays_are_not_changed_by_later_steps():
    vec_env = EnvPoolVecEnv("CartPole-v1", 2, seed=0)
    kept = [vec_env.reset()]
    copies = [kept[0].copy()]
    for _ in range(60):
        obs, *_, infos = vec_env.step(np.array([0, 1]))
        kept += [obs, *(info["terminal_observation"] for info in infos if "terminal_observation" in info)]
        copies += [values.copy() for values in kept[len(copies) :]]
    for values, copy in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(values, copy)
    vec_env.close()


def test_continuous_actions_are_clipped_and_discrete_ones_checked():
    clipped, inside = EnvPoolVecEnv("Pendulum-v1", 1, seed=0), EnvPoolVecEnv("Pendulum-v1", 1, seed=0)
    clipped.reset(), inside.reset()
    for a, b in zip(clipped.step(np.array([[9.0]])), inside.step(np.array([[2.0]], dtype=np.float32)), strict=True):
        np.testing.assert_array_equal(a, b)
    discrete = EnvPoolVecEnv("CartPole-v1", 1, seed=0)
    discrete.reset()
    with pytest.raises(ValueError, match="must be from 0 to 1"):
        discrete.step(np.array([2]))


def test_it_answers_as_a_vec_env_and_refuses_what_c_plus_plus_cannot_do():
    vec_env = EnvPoolVecEnv("Pendulum-v1", 2, seed=0, max_episode_steps=50)
    assert vec_env.get_attr("max_episode_steps") == [50, 50]
    assert vec_env.get_attr("render_mode", indices=0) == [None]
    assert vec_env.get_attr("spec", indices=[1])[0].id == "Pendulum-v1"
    assert vec_env.env_is_wrapped(gym.wrappers.TimeLimit) == [False, False]
    with pytest.raises(AttributeError, match="Did you mean 'max_episode_steps'"):
        vec_env.get_attr("max_episode_step")
    with pytest.raises(AttributeError, match="fixed when they are made"):
        vec_env.set_attr("max_episode_steps", 3)
    with pytest.raises(AttributeError, match="without methods"):
        vec_env.env_method("reset")
    with pytest.raises(ValueError, match="sb3-entropy enjoy"):
        vec_env.render()
    with pytest.raises(RuntimeError, match="reset"):
        vec_env.step(np.zeros((2, 1)))
    with pytest.raises(RuntimeError, match="step_async"):
        vec_env.step_wait()
    vec_env.set_options({"x": 1})
    with pytest.raises(ValueError, match="no reset options"):
        vec_env.reset()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"env_id": "Pendulum-v9"}, "Did you mean 'Pendulum-v1'"),
        ({"env_id": "Pendulum-v1", "n_envs": 0}, "n_envs must be a whole number ≥ 1, but 0"),
        ({"env_id": "Pendulum-v1", "gravity": 3}, "envpool cannot make 'Pendulum-v1' with {'gravity': 3}"),
        ({"env_id": "GoNoSuchGame/Pong-v5x"}, "envpool has 1"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        EnvPoolVecEnv(**arguments)


def test_tasks_with_several_players_are_refused():
    with pytest.raises(ValueError, match="several players"):
        EnvPoolVecEnv("Pendulum-v1", max_num_players=2)


def test_a_missing_envpool_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "envpool", None)
    with pytest.raises(ImportError, match=r"pip install -e .*\[envpool\]"):
        EnvPoolVecEnv("Pendulum-v1")


def test_atari_under_gymnasiums_name_is_cut_where_envpool_cuts_it():
    import envpool

    raw = envpool.make("Pong-v5", env_type="gymnasium", num_envs=1, seed=0, max_episode_steps=20)
    raw.reset()
    limit = next(step for step in range(1, 100) if raw.step(np.array([0]))[3][0])
    vec_env = EnvPoolVecEnv("ALE/Pong-v5", 1, seed=0, max_episode_steps=20)
    obs = vec_env.reset()
    assert (obs.shape, obs.dtype) == ((1, 4, 84, 84), np.uint8)
    assert isinstance(vec_env.observation_space, spaces.Box)
    truncated = [vec_env.step(np.array([0]))[3][0]["TimeLimit.truncated"] for _ in range(2 * limit)]
    assert np.flatnonzero(truncated).tolist() == [limit - 1, 2 * limit - 1]
    vec_env.close()


def test_ppo_learns_under_monitor_and_normalisation(tmp_path):
    monitored = VecMonitor(EnvPoolVecEnv("Pendulum-v1", 4, seed=0), str(tmp_path / "0.monitor.csv"))
    model = PPO("MlpPolicy", VecNormalize(monitored), n_steps=200, batch_size=200, n_epochs=2, seed=0, device="cpu")
    before = [parameter.clone() for parameter in model.policy.parameters()]
    model.learn(1600)
    assert any((a != b).any() for a, b in zip(before, model.policy.parameters(), strict=True))
    episodes = load_results(str(tmp_path))
    assert episodes["l"].tolist() == [200] * 8
    assert episodes["r"].between(-2000, 0).all()
    assert [info["l"] for info in model.ep_info_buffer] == [200] * 8
    returns, lengths = evaluate_policy(model, monitored, n_eval_episodes=4, return_episode_rewards=True)
    assert lengths == [200] * 4
    assert np.isfinite(returns).all()
    model.env.close()


def test_dictionaries_of_observations_are_reset_part_by_part():
    vec_env = EnvPoolVecEnv("FetchReach-v4", 2, seed=0, max_episode_steps=3)
    assert isinstance(vec_env.observation_space, spaces.Dict)
    firsts = vec_env.reset()
    assert {key: values.shape for key, values in firsts.items()} == {
        "observation": (2, 10),
        "achieved_goal": (2, 3),
        "desired_goal": (2, 3),
    }
    for _ in range(3):
        obs, _, dones, infos = vec_env.step(np.ones((2, 4), dtype=np.float32))
    assert dones.all()
    for i in range(2):
        last = infos[i]["terminal_observation"]
        np.testing.assert_array_equal(last["desired_goal"], firsts["desired_goal"][i])  # the episode's goal
        assert not np.allclose(obs["desired_goal"][i], firsts["desired_goal"][i])  # the next episode's
        assert np.linalg.norm(last["achieved_goal"] - obs["achieved_goal"][i]) > 0.01  # the gripper had moved
    vec_env.close()
