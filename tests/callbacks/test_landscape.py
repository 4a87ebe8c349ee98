"""A probe of the landscape while a policy is trained: what is logged, what is kept, and that nothing is disturbed."""

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import sb3_entropy_bifurcation  # noqa: F401  (it registers its environments)
import torch as th
import yaml
from contracts.envs import make_env
from gymnasium.wrappers import TimeLimit, TransformReward
from stable_baselines3 import A2C, PPO, SAC
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import configure
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecNormalize
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sb3_entropy import SPPO
from sb3_entropy.callbacks import LandscapeProbeCallback
from sb3_entropy.cli.main import main
from sb3_entropy.landscape import Conditions, RolloutObjective
from sb3_entropy.landscape.probes.line_search import LineSearch
from sb3_entropy.landscape.probes.perturbations import Perturbations
from sb3_entropy.policies.parameters import ParameterVector
from sb3_entropy.store import Evaluations, Store
from sb3_entropy.vec_env.native import make_native_vec_env

CASES = {
    "SPPO": (SPPO, {"n_steps": 32, "batch_size": 16}),
    "PPO": (PPO, {"n_steps": 32, "batch_size": 16}),
    "SAC": (SAC, {"learning_starts": 10, "batch_size": 8}),
}


def small() -> dict[str, Any]:
    """Anew for each: A2C writes into its policy_kwargs."""
    return {"seed": 1, "device": "cpu", "policy_kwargs": {"net_arch": [8]}}


def short_pendulum() -> gym.Env[Any, Any]:
    return TimeLimit(gym.make("Pendulum-v1").unwrapped, 20)


def probe(**given: Any) -> LandscapeProbeCallback:
    settings: dict[str, Any] = {"every": 40, "directions": 3, "episodes": 4, "env": short_pendulum, "n_lanes": 1}
    return LandscapeProbeCallback(**{**settings, **given})


@pytest.mark.parametrize("name", CASES)
def test_the_training_is_what_it_would_have_been(name: str) -> None:
    cls, kwargs = CASES[name]
    alone = cls("MlpPolicy", "Pendulum-v1", **small(), **kwargs).learn(64)
    rng = th.get_rng_state(), np.random.get_state()[1].tolist()
    looked_at = cls("MlpPolicy", "Pendulum-v1", **small(), **kwargs).learn(64, callback=probe(at_start=True))
    assert th.equal(th.get_rng_state(), rng[0])
    assert np.random.get_state()[1].tolist() == rng[1]
    for theirs, ours in zip(alone.policy.state_dict().values(), looked_at.policy.state_dict().values(), strict=True):
        assert th.equal(theirs, ours)


def test_it_looks_when_it_should_at_the_policy_as_it_is_then(tmp_path: Path) -> None:
    conditions = [Conditions(), Conditions(std=0.0)]
    model = PPO("MlpPolicy", "Pendulum-v1", n_steps=32, batch_size=16, **small())
    logged: dict[str, Any] = {}

    class Noting(LandscapeProbeCallback):
        def _record(self, *given: Any) -> None:
            super()._record(*given)
            logged.update(self.logger.name_to_value)

    settings: dict[str, Any] = {"env": short_pendulum, "n_lanes": 1, "store": tmp_path / "probes.sqlite"}
    callback = Noting(60, 3, 4, conditions=conditions, at_start=True, **settings)
    model.learn(128, callback=callback)
    assert [look.timesteps for look in callback.history] == [0, 0, 64, 64, 128, 128, 128, 128]
    assert [look.conditions for look in callback.history[:2]] == conditions
    now = RolloutObjective(model, short_pendulum, n_lanes=1, conditions=Conditions(std=0.0))
    found = Perturbations(3, 0.1, 4).run(now)
    assert callback.history[-1].found.numbers() == found.numbers()
    assert logged["landscape[std=0]/return"] == found.numbers()["return"]
    assert {"landscape[own]/improving", "landscape[std=0]/curvature_mean"} <= logged.keys()
    with Store(tmp_path / "probes.sqlite") as store:
        assert len(Evaluations(store).keys()) == 4 * 2 * (2 * 3 + 2)
    before = len(callback.history)
    model.learn(64, callback=callback, reset_num_timesteps=False)
    assert len(callback.history) == before + 4
    model.learn(32, callback=callback)
    assert [look.timesteps for look in callback.history] == [0, 0, 32, 32]


