"""Training, watching, continuing and searching through the command line, in small."""

import pickle
from pathlib import Path

import gymnasium as gym
import numpy as np
import optuna
import pytest
import yaml
from gymnasium.envs.classic_control import PendulumEnv
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.monitor import load_results

from sb3_entropy import SPPO
from sb3_entropy.cli.main import main

QUIET = ["--eval-freq", "-1", "--verbose", "0"]


class BatchedPendulum(PendulumEnv):
    """A pendulum that makes its own batch."""

    @staticmethod
    def make_sb3_vec_env(n_envs, *, seed, max_episode_steps, **kwargs):
        return make_vec_env(lambda: gym.wrappers.TimeLimit(PendulumEnv(**kwargs), max_episode_steps), n_envs, seed)


def test_train_then_enjoy_then_plot(tiny, train, preset, capsys):
    code = main([*train, "--eval-freq", "64", "--eval-episodes", "2", "--save-freq", "64", "-tb", "tb"])
    assert code == 0, capsys.readouterr().err
    run = tiny / "logs" / "sppo" / "Pendulum-v1_1"
    written = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    assert written == {
        "0.monitor.csv",
        "1.monitor.csv",
        "Pendulum-v1.zip",
        "best_model.zip",
        "best_model_vecnormalize.pkl",
        "evaluations.npz",
        "rl_model_64_steps.zip",
        "rl_model_128_steps.zip",
        "rl_model_vecnormalize_64_steps.pkl",
        "rl_model_vecnormalize_128_steps.pkl",
        "Pendulum-v1/args.yml",
        "Pendulum-v1/command.txt",
        "Pendulum-v1/config.yml",
        "Pendulum-v1/vecnormalize.pkl",
    }
    config = yaml.unsafe_load((run / "Pendulum-v1" / "config.yml").read_text())
    assert dict(config) == preset  # as it was written: names, not classes
    assert list((tiny / "tb" / "Pendulum-v1").glob("SPPO_1/events*"))
    capsys.readouterr()
    assert main(["enjoy", "--algo", "sppo", "--env", "Pendulum-v1", "-f", "logs", "--no-render", "-n", "200"]) == 0
    assert "Mean episode length: 200.00" in capsys.readouterr().out
    assert main(["plot_train", "-a", "sppo", "-e", "Pendulum-v1", "-f", "logs", "-w", "1"]) == 2  # no episode has ended
    assert main([*train, "--eval-freq", "64", "--eval-episodes", "2"]) == 0  # all_plots compares two runs or more
    gathered = ["all_plots", "-a", "sppo", "-e", "Pendulum-v1", "-f", "logs", "-o", "results", "--no-display"]
    assert main(gathered) == 0
    assert main(["plot_from_file", "-i", "results.pkl", "-o", "figure.png", "--format", "png"]) == 0
    assert (tiny / "figure.png").stat().st_size > 1000


def test_an_agent_acts_under_the_statistics_of_its_own_moment(tiny, train, capsys):
    evaluated = ["--eval-freq", "32", "--eval-episodes", "1", "--verbose", "0"]
    assert main([*train, *evaluated, "--save-freq", "64"]) == 0, capsys.readouterr().err
    run = Path("logs/sppo/Pendulum-v1_1")
    watch = ["enjoy", "--algo", "sppo", "--env", "Pendulum-v1", "--no-render", "-n", "3"]
    chosen = {
        "rl_model_vecnormalize_64_steps.pkl": ["--load-checkpoint", "64"],
        "rl_model_vecnormalize_128_steps.pkl": ["--load-last-checkpoint"],
        "best_model_vecnormalize.pkl": ["--load-best"],
        "Pendulum-v1/vecnormalize.pkl": [],
    }
    for statistics, option in chosen.items():
        assert main([*watch, *option]) == 0, capsys.readouterr().err
        assert f"Loading VecNormalize statistics from {run / statistics}\n" in capsys.readouterr().out
    # They have counted the steps until then, and the two resets.
    best = pickle.loads((run / "best_model_vecnormalize.pkl").read_bytes()).obs_rms.count
    assert best == pytest.approx(SPPO.load(run / "best_model.zip").num_timesteps + 2, abs=0.1)
    last = run / "Pendulum-v1" / "vecnormalize.pkl"
    last.write_bytes(b"not those of the best")
    assert main([*train, *QUIET, "-i", str(run / "best_model.zip"), "-n", "64"]) == 0, capsys.readouterr().err
    second = pickle.loads(Path("logs/sppo/Pendulum-v1_2/Pendulum-v1/vecnormalize.pkl").read_bytes())
    assert second.obs_rms.count == pytest.approx(best + 64 + 2, abs=0.1)
    # Without any it does not act, and what starts anew says so.
    last.unlink()
    (run / "best_model_vecnormalize.pkl").unlink()
    assert main([*watch, "--exp-id", "1", "--load-best"]) == 2
    assert "there are no statistics of VecNormalize" in capsys.readouterr().err
    with pytest.warns(UserWarning, match="starts them anew"):
        assert main([*train, *QUIET, "-i", str(run / "best_model.zip"), "-n", "64"]) == 0


