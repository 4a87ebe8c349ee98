"""Somebody's run: found, read without running what is in it, and put into its own environments."""

import base64
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from stable_baselines3.common.vec_env import VecNormalize

from sb3_entropy import SPPO
from sb3_entropy.cli.main import main
from sb3_entropy.unpickling.unpickler import UntrustedError
from sb3_entropy.zoo.agents import find_agent
from sb3_entropy.zoo.loading import load_run

ENJOY = ["enjoy", "--algo", "sppo", "--env", "Pendulum-v1", "-f", "logs", "--no-render", "-n", "5"]
BENCHMARK = ["benchmark", "-f", "logs", "-n", "1", "--device", "cpu"]
FRAMES = ["frames", "--algo", "sppo", "--env", "Pendulum-v1", "-f", "logs", "-n", "2", "--n-frames", "1"]
GO_ON = ["train", "--algo", "sppo", "--env", "Pendulum-v1", "--conf-file", "logs/../tiny.yml", "-n", "32"]
GO_ON += ["--eval-freq", "-1", "--verbose", "0", "-i", "logs/sppo/Pendulum-v1_1/Pendulum-v1.zip", "--device", "cpu"]


def _plant(run, where, trap):
    """Hide a trap in a file of the run; a zip gets it in a field."""
    file = run / where
    if file.suffix == ".yml":
        values = yaml.unsafe_load(file.read_text())
        file.write_text(yaml.dump({**values, "env_kwargs": trap}))
    elif file.suffix == ".pkl":
        file.write_bytes(pickle.dumps(trap))
    else:
        with zipfile.ZipFile(file) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        planted = {"anything": {":serialized:": base64.b64encode(pickle.dumps(trap)).decode()}}
        members["data"] = json.dumps({**json.loads(members["data"]), **planted})
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)


_RUN = "logs/sppo/Pendulum-v1_1"
FOUND = {
    "Pendulum-v1/args.yml": rf"Line \d+ of {_RUN}/Pendulum-v1/args\.yml has the tag !!python/object/apply:\w+\.system",
    "Pendulum-v1/config.yml": rf"Line \d+ of {_RUN}/Pendulum-v1/config\.yml has the tag !!python/object/apply:",
    "Pendulum-v1/vecnormalize.pkl": rf"{_RUN}/Pendulum-v1/vecnormalize\.pkl names \w+\.system",
    "Pendulum-v1.zip": rf"The field 'anything' of {_RUN}/Pendulum-v1\.zip names \w+\.system",
}


def _play(run, trust):
    loaded = load_run(run, trust=trust, device="cpu")
    loaded.make_env(0).close()


@pytest.mark.parametrize("where", FOUND)
def test_what_would_write_a_file_is_refused_and_named(run, trap, where):
    _plant(run, where, trap)
    with pytest.raises(UntrustedError, match=FOUND[where]):
        _play(run, trust=False)


@pytest.mark.parametrize("where", FOUND)
def test_with_trust_it_is_run(run, trap, where):
    _plant(run, where, trap)
    try:
        _play(run, trust=True)
    except (AttributeError, TypeError):  # what os.system returns is no VecNormalize and no mapping
        assert where != "Pendulum-v1.zip"
    assert trap.file.exists()
    trap.file.unlink()


@pytest.mark.parametrize("command", [ENJOY, BENCHMARK, FRAMES], ids=lambda command: command[0])
@pytest.mark.parametrize("where", FOUND)
def test_no_trust_on_the_command_line(run, trap, capsys, command, where):
    _plant(run, where, trap)
    assert main([*command, "--no-trust"]) in (1, 2)
    error = capsys.readouterr().err
    assert "--trust reads it as it is" in error
    assert Path(where).name in error


@pytest.mark.parametrize("command", [ENJOY, BENCHMARK, FRAMES], ids=lambda command: command[0])
@pytest.mark.parametrize("option", [[], ["--trust"]])
def test_ones_own_agents_are_trusted(run, trap, command, option):
    _plant(run, "Pendulum-v1.zip", trap)
    assert main([*command, *option]) == 0
    assert trap.file.exists()
    trap.file.unlink()


@pytest.mark.parametrize("command", [ENJOY, BENCHMARK, FRAMES], ids=lambda command: command[0])
def test_a_run_of_ours_needs_no_trust(run, capsys, command):
    said = []
    for option in ("--trust", "--no-trust"):
        assert main([*command, option]) == 0, capsys.readouterr().err
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]


