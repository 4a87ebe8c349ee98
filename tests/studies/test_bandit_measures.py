"""The measures of contextual bandits, in a run of a study."""

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from bandits.toy_bandit import MEAN_REWARDS, ToyBandit, ppo
from stable_baselines3 import DQN, PPO

from sb3_entropy.callbacks import evaluate_bandit, find_bandit
from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.check import check_study
from sb3_entropy.studies.jobs import Surroundings
from sb3_entropy.studies.measures import Glimpse
from sb3_entropy.studies.measures.bandits import look_at_bandit
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.training import Recorder, look_at
from sb3_entropy.studies.worker import run_alone
from studies.specs import study

ENV_ID = "test/ToyBandit-v0"
#: measure: (the number of an evaluation that it records, is more of it better?)
BANDIT_MEASURES = {
    "argmax_reward": ("argmax_reward", True),
    "sampled_reward": ("sampled_reward", True),
    "late_sampled_reward": ("sampled_reward", True),
    "mean_sampled_reward": ("sampled_reward", True),
    "mean_regret": ("mean_regret", False),
    "cumulative_regret": ("cumulative_regret", False),
    "optimal_coverage": ("optimal_coverage", True),
    "test_entropy": ("entropy", None),
    "actions_used": ("actions_used", None),
    "top_share": ("top_share", None),
    "effective_actions": ("effective_actions", None),
    "gini": ("gini", None),
}


@pytest.fixture(autouse=True)
def _bandit():
    """The toy bandit under an id."""
    gym.register(ENV_ID, entry_point="bandits.toy_bandit:ToyBandit")
    yield
    del gym.registry[ENV_ID]


def run_of(label, **changes):
    decision = [{"measure": "argmax_reward", "treatment": "SPPO", "control": "PPO", "expect": "greater"}]
    settings = {"environments": [ENV_ID], "measures": list(BANDIT_MEASURES), "decision": decision, "timesteps": 320}
    spec = study(**{**settings, "evaluation": {"points": 20, "episodes": 2}, **changes})
    return next(run for run in Plan(spec).runs if run.variant.label == label and run.seed == 1)


def test_these_are_the_measures_of_bandits() -> None:
    found = {key: measure for key, measure in MEASURES.items() if measure.observer is look_at_bandit}
    assert found.keys() == BANDIT_MEASURES.keys()
    for key, measure in found.items():
        number, higher_is_better = BANDIT_MEASURES[key]
        assert list(measure.recorded({number: 3.0}).values()) == [3.0], key
        assert measure.higher_is_better is higher_is_better, key
        assert measure.version == 1
    # Each has a curve of its own, or a study could not have two of them.
    assert len({measure.curves for measure in found.values()}) == len(found)


def test_a_run_records_what_the_policy_was_and_scores_it() -> None:
    run = run_of("SPPO, ent_coef=0.1")
    record = run_alone(run.definition, Surroundings(measures=list(BANDIT_MEASURES)))
    for key in BANDIT_MEASURES:
        assert np.isfinite(record.curves[MEASURES.get(key).curves[0]]).all(), key
    curves = {key: np.array(record.curves[MEASURES.get(key).curves[0]]) for key in BANDIT_MEASURES}
    for key, curve in curves.items():
        late = curve[-int(np.ceil(len(curve) / 2)) :].mean()
        expected = {
            "mean_sampled_reward": curve.mean(),
            "late_sampled_reward": late,
            "cumulative_regret": curve[-1],
        }
        assert record.scores[key] == pytest.approx(expected.get(key, curve[-2:].mean())), key
    # Relations that hold whatever the policy is.
    best = MEAN_REWARDS.max(axis=1).mean()
    assert curves["mean_regret"] == pytest.approx(best - curves["sampled_reward"])
    assert curves["mean_sampled_reward"].tolist() == curves["sampled_reward"].tolist()
    assert (np.diff(curves["cumulative_regret"]) >= 0).all()
    assert (curves["actions_used"] >= 1).all()
    assert (curves["test_entropy"] <= np.log(5)).all()
    assert record.scores == run_alone(run.definition, Surroundings(measures=list(BANDIT_MEASURES))).scores


def test_the_numbers_are_those_of_the_callbacks_evaluation() -> None:
    model = ppo(ToyBandit())
    measures = {key: MEASURES.get(key) for key in BANDIT_MEASURES}
    for steps in (16, 32):
        model.learn(steps)
        seen = look_at(model, measures, None, seed=6)
        expected = evaluate_bandit(model, np.eye(4, dtype=np.float32), MEAN_REWARDS, np.random.default_rng(6))
        regret = find_bandit(model.get_env()).cumulative_regret()
        values = {**expected.scalars(), "cumulative_regret": regret}
        for key, (number, _) in BANDIT_MEASURES.items():
            assert seen[MEASURES.get(key).curves[0]] == values[number], key


def test_all_of_them_look_once_at_a_moment() -> None:
    model = ppo(ToyBandit())
    measures = {key: MEASURES.get(key) for key in BANDIT_MEASURES}
    environment = model.get_env().envs[0].unwrapped

    def looks(seed):
        before = environment.n_evaluation_sets
        values = look_at(model, measures, None, seed)
        return environment.n_evaluation_sets - before, values

    once, first = looks(0)
    assert (once, looks(0)) == (1, (1, first))  # nothing is kept, and the same seed sees the same
    model.learn(16)
    once, after = looks(0)
    assert once == 1
    assert after != first


def test_a_watched_run_is_the_unwatched_one_bit_for_bit() -> None:
    run = run_of("PPO")
    plain, watched = (ppo(ENV_ID).learn(320, callback=callback) for callback in (None, Recorder(run.definition)))
    for name, value in plain.policy.state_dict().items():
        assert th.equal(value, watched.policy.state_dict()[name]), name


@pytest.mark.parametrize(
    "model",
    [
        lambda: PPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8),
        lambda: PPO("MlpPolicy", "Pendulum-v1", n_steps=8, batch_size=8),
        lambda: DQN("MlpPolicy", ToyBandit(), buffer_size=10),
    ],
    ids=["no bandit", "no discrete actions", "no probabilities"],
)
def test_where_there_is_nothing_to_see_curves_are_nan(model) -> None:
    model = model()
    for key in BANDIT_MEASURES:
        measure = MEASURES.get(key)
        seen = measure.recorded(measure.observer(Glimpse(model, None, np.random.default_rng(0))))
        assert seen.keys() == set(measure.curves)
        assert np.isnan(list(seen.values())).all()


def test_a_study_of_bandits_needs_no_more_than_their_names() -> None:
    decision = [{"measure": "cumulative_regret", "treatment": "SPPO", "control": "PPO", "expect": "less"}]
    spec = study(environments=[ENV_ID], measures=["mean_sampled_reward"], decision=decision)
    assert len(check_study(Plan(spec))) == 9
