"""The benchmark of control tasks steps what it says, and counts steps of an environment."""

import json
from typing import Any

import gymnasium as gym
import numpy as np
import sb3_entropy_quadrotor  # noqa: F401  (it registers the environment)

from benchmarks import control
from benchmarks.control import CELLS, Cell, batch, contestant, main, single


def test_every_environment_steps_gently_and_survives() -> None:
    for cell in CELLS:
        if not cell.over:
            env: Any = cell.make()
            contestant(lambda env=env: env, 20)(0)()
            assert env.get_wrapper_attr("_elapsed_steps") == 20  # within one episode


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
    assert main([*short, "--strict"], cells[:1]) == 0


class Lazy(gym.Env[Any, Any]):
    """It does nothing, and ends at every step."""

    observation_space = action_space = gym.spaces.Box(-1, 1, (1,))

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return np.zeros(1), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return np.zeros(1), 0.0, True, False, {}