def test_statistics_of_normalised_observations_are_those_of_the_moment() -> None:
    env = VecNormalize(DummyVecEnv([lambda: gym.make("Pendulum-v1")]))
    model = A2C("MlpPolicy", env, n_steps=8, **small())
    callback = probe(every=1000, at_start=True)
    model.learn(64, callback=callback)
    first, last = (look.found.about["normalization"] for look in callback.history)
    assert first != last
    assert last == RolloutObjective(model, short_pendulum).describe()["normalization"]


def test_another_probe() -> None:
    callback = probe(every=1000, probe=LineSearch(steps=(0.1,), directions=3, episodes=2), verbose=0)
    A2C("MlpPolicy", "Pendulum-v1", n_steps=8, **small()).learn(16, callback=callback)
    assert "line_best" in callback.history[0].found.numbers()
    callback = probe(every=1000, probe="curvature")
    A2C("MlpPolicy", "Pendulum-v1", n_steps=8, **small()).learn(16, callback=callback)
    assert "improvement_curvature" in callback.history[0].found.numbers()


def test_environments_are_found_by_the_trainings_id(capsys: pytest.CaptureFixture[str]) -> None:
    callback = LandscapeProbeCallback(1000, 2, 2, verbose=1, max_steps=10, backend="gymnasium")
    A2C("MlpPolicy", "Pendulum-v1", n_steps=8, **small()).learn(8, callback=callback)
    assert callback.history[0].found.about["env"] == "Pendulum-v1"
    assert "landscape after 8 steps: " in capsys.readouterr().out


def test_it_finds_the_same_in_batches_in_processes_and_in_a_training_that_was_loaded(tmp_path: Path) -> None:
    env_id, found = "entropy/Obstacle2D-v0", []
    for kind in ("dummy", "native", "processes"):
        if kind == "native":
            envs = make_native_vec_env(env_id, 2, seed=0)
        else:
            how = {"vec_env_cls": SubprocVecEnv, "vec_env_kwargs": {"start_method": "fork"}}
            envs = make_vec_env(env_id, 2, seed=0, **(how if kind == "processes" else {}))  # type: ignore[arg-type]
        PPO("MlpPolicy", envs, n_steps=16, batch_size=16, **small()).learn(32).save(tmp_path / kind)
        callback = LandscapeProbeCallback(48, 2, 2, backend="gymnasium", n_lanes=1, at_start=True)
        model = PPO.load(tmp_path / kind, envs, device="cpu")
        model.learn(96, callback=callback, reset_num_timesteps=False)
        envs.close()
        assert [look.timesteps for look in callback.history] == [64, 96, 128]
        found.append([look.found.numbers() for look in callback.history])
    now = RolloutObjective(model, env_id, n_lanes=1, max_steps=50)
    assert found[0][-1] == Perturbations(2, 0.1, 2).run(now).numbers()
    assert found[0] == found[1] == found[2]
    assert found[0][0] != found[0][-1]


def test_bad_input_is_told_before_the_training() -> None:
    model = A2C("MlpPolicy", make_env(), n_steps=8, **small())
    with pytest.raises(ValueError, match="has no id"):
        model.learn(8, callback=LandscapeProbeCallback())
    discrete = PPO("MlpPolicy", "CartPole-v1", n_steps=32, batch_size=16, **small())
    with pytest.raises(ValueError, match="σ"):
        discrete.learn(8, callback=LandscapeProbeCallback(conditions=Conditions(std=0.1), backend="gymnasium"))
    assert discrete.num_timesteps == 0
    assert LandscapeProbeCallback(conditions=[{"std": 0}]).conditions == (Conditions(std=0),)
    with pytest.raises(ValueError, match="Unknown condition 'sigma'"):
        LandscapeProbeCallback(conditions=[{"sigma": 0}])
    with pytest.raises(TypeError, match="conditions must be Conditions"):
        LandscapeProbeCallback(conditions=[0.1])
    with pytest.raises(TypeError, match="probe must be a probe"):
        LandscapeProbeCallback(probe="spectra")
    with pytest.raises(ValueError, match="every must be"):
        LandscapeProbeCallback(every=0)
    assert ParameterVector(model.policy).size > 0


