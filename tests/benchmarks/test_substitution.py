"""The substitution reaches every name, in a process of its own so that it reaches no other test."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.conformance.__main__ import main, run
from benchmarks.conformance.substitution import counterparts, substitutes

ROOT = Path(__file__).resolve().parents[2]

NAMES = """
import json, pickle
from benchmarks.conformance.substitution import MODES, install, stock_classes, substitutes

def look_at_sac(mode):
    classes = substitutes(mode)
    install(classes)
    import stable_baselines3, stable_baselines3.sac
    from stable_baselines3 import SAC
    seen = [SAC, stable_baselines3.SAC, stable_baselines3.sac.SAC]
    model, named = SAC("MlpPolicy", "Pendulum-v1"), SAC("MlpPolicy", "Pendulum-v1", ent_coef=0.5)
    return {
        "names": [cls.__name__ for cls in seen],
        "substituted": all(cls in classes.values() and cls is not stock_classes()["SAC"] for cls in seen),
        "derived": issubclass(SAC, stock_classes()["SAC"]),
        "pickled": all(pickle.loads(pickle.dumps(cls)) is cls for cls in seen),
        "actor_critic": getattr(model, "actor_critic", None),
        "ent_coef": [model.ent_coef, named.ent_coef],
    }

def look(mode):
    classes = substitutes(mode)
    install(classes)
    import sb3_contrib, sb3_contrib.trpo, stable_baselines3, stable_baselines3.a2c, stable_baselines3.ppo
    from stable_baselines3 import A2C, PPO
    from sb3_contrib import TRPO
    seen = [PPO, stable_baselines3.PPO, stable_baselines3.ppo.PPO, A2C, stable_baselines3.a2c.A2C]
    seen += [TRPO, sb3_contrib.trpo.TRPO]
    stock = stock_classes()
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8)
    named = PPO("MlpPolicy", "CartPole-v1", 3e-4, 8, 8, 10, 0.99, 0.95, 0.2, None, True, 0.5)
    return {
        "names": [cls.__name__ for cls in seen],
        "substituted": all(cls in classes.values() and cls not in stock.values() for cls in seen),
        "derived": all(issubclass(cls, stock[name]) for name, cls in classes.items()),
        "pickled": all(pickle.loads(pickle.dumps(cls)) is cls for cls in seen),
        "ent_coef": [model.ent_coef, named.ent_coef],
    }

SAC_MODES = ("minimum", "sddpg", "sac_adaent", "control")
looks = {mode: look(mode) for mode in MODES if mode not in SAC_MODES or mode == "control"}
print(json.dumps([looks, {mode: look_at_sac(mode) for mode in SAC_MODES}]))
"""

THEIRS = """
from stable_baselines3 import PPO, SAC
import pytest

@pytest.mark.parametrize("model_class", [PPO, SAC])
def test_trains(model_class):
    assert model_class is PPO
    PPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8, n_epochs=1).learn(16)

def test_breaks():
    assert PPO is None

def test_other(): ...
"""


@pytest.mark.slow  # quick, mode by mode for one name: test_in_the_place_of_sac
def test_every_name_is_reached_in_every_mode() -> None:
    command = [sys.executable, "-c", NAMES]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    looks, of_sac = json.loads(said.splitlines()[-1])
    assert {mode: look["ent_coef"][0] for mode, look in looks.items()} == {"zero": 0, "defaults": 0.01, "control": 0}
    for mode, look in looks.items():
        assert look["names"] == ["SPPO"] * 3 + ["SA2C"] * 2 + ["STRPO"] * 2, mode
        assert look["substituted"], mode
        assert look["derived"], mode
        assert look["pickled"], mode
        assert look["ent_coef"][1] == 0.5, "an ent_coef that a test gives stays as it is"
    names = {"minimum": "SDDPG", "sddpg": "SDDPG", "sac_adaent": "SACAdaEnt", "control": "SDDPG"}
    critics = {"minimum": "minimum", "sddpg": "first", "sac_adaent": "minimum", "control": None}
    for mode, look in of_sac.items():
        assert look["names"] == [names[mode]] * 3, mode
        assert look["actor_critic"] == critics[mode], mode
        assert look["ent_coef"] == ["auto", 0.5], mode
        assert look["substituted"], mode
        assert look["derived"], mode
        assert look["pickled"], mode


def test_the_defaults_are_the_real_classes() -> None:
    import sb3_entropy

    names = {"PPO": "SPPO", "A2C": "SA2C", "TRPO": "STRPO"}
    assert counterparts("defaults") == names
    assert substitutes("defaults") == {name: getattr(sb3_entropy, ours) for name, ours in names.items()}


@pytest.mark.parametrize(("mode", "ours"), [("minimum", "SDDPG"), ("sddpg", "SDDPG"), ("sac_adaent", "SACAdaEnt")])
def test_in_the_place_of_sac(mode: str, ours: str) -> None:
    import sb3_entropy

    (made,) = substitutes(mode).values()
    assert counterparts(mode) == {"SAC": ours}
    assert made.__mro__[1] is getattr(sb3_entropy, ours)
    policy_kwargs = {"net_arch": [4]}
    for given, expected in (({}, 256), ({"buffer_size": 100}, 100), ({"batch_size": 5, "buffer_size": 9}, 5)):
        model = made("MlpPolicy", "Pendulum-v1", policy_kwargs=policy_kwargs, device="cpu", **given)
        assert model.batch_size == expected
        assert (model.actor_critic == "first") == (mode == "sddpg")


def test_an_unknown_mode() -> None:
    with pytest.raises(ValueError, match="Available: zero, defaults, minimum, sddpg, sac_adaent, control"):
        substitutes("zro")


@pytest.mark.slow
def test_a_run_counts_trainings_and_leaves_others_out(tmp_path: Path) -> None:
    file = tmp_path / "tests" / "test_theirs.py"
    file.parent.mkdir()
    file.write_text(THEIRS)
    result = run(tmp_path, [file], "zero", "0", None)
    outcomes = {test.partition("::")[2]: outcome["outcome"] for test, outcome in result["tests"].items()}
    assert outcomes == {"test_trains[SPPO]": "passed", "test_breaks": "failed"}
    assert result["deselected"] == 2
    assert result["trainings"] == {"SPPO": 2}
    for noted in ("made_one", "trained_fast"):
        assert result["tests"]["tests/test_theirs.py::test_trains[SPPO]"][noted]
        assert not result["tests"]["tests/test_theirs.py::test_breaks"][noted]


def test_a_missing_pin_ends_with_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("numpy==2.0\n")
    assert main(["--constraints", str(constraints)]) == 2
    assert "pins no version of stable_baselines3" in capsys.readouterr().err
