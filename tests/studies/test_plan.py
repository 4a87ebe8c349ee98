"""From a study to its runs, and what a run is identified by."""

import csv
import json

import pytest

from sb3_entropy import SPPO
from sb3_entropy.registry import ACTION_DISTRIBUTIONS, DIVERGENCES, KERNELS, REFERENCES, SIMILARITY_RULES, STD_SCHEMES
from sb3_entropy.studies.identity import behaviours, run_id, versions
from sb3_entropy.studies.library import results_folder, study_files
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.spec import read_study
from sb3_entropy.temperature import TunedTemperature
from studies.specs import TINY, study


def test_arms_times_sweeps_times_environments_times_seeds():
    planned = Plan(
        study(
            environments=["CartPole-v1", "Acrobot-v1"],
            sweep={"gamma": [0.9, 0.99]},
            seeds=[4, 7],
        )
    ).runs
    labels = {run.variant.label for run in planned}
    assert labels == {
        "PPO, gamma=0.9",
        "PPO, gamma=0.99",
        "SPPO, gamma=0.9, ent_coef=0.01",
        "SPPO, gamma=0.9, ent_coef=0.1",
        "SPPO, gamma=0.99, ent_coef=0.01",
        "SPPO, gamma=0.99, ent_coef=0.1",
    }
    assert len(planned) == len({run.run_id for run in planned}) == 6 * 2 * 2
    # Seed by seed: an interrupted study has as many runs of every arm.
    assert [run.seed for run in planned] == [4] * 12 + [7] * 12
    of = {(run.variant.label, run.environment, run.seed): run.definition for run in planned}
    assert of["PPO, gamma=0.9", "Acrobot-v1", 7]["hyperparams"]["gamma"] == 0.9
    assert of["SPPO, gamma=0.99, ent_coef=0.1", "CartPole-v1", 4]["hyperparams"]["ent_coef"] == 0.1


def test_layers_of_hyperparameters_lie_over_one_another():
    layered = study(
        environments={"CartPole-v1": {"hyperparams": {"gamma": 0.8, "n_epochs": 2}}},
        arms={
            "SPPO": {
                "algo": "sppo",
                "preset": "own",
                "hyperparams": {"n_epochs": 3, "policy_kwargs": {"activation_fn": "relu"}},
                "sweep": {"policy_kwargs.log_std_init": [0.5]},
            },
        },
        timesteps=None,
        decision=[{"measure": "final_return", "treatment": "SPPO", "control": "SPPO", "expect": "greater"}],
    )
    definition = Plan(layered).runs[0].definition
    given = definition["hyperparams"]
    assert given["n_envs"] == 8  # the preset's
    assert given["n_steps"] == 32  # the study's, over the preset's
    assert given["gamma"] == 0.8  # the environment's
    assert given["n_epochs"] == 3  # the arm's, over the environment's
    assert given["policy_kwargs"] == {"net_arch": [8], "activation_fn": "relu", "log_std_init": 0.5}
    assert definition["timesteps"] == 100_000  # the preset's
    assert "n_timesteps" not in given


def test_a_run_is_identified_by_what_defines_it(monkeypatch):
    ids = {run.variant.label: run.run_id for run in Plan(study()).runs}
    assert {run.variant.label: run.run_id for run in Plan(study()).runs} == ids
    # What is said about the runs does not define them.
    assert {r.variant.label: r.run_id for r in Plan(study(claim="Another.", measures=["final_return"])).runs} == ids
    # An observing measure does: it is seen in the curves.
    changed = [
        study(timesteps=129),
        study(evaluation={"points": 3, "episodes": 2}),
        study(hyperparams={"n_steps": 64}),
        study(seeds=[3]),
        study(environments={"CartPole-v1": {"env_kwargs": {"sutton_barto_reward": True}}}),
    ]
    for other in changed:
        assert not {run.run_id for run in Plan(other).runs} & set(ids.values())
    monkeypatch.setattr(SPPO, "behaviour_version", 2)
    after = {run.variant.label: run.run_id for run in Plan(study()).runs}
    assert after["PPO"] == ids["PPO"]
    assert after["SPPO, ent_coef=0.1"] != ids["SPPO, ent_coef=0.1"]


def test_versions_of_the_packages_that_make_the_numbers():
    known = versions("trpo", "Pendulum-v1", {})
    assert set(known) == {"torch", "numpy", "stable-baselines3", "sb3-contrib", "gymnasium"}
    assert "sb3-entropy-gridworld" in versions("sppo", "entropy/Gridworld-v0", {})
    assert "mujoco" in versions("ppo", "Hopper-v5", {})
    assert all(version[0].isdigit() for version in known.values())


