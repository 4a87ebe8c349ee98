"""``sb3-entropy probe``: an agent of a run or of a zip, what is said before, what is kept, what is wrong."""

import pickle
import re
import shutil
from collections import OrderedDict
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import yaml
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from sb3_entropy.cli import probe as probe_command
from sb3_entropy.cli.episodes import EpisodeProgress
from sb3_entropy.cli.main import main
from sb3_entropy.cli.progress import time_left
from sb3_entropy.landscape.objectives.rollout import RolloutObjective
from sb3_entropy.landscape.probes.settings import PROBES, find_probe, settings_of
from sb3_entropy.store import Store
from sb3_entropy.zoo.looking import WrappedEnv, algorithms_of, look_at_run, look_at_zip
from sb3_entropy.zoo.rl_zoo import import_rl_zoo

QUICK = ["--engine", "serial", "--backend", "gymnasium", "--max-steps", "5"]


def save_run(folder: Path, number: int, config: dict, seed: int = 0) -> Path:
    """A run as rl-zoo leaves it, without this library: an agent, a checkpoint, the best one, and both YAMLs."""
    run = folder / "ppo" / f"Pendulum-v1_{number}"
    settings = run / "Pendulum-v1"
    settings.mkdir(parents=True)
    arguments = OrderedDict(algo="ppo", env="Pendulum-v1", env_kwargs=None, gym_packages=[])
    (settings / "args.yml").write_text(yaml.dump(arguments))
    (settings / "config.yml").write_text(yaml.dump(OrderedDict(policy="MlpPolicy", **config)))
    model = PPO("MlpPolicy", "Pendulum-v1", seed=seed, policy_kwargs={"net_arch": []}, device="cpu")
    model.num_timesteps = 1000
    for name in ("Pendulum-v1", "best_model"):
        model.save(run / name)
    model.num_timesteps = 500
    model.save(run / "rl_model_500_steps")
    return run


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Two runs, of different parameters, in a log folder."""
    folder = tmp_path_factory.mktemp("saved")
    for number in (1, 2):
        save_run(folder / "logs", number, {"normalize": False}, seed=number)
    return folder / "logs"


@pytest.fixture
def run(saved, tmp_path, monkeypatch):
    """The first run, in the working folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(saved, "logs")
    return Path("logs/ppo/Pendulum-v1_1")


def said(capsys, *arguments):
    code = main(["probe", *map(str, arguments), *QUICK])
    streams = capsys.readouterr()
    assert code == 0, streams.err
    return streams.out


def test_perturbations_from_a_run_to_a_page(run, capsys):
    options = ["--directions", 6, "--episodes", 4, "--std", 0, 1, "--at", "best"]
    out = said(capsys, "perturbations", run, *options)
    # (2·6·4 + 4·4) episodes under each of two conditions
    assert re.search(r"^128 episodes, about .* seconds at [\d,.]+ a second, less what is kept", out, re.MULTILINE)
    assert "perturbations of logs/ppo/Pendulum-v1_1, best (step 1,000) in Pendulum-v1: 5 parameters, 2 cond" in out
    assert re.search(
        r"^σ = 0: returns vary by .*with n = 4 expect 95 % intervals of a slope ± .*, a curvature ±", out, re.M
    )
    assert re.search(r"^σ = 1:\n  .* of directions improve detectably", out, re.MULTILINE)
    page = Path("reports/probe_perturbations_ppo_Pendulum-v1_1_best/index.html")
    assert f"Report: {page}" in out
    html = page.read_text()
    assert "sb3-entropy probe perturbations logs/ppo/Pendulum-v1_1 --directions 6 --episodes 4 --std 0 1" in html
    assert "128 episodes" in html


