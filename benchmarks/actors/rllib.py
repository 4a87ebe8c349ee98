"""RLlib's IMPALA in a virtual environment of its own: it pins Gymnasium to an older version than ours."""

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.actors.turns import Contestant, Turn, Window

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("rllib_impala.py")
CONSTRAINTS = ROOT / "constraints.txt"


def interpreter(venv: Path) -> Path:
    """
    :param venv: a virtual environment's folder
    :return: its Python
    """
    return venv / "bin" / "python"


def ensure(venv: Path) -> None:
    """
    Make the virtual environment, if it is not there: PyTorch at our version, then ``ray[rllib]`` at our version of ray
    with what it pins itself. It takes some 2 GB and minutes.

    :param venv: its folder, outside the repository
    :raises RuntimeError: if there is something in the folder that cannot import RLlib, or a command fails
    """
    if not venv.exists():
        run([sys.executable, "-m", "venv", str(venv)])
        # PyTorch first, at the version that the constraints and the machine's configuration lead to: what ray[rllib]
        # takes otherwise may be gigabytes of CUDA.
        pip = [str(interpreter(venv)), "-m", "pip", "install", "--disable-pip-version-check"]
        run([*pip, "-c", str(CONSTRAINTS), "torch"])
        run([*pip, "-c", str(_pins(venv)), "ray[rllib]"])
    try:
        run([str(interpreter(venv)), "-P", "-c", "import torch, ray.rllib"])
    except (RuntimeError, OSError) as error:
        raise RuntimeError(f"{venv} has no RLlib that can be imported: {error}\nRemove it to have it made.") from None


def _pins(venv: Path) -> Path:
    kept = [
        line for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines() if line.startswith(("ray=", "torch="))
    ]
    pins = venv / "pins.txt"
    pins.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return pins


def run(command: list[str]) -> str:
    """
    :param command: that is run with nothing of our own to import
    :return: what it printed
    :raises RuntimeError: if it fails, with the end of what it complained of
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def impala(venv: Path, n_actors: int, n_envs: int, n_steps: int, window: Window) -> Contestant:
    """
    :param venv: a virtual environment with RLlib
    :param n_actors: its environment runners
    :param n_envs: environments of each
    :param n_steps: of a fragment, in each environment; one fragment an update
    :param window: when it is measured; its warm-up begins when the first frames have been learnt from
    :return: IMPALA on CartPole-v1; its frames are those that were sampled, whether or not they were learnt from
    """
    fixed = {"actors": n_actors, "n-envs": n_envs, "n-steps": n_steps, "warm-up": window.warm_up}

    def train(seed: int) -> Turn:
        given = {**fixed, "seconds": window.seconds, "seed": seed}
        arguments = [word for name, value in given.items() for word in (f"--{name}", str(value))]
        found = json.loads(run([str(interpreter(venv)), "-P", str(SCRIPT), *arguments]).splitlines()[-1])
        return Turn(found["sampled"], found["seconds"])

    return train