def test_settings_on_the_command_line_need_no_inner_quotes(tiny, train, capsys):
    changes = ["ent_coef:lin_0.1", "gamma:0.5", "policy_kwargs:dict(net_arch=[4])", "normalize:False", "n_envs:1"]
    assert main([*train, *QUIET, "-params", *changes, "--env-kwargs", "g:1.0"]) == 0, capsys.readouterr().err
    model = SPPO.load("logs/sppo/Pendulum-v1_1/Pendulum-v1.zip")
    assert (model.ent_coef, model.gamma, model.n_envs) == ("lin_0.1", 0.5, 1)
    assert model.policy.net_arch == [4]
    args = yaml.unsafe_load(Path("logs/sppo/Pendulum-v1_1/Pendulum-v1/args.yml").read_text())
    assert args["env_kwargs"] == {"g": 1.0}


def test_going_on_from_a_checkpoint_keeps_counter_statistics_and_memory(tiny, train, capsys):
    rule = "{'divergence':'kl','reference':'previous','coef':'auto_0.1','target_divergence':0.5}"
    frozen = "{'divergence':'kl','reference':'frozen','reference_kwargs':{'policy':'frozen.zip'}}"
    SPPO("MlpPolicy", "Pendulum-v1", device="cpu").save("frozen")
    train = [*train, "-params", f"regularizers:[{rule},{frozen}]", "n_steps:16"]
    assert main([*train, *QUIET, "--save-freq", "64", "-tb", "tb"]) == 0
    first = Path("logs/sppo/Pendulum-v1_1")
    capsys.readouterr()
    Path("frozen.zip").unlink()  # its policy is in the model
    checkpoint = str(first / "rl_model_64_steps.zip")
    evaluated = ["--eval-freq", "64", "--eval-episodes", "1", "--verbose", "0"]
    assert main([*train, *evaluated, "-i", checkpoint, "-n", "64", "--save-freq", "32", "-tb", "tb"]) == 0
    out = capsys.readouterr().out
    assert f"Loading VecNormalize statistics from {first}/rl_model_vecnormalize_64_steps.pkl" in out
    assert "Going on from step 64 for 64 steps more, to step 128" in out
    second = Path("logs/sppo/Pendulum-v1_2")
    assert {path.name for path in second.glob("rl_model_*_steps.zip")} == {
        "rl_model_96_steps.zip",
        "rl_model_128_steps.zip",
    }
    model = SPPO.load(second / "Pendulum-v1.zip")
    assert model.num_timesteps == 128
    # One update before the checkpoint and two after it; the temperature and λ have gone on too.
    assert model.regularizers[0].reference.n_updates == 3
    assert model.regularizers[0].coefficient.value(1.0) != 0.1
    assert model.regularizers[1].name == "kl_frozen"
    at_the_checkpoint = SPPO.load(checkpoint).temperature
    assert model.temperature.initial == at_the_checkpoint.initial == 0.05
    assert 0 != at_the_checkpoint.log_factor != model.temperature.log_factor
    assert [path.name for path in Path("tb/Pendulum-v1").iterdir()] == ["SPPO_1"]
    # The statistics have counted 64 + 64 observations and the two resets (VecNormalize starts at ε = 1e-4).
    statistics = pickle.loads((second / "Pendulum-v1" / "vecnormalize.pkl").read_bytes())
    assert statistics.obs_rms.count == pytest.approx(64 + 64 + 4, abs=0.1)


