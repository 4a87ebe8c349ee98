"""Everything wrong with a study is found before its first run, in one message that names line and key."""

import datetime

import pytest

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.check import check_study
from sb3_entropy.studies.measures import Measure, end
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.spec import parse_study, read_study
from sb3_entropy.studies.worker import run_alone
from studies.specs import TINY, study, text, write


def refused(yaml_text):
    with pytest.raises(ValueError, match="nothing has been run") as caught:
        check_study(Plan(parse_study("bad", yaml_text, "bad.yml")))
    return str(caught.value)


def test_a_sound_study_is_let_through():
    assert len(check_study(Plan(study()))) == 9


def test_a_measure_that_cannot_look_at_an_arm(monkeypatch):
    def look(glimpse):
        return {"clip_range": glimpse.model.clip_range(1.0)}

    MEASURES.keys()
    monkeypatch.setitem(MEASURES._things, "clipped", Measure("clip range", "", None, ("clip_range",), end(), look))
    assert check_study(Plan(study(measures=["clipped"])))
    arms = {**TINY["arms"], "A2C": {"algo": "a2c"}}
    message = refused(text(measures=["clipped"], arms=arms, hyperparams={"n_steps": 32}))
    assert "A2C in CartPole-v1 cannot be built: The measure 'clipped' failed: AttributeError" in message
    assert "a problem" in message


def test_whole_numbers_may_have_a_point():
    written = study(seeds=3.0, timesteps=6.4e1, evaluation={"points": 2.0, "episodes": 1.0})
    assert [run.run_id for run in check_study(Plan(written))] == [run.run_id for run in check_study(Plan(study()))]
    assert [run.seed for run in check_study(Plan(study(seeds=[1.0, 4294966])))] == [1] * 3 + [4294966] * 3


def test_the_largest_seed_trains():
    run = check_study(Plan(study(seeds=[4294966], timesteps=32)))[0]
    assert run_alone(run.definition).status == "finished"


