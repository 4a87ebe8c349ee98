"""The callback: what it logs and keeps, and that the training does not notice it."""

import csv
import math

import numpy as np
import pytest
import torch as th
from bandits.toy_bandit import MEAN_REWARDS, ToyBandit, ppo
from sb3_contrib import TRPO
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import configure
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecNormalize
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sb3_entropy import SPG, SPPO
from sb3_entropy.callbacks import ActionDiversityCallback, BanditEvaluation, action_use, evaluate_bandit

POLICY_SIDE = {"entropy", "actions_used", "top_share", "gini", "effective_actions"}
REWARD_SIDE = {"argmax_reward", "sampled_reward", "mean_regret", "accuracy", "optimal_coverage", "cumulative_regret"}


def train(algorithm, callback, normalised=False, steps=200):
    set_random_seed(3)
    env = make_vec_env(ToyBandit, 2, seed=3)
    model = ppo(VecNormalize(env) if normalised else env, algorithm)
    return model.learn(steps, callback=callback), (th.rand(3), np.random.rand(3))


@pytest.mark.parametrize("normalised", [False, True], ids=["raw", "normalised"])
@pytest.mark.parametrize("algorithm", [PPO, A2C, TRPO, SPPO, SPG])
def test_a_watched_training_is_the_unwatched_one_bit_for_bit(algorithm, normalised) -> None:
    plain, plain_draw = train(algorithm, None, normalised, 96)
    callback = ActionDiversityCallback(eval_freq=32)
    watched, watched_draw = train(algorithm, callback, normalised, 96)
    assert len(callback.history) > 3
    for name, value in plain.policy.state_dict().items():
        assert th.equal(value, watched.policy.state_dict()[name]), name
    assert th.equal(plain_draw[0], watched_draw[0])
    assert np.array_equal(plain_draw[1], watched_draw[1])
    assert plain.env.get_attr("taken") == watched.env.get_attr("taken")
    assert np.array_equal(plain.env.reset(), watched.env.reset())
    if normalised:
        assert np.array_equal(plain.env.obs_rms.mean, watched.env.obs_rms.mean)


def test_it_looks_where_the_policy_has_just_changed_and_after_the_last_update() -> None:
    callback = ActionDiversityCallback(eval_freq=50)
    model, _ = train(PPO, callback)
    # Rollouts end after 32, 64, …, 224 steps.
    assert [point.timesteps for point in callback.history] == [0, 64, 128, 160, 224]
    contexts = np.eye(4, dtype=np.float32)
    now = evaluate_bandit(model, contexts, MEAN_REWARDS, np.random.default_rng((0, 224)))
    assert callback.history[-1].evaluation == now
    assert callback.history[0].evaluation.sampled_reward != now.sampled_reward
    assert callback.history[0].cumulative_regret == 0
    regret = sum(MEAN_REWARDS[x].max() - MEAN_REWARDS[x, a] for taken in model.env.get_attr("taken") for x, a in taken)
    assert callback.history[-1].cumulative_regret == pytest.approx(regret)
    assert all(isinstance(point.evaluation, BanditEvaluation) for point in callback.history)


