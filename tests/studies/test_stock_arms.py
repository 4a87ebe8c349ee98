"""Studies with Stable-Baselines3's own algorithms, one of them off-policy, and a number for their control."""

import numpy as np
import pytest
import yaml

from sb3_entropy.cli.main import main
from sb3_entropy.store import Store
from sb3_entropy.studies.check import check_study
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.spec import parse_study

SMALL = {"policy_kwargs": {"net_arch": [8]}}
STUDY = {
    "claim": "A tiny SAC is no worse than a controller that always pushes to one side.",
    "source": "a test",
    "environments": {"Pendulum-v1": {"env_kwargs": {"max_episode_steps": 40}}},
    "timesteps": 60,
    "seeds": 3,
    "evaluation": {"points": 2, "episodes": 1},
    "hyperparams": SMALL,
    "arms": {
        "SAC": {
            "algo": "sac",
            "hyperparams": {"learning_starts": 20, "batch_size": 8},
            "sweep": {"ent_coef": ["auto", 0.2]},
        },
        "TD3": {"algo": "td3", "hyperparams": {"learning_starts": 20, "noise_type": "normal", "noise_std": 0.1}},
        "PPO": {"algo": "ppo", "hyperparams": {"n_steps": 32, "batch_size": 32, "n_epochs": 1}},
    },
    "measures": ["final_return", "entropy"],
    "decision": [
        {
            "measure": "final_return",
            "treatment": "SAC",
            "control": {"value": -5000, "source": "nothing is as bad"},
            "expect": "greater",
        }
    ],
    "also": [{"measure": "final_return", "treatment": "SAC", "control": "PPO", "expect": "greater"}],
}


def test_a_stock_sac_and_a_number_run_to_their_verdict(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sac.yml").write_text(yaml.safe_dump(STUDY, sort_keys=False))
    assert main(["study", "run", "sac.yml", "--store", "store.sqlite", "--engine", "serial"]) == 0
    said = capsys.readouterr().out
    assert "sac: 12 runs, 720 steps" in said
    assert "sac: supported\n  final_return greater: supported" in said
    with Store("store.sqlite") as store:
        records = {(member.arm, member.seed): record for member, record in store.runs("sac")}
    tuned, fixed = (records[f"SAC, ent_coef={value}", 0].curves["train/ent_coef"][-1] for value in ("auto", 0.2))
    assert 0 < tuned < 1
    assert fixed == np.float32(0.2)
    for record in records.values():
        assert record.status == "finished"
        assert np.isfinite(record.curves["deterministic/return"]).all()
        assert not [message for message in record.recorded["warnings"] if "replay buffer" in message]
        assert "behaviours" not in record.definition
        assert record.definition["behaviour"] == 0
        assert record.definition["versions"]["stable-baselines3"]
        assert np.isfinite(record.curves["policy/entropy"]).all() == (record.definition["algorithm"] != "td3")
    assert main(["study", "report", "sac.yml", "--store", "store.sqlite", "-f", "reports"]) == 0
    page = (tmp_path / "reports" / "sac" / "index.html").read_text()
    assert "lies above −5000 (nothing is as bad)" in page
    assert "supported" in page


def test_the_keys_of_a_stock_arm_are_those_of_its_constructor():
    wrong = {**STUDY, "arms": {"SAC": {"algo": "sac", "hyperparams": {"n_epochs": 32}}}, "also": []}
    with pytest.raises(ValueError, match=r"arms\.SAC\.hyperparams\.n_epochs: .*Unknown key 'n_epochs' for sac"):
        check_study(Plan(parse_study("wrong", yaml.safe_dump(wrong), "wrong.yml")))
    wrong["arms"] = {"SAC": {"algo": "sac", "preset": "own"}}
    with pytest.raises(ValueError, match="sac is Stable-Baselines3's own, and there are no presets for it"):
        check_study(Plan(parse_study("wrong", yaml.safe_dump(wrong), "wrong.yml")))
