"""Who has saved a model is found by what is in the file."""

import json
import zipfile
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
import sb3_contrib
import stable_baselines3
from gymnasium import spaces

from sb3_entropy.registry import ALGORITHMS
from sb3_entropy.unpickling.saved_model import find_saver, load_model

STOCK = {name: getattr(stable_baselines3, name) for name in ("A2C", "DDPG", "DQN", "PPO", "SAC", "TD3")}
STOCK |= {
    name: getattr(sb3_contrib, name)
    for name in ("ARS", "CrossQ", "MaskablePPO", "QRDQN", "RecurrentPPO", "TQC", "TRPO")
}
OURS = dict(ALGORITHMS.items())


class Still(gym.Env[Any, Any]):
    """Where nothing happens."""

    observation_space = spaces.Box(-1, 1, (2,))

    def __init__(self, action_space: spaces.Space[Any]):
        self.action_space = action_space

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        return self.observation_space.sample(), {}


def made(cls: Any) -> Any:
    ours = cls in OURS.values()
    choices = cls.__name__ in ("DQN", "QRDQN", "MaskablePPO") or (ours and not issubclass(cls, stable_baselines3.SAC))
    env = Still(spaces.Discrete(2) if choices else spaces.Box(-1, 1, (1,)))
    policy = "MlpLstmPolicy" if cls.__name__ == "RecurrentPPO" else "MlpPolicy"
    settings = (
        {"n_steps": 8, "batch_size": 8} if "PPO" in cls.__name__ else {"buffer_size": 20} if "Q" in cls.__name__ else {}
    )
    return cls(policy, env, device="cpu", **settings)


@pytest.mark.parametrize("cls", [*STOCK.values(), *OURS.values()], ids=lambda cls: cls.__name__)
def test_the_class_is_found_and_loads(cls: Any, tmp_path: Path) -> None:
    made(cls).save(tmp_path / "agent.zip")
    assert find_saver(tmp_path / "agent.zip") is cls
    trust = cls is sb3_contrib.ARS  # which pickles its weights among its settings
    assert type(load_model(cls, tmp_path / "agent.zip", trust=trust, device="cpu")) is cls


def test_of_a_class_that_extends_ours_that_one(tmp_path: Path) -> None:
    extended = type("Extended", (OURS["sppo"],), {})
    made(extended).save(tmp_path / "agent.zip")
    assert find_saver(tmp_path / "agent.zip") is OURS["sppo"]


def test_who_is_not_known_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "agent.zip"
    made(STOCK["SAC"]).save(file)
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    stored = json.loads(members["data"])

    def rewrite(**fields: Any) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in {**members, "data": json.dumps(fields).encode()}.items():
                archive.writestr(name, content)

    for fields in ({"gamma": 1.0}, {**stored, "saved_by": ["Somebodys"]}):
        rewrite(**fields)
        with pytest.raises(
            ValueError, match=r"agent\.zip was saved by an algorithm that is not known\. Give the class"
        ):
            find_saver(file)
    file.write_bytes(b"no zip")
    with pytest.raises(ValueError, match="cut short"):
        find_saver(file)
    with pytest.raises(FileNotFoundError):
        find_saver(tmp_path / "nothing.zip")


def test_a_policy_that_could_run_code_is_left_to_whoever_loads(tmp_path: Path, trap: Any) -> None:
    model = made(STOCK["PPO"])
    model.policy_class = trap
    model.save(tmp_path / "agent.zip")
    assert find_saver(tmp_path / "agent.zip") is STOCK["PPO"]
    with pytest.raises(ValueError, match="The field 'policy_class'"):
        load_model(STOCK["PPO"], tmp_path / "agent.zip", trust=False)
