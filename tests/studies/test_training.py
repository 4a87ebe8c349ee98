"""A run: what is recorded, and that looking at a training does not change it."""

import numpy as np
import pytest
import torch as th
from stable_baselines3 import PPO

from sb3_entropy import SPPO
from sb3_entropy.policies.episodes import evaluate
from sb3_entropy.presets.build import make_envs, make_model
from sb3_entropy.store import same_but_clock
from sb3_entropy.studies.jobs import Surroundings
from sb3_entropy.studies.measures import Measure
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.schema import SEED_STRIDE
from sb3_entropy.studies.steps import StepCount, noted_steps
from sb3_entropy.studies.training import Recorder
from sb3_entropy.studies.worker import run_alone, score
from studies.specs import study


def run_of(label, **changes):
    return next(
        run for run in Plan(study(**{"timesteps": 128, **changes})).runs if run.variant.label == label and run.seed == 1
    )


def train(run, callback=None):
    definition = run.definition
    seed = SEED_STRIDE * run.seed
    env = make_envs(definition["environment"], definition["hyperparams"], seed)
    model = make_model(definition["algorithm"], env, definition["hyperparams"], seed)
    return model.learn(definition["timesteps"], callback=callback)


SETTINGS = {
    "discrete": {},
    "continuous": {"environments": ["Pendulum-v1"]},
    "normalised": {
        "environments": ["Pendulum-v1"],
        "hyperparams": {"normalize": True, "n_steps": 32, "batch_size": 32, "n_epochs": 1, "n_envs": 2},
    },
    "gSDE": {
        "environments": ["Pendulum-v1"],
        "hyperparams": {"use_sde": True, "sde_sample_freq": 4, "n_steps": 32, "batch_size": 32, "n_epochs": 1},
    },
    "local std": {
        "environments": ["Pendulum-v1"],
        "arms": {
            "PPO": {"algo": "ppo"},
            "SPPO": {
                "algo": "sppo",
                "hyperparams": {"policy_kwargs": {"std_scheme": "local"}},
                "sweep": {"ent_coef": [0.01, 0.1]},
            },
        },
    },
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_watched_training_is_the_unwatched_one_bit_for_bit(settings):
    run = run_of("SPPO, ent_coef=0.1", **settings)
    definition = run.definition
    plain = train(run)
    plain_draw = th.rand(3), np.random.rand(3)
    watched = train(run, Recorder(definition))
    watched_draw = th.rand(3), np.random.rand(3)
    for name, value in plain.policy.state_dict().items():
        assert th.equal(value, watched.policy.state_dict()[name]), name
    assert th.equal(plain_draw[0], watched_draw[0])
    assert np.array_equal(plain_draw[1], watched_draw[1])
    assert np.array_equal(plain.env.reset(), watched.env.reset())


def test_the_record_of_a_run():
    run = run_of("SPPO, ent_coef=0.1", evaluation={"points": 4, "episodes": 3})
    record = run_alone(run.definition, Surroundings(measures=["final_return", "mean_return", "entropy"]))
    assert record.run_id == run.run_id
    assert record.status == "finished"
    assert record.steps == (32, 64, 96, 128)
    assert record.curves["train/ent_coef"][1:] == (0.1, 0.1, 0.1)
    for name in ("deterministic/return", "stochastic/return", "policy/entropy", "policy/outside_box"):
        assert np.isfinite(record.curves[name]).all()
    # CartPole pays 1 a step.
    assert record.curves["deterministic/return"] == record.curves["deterministic/length"]
    assert all(0 < value <= np.log(2) for value in record.curves["policy/entropy"])
    assert record.scores["final_return"] == record.curves["deterministic/return"][-1]
    assert record.scores["entropy"] == record.curves["policy/entropy"][-1]
    assert record.recorded["wall_seconds"] > 0
    again = run_alone(run.definition, Surroundings(measures=["final_return", "mean_return", "entropy"]))
    assert same_but_clock(again, record)


def test_the_last_point_is_after_the_last_update():
    run = run_of("PPO", evaluation={"points": 1, "episodes": 5})
    record = run_alone(run.definition)
    model = train(run)
    env = make_envs("CartPole-v1", run.definition["hyperparams"], 0, n_envs=5, evaluation=True)
    seed = int(np.random.SeedSequence((1, 0)).generate_state(1)[0]) >> 2
    assert record.curves["deterministic/return"][-1] == evaluate(model, env, seed, True).returns.mean()
    assert record.curves["stochastic/return"][-1] == evaluate(model, env, seed, False).returns.mean()


def test_an_evaluation_is_the_same_whatever_was_drawn_before():
    env = make_envs("CartPole-v1", {}, 0, n_envs=4, evaluation=True)
    model = SPPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8, seed=0)
    first = evaluate(model, env, 5, deterministic=False)
    th.rand(7)
    again = evaluate(model, env, 5, deterministic=False)
    assert np.array_equal(first.returns, again.returns)
    assert not np.array_equal(first.returns, evaluate(model, env, 6, deterministic=False).returns)


def test_a_curve_that_was_not_recorded_has_no_score():
    scores = score([1, 2], {"policy/entropy": [0.5, 0.25]}, ["final_return", "entropy"])
    assert np.isnan(scores["final_return"])
    assert scores["entropy"] == 0.25


def test_the_record_of_stock_ppo_has_no_temperature():
    run = run_of("PPO")
    assert issubclass(PPO, type(train(run)))
    assert "train/ent_coef" not in run_alone(run.definition).curves


def test_tensorboard_logs_on_request_and_otherwise_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    run = run_of("PPO")
    plain = run_alone(run.definition)
    assert not list(tmp_path.rglob("*"))
    logged = run_alone(run.definition, Surroundings(tensorboard=str(tmp_path / "tb")))
    assert list((tmp_path / "tb" / run.run_id).glob("events.out.tfevents.*"))
    assert same_but_clock(logged, plain)
    noted = run_alone(run.definition, Surroundings(steps=str(tmp_path)))
    assert same_but_clock(plain, noted)
    assert 0 < noted_steps(tmp_path, [run.run_id, "another"])[run.run_id] <= run.definition["timesteps"]
    # On another machine there is no such folder.
    elsewhere = StepCount(tmp_path / "absent", run.run_id)
    elsewhere.note(1)
    elsewhere.close()
    assert noted_steps(tmp_path / "absent", [run.run_id]) == {}


def test_warnings_are_recorded_and_not_shown(recwarn):
    run = run_of("PPO", hyperparams={"n_steps": 32, "batch_size": 24, "n_epochs": 1})
    record = run_alone(run.definition)
    assert any("mini-batch" in message for message in record.recorded["warnings"])
    assert not [warning for warning in recwarn if "mini-batch" in str(warning.message)]


def test_an_observer_records_no_curve_that_every_run_has():
    arguments = ("Best.", "return", True, ("deterministic/return", "mine/size"), lambda steps, *curves: 0.0, dict)
    with pytest.raises(ValueError, match=r"'Best.' has an observer, but deterministic/return is recorded without one"):
        Measure(*arguments)
    measure = Measure(*arguments, records={"mine/size": "n"})
    assert measure.recorded({"n": 3, "m": 4}) == {"mine/size": 3.0}
    assert np.isnan(measure.recorded({})["mine/size"])
