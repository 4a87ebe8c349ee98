"""The reference controller does the tasks, which shows that they can be done."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import sb3_entropy_quadrotor  # noqa: F401  (it registers the environment)
from quadrotor_examples import QUIET
from sb3_entropy_quadrotor import flown
from sb3_entropy_quadrotor.controller import PDController
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

ENV_ID = "entropy/Quadrotor-v0"


def errors(env: gym.Env[Any, Any], seed: int) -> np.ndarray:
    """Position errors of an episode, in m."""
    controller, (seen, _) = PDController(env), env.reset(seed=seed)
    found, over = [], False
    while not over:
        seen, _, terminated, over, info = env.step(controller.action(seen))
        assert not terminated
        found.append(info["position_error"])
    assert len(found) == 250
    return np.array(found)


@pytest.mark.parametrize(
    ("model", "settings", "within"),
    [
        ("simple", {}, 0.02),
        ("rotor", {"action_range": "full"}, 0.02),
        ("rotor", {"actions": "wrench"}, 0.02),
        ("realistic", {}, 0.1),
    ],
)
def test_it_holds_hover(model: str, settings: dict[str, Any], within: float) -> None:
    for seed in range(3):
        assert errors(gym.make(ENV_ID, model=model, **settings), seed)[100:].max() <= within


def test_it_sinks_by_what_it_does_not_know() -> None:
    # f (g + k_z e) = m g, with f and m the factors of thrust and mass
    env = gym.make(ENV_ID, model="realistic", disturbances={**QUIET, "spread": 0.1})
    controller, (seen, info) = PDController(env), env.reset(seed=4)
    ratio = info["mass"] / 0.027 / info["thrust_factor"]
    for _ in range(200):
        seen, _, _, _, info = env.step(controller.action(seen))
    assert abs(ratio - 1) > 0.02
    assert 1 - info["position"][2] == pytest.approx(9.81 * (ratio - 1) / 49, rel=0.02)


@pytest.mark.parametrize("model", ["simple", "realistic"])
def test_it_follows_the_lemniscate(model: str) -> None:
    assert np.sqrt(np.mean(errors(gym.make(ENV_ID, task="lemniscate", model=model), 0) ** 2)) <= 0.15


@pytest.mark.slow
def test_it_does_every_task_on_many_seeds() -> None:
    for task, model in [(t, m) for t in ("hover", "line", "circle", "lemniscate") for m in ("rotor", "realistic")]:
        env = gym.make(ENV_ID, task=task, model=model)
        for seed in range(30):
            found = errors(env, seed)
            assert np.sqrt(np.mean(found**2)) <= 0.1
            if task == "hover":
                assert found[100:].max() <= (0.1 if model == "realistic" else 0.02)


def test_it_is_evaluated_as_a_model_is() -> None:
    env = Monitor(gym.make(ENV_ID, max_episode_steps=30))
    mean, _ = evaluate_policy(PDController(env), env, n_eval_episodes=2)  # type: ignore[arg-type]
    assert 25 < mean < 30
    controller = PDController(env)
    seen = np.stack([env.reset(seed=seed)[0] for seed in (0, 1)])
    actions, state = controller.predict(seen, "kept")
    assert state == "kept"
    np.testing.assert_array_equal(actions[1], controller.predict(seen[1])[0])
    assert (actions.dtype, actions.shape) == (np.float32, (2, 4))


def test_what_it_cannot_fly_and_gains_that_are_none() -> None:
    with pytest.raises(TypeError, match=r"flies a QuadrotorEnv, but .* model='paper' is none"):
        PDController(gym.make(ENV_ID, model="paper"))
    with pytest.raises(ValueError, match=r"rate_gain\[1\] must be a number > 0, but 0"):
        PDController(gym.make(ENV_ID), rate_gain=(1, 0))


def test_the_table_of_what_is_earned(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flown, "TASKS", ["hover"])
    assert flown.main(["--episodes", "1"]) == 0
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[:2] for row in rows] == [["hover", "simple"], ["hover", "rotor"], ["hover", "realistic"]]
    for row in rows:
        assert float(row[2]) < 60
        assert 230 < float(row[3]) < 250
        assert 0 < float(row[4].split()[0]) < 10
        assert 0 <= float(row[5].split()[0]) < 10
    earned, rms, late = flown.flown("line", "paper", 1)
    assert -150 < earned < 0
    assert 0 <= late < rms < 1
    with pytest.raises(ValueError, match="episodes must be a whole number ≥ 1, but 0"):
        flown.flown("hover", "simple", 0)
