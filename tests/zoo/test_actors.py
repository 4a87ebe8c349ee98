"""Algorithms with actors through the command line: options, environments that are copied, and files of monitors."""

import threading
from multiprocessing import active_children
from pathlib import Path

import gymnasium as gym
import numpy as np
import optuna
import pytest
import yaml
from stable_baselines3.common.monitor import Monitor, load_results
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from sb3_entropy import SIMPALA
from sb3_entropy.algorithms.actors.algorithm import AsynchronousAlgorithm
from sb3_entropy.cli.main import main
from sb3_entropy.presets.library import preset_file, read_presets
from sb3_entropy.registry import ALGORITHMS
from sb3_entropy.vec_env.monitor_files import write_episodes
from sb3_entropy.zoo.actors import has_actors
from sb3_entropy.zoo.rl_zoo import import_rl_zoo

SETTINGS = {"n_envs": 2, "n_timesteps": 64, "policy": "MlpPolicy", "n_steps": 8, "policy_kwargs": {"net_arch": [4]}}
QUIET = ["--eval-freq", "-1", "--verbose", "0"]
WITH_ACTORS = [key for key, algorithm in ALGORITHMS.items() if issubclass(algorithm, AsynchronousAlgorithm)]


class Countdown(gym.Env):
    """Episodes of 5 steps, or of ``length``; each pays its number."""

    observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, length=5):
        self.length, self.episode = length, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.episode = self.episode + 1 if seed is None else 1
        self.t = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.t += 1
        ended = self.t == self.length
        return np.full(2, self.t / 10, np.float32), self.episode if ended else 0.0, ended, False, {"goal": self.t}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with presets for that environment."""
    monkeypatch.chdir(tmp_path)
    gym.register("Countdown-v0", f"{__name__}:Countdown")
    Path("few.yml").write_text(yaml.safe_dump({"Countdown-v0": SETTINGS, "CartPole-v1": SETTINGS}))
    yield tmp_path
    del gym.registry["Countdown-v0"]


def command(algo, *others, env="Countdown-v0"):
    return ["train", "--algo", algo, "--env", env, "--conf-file", "few.yml", "--seed", "1", "--device", "cpu", *others]


@pytest.mark.parametrize("algo", WITH_ACTORS)
def test_each_has_options_and_presets(algo):
    import_rl_zoo()
    assert has_actors(algo)
    assert not has_actors("sppo")
    assert {"CartPole-v1", "Pendulum-v1", "atari", "default", "default_box", "default_image"} <= read_presets(
        preset_file(algo)
    ).keys()


def test_it_trains_is_watched_plotted_and_continued(folder, capsys):
    algo, evaluated = "simpala", ["--eval-freq", "32", "--eval-episodes", "1", "--save-freq", "32", "--verbose", "0"]
    code = main(command(algo, *evaluated, "--n-actors", "3", "-params", "normalize:True"))
    assert code == 0, capsys.readouterr().err
    run = Path("logs") / algo / "Countdown-v0_1"
    assert {path.name for path in run.iterdir()} == {
        *("0.monitor.csv", "1.monitor.csv", "Countdown-v0", "Countdown-v0.zip", "evaluations.npz"),
        *("best_model.zip", "best_model_vecnormalize.pkl"),
        *(f"rl_model_{n}_steps.zip" for n in (32, 64)),
        *(f"rl_model_vecnormalize_{n}_steps.pkl" for n in (32, 64)),
    }
    assert list(np.load(run / "evaluations.npz")["timesteps"]) == [32, 64]
    settings = yaml.unsafe_load((run / "Countdown-v0" / "config.yml").read_text())
    assert settings["n_actors"] == 3
    assert "engine" not in settings
    # 4 fragments of 2 environments each, one or two of each actor; an episode every 5 steps.
    episodes = load_results(str(run))
    assert (episodes["l"] == 5).all()
    assert sorted(episodes["r"]) == [1.0] * 6 + [2.0] * 2 + [3.0] * 2
    assert main(["enjoy", "--algo", algo, "--env", "Countdown-v0", "--no-render", "-n", "5", "--load-best"]) == 0
    assert main(["benchmark", "-n", "1"]) == 0
    assert f"| {algo} | Countdown-v0 | Countdown-v0_1 | 64 | stochastic |" in capsys.readouterr().out
    assert main(["plot_train", "-a", algo, "-e", "Countdown-v0", "-f", "logs", "-w", "1"]) == 0
    # On from a checkpoint: its counter, its actors' number, the statistics.
    assert main(command(algo, *QUIET, "-i", str(run / "rl_model_32_steps.zip"), "-n", "32")) == 0
    second = ALGORITHMS.get(algo).load(Path("logs") / algo / "Countdown-v0_2" / "Countdown-v0.zip")
    assert (second.num_timesteps, second.n_actors) == (64, 3)


@pytest.mark.parametrize("engine", ["serial", pytest.param("process", marks=pytest.mark.slow)])
def test_actors_end_with_the_command(folder, capsys, monkeypatch, engine):
    hired, hire = [], AsynchronousAlgorithm._hire_actors
    monkeypatch.setattr(AsynchronousAlgorithm, "_hire_actors", lambda self: hired.append(hire(self)) or hired[-1])
    before = {*active_children()}
    code = main(command("simpala", *QUIET, "--engine", engine, "--n-actors", "2", "-params", "n_fragments:2"))
    assert code == 0, capsys.readouterr().err
    assert {*map(id, hired)} == {id(hired[0])}
    assert not hired[0].close.alive
    assert {*active_children()} == before
    run = Path("logs/simpala/Countdown-v0_1")
    model = SIMPALA.load(run / "Countdown-v0.zip")
    assert (model.engine, model.n_actors, model.ray_address) == (engine, 2, None)
    # Nothing lags and nothing is under way at the end: 16 steps of 2 actors' 2 environments each.
    episodes = load_results(str(run))
    assert [*episodes["l"]] == [5] * 12
    assert sorted(episodes["r"]) == [1.0] * 4 + [2.0] * 4 + [3.0] * 4
    for file in ("0.monitor.csv", "1.monitor.csv"):
        assert len((run / file).read_text().splitlines()) == 2 + 6


def test_evaluations_and_checkpoints_count_the_steps_of_all_fragments(folder, capsys):
    evaluated = ["--eval-freq", "32", "--eval-episodes", "1", "--save-freq", "16", "--verbose", "0"]
    assert main(command("simpala", *evaluated, "-params", "n_fragments:2")) == 0, capsys.readouterr().err
    run = Path("logs/simpala/Countdown-v0_1")
    assert list(np.load(run / "evaluations.npz")["timesteps"]) == [32, 64]
    assert {path.name for path in run.glob("rl_model_*.zip")} == {f"rl_model_{n}_steps.zip" for n in (16, 32, 48, 64)}


def test_search(folder, capsys):
    search = ["-optimize", "--n-trials", "2", "--n-startup-trials", "1", "--n-evaluations", "1", "--eval-episodes", "1"]
    search += ["--storage", "sqlite:///study.db", "--study-name", "s", "--no-optim-plots", "--pruner", "median"]
    others = ["--verbose", "0", "--n-actors", "2", "-params", "n_fragments:2"]
    assert main(command("simpala", *search, *others)) == 0, capsys.readouterr().err
    found = optuna.load_study(storage="sqlite:///study.db", study_name="s").trials
    assert [trial.state.name for trial in found] == ["COMPLETE"] * 2
    assert {"n_steps_pow", "ent_coef", "soft_gradient", "normalize_advantage"} <= found[0].params.keys()
    assert all(trial.value >= 1.0 for trial in found)  # they were evaluated, and pay that


@pytest.mark.parametrize(
    ("algo", "others", "message"),
    [
        ("sppo", ["--engine", "process"], "--engine was given, but --algo sppo has no actors. Leave it out, or train"),
        ("ppo", ["--n-actors", "2"], "--n-actors was given, but --algo ppo has no actors"),
        ("simpala", ["--ray-address", "auto"], "Only engine='ray' has a ray_address, but 'auto' was given"),
        ("simpala", ["--engine", "serial", "--ray-address", "auto"], "Only engine='ray' has a ray_address"),
        ("simpala", ["--engine", "rai"], "Unknown engine 'rai'. Available: process, ray, serial. Did you mean 'ray'?"),
        ("simpala", ["--n-actors", "0"], "n_actors must be a whole number ≥ 1, but 0 was given"),
        (
            "simpala",
            ["--n-actors", "2", "-params", "n_actors:3"],
            "--n-actors and -params n_actors:3 were given",
        ),
        ("simpala", ["--vec-env", "subproc"], "--engine process puts each actor into a process of its own"),
        ("simpala", ["-params", "env_wrapper:test_actors.Locked"], "'lock' of Locked, which is a lock"),
    ],
)
def test_what_cannot_be_is_said_and_leaves_no_folder(folder, capsys, monkeypatch, algo, others, message):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    assert main(command(algo, *QUIET, *others, env="CartPole-v1")) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not list(Path("logs").glob("*/*"))


class Locked(gym.Wrapper):
    """It cannot be pickled."""

    def __init__(self, env):
        super().__init__(env)
        self.lock = threading.Lock()


def test_an_agent_of_a_cluster_is_gone_on_from_elsewhere(folder, capsys):
    on_ray = {"engine": "ray", "ray_address": "10.0.0.1:6379"}
    model = SIMPALA("MlpPolicy", DummyVecEnv([Countdown] * 2), n_steps=8, policy_kwargs={"net_arch": [4]}, **on_ray)
    model.save("agent")
    assert main(command("simpala", *QUIET, "-i", "agent.zip", "--engine", "serial", "-n", "16")) == 0
    second = SIMPALA.load("logs/simpala/Countdown-v0_1/Countdown-v0.zip")
    assert (second.engine, second.ray_address) == ("serial", None)
    assert "10.0.0.1" not in capsys.readouterr().err


def rows(file):
    lines = Path(file).read_text().splitlines()[1:]
    return [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]


class TestFiles:
    """What is written is what the monitor itself would have written, had its own environments been stepped."""

    def env(self, folder, **kwargs):
        return DummyVecEnv(
            [lambda j=j: Monitor(Countdown(3 + j), f"{folder}/{j}", info_keywords=("goal",), **kwargs) for j in (0, 1)]
        )

    def stepped(self, env, n_steps):
        env.seed(0)
        env.reset()
        for _ in range(n_steps):
            env.step(np.zeros(env.num_envs, int))
        env.close()

    def learned(self, env, n_steps, **kwargs):
        model = SIMPALA("MlpPolicy", env, seed=0, n_steps=n_steps, policy_kwargs={"net_arch": [4]}, **kwargs)
        model.learn(n_steps * env.num_envs * kwargs.get("n_fragments", 1))
        model.env.close()

    def without_times(self, file):
        return [{name: value for name, value in row.items() if name != "t"} for row in rows(file)]

    def test_of_monitors(self, tmp_path):
        self.stepped(self.env(tmp_path / "own"), 12)
        self.learned(self.env(tmp_path / "copies"), 12, n_actors=1)
        for j in (0, 1):
            found = self.without_times(tmp_path / f"copies/{j}.monitor.csv")
            assert found == self.without_times(tmp_path / f"own/{j}.monitor.csv") != []
            times = [float(row["t"]) for row in rows(tmp_path / f"copies/{j}.monitor.csv")]
            assert times == sorted(times)
            assert 0 < times[0] <= times[-1] < 60

    def test_of_two_actors_environment_j_is_file_j(self, tmp_path):
        self.learned(self.env(tmp_path), 12, n_actors=2, n_fragments=2)
        assert [row["l"] for row in rows(tmp_path / "0.monitor.csv")] == ["3"] * 8
        assert [row["l"] for row in rows(tmp_path / "1.monitor.csv")] == ["4"] * 6

    def test_of_a_batch_under_one_monitor(self, tmp_path):
        for name in ("own", "copies"):
            (tmp_path / name).mkdir()
            inner = DummyVecEnv([lambda: Countdown(3), lambda: Countdown(4)])
            env = VecMonitor(inner, str(tmp_path / name / "all"), info_keywords=("goal",))
            self.stepped(env, 12) if name == "own" else self.learned(env, 12, n_actors=1)
        found = self.without_times(tmp_path / "copies/all.monitor.csv")
        assert found == self.without_times(tmp_path / "own/all.monitor.csv") != []

    def test_dropped_fragments_are_episodes_too(self, tmp_path):
        env = self.env(tmp_path)
        model = SIMPALA(
            "MlpPolicy", env, n_steps=4, n_actors=3, max_policy_lag=1, policy_kwargs={"net_arch": [4]}
        ).learn(160)
        env.close()
        steps = sum(int(row["l"]) for j in (0, 1) for row in rows(tmp_path / f"{j}.monitor.csv"))
        # All steps but those of the 6 environments' last episodes, of at most 3 steps yet.
        assert model.num_timesteps - 6 * 3 <= steps <= model.num_timesteps

    def test_nothing_is_written_where_a_monitor_has_no_file(self, tmp_path):
        inside = DummyVecEnv([lambda: Monitor(Countdown(), f"{tmp_path}/inside")])
        episode = {"episode": {"r": 1.0, "l": 5, "t": 0.1, "other": 3}}
        with pytest.warns(UserWarning, match="already wrapped with a `Monitor`"):
            write_episodes(VecMonitor(inside), [episode])  # the outermost's row, which has none
        write_episodes(DummyVecEnv([Countdown]), [episode])
        write_episodes(inside, [{}])
        assert rows(tmp_path / "inside.monitor.csv") == []
        write_episodes(inside, [episode])
        assert rows(tmp_path / "inside.monitor.csv") == [{"r": "1.0", "l": "5", "t": "0.1"}]
        inside.close()