def test_what_is_kept_is_not_played_again(run, capsys, monkeypatch):
    asked = []
    evaluate = RolloutObjective.evaluate

    def counted(self, thetas, episodes=(0,)):
        asked.append(len(thetas))
        return evaluate(self, thetas, episodes)

    def stop(self, done):
        if done > 16:
            raise KeyboardInterrupt

    monkeypatch.setattr(RolloutObjective, "evaluate", counted)
    monkeypatch.setattr(probe_command, "cost_of", lambda *_: probe_command.Cost(48, 48, ["48 episodes"]))
    arguments = ["probe", "perturbations", str(run), "--directions", "20", "--episodes", "4", *QUICK]
    with monkeypatch.context() as interrupted:
        interrupted.setattr(EpisodeProgress, "watch", stop)
        assert main(arguments) == 130
    assert "kept in reports/landscape.sqlite: the same command goes on" in capsys.readouterr().out
    first, asked[:] = sum(asked), []
    assert 1 < first < 41
    assert main(arguments) == 0
    assert sum(asked) == 41 - first
    asked.clear()
    assert main(arguments) == 0
    assert asked == []


def test_a_line_joins_two_runs_and_two_agents_of_one(run, capsys):
    other = run.with_name("Pendulum-v1_2")
    out = said(capsys, "interpolate", run, other, "--points", 5, "--episodes", 3, "--std", 0)
    assert "interpolate of logs/ppo/Pendulum-v1_1 and logs/ppo/Pendulum-v1_2: 5 parameters" in out
    assert "From θ₀ (" in out
    assert "is looked at as" not in out
    assert main(["probe", "interpolate", str(run), str(run), "--at", "500", "last", *QUICK]) == 2
    assert "other is θ₀ itself" in capsys.readouterr().err  # nothing has been learned in between


@pytest.mark.parametrize(
    ("key", "options", "expected"),
    [
        ("plane", ["--points", 3, "--episodes", 2], "the return at a point ± "),
        ("line-search", ["--directions", 3, "--episodes", 2, "--steps", 0.1, 1], "Along the estimated gradient"),
        ("spectrum", ["--episodes", 2], "the lowest curvature|The curvature"),
    ],
)
def test_every_other_probe_runs(run, capsys, key, options, expected):
    assert re.search(expected, said(capsys, key, run, *options))
    assert Path(f"reports/probe_{key}_ppo_Pendulum-v1_1/index.html").is_file()


def test_curvature_over_all_checkpoints(run, capsys):
    options = ["--directions", 3, "--episodes", 4, "--std", 0]
    assert "all (step 500)" in said(capsys, "curvature", run, "--at", "all", *options)
    out = said(capsys, "curvature", run, "--at", "500", "last", *options)
    assert "σ = 0, step 500:" in out
    assert "σ = 0, step 1,000:" in out


def test_what_a_wanted_precision_takes_is_said_before(run, capsys):
    options = ["--directions", 3, "--dry-run"]
    out = said(capsys, "perturbations", run, *options, "--half-width", 5)
    assert re.search(r"For a half-width of 5 a curvature at α = 0.1 needs n = \d+ episodes", out)
    out = said(capsys, "perturbations", run, *options, "--effect", 1000)
    assert "For a power of 80 % against 1000 in one of 3 directions" in out


def test_a_plane_through_three_solutions(run, capsys):
    other, third = (run.with_name(f"Pendulum-v1_{number}") for number in (2, 3))
    save_run(run.parents[1], 3, {"normalize": False}, seed=3)
    options = ["--points", "3", "--episodes", "2", *QUICK]
    assert main(["probe", "plane", str(run), str(other), *options]) == 2
    assert "through one agent, or through three" in capsys.readouterr().err
    out = said(capsys, "plane", run, other, third, "--points", 3, "--episodes", 2)
    assert "in the plane it is greatest at" in out


def test_a_dry_run_says_the_cost_alone(run, capsys):
    out = said(capsys, "spectrum", run, "--dry-run", "--episodes", 16)
    # p(p + 1)·n + 8n at p = 5
    assert "608 episodes" in out
    assert "expect 95 % intervals of an end of the spectrum" in out
    assert not Path("reports/probe_spectrum_ppo_Pendulum-v1_1").exists()
    assert "With one episode a point nothing is known" in said(capsys, "plane", run, "--dry-run", "--episodes", 1)