@pytest.mark.parametrize("kind", ["perturbations", "curvature"])
def test_tensorboard_gets_scalars_and_a_figure(kind: str, tmp_path: Path) -> None:
    model = A2C("MlpPolicy", "Pendulum-v1", n_steps=8, tensorboard_log=str(tmp_path), **small())
    model.learn(16, callback=probe(every=8, probe=kind, conditions=[Conditions(), Conditions(std=0.0)]))
    (folder,) = tmp_path.iterdir()
    written = EventAccumulator(str(folder)).Reload()
    assert [event.step for event in written.Images(f"landscape/{kind}")] == [8, 16, 16]
    assert {"landscape[own]/return", "landscape[std=0]/return"} <= set(written.Tags()["scalars"])


@pytest.mark.parametrize("algo", ["sppo", "ppo"])
def test_a_preset_names_it(algo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """The log is printed as a table, whose keys are cut to 36 letters and must differ then."""
    given = {"every": 32, "directions": 2, "episodes": 4, "max_steps": 10, "backend": "gymnasium"}
    conditions = [{"std": 0.0}, {"std": 1.0}]
    callbacks = [
        {"sb3_entropy.callbacks.LandscapeProbeCallback": {**given, "conditions": conditions, "probe": kind}}
        for kind in ("perturbations", "curvature")
    ]
    preset = {"n_timesteps": 64, "policy": "MlpPolicy", "n_steps": 32, "batch_size": 16, "callback": callbacks}
    monkeypatch.chdir(tmp_path)
    Path("tiny.yml").write_text(yaml.safe_dump({"Pendulum-v1": preset}))
    arguments = ["train", "--algo", algo, "--env", "Pendulum-v1", "--conf-file", "tiny.yml", "--eval-freq", "-1"]
    assert main([*arguments, "--seed", "1", "--num-threads", "1"]) == 0
    said = capsys.readouterr().out
    assert "landscape[std=1]/" in said
    assert "improvement_curvature_high" in said


def test_the_environment_is_the_trainings_or_refused() -> None:
    short = make_vec_env("Pendulum-v1", env_kwargs={"max_episode_steps": 20})
    callback = LandscapeProbeCallback(1000, 2, 2, backend="gymnasium")
    A2C("MlpPolicy", short, n_steps=8, **small()).learn(8, callback=callback)
    assert callback.history[0].found.about["max_steps"] == 20
    wrapped = DummyVecEnv([lambda: TransformReward(gym.make("Pendulum-v1"), lambda reward: 100 * reward)])
    with pytest.raises(ValueError, match="is wrapped by TransformReward"):
        A2C("MlpPolicy", wrapped, n_steps=8, **small()).learn(8, callback=LandscapeProbeCallback())
    with pytest.raises(TypeError, match="Unknown argument of LandscapeProbeCallback and RolloutObjective 'foo'"):
        LandscapeProbeCallback(foo=1)


def test_a_probe_that_fails_does_not_end_the_training() -> None:
    def broken() -> gym.Env[Any, Any]:
        return TransformReward(short_pendulum(), lambda reward: float("nan"))

    model = A2C("MlpPolicy", "Pendulum-v1", n_steps=8, **small())
    callback = probe(every=8, env=broken)
    with pytest.warns(UserWarning, match="was given up: The return of candidate"):
        model.learn(16, callback=callback)
    assert model.num_timesteps == 16
    assert callback.history == []


def test_the_trainings_log_keeps_what_is_its_own(tmp_path: Path) -> None:
    rows = []
    for callback in (None, probe(every=32)):
        model = PPO("MlpPolicy", "Pendulum-v1", n_steps=32, batch_size=16, **small())
        model.set_logger(configure(str(tmp_path / str(callback is None)), ["json"]))
        model.learn(96, callback=callback)
        written = (tmp_path / str(callback is None) / "progress.json").read_text().splitlines()
        parsed = [json.loads(line) for line in written]
        rows.append(
            [
                {key: value for key, value in row.items() if not key.startswith("time/")}
                for row in parsed
                if not any(key.startswith("landscape") for key in row)
            ]
        )
    assert rows[0] == rows[1]
    assert len(rows[0]) == 3
