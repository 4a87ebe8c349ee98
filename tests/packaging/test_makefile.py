"""The Makefile's promises that need no installation: order, configuration, a clear word to an old Python."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


def make(*arguments):
    """Run make in the checkout; return the finished process."""
    return subprocess.run(["make", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)


def test_make_alone_tells_what_there_is():
    out = make().stdout
    for target in (
        "demo",
        "test",
        "install",
        "lint",
        "bench",
        "bench-studies",
        "bench-bandits",
        "conformance",
        "lists",
        "tutorials",
        "test-slow",
        "docs",
        "tensorboard",
        "clean",
    ):
        assert f"make {target} " in out


@pytest.mark.parametrize(
    "target",
    [
        "demo",
        "test",
        "lint",
        "bench",
        "bench-studies",
        "bench-bandits",
        "conformance",
        "lists",
        "tutorials",
        "test-slow",
        "docs",
        "tensorboard",
    ],
)
def test_every_target_sets_up_first_torch_then_the_rest(target, tmp_path):
    out = make("-n", target, f"VENV={tmp_path}/venv").stdout
    pip = [line for line in out.splitlines() if " pip install" in line]
    assert pip[0].endswith("-c constraints.txt torch")
    assert "-e '.[all]'" in pip[1]
    for plugin in (ROOT / "plugins").glob("*/pyproject.toml"):
        assert f"-e ./plugins/{plugin.parent.name}" in pip[1]
    assert "index-url" not in out  # pip's configuration is the user's


def test_the_set_up_is_redone_when_requirements_change_and_only_then(tmp_path):
    ready = tmp_path / "venv" / ".ready"
    ready.parent.mkdir()
    ready.touch()
    given = ("-n", "install", f"VENV={ready.parent}")
    assert "pip install" not in make(*given).stdout
    for changed in ("pyproject.toml", "constraints.txt", "plugins/gridworld/pyproject.toml"):
        assert "pip install" in make(*given, "-W", changed).stdout


def test_an_old_python_is_told_what_is_needed(tmp_path):
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)
    result = make("install", f"PYTHON={old}", f"VENV={tmp_path}/venv")
    assert result.returncode != 0
    assert f"needs Python 3.11 or newer, but '{old}' is Python 3.9.2" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_the_workflow_and_the_hooks_make_what_there_is():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    hooks = [hook["entry"] for hook in repository["hooks"]]
    assert commands == ["make lint", "make test", "make docs", "make coverage"]
    assert hooks == ["make lint", "make test"]
    for command in {*commands, *hooks}:
        assert make("-n", *command.split()[1:]).returncode == 0, command