def test_the_hash_does_not_depend_on_the_order_of_keys():
    definition = Plan(study()).runs[0].definition
    shuffled = json.loads(json.dumps(definition), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert run_id(shuffled) == run_id(definition)


def test_no_length_of_training_is_an_error():
    with pytest.raises(ValueError, match="timesteps is missing for CartPole-v1"):
        list(Plan(study(timesteps=None)).runs)


def test_environments_may_have_their_own_length():
    runs = Plan(study(timesteps=128, environments={"CartPole-v1": {"timesteps": 64}, "Acrobot-v1": {}})).runs
    lengths = {run.environment: run.definition["timesteps"] for run in runs}
    assert lengths == {"CartPole-v1": 64, "Acrobot-v1": 128}


def test_further_seeds_leave_the_earlier_runs_as_they_are():
    few, many = study(), study().model_copy(update={"seeds": tuple(range(5))})
    assert {run.run_id for run in Plan(few).runs} < {run.run_id for run in Plan(many).runs}
    assert len(Plan(few).variants) == 3


@pytest.mark.parametrize(
    "hyperparams",
    [
        {"policy_kwargs": {"std_scheme": "foreign"}},
        {"policy_kwargs": {"action_distribution": "foreign"}},
        {"divergence": "foreign"},
        {"reference": "foreign"},
        {"divergence": "mmd", "divergence_kwargs": {"kernel": "foreign"}},
        {"regularizers": [{"divergence": "kl"}, {"divergence": "foreign"}]},
        {"regularizers": [{"divergence": "kl", "reference": "foreign"}]},
        {"regularizers": [{"divergence": "mmd", "divergence_kwargs": {"kernel": {"kernel": "foreign", "size": 2}}}]},
    ],
)
def test_versions_of_what_another_package_offers_by_name(hyperparams, monkeypatch):
    foreign = type("Foreign", (), {"__module__": "yaml.foreign"})
    for registry in (STD_SCHEMES, ACTION_DISTRIBUTIONS, DIVERGENCES, KERNELS, REFERENCES):
        registry.keys()
        monkeypatch.setitem(registry._things, "foreign", foreign)
    assert "pyyaml" in versions("sppo", "CartPole-v1", hyperparams)
    ours = {"divergence": "mmd", "divergence_kwargs": {"kernel": "delta"}, "reference": "uniform"}
    assert versions("sppo", "CartPole-v1", ours) == versions("sppo", "CartPole-v1", {})


def test_mappings_and_long_lists_are_told_briefly_unless_that_is_the_same_for_two():
    shifts = [{"kind": "noise", "std": 0.4}, {"kind": "labels", "weights": [0.1, 0.2, 0.3, 0.4]}, "none"]
    arms = {"SPPO": {"algo": "sppo", "sweep": {"env_kwargs.shift": shifts}}}
    assert [variant.label for variant in Plan(study(arms=arms)).variants] == [
        "SPPO, shift=noise 0.4",
        "SPPO, shift=labels [0.1, …, 0.4]",
        "SPPO, shift=none",
    ]
    alike = [{"weights": [1, 2, 3, 4]}, {"weights": [1, 3, 2, 4]}]
    arms = {"SPPO": {"algo": "sppo", "sweep": {"env_kwargs.shift": alike}}}
    assert [variant.label for variant in Plan(study(arms=arms)).variants] == [f"SPPO, shift={value}" for value in alike]


def test_a_run_is_the_same_whatever_its_environment_is_called():
    settings = {"score_range": [0, 500]}
    plain = [run.run_id for run in Plan(study()).runs]
    named = "gymnasium.envs.classic_control:CartPole-v1"
    for env_id in ("CartPole", named):
        assert [run.run_id for run in Plan(study(environments={env_id: settings})).runs] == plain
    assert [run.run_id for run in Plan(study(packages=["json"])).runs] == plain


TUNED = {"TunedTemperature": 2}
REPEL = {"divergence": "jensen_shannon", "mode": "repel", "target_divergence": 0.1}


@pytest.mark.parametrize(
    ("algo", "hyperparams", "expected"),
    [
        ("sppo", {"ent_coef": "auto_0.1"}, TUNED),
        ("sppo", {"ent_coef": "auto"}, TUNED),
        ("sppo", {"ent_coef": "lin_0.1"}, {}),
        ("sppo", {"ent_coef": 0.1, "policy_kwargs": {"std_scheme": "local"}}, {}),
        ("sa2c", {"regularizers": [{"divergence": "kl"}, {**REPEL, "coef": "auto_0.1"}]}, TUNED),
        ("divergence_reg_pg", {"coef": "auto", "target_divergence": 0.1}, TUNED),
        ("divergence_reg_pg", {"coef": 0.1}, {}),
        ("ppo", {"ent_coef": 0.1}, {}),
        ("sppo", {"policy_kwargs": {"action_distribution": "beta"}}, {"BetaDistribution": 2}),
    ],
)
def test_what_was_mended_enters_by_its_version(algo, hyperparams, expected):
    assert behaviours(algo, hyperparams) == expected


@pytest.mark.parametrize(
    ("registry", "key", "algo", "hyperparams", "other"),
    [
        (STD_SCHEMES, "local", "sppo", {"policy_kwargs": {"std_scheme": "local"}}, {}),
        (STD_SCHEMES, "global", "sppo", {}, {"policy_kwargs": {"std_scheme": "local"}}),
        (ACTION_DISTRIBUTIONS, "beta", "sa2c", {"policy_kwargs": {"action_distribution": "beta"}}, {}),
        (DIVERGENCES, "kl", "divergence_reg_pg", {}, {"divergence": "hellinger"}),
        (REFERENCES, "uniform", "sppo", {"regularizers": [{"divergence": "kl"}]}, {}),
        (REFERENCES, "ema", "sppo", {"regularizers": [{"divergence": "kl", "reference": "ema"}]}, {}),
        (
            SIMILARITY_RULES,
            "linear",
            "sac_adaent",
            {"ent_coef": 0.1, "similarity_rule": {"similarity_rule": "linear"}},
            {"ent_coef": 0.1, "similarity_rule": "exact"},
        ),
        (KERNELS, "rbf", "spg", {"regularizers": [{"divergence": "mmd", "divergence_kwargs": {"kernel": "rbf"}}]}, {}),
    ],
)
def test_what_is_named_enters_by_its_version_once_that_is_raised(monkeypatch, registry, key, algo, hyperparams, other):
    """A default is named by leaving it out."""
    hyperparams, other = ({"policy": "MlpPolicy", **given} for given in (hyperparams, other))
    monkeypatch.setattr(registry.get(key), "behaviour_version", 1, raising=False)
    assert behaviours(algo, hyperparams) == {}
    monkeypatch.setattr(registry.get(key), "behaviour_version", 3, raising=False)
    assert behaviours(algo, hyperparams) == {registry.get(key).__name__: 3}
    assert behaviours(algo, other) == {}


def test_an_estimator_enters_by_its_own_version(monkeypatch):
    monkeypatch.setattr(
        ACTION_DISTRIBUTIONS.get("tanh_gaussian"), "estimator_versions", {"quadrature": 2}, raising=False
    )
    for estimator, expected in (("quadrature", {"quadrature": 2}), ("monte_carlo", {})):
        policy_kwargs = {"action_distribution": "tanh_gaussian", "entropy_estimator": estimator}
        assert behaviours("sppo", {"policy_kwargs": policy_kwargs}) == expected


def test_a_version_changes_the_runs_that_use_it_alone(monkeypatch):
    arms = {"tuned": {"algo": "sppo", "hyperparams": {"ent_coef": "auto_0.1"}}, "fixed": {"algo": "sppo"}}
    rule = [{"measure": "final_return", "treatment": "tuned", "control": "fixed", "expect": "greater"}]
    before = {run.variant.label: run for run in Plan(study(arms=arms, decision=rule)).runs}
    assert before["tuned"].definition["behaviours"] == TUNED
    assert "behaviours" not in before["fixed"].definition
    monkeypatch.setattr(TunedTemperature, "behaviour_version", 3)
    after = {run.variant.label: run.run_id for run in Plan(study(arms=arms, decision=rule)).runs}
    assert after["tuned"] != before["tuned"].run_id
    assert after["fixed"] == before["fixed"].run_id


COMMITTED = {name: folder for name, file in study_files().items() if (folder := results_folder(file, name)).is_dir()}


@pytest.mark.parametrize("name", COMMITTED)
def test_committed_runs_keep_their_identity(name):
    """The first seed's, at the packages' versions with which they were made."""
    known, folder = read_study(study_files()[name]), COMMITTED[name]
    recorded = json.loads((folder / "definitions.json").read_text())["definitions"]
    with (folder / "runs.csv").open(newline="") as file:
        ids = {(row["arm"], row["environment"], row["seed"]): row for row in csv.DictReader(file)}
    for run in Plan(known.model_copy(update={"seeds": known.seeds[:1]})).runs:
        row = ids[run.variant.label, run.environment, str(run.seed)]
        made_with = recorded[int(row["definition"])]["definition"]["versions"]
        assert run_id({**run.definition, "versions": made_with}) == row["run_id"], run.variant.label


@pytest.mark.parametrize("fast", [True, False, "auto", "rounding"])
def test_which_path_is_taken_is_no_part_of_a_run_unless_it_changes_numbers(fast: bool | str) -> None:
    arms = {"PPO": {"algo": "sppo", "hyperparams": {"ent_coef": 0.0}}, "SPPO": {"algo": "sppo"}}
    plain, given = (
        [run.run_id for run in Plan(study(hyperparams={**TINY["hyperparams"], **more}, arms=arms)).runs]
        for more in ({}, {"fast": fast})
    )
    assert (given == plain) == (fast != "rounding")