@pytest.mark.parametrize("where", ["Pendulum-v1.zip", "Pendulum-v1/vecnormalize.pkl"])
def test_going_on_with_trust_or_without(trained, run, trap, capsys, where):
    Path("tiny.yml").write_text((trained.parent / "tiny.yml").read_text())
    for option in ("--trust", "--no-trust"):
        assert main([*GO_ON, option]) == 0, capsys.readouterr().err
    first, second = (SPPO.load(f"logs/sppo/Pendulum-v1_{n}/Pendulum-v1.zip", device="cpu") for n in (2, 3))
    assert first.num_timesteps == second.num_timesteps == 96
    _plant(run, where, trap)
    assert main([*GO_ON, "--no-trust"]) == 2
    assert "names" in capsys.readouterr().err
    assert not trap.file.exists()
    assert not Path("logs/sppo/Pendulum-v1_4").exists()
    main(GO_ON)
    assert trap.file.exists()
    trap.file.unlink()


def test_a_replay_buffer_is_a_pickle(trained, run, capsys):
    Path("tiny.yml").write_text((trained.parent / "tiny.yml").read_text())
    (run / "replay_buffer.pkl").write_bytes(b"")
    assert main([*GO_ON, "--no-trust"]) == 2
    assert "replay_buffer.pkl is the pickle of a replay buffer" in capsys.readouterr().err


@pytest.mark.parametrize("trust", [False, True])
def test_a_run_is_read_whole(run, trust):
    loaded = load_run(run, trust=trust, device="cpu")
    own = SPPO.load(run / "Pendulum-v1.zip", device="cpu")
    assert type(loaded.model) is SPPO
    for name, tensor in own.policy.state_dict().items():
        assert torch.equal(tensor, loaded.model.policy.state_dict()[name])
    assert loaded.arguments["env_kwargs"] == {"g": 9.0}
    assert loaded.hyperparams["n_steps"] == 32
    env = loaded.make_env(0)
    assert isinstance(env, VecNormalize)
    assert not env.training
    assert env.obs_rms.count == pytest.approx(64 + 1, abs=0.1)
    assert env.get_attr("g") == [9.0]
    assert env.action_space.high == 1  # as the wrapper has it
    assert loaded.make_env(0, {"g": 5.0}).get_attr("g") == [5.0]
    observation = env.reset()
    normal = pickle.loads((run / "Pendulum-v1" / "vecnormalize.pkl").read_bytes())
    assert np.allclose(observation, normal.normalize_obs(env.get_original_obs()))


def test_schedules_stand_still_unless_they_are_asked_for(run):
    assert load_run(run).model.lr_schedule(0.5) == 0.0
    assert load_run(run, replaced={}).model.lr_schedule(0.5) == 0.0005


def test_which_agent_of_the_run(run):
    for which, name in ((32, "rl_model_32_steps.zip"), ("best", "best_model.zip"), ("last", "Pendulum-v1.zip")):
        assert find_agent(run, which).file == run / name
    assert load_run(run, 32).model.num_timesteps == 32
    (run / "Pendulum-v1.zip").unlink()
    assert find_agent(run).file == run / "rl_model_64_steps.zip"
    with pytest.raises(FileNotFoundError, match=r"has no agent 48.*best_model\.zip, rl_model_32_steps\.zip"):
        find_agent(run, 48)
    for file in run.glob("*.zip"):
        file.unlink()
    with pytest.raises(FileNotFoundError, match=r"has no agent 'last'\. Of saved agents there are: none"):
        find_agent(run)
    with pytest.raises(ValueError, match="must be the folder of one run"):
        find_agent(run.parent)


def test_statistics_are_those_of_a_vec_normalize(run):
    (run / "Pendulum-v1" / "vecnormalize.pkl").write_bytes(pickle.dumps([1]))
    with pytest.raises(ValueError, match=r"vecnormalize\.pkl must hold a VecNormalize, but it holds a list"):
        load_run(run).make_env(0)


def test_an_algorithm_that_nobody_has(run):
    other = run.parent.with_name("sppoo")
    run.parent.rename(other)
    with pytest.raises(ValueError, match="Did you mean 'sppo'"):
        load_run(other / run.name)
