"""The command line: commands, messages, exit codes, and what is imported for them."""

import io
import os
import re
import runpy
import subprocess
import sys
import tomllib
import zipfile
from importlib import import_module
from pathlib import Path

import gymnasium as gym
import pytest
import yaml

from sb3_entropy import errors
from sb3_entropy.cli import main as cli
from sb3_entropy.cli.main import COMMANDS, main

ROOT = Path(errors.__file__).parents[1]
PRESET = {"n_timesteps": 64, "policy": "MlpPolicy", "n_steps": 64, "batch_size": 64, "n_epochs": 1}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a preset file, a file that is no YAML, and zips that are no agents."""
    monkeypatch.chdir(tmp_path)
    Path("good.yml").write_text(yaml.safe_dump({"Pendulum-v1": PRESET}))
    Path("typo.yml").write_text(yaml.safe_dump({"Pendulum-v1": {**PRESET, "ent_cof": 0.1}}))
    Path("broken.yml").write_text("Pendulum-v1: [1\nb: 2")
    Path("text.zip").write_text("not a zip")
    with zipfile.ZipFile("foreign.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    return tmp_path


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {command} " in out for command in COMMANDS)
    assert main([]) == 2


def test_the_package_can_be_run_as_a_module(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sb3-entropy", "--version"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module("sb3_entropy.cli", run_name="__main__")
    assert capsys.readouterr().out.startswith("sb3-entropy 0.")


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("sb3-entropy 0.")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_under_our_name(command, capsys):
    assert main([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: sb3-entropy {command}")
    if command == "train":
        assert "{dummy,subproc,envpool,native}" in out
        assert "sppo" in out


SPPO = ["train", "--algo", "sppo"]
TRAIN = [*SPPO, "--env", "Pendulum-v1", "--eval-freq", "-1", "--conf-file"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "Unknown command 'trian'. Available: all_plots, benchmark,"),
        (["train", "--algo", "spo"], "Unknown algorithm 'spo'.*Did you mean 'sppo'?"),
        (["enjoy", "--algo", "spo"], "Unknown algorithm 'spo'.*Did you mean 'sppo'?"),
        (
            ["train", "--algo", "sppo", "--env", "Pendulm-v1"],
            "Unknown environment 'Pendulm-v1'.*Did you mean 'Pendulum-v1'?",
        ),
        (
            ["train", "--algo", "sppo", "--env", "nowhere:Pendulum-v1"],
            "names the module 'nowhere', which cannot be imported",
        ),
        (["train", "--vec-env", "envpol"], "Unknown kind of VecEnv 'envpol'.*Did you mean 'envpool'?"),
        (
            [*SPPO, "--gym-packages", "no_such_package"],
            "The package 'no_such_package'.*cannot be imported",
        ),
        (["train", "--n-timesteps", "many"], "invalid int value: 'many'.*See `sb3-entropy train --help`"),
        (["train", "-params", "gamma"], "expected key:value, but 'gamma' was given"),
        (["train", "-params", "policy_kwargs:dict("], r"'dict\(', given for policy_kwargs, is not a Python expression"),
        ([*TRAIN, "broken.yml"], "broken.yml is not valid YAML: .*line 1, column 14"),
        ([*TRAIN, "none.yml"], "There is no file none.yml"),
        ([*TRAIN, "typo.yml"], "Unknown key 'ent_cof' for sppo. Did you mean 'ent_coef'?.*typo.yml, Pendulum-v1"),
        ([*TRAIN, "good.yml", "--env", "CartPole-v1"], "Available: Pendulum-v1. good.yml has no .*'default'"),
        ([*TRAIN, "good.yml", "-params", "policy:MlpPolcy"], "Unknown policy 'MlpPolcy'.*Did you mean 'MlpPolicy'?"),
        ([*TRAIN, "good.yml", "-params", "policy_kwargs:{'std_scheme':'globl'}"], "Unknown std_scheme 'globl'"),
        ([*TRAIN, "good.yml", "-i", "none.zip"], "There is no saved agent at 'none.zip'"),
        ([*TRAIN, "good.yml", "-i", "text.zip"], "text.zip.*cut short or is not a saved model"),
        ([*TRAIN, "good.yml", "-i", "foreign.zip"], "foreign.zip is a zip file, but not a saved model"),
        (["train", "--algo", "ppo", "--env", "Pendulum-v1", "-i", "text.zip"], "text.zip.*cut short"),
        (["enjoy", "--algo", "sppo", "--env", "Pendulum-v1", "-f", "nowhere"], "The nowhere/sppo folder was not found"),
        (["list", "algorithm"], "Unknown kind of thing to list 'algorithm'.*Did you mean 'algorithms'"),
        (["demo", "--steps", "0"], "--steps must be a whole number ≥ 1, but 0"),
        (["demo", "--redraw", "-f", "nowhere"], "There are no runs of the demo in nowhere"),
    ],
)
def test_bad_input_ends_in_one_message_and_code_2(folder, capsys, arguments, message):
    assert main(arguments) == 2
    captured = capsys.readouterr().err
    assert re.search(message.replace("?", r"\?"), captured, re.DOTALL), captured
    assert "Traceback" not in captured
    assert len(re.findall(r"^Error: ", captured, re.MULTILINE)) <= 1
    assert not Path("logs").exists() or not list(Path("logs").glob("*/*"))


def test_the_traceback_is_shown_on_request(folder, capsys, monkeypatch):
    with pytest.raises(ValueError, match="Unknown command"):
        main(["--debug", "trian"])
    monkeypatch.setenv("SB3_ENTROPY_DEBUG", "1")
    with pytest.raises(ValueError, match="Unknown command"):
        main(["trian"])
    monkeypatch.setenv("SB3_ENTROPY_DEBUG", "0")
    assert main(["trian"]) == 2


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (RuntimeError("engine on fire"), 1, "Error: RuntimeError: engine on fire. Run again with --debug"),
        (AssertionError(), 2, "Error: AssertionError: no message"),
        (KeyboardInterrupt(), 130, "Interrupted."),
        (SystemExit("stop"), 1, ""),
        (SystemExit(None), 0, ""),
    ],
)
def test_whatever_a_command_raises_becomes_a_code(monkeypatch, capsys, error, code, message):
    def fail(_):
        raise error

    monkeypatch.setattr(cli, "_find", lambda _: fail)
    assert main(["train"]) == code
    assert message in capsys.readouterr().err


def test_a_missing_extra_is_named(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "rl_zoo3", None)
    for command in ("train", "enjoy", "benchmark"):
        assert main([command]) == 2
        assert f"pip install -e '{ROOT}[zoo]'" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["matplotlib", "jinja2", "PIL"])
def test_what_any_command_lacks_is_named_with_its_extra(monkeypatch, capsys, module):
    """As if the command's module imported it: those would have to be imported anew, registering things twice."""
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(cli, "_find", lambda _: import_module(module))
    assert main(["compare"]) == 2
    error = capsys.readouterr().err
    assert re.search(rf"^Error: This needs {module}, which cannot be imported .*: pip install -e '.*\[zoo\]'\n$", error)