def test_a_zip_of_any_algorithm(run, capsys):
    DQN("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": []}, device="cpu").save("greedy.zip")
    options = ["--env", "CartPole-v1", "--mix", 0, 0.5, "--points", 3, "--episodes", 2]
    out = said(capsys, "plane", "greedy.zip", *options)
    assert "m = 0.5:" in out
    assert Path("reports/probe_plane_greedy/index.html").is_file()
    assert look_at_zip(Path("greedy.zip"), "CartPole-v1").algo == "dqn"
    with pytest.raises(ValueError, match=r"greedy.zip cannot be read as sac: .*Name the algorithm by --algo"):
        look_at_zip(Path("greedy.zip"), "CartPole-v1", algo="sac")


@pytest.mark.parametrize("key", ["a2c", "ppo", "sac", "tqc", "dqn", "sppo", "strpo", "sa2c"])
def test_the_algorithm_is_found_from_what_it_stores(key):
    algorithms = import_rl_zoo().ALGOS
    env = "CartPole-v1" if key == "dqn" else "Pendulum-v1"
    assert key in algorithms_of(set(vars(algorithms[key]("MlpPolicy", env, device="cpu"))), algorithms)


def test_statistics_are_those_of_the_run_and_frozen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = save_run(Path("logs"), 1, {"normalize": "{'norm_obs': True, 'norm_reward': False}"})
    statistics = VecNormalize(DummyVecEnv([lambda: gym.make("Pendulum-v1")]))
    statistics.obs_rms.mean[:] = [0.3, -0.2, 1.0]
    statistics.save(str(run / "Pendulum-v1" / "vecnormalize.pkl"))
    looker = look_at_run(run)
    options = {"backend": "gymnasium", "max_steps": 5}
    thetas = looker.objective(**options).theta0[None]
    returns = looker.objective(**options).returns(thetas, range(4))
    own = {"normalize": statistics, "env": "Pendulum-v1"}
    assert np.array_equal(returns, RolloutObjective(looker.model, **own, **options).returns(thetas, range(4)))
    plain = RolloutObjective(looker.model, "Pendulum-v1", normalize=None, **options)
    assert not np.array_equal(returns, plain.returns(thetas, range(4)))
    # The zip of a run has them beside it, too.
    from_zip = look_at_zip(run / "Pendulum-v1.zip", "Pendulum-v1").objective(**options)
    assert np.array_equal(returns, from_zip.returns(thetas, range(4)))
    with pytest.raises(FileNotFoundError, match=r"no statistics at none\.pkl"):
        look_at_zip(run / "Pendulum-v1.zip", "Pendulum-v1", statistics=Path("none.pkl"))


def test_wrappers_are_the_training_s_and_part_of_what_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = []
    for number, scale in ((1, 1.0), (2, 2.0)):
        wrapper = {"gymnasium.wrappers.RescaleAction": {"min_action": -scale, "max_action": scale}}
        run = save_run(Path("logs"), number, {"normalize": False, "env_wrapper": [wrapper]})
        looker = look_at_run(run)
        if scale == 1.0:  # the policy's actions reach to ±2
            with pytest.raises(ValueError, match="does not fit the policy"):
                looker.objective(max_steps=5)
            continue
        found.append(looker.objective(max_steps=5).describe()["env"])
    assert "Pendulum-v1({}) in RescaleAction({'max_action': 2.0, 'min_action': -2.0})" in found[0]
    made = pickle.loads(pickle.dumps(WrappedEnv("Pendulum-v1", {"g": 9.0}, looker.wrapping)))()  # for a worker
    assert made.unwrapped.g == 9.0
    assert made.action_space.high.item() == 2.0


@pytest.mark.parametrize("key", ["frame_stack", "vec_env_wrapper"])
def test_wrapped_batches_are_refused(tmp_path, key):
    value = 4 if key == "frame_stack" else "stable_baselines3.common.vec_env.VecCheckNan"
    run = save_run(tmp_path, 1, {"normalize": False, key: value})
    with pytest.raises(ValueError, match=rf"was trained with {key}: .* a probe plays single ones"):
        look_at_run(run)


