"""Studies with SDDPG and SACAdaEnt beside Stable-Baselines3's SAC."""

import numpy as np
import pytest
import yaml

from sb3_entropy.cli.main import main
from sb3_entropy.registry import MEASURES, SIMILARITY_RULES
from sb3_entropy.store import Store
from sb3_entropy.studies.check import check_study
from sb3_entropy.studies.comparison import comparison_study
from sb3_entropy.studies.identity import behaviours, fast_that_counts, versions
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.spec import parse_study
from sb3_entropy.temperature import DualTemperature, TunedTemperature

SHORT = {"learning_starts": 20, "batch_size": 8, "learning_rate": 0.01}
DECIDED = {**SHORT, "similarity_rule": {"similarity_rule": "exact"}, "similarity_samples": 20}
STUDY = {
    "claim": "SDDPG with the minimum of its critics is SAC.",
    "source": "a test",
    "environments": {"Pendulum-v1": {"env_kwargs": {"max_episode_steps": 30}}},
    "timesteps": 60,
    "seeds": 2,
    "evaluation": {
        "points": 3,
        "episodes": 2,
        "modes": ["deterministic"],
        "log": ["train/plain_share", "train/ent_coef"],
    },
    "hyperparams": {"policy_kwargs": {"net_arch": [8]}},
    "arms": {
        "SAC": {"algo": "sac", "hyperparams": SHORT, "sweep": {"ent_coef": ["auto", 0.2]}},
        "SDDPG": {
            "algo": "sddpg",
            "hyperparams": {**SHORT, "actor_critic": "minimum", "fast": False},
            "sweep": {"ent_coef": ["auto", 0.2]},
        },
        "AdaEnt": {"algo": "sac_adaent", "hyperparams": DECIDED, "sweep": {"similarity_threshold": [-1.0, 0.97]}},
        "preset": {"algo": "sac_adaent", "preset": "own", "hyperparams": {**DECIDED, "ent_coef": 0.2}},
    },
    "measures": ["final_return", "entropy", "plain_share"],
    "decision": [
        {"measure": "final_return", "treatment": "SDDPG", "control": "SAC", "expect": "equivalent", "margin": 1.0}
    ],
    "also": [{"measure": "final_return", "treatment": "preset", "control": "SAC", "expect": "greater"}],
}


@pytest.mark.slow
def test_sddpg_with_the_minimum_is_sac_and_adaent_runs_beside_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "off.yml").write_text(yaml.safe_dump(STUDY, sort_keys=False))
    assert main(["study", "run", "off.yml", "--store", "store.sqlite", "--engine", "serial"]) == 0
    assert "off: 14 runs, 840 steps" in capsys.readouterr().out
    with Store("store.sqlite") as store:
        records = {(member.arm, member.seed): record for member, record in store.runs("off")}
    assert {record.status for record in records.values()} == {"finished"}
    for alpha in ("auto", 0.2):
        theirs, ours = (records[f"{arm}, ent_coef={alpha}", 1].curves for arm in ("SAC", "SDDPG"))
        for curve in ("deterministic/return", "policy/entropy", "train/ent_coef", "train/return"):
            assert np.array_equal(theirs[curve], ours[curve], equal_nan=True), curve
    always, decided = (records[f"AdaEnt, similarity_threshold={e}", 0] for e in (-1.0, 0.97))
    assert always.scores["plain_share"] == 0.0
    assert 0 < decided.scores["plain_share"] <= 1
    assert np.isnan(records["SAC, ent_coef=auto", 0].scores["plain_share"])
    assert decided.definition["hyperparams"]["similarity_rule"] == {"similarity_rule": "exact"}
    assert records["preset", 0].definition["hyperparams"]["learning_rate"] == 0.01
    assert main(["study", "report", "off.yml", "--store", "store.sqlite", "-f", "reports"]) == 0


