"""Landscapes of Q while an agent is trained: what is logged, what is kept, and that nothing is disturbed."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch as th
import yaml
from gymnasium.wrappers import TimeLimit
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.logger import configure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sb3_entropy import SACAdaEnt
from sb3_entropy.callbacks import QLandscapeCallback
from sb3_entropy.cli.main import main

CASES: dict[str, Any] = {
    "SAC": (SAC, {"ent_coef": 0.2}, {}),
    "TD3": (TD3, {}, {"states": "visited"}),
    "SACAdaEnt": (SACAdaEnt, {"ent_coef": 0.2}, {}),
}


def model_of(cls: Any, **given: Any) -> Any:
    settings: dict[str, Any] = {"learning_starts": 10, "batch_size": 8, "seed": 1, "device": "cpu"}
    return cls("MlpPolicy", "Pendulum-v1", policy_kwargs={"net_arch": [8]}, **settings, **given)


def callback(**given: Any) -> QLandscapeCallback:
    settings: dict[str, Any] = {"every": 70, "n_states": 2, "resolution": 9, "updates": 5}
    return QLandscapeCallback(**{**settings, **given})


@pytest.mark.parametrize("name", ["SAC", "SACAdaEnt", pytest.param("TD3", marks=pytest.mark.slow)])
def test_the_training_is_what_it_would_have_been(name: str) -> None:
    cls, kwargs, asked = CASES[name]
    alone = model_of(cls, **kwargs).learn(90)
    rng = th.get_rng_state(), np.random.get_state()[1].tolist()
    looking = callback(**asked)
    looked_at = model_of(cls, **kwargs).learn(90, callback=looking)
    assert th.equal(th.get_rng_state(), rng[0])
    assert np.random.get_state()[1].tolist() == rng[1]
    for theirs, ours in zip(alone.policy.state_dict().values(), looked_at.policy.state_dict().values(), strict=True):
        assert th.equal(theirs, ours)
    for theirs, ours in zip(vars(alone.replay_buffer).values(), vars(looked_at.replay_buffer).values(), strict=True):
        if isinstance(theirs, np.ndarray):
            assert np.array_equal(theirs, ours)
    assert [look.timesteps for look in looking.history] == [70, 90]
    found = looking.history[-1].found
    assert found.are_own == (name == "SACAdaEnt")
    assert (found.soft is None) == (name == "TD3")
    if found.soft is not None:
        assert found.soft.ent_coef == pytest.approx(0.2)


def test_numbers_and_a_figure_are_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = model_of(SACAdaEnt)
    model.set_logger(configure(str(tmp_path), ["tensorboard", "json"]))
    looking = callback(verbose=1, n_states=1, at_end=False)
    model.learn(80, callback=looking)
    written = EventAccumulator(str(tmp_path)).Reload()
    assert [event.step for event in written.Images("q_landscape/surfaces")] == [70]
    scalars = set(written.Tags()["scalars"])
    numbers = looking.history[-1].found.numbers()
    assert {f"q_landscape/{name}" for name in numbers} <= scalars
    assert written.Scalars("q_landscape/plain_slope")[-1].value == pytest.approx(numbers["plain_slope"], rel=1e-5)
    assert "q_landscape after 70 steps: Episode " in capsys.readouterr().out


def test_history_begins_anew_with_a_training() -> None:
    model, looking = model_of(SACAdaEnt), callback(every=70, at_end=False)
    model.learn(70, callback=looking)
    assert [look.timesteps for look in looking.history] == [70]
    model.learn(75, callback=looking, reset_num_timesteps=False)
    assert [look.timesteps for look in looking.history] == [70, 140]
    model.learn(75, callback=looking)
    assert [look.timesteps for look in looking.history] == [70]


def test_on_policy_agents_are_looked_at_in_an_environment_of_its_own() -> None:
    def short() -> Any:
        return TimeLimit(gym.make("Pendulum-v1").unwrapped, 10)

    model = PPO("MlpPolicy", "Pendulum-v1", n_steps=32, batch_size=16, policy_kwargs={"net_arch": [8]}, device="cpu")
    looking = callback(every=1000, env=short, states="visited", episodes=2, rollout_steps=40)
    model.learn(32, callback=looking)
    assert [look.timesteps for look in looking.history] == [32]
    with pytest.raises(ValueError, match=r"PPO has no replay buffer that critics could be fitted to\. Name the env"):
        model.learn(32, callback=callback(states="visited"))


def test_what_cannot_be_looked_at_does_not_end_the_training() -> None:
    model = model_of(SAC)
    with pytest.warns(UserWarning, match=r"landscape of Q at step 0 was given up: "):
        model.learn(20, callback=callback(at_start=True, at_end=False))
    assert model.num_timesteps == 20


def test_a_list_of_a_preset_is_read() -> None:
    """What YAML has: plain values; of a plane a list."""
    given = yaml.safe_load(
        "{every: 70, states: visited, n_states: 1, plane: [0], at_end: false, resolution: 9, updates: 5}"
    )
    model, looking = model_of(SACAdaEnt), QLandscapeCallback(**given)
    model.learn(70, callback=looking)
    assert [look.found.planes.coordinates_of for look in looking.history] == [(0,)]


def test_bad_input_is_told_before_the_training() -> None:
    for wrong, message in (
        ({"every": 0}, "every must be"),
        ({"states": "critcal"}, "Unknown states 'critcal'"),
        ({"plane": "flat"}, "Unknown plane 'flat'"),
        ({"n_states": 0}, "n_states must be"),
        ({"resolution": 2}, "resolution must be"),
        ({"episodes": 0}, "episodes must be"),
        ({"refits": 0}, "refits must be"),
        ({"updates": 0}, "updates must be"),
    ):
        with pytest.raises(ValueError, match=message):
            QLandscapeCallback(**wrong)
    with pytest.raises(TypeError, match="Unknown argument of QLandscapeCallback and subject_of_model 'refit'"):
        QLandscapeCallback(refit=3)
    with pytest.raises(TypeError, match="env must be an id or a function that makes an environment, but 3 was given"):
        QLandscapeCallback(env=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Pendulum-v7"):
        model_of(SAC).learn(20, callback=callback(env="Pendulum-v7"))
    on_policy = PPO("MlpPolicy", "Pendulum-v1", n_steps=32, batch_size=16, device="cpu")
    with pytest.raises(ValueError, match="there are no soft critics of this policy"):
        on_policy.learn(32, callback=callback(env="Pendulum-v1"))
    model = model_of(TD3)
    with pytest.raises(ValueError, match=r"std=0\.1 gives the policy an entropy, but it has no α"):
        model.learn(20, callback=callback(std=0.1))
    with pytest.raises(ValueError, match="there are no soft critics of this policy"):
        model.learn(20, callback=callback())
    with pytest.raises(ValueError, match="A coordinate of the action must be a whole number between 0 and 0"):
        model.learn(20, callback=callback(states="visited", plane=(0, 1)))
    assert model.num_timesteps == 0
    discrete = PPO("MlpPolicy", "CartPole-v1", n_steps=32, batch_size=32, device="cpu")
    with pytest.raises(ValueError, match="over a box of actions, but the actions are Discrete"):
        discrete.learn(32, callback=callback(env="CartPole-v1"))


class Picture(gym.Env[Any, Any]):
    """One step at a sight of noise."""

    observation_space = gym.spaces.Box(0, 255, (36, 36, 1), np.uint8)
    action_space = gym.spaces.Box(-1.0, 1.0, (1,))

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return np.zeros((36, 36, 1), np.uint8), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return np.zeros((36, 36, 1), np.uint8), -float(action[0] ** 2), True, False, {}


def test_that_critics_cannot_read_images_is_told_before_the_training() -> None:
    kwargs: dict[str, Any] = {"buffer_size": 50, "batch_size": 8, "policy_kwargs": {"net_arch": [4]}, "device": "cpu"}
    model = SAC("CnnPolicy", Picture(), **kwargs)
    with pytest.raises(ValueError, match="as images have, which fitted critics do not read"):
        model.learn(5, callback=callback())
    assert model.num_timesteps == 0
    SACAdaEnt("CnnPolicy", Picture(), **kwargs).learn(1, callback=callback(at_end=False))  # has its own


@pytest.mark.slow
def test_a_preset_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """The log is printed as a table, whose keys are cut to 36 letters and must differ then."""
    given = {"every": 70, "n_states": 2, "plane": "principal", "resolution": 9, "updates": 5}
    preset = {
        "n_timesteps": 80,
        "policy": "MlpPolicy",
        "learning_starts": 10,
        "batch_size": 8,
        "callback": [{"sb3_entropy.callbacks.QLandscapeCallback": given}],
    }
    monkeypatch.chdir(tmp_path)
    Path("tiny.yml").write_text(yaml.safe_dump({"Pendulum-v1": preset}))
    arguments = ["train", "--algo", "sac", "--env", "Pendulum-v1", "--conf-file", "tiny.yml", "--eval-freq", "-1"]
    assert main([*arguments, "--seed", "1", "--num-threads", "1"]) == 0
    said = capsys.readouterr().out
    assert "q_landscape/" in said
    assert "soft_variation" in said
