"""What is found after a real installation, of a wheel and an editable one, each in an environment of its own."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROBE = """
import sb3_entropy
from sb3_entropy.presets.library import preset_file, read_presets

file = preset_file('sppo')
print(sb3_entropy.__file__)
print(file)
print(read_presets(file)['Pendulum-v1']['gamma'])
"""
# One process: they take longer to start than to end.
VERBS = f"""{PROBE}
from sb3_entropy.cli.main import main

train = ["train", "--algo", "sppo", "--env", "Pendulum-v1", "-n", "500", "--eval-freq", "-1", "--device", "cpu"]
for verb in (
    ["evidence"],
    ["study", "list"],
    ["study", "check", "liu2020_pendulum"],
    ["list", "algorithms"],
    [*train, "-params", "n_steps:64", "n_epochs:1"],
):
    print(end="\\0")
    assert main(verb) == 0
"""
EDITS = f"""{PROBE}
file.write_text(file.read_text().replace("gamma: 0.9\\n", "gamma: 0.75\\n"))
print(read_presets(preset_file('sppo'))['Pendulum-v1']['gamma'])
"""


def run(*command, cwd):
    """Run a command that has to succeed; return what it prints."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTHONPATH"))}
    result = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def make_environment(folder):
    """A fresh virtual environment that sees this one's libraries, but none of its editable installs."""
    run(sys.executable, "-m", "venv", "--without-pip", str(folder), cwd=folder.parent)
    site = Path(
        run(folder / "bin" / "python", "-c", "import site; print(site.getsitepackages()[0])", cwd=folder).strip()
    )
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib"))  # .pth files in there are not followed
    return folder / "bin" / "python", site


@pytest.fixture
def checkout(tmp_path):
    """A copy of what is under version control and needed to build."""
    copy = tmp_path / "checkout"
    for name in ("sb3_entropy", "zoo_configs", "evidence"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.mark.skipif(sys.platform == "win32", reason="the layout of the environment is POSIX")
def test_a_wheel_brings_its_presets_and_starts(tmp_path, checkout):
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(checkout), cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"sb3_entropy/zoo_configs/{file.name}" for file in (ROOT / "zoo_configs").glob("*.yml")} <= names
    assert {"sb3_entropy/py.typed", "sb3_entropy/studies/evidence.json"} <= names
    assert not any(name.endswith(("runs.csv", "curves.csv")) for name in names)  # kept results are in the sources
    assert wheel.stat().st_size <= 1_250_000  # code and presets; results kept with the repository are not in it
    python, site = make_environment(tmp_path / "venv")
    shutil.rmtree(checkout)
    run(*pip, "--python", str(python), "install", "-q", "--no-deps", "--no-index", str(wheel), cwd=tmp_path)
    script = site.parents[2] / "bin" / "sb3-entropy"
    assert run(script, "--version", cwd=tmp_path) == "sb3-entropy 0.1.0\n"
    found, page, listed, checked, algorithms, trained = run(python, "-c", VERBS, cwd=tmp_path).split("\0")
    package, file, gamma = found.splitlines()
    assert Path(package) == site / "sb3_entropy" / "__init__.py"
    assert Path(file) == site / "sb3_entropy" / "zoo_configs" / "sppo.yml"
    assert gamma == "0.9"
    assert page == (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")
    assert "\n    refuted (80 of 80 runs finished, exported)\n" in listed
    assert checked.startswith("liu2020_pendulum: 80 runs, ")
    assert "\n  sppo " in algorithms
    assert f"Loading hyperparameters from: {file}" in trained
    assert (tmp_path / "logs" / "sppo" / "Pendulum-v1_1" / "Pendulum-v1.zip").is_file()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the layout of the environment is POSIX")
def test_in_an_editable_install_edits_take_effect_at_once(tmp_path, checkout):
    python, _ = make_environment(tmp_path / "venv")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index"]
    run(*install, "--no-build-isolation", "-e", str(checkout), cwd=tmp_path)
    package, file, gamma, edited = run(python, "-c", EDITS, cwd=tmp_path).splitlines()
    assert Path(package) == checkout / "sb3_entropy" / "__init__.py"
    assert Path(file) == checkout / "zoo_configs" / "sppo.yml"
    assert (gamma, edited) == ("0.9", "0.75")