@pytest.mark.parametrize(
    ("hyperparams", "message"),
    [
        ({"similarity_threshold": 2}, "similarity_threshold must be a number"),
        ({"n_epochs": 3}, "Unknown key 'n_epochs' for sac_adaent"),
        ({"ent_coef": "auto", "target_entropy": 3.0}, r"target_entropy=3 cannot be reached"),
        ({"buffer_size": 100}, "batch_size=256, but the replay buffer has room for 100 transitions"),
    ],
)
def test_what_is_wrong_with_an_arm_is_told_before_anything_runs(hyperparams, message):
    wrong = {**STUDY, "arms": {**STUDY["arms"], "wrong": {"algo": "sac_adaent", "hyperparams": hyperparams}}}
    with pytest.raises(ValueError, match=rf"(?s)arms\.wrong.*{message}"):
        check_study(Plan(parse_study("wrong", yaml.safe_dump(wrong, sort_keys=False), "wrong.yml")))


def test_a_decisions_share_has_to_be_in_the_log():
    wrong = {**STUDY, "evaluation": {"points": 3, "episodes": 2}}
    with pytest.raises(ValueError, match="train/plain_share"):
        check_study(Plan(parse_study("wrong", yaml.safe_dump(wrong, sort_keys=False), "wrong.yml")))
    steps, curve = np.arange(1.0, 9.0), np.array([9.0, 9, 9, 9, 9, 9, 0.25, 0.5])
    assert (
        MEASURES.get("plain_share").score(steps, curve) == MEASURES.get("soft_minus_plain").score(steps, curve) == 0.375
    )


def test_the_rule_for_alpha_is_that_of_the_family(monkeypatch):
    monkeypatch.setattr(DualTemperature, "behaviour_version", 3)
    monkeypatch.setattr(TunedTemperature, "behaviour_version", 5)
    tuned = [{"divergence": "kl", "reference": "previous", "coef": "auto_0.1", "target_divergence": 0.1}]
    assert behaviours("sddpg", {}) == behaviours("sac_adaent", {"ent_coef": "auto_0.1"}) == {"DualTemperature": 3}
    assert behaviours("sddpg", {"ent_coef": 0.1, "regularizers": tuned}) == {"TunedTemperature": 5}
    assert behaviours("sppo", {"ent_coef": "auto"}) == {"TunedTemperature": 5}
    assert behaviours("sac", {"ent_coef": "auto"}) == behaviours("sddpg", {"ent_coef": "lin_0.1"}) == {}


def test_the_rule_of_the_decision_is_part_of_a_run(monkeypatch):
    monkeypatch.setattr(SIMILARITY_RULES.get("linear"), "behaviour_version", 2, raising=False)
    for given in ("linear", {"similarity_rule": "linear"}):
        assert behaviours("sac_adaent", {"ent_coef": 1.0, "similarity_rule": given}) == {"LinearRule": 2}
    assert behaviours("sac_adaent", {"ent_coef": 1.0}) == {}
    path = {"replay_buffer_class": "optuna.Trial"}
    assert "optuna" in versions("sddpg", "Pendulum-v1", path)


@pytest.mark.parametrize("algo", ["sddpg", "sac_adaent", "sppo"])
def test_which_path_makes_other_numbers(algo):
    counted = [fast for fast in ("auto", True, False, "rounding", None) if fast_that_counts(algo, fast)]
    assert counted == (["rounding"] if algo == "sppo" else [False])


def test_compare_asks_off_policy_with_and_without_entropy():
    study = comparison_study("Pendulum-v1", "sac_adaent", alphas=[0.1, 0.5], timesteps=300, seeds=2)
    assert set(study.arms) == {"neither", "in both"}
    assert study.arms["neither"].hyperparams == {"ent_coef": 0.0}
    assert study.arms["in both"].sweep == {"ent_coef": [0.1, 0.5]}
    assert not study.exhibits
    assert len(check_study(Plan(study))) == 6
    assert len(comparison_study("Pendulum-v1", "sppo").exhibits) == 3
