"""An episode on envpool is a seed and a reset number, whoever plays and whatever the pool has done before."""

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import PPO

from sb3_entropy.landscape import Conditions, RolloutObjective, random_directions
from sb3_entropy.landscape.stepping.base import first_seed
from sb3_entropy.landscape.stepping.envpool import N_RESETS, EnvPoolStepper, check_task, task_of
from sb3_entropy.landscape.stepping.noise import noise_of

envpool = pytest.importorskip("envpool", reason="envpool has wheels for Linux on x86-64 only")

SMALL = {"n_steps": 32, "batch_size": 16, "device": "cpu", "policy_kwargs": {"net_arch": [8]}}


@pytest.fixture(scope="module")
def model():
    return PPO("MlpPolicy", "Hopper-v5", seed=1, **SMALL)


def _objective(model, **kwargs):
    return RolloutObjective(model, "Hopper-v5", **{"conditions": Conditions(std=0.3), "n_envs": 12, **kwargs})


def _thetas(objective, k):
    return objective.theta0 + 0.5 * random_directions(objective.n_parameters, range(k), seed=4)


def _plain(model, theta, episode, n_lanes=2, std=0.3):
    """A loop over one environment: reset to the episode's number, then stepped with ``predict`` and the noise."""
    place, lane = divmod(episode, n_lanes)
    block, resets = divmod(place, N_RESETS)
    pool = envpool.make_gymnasium(
        "Hopper-v5", num_envs=1, seed=(first_seed(0) + block * n_lanes + lane) % 2**31, num_threads=1
    )
    for _ in range(resets + 1):
        observation, _ = pool.reset()
    mean = RolloutObjective(model, "Hopper-v5", conditions=Conditions(std=0.0), backend="gymnasium")._player.candidates
    stack, noise = mean.networks.stack(theta[None]), noise_of(0, episode, "normal", 3, 1000)
    total, length, done = 0.0, 0, False
    while not done:
        action = np.clip(stack.leaves(observation[None])[0][0, 0] + np.float32(std) * noise[length], -1, 1)
        observation, reward, terminated, truncated, _ = pool.step(action[None].astype(np.float64))
        total, length, done = total + float(reward[0]), length + 1, bool(terminated[0] or truncated[0])
    return total, length


def test_returns_are_those_of_a_plain_loop(model):
    objective = _objective(model)
    assert objective.describe()["backend"] == "envpool"
    thetas, episodes = _thetas(objective, 2), [0, 1, 6, 11, 130]
    found = objective.evaluate(thetas, episodes)
    for k in range(2):
        for column, episode in enumerate(episodes):
            total, length = _plain(model, thetas[k], episode)
            # Products of other shapes differ in rounding, and Hopper makes more of it.
            np.testing.assert_allclose(found.returns[k, column], total, rtol=1e-3)
            assert abs(found.lengths[k, column] - length) <= 1


def test_an_episode_is_the_same_whatever_the_pool_has_done(model):
    objective = _objective(model)
    thetas = _thetas(objective, 6)
    wanted = objective.returns(thetas, range(12))
    assert len(np.unique(wanted)) == wanted.size
    fresh = _objective(model)
    later = fresh.returns(thetas[:4], [8, 9, 10, 11])  # resets are skipped
    np.testing.assert_array_equal(later, wanted[:4, 8:])
    np.testing.assert_array_equal(fresh.returns(thetas[:4], [0, 1]), wanted[:4, :2])  # another pool
    pool = fresh._stepper._pool
    np.testing.assert_array_equal(fresh.returns(thetas[5:6], [6, 5]), wanted[5:6, [6, 5]])  # the same one goes on
    assert fresh._stepper._pool is pool
    np.testing.assert_array_equal(fresh.returns(thetas[::-1], range(12))[::-1], wanted)
    np.testing.assert_array_equal(_objective(model, n_envs=1, n_threads=1).returns(thetas, range(12)), wanted)
    np.testing.assert_array_equal(fresh.under(Conditions(std=0.3)).returns(thetas[:1], range(12)), wanted[:1])