@pytest.mark.parametrize("kind", [pytest.param("subproc", marks=pytest.mark.slow), "envpool", "native"])
def test_other_kinds_of_batches(tiny, train, preset, kind, capsys):
    if kind == "envpool":
        pytest.importorskip("envpool", reason="envpool has wheels for Linux on x86-64 only")
    env_id = "Pendulum-v1"
    if kind == "native":
        env_id = "BatchedPendulum-v0"
        gym.register(env_id, f"{__name__}:BatchedPendulum", max_episode_steps=50, kwargs={"g": 5.0})
        Path("tiny.yml").write_text(yaml.safe_dump({"default": preset}))
    try:
        command = [word.replace("Pendulum-v1", env_id) for word in train]
        evaluation = ["--eval-freq", "64", "--eval-episodes", "1"]
        code = main(
            [*command, *evaluation, "-n", "448", "--verbose", "0", "--vec-env", kind, "-params", "normalize:False"]
        )
        assert code == 0, capsys.readouterr().err
        run = Path("logs/sppo") / f"{env_id}_1"
        episodes = load_results(str(run))
        assert (episodes["l"] == (50 if kind == "native" else 200)).all()
        assert len(episodes) == (8 if kind == "native" else 2)
        assert yaml.unsafe_load((run / env_id / "args.yml").read_text())["vec_env"] == kind
        assert np.load(run / "evaluations.npz")["results"].shape == (7, 1)
    finally:
        gym.registry.pop("BatchedPendulum-v0", None)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (
            ["--vec-env", "envpool", "-params", "env_wrapper:gymnasium.wrappers.FlattenObservation"],
            "-params env_wrapper:None",
        ),
        (["--vec-env", "native", "-params", "monitor_kwargs:{'allow_early_resets':False}"], "allow_early_resets"),
        (["--vec-env", "native"], "'Pendulum-v1' brings no batched VecEnv of its own"),
        (["--vec-env", "envpool", "--env-kwargs", "gravity:3"], "envpool cannot make 'Pendulum-v1'"),
        (["-params", "ent_coef:auto", "target_entropy:-1", "n_steps:0"], "n_steps must be a whole number ≥ 1, but 0"),
        (["-params", "policy:CnnPolicy"], "CnnPolicy"),
    ],
)
def test_a_run_that_cannot_start_leaves_no_folder(tiny, train, capsys, extra, message):
    assert main([*train, *QUIET, *extra]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not list(Path("logs").glob("sppo/*"))


def test_search_uses_our_space_and_a_trial_can_be_trained(tiny, train, preset, capsys):
    search = ["-optimize", "--n-trials", "2", "--n-startup-trials", "1", "--n-evaluations", "1", "--eval-episodes", "1"]
    storage = ["--storage", "sqlite:///study.db", "--study-name", "s"]
    base = ["-params", "policy_kwargs:{'log_std_init':-1.0}", "n_envs:1"]  # up to 2048 steps each before an update
    assert main([*train, *search, *storage, *base, "--no-optim-plots", "--verbose", "0", "--pruner", "none"]) == 0, (
        capsys.readouterr().err
    )
    study = optuna.load_study(storage="sqlite:///study.db", study_name="s")
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 2
    assert {"ent_coef", "soft_gradient", "std_scheme"} <= study.trials[0].params.keys()
    assert not list(Path("logs/sppo").glob("Pendulum-v1_*"))  # nothing that would pass for a trained agent
    assert list(Path("logs/sppo").glob("report_Pendulum-v1_2-trials-*.csv"))
    Path("tiny.yml").write_text(
        yaml.safe_dump({"Pendulum-v1": {**preset, "n_envs": 1, "policy_kwargs": {"log_std_init": -1.0}}})
    )
    assert main([*train, *QUIET, *storage, "--trial-id", "1", "-n", "64"]) == 0, capsys.readouterr().err
    model = SPPO.load("logs/sppo/Pendulum-v1_1/Pendulum-v1.zip")
    assert model.soft_gradient == study.trials[1].params["soft_gradient"]
    assert model.policy_kwargs["log_std_init"] == -1.0
    assert model.policy_kwargs["std_scheme"] == study.trials[1].params["std_scheme"]


def test_an_algorithm_without_a_search_space_is_refused(tiny, capsys):
    assert main(["train", "--algo", "crossq", "--env", "Pendulum-v1", "-optimize"]) == 2  # rl-zoo has none for it
    assert "There is no search space for crossq. There is one for: a2c," in capsys.readouterr().err


def test_without_a_file_the_packaged_preset_is_used_and_runs_can_have_unique_names(tiny, capsys):
    packaged = ["train", "--algo", "sa2c", "--env", "CartPole-v1", "-n", "64", *QUIET, "-uuid"]
    assert main(packaged) == 0, capsys.readouterr().err
    assert main(packaged) == 0, capsys.readouterr().err
    assert "zoo_configs/sa2c.yml" in capsys.readouterr().out
    assert len({path.name for path in Path("logs/sa2c").glob("CartPole-v1_?_*")}) == 2


def test_an_off_policy_agent_keeps_its_replay_buffer(tiny, capsys):
    changes = ["learning_starts:10", "buffer_size:100", "batch_size:8", "policy_kwargs:dict(net_arch=[8])"]
    stock = ["train", "--algo", "sac", "--env", "Pendulum-v1", "-n", "20", *QUIET, "--save-replay-buffer"]
    assert main([*stock, "-params", *changes]) == 0, capsys.readouterr().err
    assert Path("logs/sac/Pendulum-v1_1/replay_buffer.pkl").is_file()
    assert main([*stock, "-i", "logs/sac/Pendulum-v1_1/Pendulum-v1.zip", "-params", *changes]) == 0
    assert "Loading replay buffer" in capsys.readouterr().out


def test_two_runs_that_start_at_once_get_a_folder_each(tiny, train, monkeypatch):
    monkeypatch.setattr("rl_zoo3.exp_manager.get_latest_run_id", lambda *_: 0)
    for _ in range(2):
        assert main([*train, *QUIET, "-n", "64"]) == 0
    assert {path.name for path in Path("logs/sppo").iterdir()} == {"Pendulum-v1_1", "Pendulum-v1_2"}
    assert Path("logs/sppo/Pendulum-v1_2/Pendulum-v1.zip").is_file()


def test_stock_algorithms_run_on_rl_zoos_own_presets(tiny, capsys):
    changes = ["n_steps:64", "n_envs:1", "n_epochs:1", "normalize:True"]
    stock = [
        "train",
        "--algo",
        "ppo",
        "--env",
        "Pendulum-v1",
        "-n",
        "64",
        "--save-freq",
        "64",
        *QUIET,
        "-params",
        *changes,
    ]
    assert main(stock) == 0, capsys.readouterr().err
    run = Path("logs/ppo/Pendulum-v1_1")
    assert PPO.load(run / "Pendulum-v1.zip").use_sde  # rl-zoo's tuned preset
    assert main([*stock, "-i", str(run / "rl_model_64_steps.zip")]) == 0, capsys.readouterr().err
    assert PPO.load("logs/ppo/Pendulum-v1_2/Pendulum-v1.zip").num_timesteps == 128


def test_the_environment_may_be_named_as_gymnasium_does(tiny, train, capsys):
    short = [*train, *QUIET, "-n", "64"]
    short[short.index("Pendulum-v1")] = "gymnasium.envs.classic_control:Pendulum"
    assert main(short) == 0, capsys.readouterr().err
    assert Path("logs/sppo/Pendulum-v1_1/Pendulum-v1.zip").is_file()


def test_a_preset_may_lift_the_clipping_of_values_and_name_a_policy_by_path(tiny, train, capsys):
    changes = ["clip_range_vf:None", "policy:sb3_entropy.policies.soft.SoftActorCriticPolicy"]
    assert main([*train, *QUIET, "-params", *changes]) == 0, capsys.readouterr().err
    assert SPPO.load("logs/sppo/Pendulum-v1_1/Pendulum-v1.zip").clip_range_vf is None