WRONG = {
    "perturbation RUN": "Unknown probe 'perturbation'. Available: .* Did you mean 'perturbations'",
    "perturbations nowhere": "There is no run nowhere",
    "perturbations RUN --alpha 0": "alpha must be a number > 0, but 0.0",
    "perturbations RUN --episodes 0": "episodes must be a whole number ≥ 1",
    "perturbations RUN --null other": "Unknown null 'other'",
    "perturbations RUN --std -1": "std must be a number ≥ 0",
    "perturbations RUN --std 0 0": "condition σ = 0 was given twice",
    "perturbations RUN --std 0 --ent-coef 0.1": "entropy is −∞",
    "perturbations RUN --mix 0.5": "mixes the policy with uniform choices",
    "perturbations RUN --env Pendulum-v1": "--env is for a zip",
    "perturbations RUN --backend mujoco": "Unknown backend 'mujoco'",
    "perturbations RUN --engine threads": "Unknown engine 'threads'",
    "plane RUN --points 4": "points must be odd",
    "plane RUN --at 17": "has no agent 17",
    "plane RUN --at best best": "names an agent twice",
    "plane RUN --at all last": "stands alone",
    "plane RUN/Pendulum-v1.zip": "does not say its environment. Name it by --env",
    "plane RUN/Pendulum-v1.zip --env CartPole-v1": "CartPole-v1 does not fit the policy",
    "plane RUN/Pendulum-v1.zip --env Pendulum-v1 --at best": "chooses among the agents of a run's folder",
    "plane RUN/Pendulum-v1.zip --env Pendulum-v1 --algo pppo": "Unknown algorithm 'pppo'",
    "plane none.zip --env Pendulum-v1": "There is no saved model at none.zip",
    "interpolate RUN RUN": "other is θ₀ itself",
    "interpolate RUN RUN --at 500 best last": "A line has two ends",
}


@pytest.mark.parametrize("line", WRONG)
def test_what_is_wrong_is_told_before_the_long_work(run, capsys, monkeypatch, line):
    monkeypatch.setattr(probe_command, "cost_of", lambda *_: probe_command.Cost(0, 0, []))
    assert main(["probe", *line.replace("RUN", str(run)).split()]) == 2
    assert re.search(WRONG[line], capsys.readouterr().err)


def test_too_many_parameters_for_a_spectrum(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    PPO("MlpPolicy", "Pendulum-v1", device="cpu").save("large.zip")
    assert main(["probe", "spectrum", "large.zip", "--env", "Pendulum-v1", *QUICK]) == 2
    assert "above 500 parameters it is not estimated" in capsys.readouterr().err


def test_two_policies_of_different_shapes_have_no_line(run, capsys):
    PPO("MlpPolicy", "Pendulum-v1", policy_kwargs={"net_arch": [2]}, device="cpu").save("other.zip")
    zips = [str(run / "Pendulum-v1.zip"), "other.zip", "--env", "Pendulum-v1"]
    assert main(["probe", "interpolate", *zips, *QUICK]) == 2
    assert "are no two solutions of one policy: action_net.weight" in capsys.readouterr().err


@pytest.mark.parametrize("key", PROBES)
def test_help_is_what_the_docstring_says(key, capsys):
    assert main(["probe", key, "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for setting in settings_of(find_probe(key)):
        if setting.kind is not Any:
            assert " ".join(setting.doc.split()[:3]) in out
    assert "--episodes EPISODES" in out
    assert "--other" not in out


def test_progress_without_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("sb3_entropy.cli.episodes.LINE_EVERY", 0.0)
    with EpisodeProgress("plane", 100) as progress:
        progress.watch(25)
    assert re.search(r"25/100 episodes, \d+ s left", capsys.readouterr().out)
    assert [time_left(10, done, 100) for done in (0, 50, 1)] == ["…", "10 s left", "16 min left"]
    assert time_left(1000, 1, 100) == "27.5 h left"


def test_the_store_holds_what_was_evaluated(run, capsys):
    said(capsys, "plane", run, "--points", 3, "--episodes", 2, "--store", "kept/here.sqlite")
    with Store("kept/here.sqlite") as store:
        assert store.path.endswith("kept/here.sqlite")
    assert not Path("reports/landscape.sqlite").exists()