def test_one_time_limit_cuts_all(model):
    objective = _objective(model, max_steps=9)
    found = objective.evaluate(_thetas(objective, 3), range(6))
    assert found.lengths.max() == found.lengths.min() == 9


def test_rewards_of_a_reset_are_no_part_of_an_episode():
    model = PPO("MlpPolicy", "CartPole-v1", seed=1, **SMALL)
    objective = RolloutObjective(model, "CartPole-v1", backend="envpool")
    found = objective.evaluate(objective.theta0[None], range(20))
    np.testing.assert_array_equal(found.returns, found.lengths)
    tempered = objective.under(Conditions(ent_coef=1.0)).returns(objective.theta0[None], range(20)) - found.returns
    assert (tempered < np.log(2) * found.lengths).all()
    assert (tempered > 0.9 * np.log(2) * found.lengths).all()


def test_where_steps_draw_random_numbers_each_episode_has_a_seed_of_its_own():
    model = PPO("MlpPolicy", "FrozenLake-v1", seed=1, **SMALL)
    slippery = RolloutObjective(model, "FrozenLake-v1", backend="envpool", max_steps=20, n_envs=8)
    assert slippery.describe()["resets"] == 1
    thetas = slippery.theta0 + 5 * random_directions(slippery.n_parameters, range(3), seed=4)
    wanted = slippery.evaluate(thetas, range(9))
    np.testing.assert_array_equal(slippery.evaluate(thetas[::-1], range(9)).lengths[::-1], wanted.lengths)
    np.testing.assert_array_equal(slippery.evaluate(thetas[1:], [7]).lengths, wanted.lengths[1:, 7:8])


def test_environments_that_are_not_seeded_are_found(model, monkeypatch):
    stepper = _objective(model)._stepper
    assert check_task(stepper)
    make = EnvPoolStepper.make
    monkeypatch.setattr(EnvPoolStepper, "make", lambda self, seeds: make(self, [s + i for i, s in enumerate(seeds)]))
    with pytest.raises(ValueError, match=r"envpool's 'Hopper-v5' is not seeded.*Use backend='gymnasium'"):
        check_task(stepper)


def test_a_pool_that_failed_is_not_used_again(model, monkeypatch):
    objective = _objective(model)
    thetas = _thetas(objective, 2)
    wanted = objective.returns(thetas, range(4))
    with monkeypatch.context() as patched:
        patched.setattr(EnvPoolStepper, "step", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            objective.returns(thetas, range(4, 8))
    assert objective._stepper._pool is None
    np.testing.assert_array_equal(objective.returns(thetas, range(4)), wanted)


def test_which_tasks_are_envpools(model):
    assert task_of("Hopper-v5") == "Hopper-v5"
    assert task_of("Hpper-v5") is None
    assert _objective(model, env_kwargs={"reset_noise_scale": 0.0}).describe()["backend"] == "gymnasium"
    kwargs = {"backend": "envpool", "env_kwargs": {"reset_noise_scale": 0.0}}
    calm = _objective(model, conditions=Conditions(std=0.0), **kwargs)
    assert len(np.unique(calm.returns(calm.theta0[None], range(5)))) == 1
    with pytest.raises(ValueError, match=r"envpool cannot make 'Hopper-v5' with \{'gravity': 1\}"):
        _objective(model, backend="envpool", env_kwargs={"gravity": 1})
    # A task of the name, with other observations than the policy's, is not the environment that is meant.
    flat = PPO("MlpPolicy", gym.wrappers.FlattenObservation(gym.make("FrozenLake-v1")), **SMALL)
    with pytest.raises(ValueError, match="does not fit the policy"):
        RolloutObjective(flat, "FrozenLake-v1")
