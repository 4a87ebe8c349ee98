"""The benchmark of control tasks steps what it says, and counts steps of an environment."""

import json
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import sb3_entropy_quadrotor  # noqa: F401  (it registers the environment)

from benchmarks import control, control_returns
from benchmarks.control import CELLS, VEHICLE, Cell, batch, contestant, main, single
from benchmarks.control_returns import earned


def test_every_environment_steps_gently_and_survives() -> None:
    for cell in CELLS:
        if not cell.over:
            env: Any = cell.make()
            contestant(lambda env=env: env, 14)(0)()
            assert env.get_wrapper_attr("_elapsed_steps") == 14  # within one episode


def test_every_batch_is_compared_with_its_own_environment() -> None:
    names = {cell.name: cell for cell in CELLS}
    batches = [cell for cell in CELLS if cell.over]
    assert len(batches) == 12
    for cell in batches:
        assert cell.name.startswith(f"{cell.over}, 64")
        assert not names[cell.over].over
        assert cell.clock == ("wall" if "threads" in cell.name else "cpu")


def test_a_batch_makes_as_many_steps_of_an_environment() -> None:
    made = batch("entropy/Quadrotor-v0", model="paper")()
    contestant(lambda: made, 192)(0)()
    assert made.num_envs == 64
    np.testing.assert_array_equal(made.steps, 3)  # type: ignore[attr-defined]


def test_a_short_one(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(control, "REFERENCE", "CartPole-v1")
    monkeypatch.setattr(control, "single", lambda env_id: Lazy)
    cells = [
        Cell("easy", single("entropy/Quadrotor-v0", model="paper"), 1e-6),
        Cell("hard", single("entropy/Quadrotor-v0", model="paper"), 1e6, "easy"),
    ]
    short = ["--rounds", "1", "--steps", "8", "--json", str(tmp_path / "it.json")]
    assert main(short, cells) == 0
    found = json.loads((tmp_path / "it.json").read_text())
    assert [(row["name"], row["over"], row["met"]) for row in found] == [
        ("easy", "CartPole-v1", True),
        ("hard", "easy", False),
    ]
    assert "| hard |" in capsys.readouterr().out
    assert main([*short, "--strict"], cells) == 1
    assert main([*short, "--only", "hard"], cells) == 0
    assert [row["name"] for row in json.loads((tmp_path / "it.json").read_text())] == ["hard", "easy"]
    assert main([*short, "--strict"], cells[:1]) == 0


def test_pursuit_earns_more_than_chance() -> None:
    settings = {"tyres": "kinematic"}
    pursuit, chance = earned(VEHICLE, settings, True, 2), earned(VEHICLE, settings, False, 2)
    assert pursuit["mean"] > 390
    assert chance["mean"] < 100
    assert pursuit["steps"] == 400 > chance["steps"]
    assert pursuit["farthest"] < 0.5
    assert chance["farthest"] > 2.0


def test_chase_earns_more_than_chance() -> None:
    chase, chance = earned("entropy/PaperVehicle-v0", {}, True, 2), earned("entropy/PaperVehicle-v0", {}, False, 2)
    assert chase["mean"] > -1700
    assert chance["mean"] < -30000


def test_returns_are_printed_as_they_are_found(capsys, monkeypatch) -> None:
    monkeypatch.setattr(control_returns, "TRACKS", ("circle",))
    monkeypatch.setattr(control_returns, "ROADS", (("kinematic", 1.0),))
    monkeypatch.setattr(control_returns, "earned", lambda env_id, settings, controlled, *_: {"mean": float(controlled)})
    assert main(["--returns"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["circle kinematic 1 pursuit"] == {"mean": 1.0}
    assert found["entropy/PaperVehicle-v0 chase"] == {"mean": 1.0}
    assert found["circle kinematic 1 random"] == found["entropy/TorqueAcrobot-v0 random"] == {"mean": 0.0}
    assert found["entropy/Gridworld-v0 random"] == {"mean": 0.0}


@pytest.mark.parametrize(("env_id", "half_width"), [("Bifurcation", 0.1), ("WideBifurcation", 0.4)])
def test_chance_on_the_bifurcation_earns_what_its_tree_says(env_id: str, half_width: float) -> None:
    found = earned(f"sb3_entropy_bifurcation:entropy/{env_id}-v0", {}, False, 2000)
    expected = 0.5 * -1 + 0.5 * (half_width * 1 + (1 - half_width) * -20)  # half of the actions go either way
    assert found["steps"] == 2
    assert abs(found["mean"] - expected) < 4 * found["std"] / 2000**0.5
    assert found["std"] > 5


def test_chance_on_a_grid_earns_a_corner_or_nothing() -> None:
    found = earned("sb3_entropy_gridworld:entropy/Gridworld-v0", {}, False, 10)
    assert 4.5 <= found["mean"] <= 5.0  # in 200 steps it hardly misses both
    assert 4 <= found["steps"] <= 200


class Lazy(gym.Env[Any, Any]):
    """It does nothing, and ends at every step."""

    observation_space = action_space = gym.spaces.Box(-1, 1, (1,))

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return np.zeros(1), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return np.zeros(1), 0.0, True, False, {}