def test_tensorboard_holds_every_number_and_one_bar_an_action(tmp_path) -> None:
    callback = ActionDiversityCallback(eval_freq=50, seed=8)
    model = ppo(make_vec_env(ToyBandit, 2, seed=0))
    model.set_logger(configure(str(tmp_path), ["tensorboard", "csv"]))
    model.learn(200, callback=callback)
    model.logger.close()
    events = EventAccumulator(str(tmp_path), size_guidance={"histograms": 0}).Reload()
    tags = {tag for tag in events.Tags()["scalars"] if tag.startswith("bandit/")}
    assert tags == {f"bandit/{name}" for name in POLICY_SIDE | REWARD_SIDE}
    for tag in tags:
        written = {event.step: event.value for event in events.Scalars(tag)}
        kept = {point.timesteps: point.scalars()[tag.removeprefix("bandit/")] for point in callback.history}
        assert written == pytest.approx(kept, rel=1e-6)
    for event, point in zip(events.Histograms("bandit/actions"), callback.history, strict=True):
        assert event.step == point.timesteps
        bars = dict.fromkeys(range(5), 0.0)
        for edge, count in zip(event.histogram_value.bucket_limit, event.histogram_value.bucket, strict=True):
            if count:
                bars[round(edge - 0.5)] = count
        assert list(bars.values()) == point.evaluation.counts.tolist()
    # The last update's own numbers, which Stable-Baselines3 never writes, come with the last evaluation.
    assert events.Scalars("train/loss")[-1].step == 224
    with open(tmp_path / "progress.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["bandit/gini"]]
    assert [int(row["time/total_timesteps"]) for row in rows] == [point.timesteps for point in callback.history]
    assert [float(row["bandit/gini"]) for row in rows] == [point.evaluation.gini for point in callback.history]


def test_a_training_that_goes_on_goes_on_in_the_history() -> None:
    callback = ActionDiversityCallback(eval_freq=32)
    model = ppo(make_vec_env(ToyBandit, 2))
    model.learn(64, callback=callback)
    model.learn(64, callback=callback, reset_num_timesteps=False)
    assert [point.timesteps for point in callback.history] == [0, 32, 64, 96, 128]
    model.learn(32, callback=callback)
    assert [point.timesteps for point in callback.history] == [0, 32]


def test_settings_reach_the_evaluation() -> None:
    callback = ActionDiversityCallback(eval_freq=10**6, n_contexts=2, threshold=1.0, seed=4)
    model = ppo(make_vec_env(ToyBandit)).learn(16, callback=callback)
    assert [point.timesteps for point in callback.history] == [0, 16]
    last = callback.history[-1].evaluation
    assert last.n_contexts == 2
    assert last.actions_used == 0
    generator = np.random.default_rng((4, 16))
    assert last == evaluate_bandit(model, np.eye(4, dtype=np.float32)[:2], MEAN_REWARDS[:2], generator, threshold=1.0)


def test_any_environment_with_observations_of_the_users(tmp_path) -> None:
    observations = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    callback = ActionDiversityCallback(eval_freq=16, observations=observations)
    model = ppo("CartPole-v1")
    model.set_logger(configure(str(tmp_path), ["tensorboard"]))
    model.learn(32, callback=callback)
    model.logger.close()
    assert [point.timesteps for point in callback.history] == [0, 16, 32]
    last = callback.history[-1]
    assert last.evaluation == action_use(model, observations, np.random.default_rng((0, 32)))
    assert math.isnan(last.cumulative_regret)
    assert last.scalars().keys() == POLICY_SIDE
    events = EventAccumulator(str(tmp_path)).Reload()
    tags = {tag for tag in events.Tags()["scalars"] if not tag.startswith(("train/", "rollout/", "time/"))}
    assert tags == {f"actions/{name}" for name in POLICY_SIDE}
    assert events.Tags()["histograms"] == ["actions/actions"]


def test_it_says_what_it_sees(capsys) -> None:
    ppo(make_vec_env(ToyBandit)).learn(16, callback=ActionDiversityCallback(n_contexts=1, verbose=1))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("bandit after 16 steps: entropy ")
    # One context has one best action: there is nothing to cover, and nothing is said of it.
    assert "optimal_coverage" not in lines[1]
    ppo(make_vec_env(ToyBandit)).learn(16, callback=ActionDiversityCallback())
    assert capsys.readouterr().out == ""


def test_what_it_cannot_look_at_it_refuses_at_the_start() -> None:
    with pytest.raises(TypeError, match="but DQN with a DQNPolicy"):
        DQN("MlpPolicy", "CartPole-v1", buffer_size=10).learn(5, callback=ActionDiversityCallback())
    with pytest.raises(TypeError, match=r"but PPO with a ActorCriticPolicy on Box\("):
        ppo("Pendulum-v1").learn(16, callback=ActionDiversityCallback())
    model = ppo("CartPole-v1")
    with pytest.raises(ValueError, match=r"needs an environment with a method evaluation_set.*observations=…"):
        model.learn(16, callback=ActionDiversityCallback())
    assert model.num_timesteps == 0
    with pytest.raises(ValueError, match="Unexpected observation shape"):
        model.learn(16, callback=ActionDiversityCallback(observations=np.zeros((5, 3), np.float32)))
    assert model.num_timesteps == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"eval_freq": 0}, "eval_freq must be a whole number ≥ 1, but 0 was given"),
        ({"n_contexts": 0}, "n_contexts must be a whole number ≥ 1, but 0 was given"),
        ({"threshold": 1.5}, "threshold must be a number between 0 and 1, but 1.5 was given"),
        ({"seed": -1}, "seed must be a whole number ≥ 0, but -1 was given"),
    ],
)
def test_wrong_arguments(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        ActionDiversityCallback(**arguments)