def test_all_problems_stand_in_one_message_with_line_and_key():
    bad = text(timesteps="1e5", seed=3, arms={"PPO": {"algo": "ppo", "hyperparms": {}}})
    message = refused(bad)
    lines = bad.splitlines()
    for key, words in (
        ("timesteps", "must be a whole number, but '1e5' was given; YAML reads a number with an exponent as text"),
        ("seed", "Unknown key 'seed'"),
        ("hyperparms", "Did you mean 'hyperparams'?"),
    ):
        number = next(n for n, line in enumerate(lines, 1) if line.strip().startswith(f"{key}:"))
        told = next(line for line in message.splitlines() if f"line {number}, " in line)
        assert words in told
        assert key in told.partition(":")[0]
    assert "3 problems" in message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"claim": None}, "the key 'claim' is missing: what is claimed"),
        ({"decision": []}, "decision"),
        ({"seeds": 0}, "seeds: must be at least 1, but 0 was given"),
        ({"seeds": "many"}, "must be a whole number or a list, but 'many' was given"),
        ({"environments": {"CartPole-v9": None}}, "Unknown environment 'CartPole-v9'"),
        ({"environments": {"CartPole-v1": {"score_range": [1, 1]}}}, "the lower number first"),
        ({"arms": {**TINY["arms"], "PPO": {"algo": "pppo"}}}, "Unknown algorithm 'pppo'"),
        ({"measures": ["final_retrun"]}, "Did you mean 'final_return'?"),
        ({"figures": ["learning_curve"]}, "Did you mean 'learning_curves'?"),
        ({"figures": [{"figure": "response", "x": "gamma", "measure": "final_return"}]}, "gamma"),
        ({"evaluation": {"modes": ["stochastic"]}}, "the measure final_return needs the mode 'deterministic'"),
        ({"evaluation": {"points": 1000}}, "points must be at most timesteps"),
        ({"sweep": {"ent_coef": [0.1]}}, "ent_coef is swept by the study too"),
        (
            {"sweep": {"gamma": [0.9]}, "arms": {"PPO": {"algo": "ppo", "hyperparams": {"gamma": 1}}}},
            "gamma is fixed here",
        ),
        ({"environments": {"CartPole-v1": {"hyperparams": {"ent_coef": 0.1}}}}, "is fixed for this environment"),
        ({"hyperparams": {"n_stepps": 3}}, "hyperparams.n_stepps: Unknown key 'n_stepps' for ppo. Did you mean"),
        ({"hyperparams": {"gamma": 0.9}, "sweep": {"gamma": [0.9]}}, "fixed in the study's hyperparams"),
        ({"arms": {**TINY["arms"], "PPO": {"sweep": {"algo": ["sac", "ppo"]}}}}, "PPO.sweep.algo: cannot be swept"),
        ({"arms": {**TINY["arms"], "PPO": {"algo": "ppo", "sweep": {"preset": ["own"]}}}}, "sweep.preset: cannot be"),
        ({"sweep": {"algo": ["sac", "ppo"]}}, "sweep.algo: cannot be swept; write an arm for each of its values"),
        ({"sweep": {"policy_kwargs": [{}], "policy_kwargs.net_arch": [[8]]}}, "policy_kwargs as a whole too"),
        ({"level": float("nan")}, "level: must be a finite number"),
        ({"timesteps": float("inf")}, "timesteps: must be a finite number"),
        ({"timesteps": 1000.7}, "timesteps: must be a whole number, but 1000.7 was given"),
        ({"hyperparams": {"env_kwargs": {"day": datetime.date(2026, 1, 1)}}}, "env_kwargs.day: must be a number"),
        ({"arms": {1: {"algo": "ppo"}}}, "arms.1: a key must be a text, but 1 was given"),
        ({"environments": {"CartPole-v1": {"score_range": [500, 0]}}}, "the lower number first"),
        ({"hyperparams": {"policy_kwargs": "dict(net_arch=[8])"}}, "policy_kwargs must be a mapping"),
        ({"hyperparams": {"callback": "x.Y"}}, "callback"),
        ({"hyperparams": {"n_steps": 1, "n_envs": 1}}, "cannot be built"),
        ({"hyperparams": {"n_envs": 1001, "n_steps": 2}}, "n_envs must be at most 1000"),
        ({"arms": {**TINY["arms"], "PPO": {"algo": "ppo", "preset": "no_such.yml"}}}, "no_such.yml"),
        ({"evaluation": {"points": 4.5}}, "evaluation.points: must be a whole number, but 4.5 was given"),
        ({"evaluation": {"episodes": 10**6}}, "evaluation.episodes: must be at most 10000"),
        ({"seeds": [0, 4294967]}, "seeds[1]: must be at most 4294966, but 4294967 was given"),
        ({"seeds": 2**40}, "seeds: must be at most 4294967"),
        ({"timesteps": 1e300}, "timesteps: must be at most"),
        ({"environments": {"CartPole-v1": {"score_range": [0, 10**400]}}}, "must be a number of at most 64 bits"),
        ({"hyperparams": {"n_steps": 2**63}}, "hyperparams.n_steps: must be a number of at most 64 bits"),
        ({"timesteps": None, "hyperparams": {"n_timesteps": 100.5}}, "n_timesteps must be a whole number, but 100.5"),
        ({"environments": ["CartPole-v1", "CartPole"]}, "environments.CartPole: is the same environment as"),
        ({"environments": {"CartPole": None, "gymnasium:CartPole-v1": None}}, "is the same environment as CartPole,"),
        ({"packages": ["no_such_package"]}, "packages[0]: The package 'no_such_package', which is to register"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(changes, words):
    message = refused(text(**changes))
    assert words in message
    assert "line " in message


@pytest.mark.parametrize(
    ("criterion", "words"),
    [
        ({"treatment": "SPO"}, "Did you mean 'SPPO'?"),
        ({"treatment": {"arm": "SPPO", "ent_coef": 0.5}}, "0.5 is not swept. Swept: 0.01, 0.1."),
        ({"treatment": {"arm": "SPPO", "gamma": 0.5}}, "Unknown swept hyperparameter 'gamma'"),
        ({"treatment": "PPO"}, "no variant of the treatment"),
        ({"expect": "better"}, "Unknown value 'better'"),
        ({"expect": "equivalent"}, "needs a margin"),
        ({"margin": -1}, "must be at least 0"),
        ({"environments": "all"}, "add score_range"),
        ({"environments": "all", "measure": "entropy"}, "score_range is one of returns, and entropy is none"),
        ({"statistic": "median"}, "Unknown value 'median'"),
        ({"margin": float("nan")}, "must be a finite number"),
    ],
)
def test_a_decision_that_cannot_be_made_is_refused(criterion, words):
    rule = {**TINY["decision"][0], **criterion}
    assert words in refused(text(decision=[rule], environments=["CartPole-v1"]))


def test_files_that_are_no_studies(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no study in"):
        read_study(tmp_path / "absent.yml")
    for content, words in (
        ("- a\n", "must be a mapping"),
        ("a: [", "is not valid YAML"),
        ("a: 1\na: 2\n", "stands twice"),
    ):
        path = tmp_path / "bad.yml"
        path.write_text(content)
        with pytest.raises(ValueError, match=words):
            read_study(path)
    (tmp_path / "binary.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is not valid YAML"):
        read_study(tmp_path / "binary.yml")


def test_yaml_that_would_run_code_is_refused(tmp_path):
    path = write(tmp_path)
    path.write_text(path.read_text() + "remarks: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(ValueError, match="is not valid YAML"):
        read_study(path)


def test_two_variants_of_one_name():
    arms = {"PPO, ent_coef=0.1": {"algo": "ppo"}, "PPO": {"algo": "ppo", "sweep": {"ent_coef": [0.1]}}}
    rule = [{**TINY["decision"][0], "treatment": "PPO", "control": "PPO, ent_coef=0.1"}]
    assert "two variants have the name" in refused(text(arms=arms, decision=rule))


def test_what_several_arms_share_is_told_once_on_its_own_line():
    bad = text(hyperparams={**TINY["hyperparams"], "n_stepps": 3}, environments=["CartPole-v1", "Acrobot-v1"])
    number = next(n for n, line in enumerate(bad.splitlines(), 1) if "n_stepps" in line)
    message = refused(bad)
    assert message.count(f"line {number}, hyperparams.n_stepps") == 2  # for ppo and for sppo
    assert message.count("n_stepps: Unknown") == 2


def test_one_mistake_in_several_environments_is_one_problem_on_one_line():
    environments = ["CartPole-v1", "Acrobot-v1"]
    arms = {**TINY["arms"], "PPO": {"algo": "ppo", "hyperparams": {"ent_coeff": 1}}}
    message = refused(text(environments=environments, arms=arms))
    assert "PPO in every environment: Unknown key 'ent_coeff'" in message
    assert len(message.splitlines()) == 2
    arms["PPO"] = {"algo": "ppo", "hyperparams": {"batch_size": 1}}
    message = refused(text(environments=[*environments, "MountainCar-v0"], arms=arms))
    assert message.count("cannot be built") == 1
    assert len(message.splitlines()) == 2


def test_problems_of_all_kinds_are_told_together():
    arms = {**TINY["arms"], "SPPO": {"algo": "sppo", "hyperparams": {"ent_coef": -1}}}
    message = refused(text(environments=["CartPole-v1", "CartPole-v9"], measures=["retrun"], arms=arms))
    for words in ("Unknown environment 'CartPole-v9'", "Unknown measure 'retrun'", "ent_coef"):
        assert words in message


def test_a_measure_whose_curve_nobody_records(monkeypatch):
    MEASURES.keys()
    monkeypatch.setitem(MEASURES._things, "kl", Measure("KL", "nats", None, ("train/approx_kl",), end()))
    assert "the measure kl needs the curve 'train/approx_kl'; add it to evaluation: log" in refused(
        text(measures=["kl"])
    )
    assert "the curve 'bandit/entropy'; add test_entropy to measures, which records it" in refused(
        text(measures=["halfway_entropy"])
    )
    check_study(Plan(study(measures=["final_return", "halfway_entropy", "test_entropy"])), done=lambda _: True)
    evaluation = {**TINY["evaluation"], "log": ["train/approx_kl"]}
    assert check_study(Plan(study(measures=["final_return", "kl"], evaluation=evaluation)))