def test_elsewhere_the_command_that_installs_says_where(monkeypatch):
    monkeypatch.setattr(errors, "__file__", "/nowhere/site-packages/sb3_entropy/errors.py")
    assert errors.how_to_install("ray") == "pip install -e '.[ray]' in a checkout of sb3_entropy"
    assert errors.missing_module(ImportError("x", name="nothing_of_ours")) is None


def test_every_extra_exists_and_installs_what_it_names():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {
        "PIL": "pillow",
        "cv2": "opencv-python-headless",
        "ale_py": "ale-py",
        "pygame": "gymnasium[classic-control]",
    }
    for extra, modules in errors._EXTRAS.items():
        for module in modules:
            assert any(line.startswith(names.get(module, module)) for line in extras[extra]), module


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        (
            "value",
            r"ValueError: bad\nreward\. Run again with --debug for the traceback\. .*users\.py:6, in step",
        ),
        ("numpy", r"ValueError: .*shape.*\. Run again with --debug for the traceback\. .*raised at "),
        ("worker", r"ValueError: there\. Run again with --debug"),
        ("ours", r"n_steps must be a whole number ≥ 1, but 0 was given\.\n$"),
    ],
)
def test_an_error_of_the_users_own_code_is_told_from_one_of_ours(tmp_path, monkeypatch, capsys, mode, message):
    (tmp_path / "users.py").write_text(
        "import numpy as np\nfrom sb3_entropy.errors import check_number\nclass RemoteTraceback(Exception): ...\n"
        "def step(mode):\n    if mode == 'value':\n        raise ValueError('bad\\nreward')\n"
        "    if mode == 'numpy':\n        np.zeros(3).reshape(2)\n"
        "    if mode == 'ours':\n        check_number('n_steps', 0, 1, integer=True)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    users = import_module("users")

    def run(_):
        if mode == "worker":  # raised anew by our own engine
            raised = ValueError("there")
            raised.__cause__ = users.RemoteTraceback()
            monkeypatch.setattr(errors, "unknown", lambda *_: (_ for _ in ()).throw(raised))
            errors.check_choice("x", "y", ())
        users.step(mode)

    monkeypatch.setattr(cli, "_find", lambda _: run)
    assert main(["train"]) == 2
    assert re.search(f"^Error: {message}", capsys.readouterr().err)
    monkeypatch.delitem(sys.modules, "users")


@pytest.mark.parametrize("arguments", [["list"], ["study", "list"], ["train", "--help"], ["--help"]])
def test_a_closed_pipe_ends_a_command_quietly(monkeypatch, capsys, arguments):
    """``sb3-entropy list | head``."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert main(arguments) == 141
    assert capsys.readouterr().err == ""


def test_a_pipe_of_a_worker_is_no_closed_output(monkeypatch, capsys):
    def fail(_):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(cli, "_find", lambda _: fail)
    assert main(["train"]) == 1
    assert "BrokenPipeError" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["list"], ["study", "list"]])
@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_what_the_terminal_has_no_letter_for_is_escaped(monkeypatch, arguments, encoding):
    output = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", output)
    assert main(arguments) == 0
    assert b"\\u" in output.buffer.getvalue()


def test_list_shows_everything_in_one_line_each(capsys):
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    named = [
        "sppo",
        "strpo",
        "divergence_reg_pg",
        "sddpg",
        "sac_adaent",
        "exact",
        "global_clipped_local",
        "fixed",
        "beta",
        "tanh_gaussian",
    ]
    named += ["jensen_shannon", "mmd_witness", "rbf_index", "delta", "uniform", "frozen", "Pendulum-v1", "ALE/…,"]
    for name in named:
        assert sum(line.split()[:1] == [name] for line in lines) == 1, name
    pendulum = next(line for line in lines if line.split()[:1] == ["Pendulum-v1"])
    assert pendulum.endswith("presets for divergence_reg_pg, sa2c, sa3c, sac_adaent, sddpg, simpala, spg, sppo, strpo")
    assert main(["list", "schemes", "kernels"]) == 0
    assert "sppo" not in capsys.readouterr().out


def test_list_shows_plugins_environments(capsys, monkeypatch):
    monkeypatch.setattr("sb3_entropy.cli.listing.register_envs", lambda: {"rooms": ["rooms/Two-v0"]})
    assert main(["list", "environments"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "rooms/Two-v0" in line)
    assert line.split("  ")[-1].strip() == "plugin rooms; no presets of its own: a default stands in"


def test_list_shows_no_environment_that_is_not_there(capsys, monkeypatch):
    ours = [env_id for env_id in gym.registry if env_id.startswith("entropy/")]
    for env_id in ours:
        monkeypatch.delitem(gym.registry, env_id)
    monkeypatch.setattr("sb3_entropy.cli.listing.register_envs", dict)
    monkeypatch.setattr("sb3_entropy.cli.listing.find_spec", lambda name: None)
    assert main(["list", "environments"]) == 0
    *lines, absent = capsys.readouterr().out.splitlines()
    assert [line for line in lines if re.match(r"  (entropy/|ALE|default|atari)", line)] == []
    assert any(line.startswith("  Pendulum-v1 ") for line in lines)
    assert re.match(r"  Not installed here, though there are presets: entropy/", absent)
    assert "default" not in absent


def test_a_light_start():
    """``list`` and ``--help`` import neither rl_zoo3 nor what only training, plotting or a plugin needs."""
    code = (
        "import sys; from sb3_entropy.cli.main import main; main(['--help']); main(['list'])\n"
        "heavy = {'rl_zoo3', 'optuna', 'matplotlib', 'ray', 'envpool', 'mujoco', 'pandas'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
