"""The peak memory of a process that trains once and does nothing else."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.timing.cells import Cell

ROOT = Path(__file__).resolve().parents[2]
STATUS = Path("/proc/self/status")


def peak_memory(cell: Cell, ours: bool) -> tuple[float, float]:
    """
    Train in a fresh process, which imports only the packages that its class needs.

    :param cell: what is compared
    :param ours: whether our class is meant, or its parent
    :return: the process's peak, and how much of it came after the imports, in MiB
    :raises RuntimeError: if the process fails, or its peak was reached before it trained
    """
    command = [sys.executable, "-m", "benchmarks.timing.memory", cell.algorithm, cell.env_id, str(cell.n_envs)]
    command += ["--ours"] if ours else []
    command += ["--quick"] if cell.quick else []
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    child = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if child.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{child.stderr}")
    peak, imported = json.loads(child.stdout.splitlines()[-1])
    if peak <= imported:
        raise RuntimeError(f"{' '.join(command)}: training seems to need no memory; the measurement does not see it.")
    return peak, peak - imported


def resident_peak() -> float:
    """
    The highest resident size of this process so far, in MiB.

    This is VmHWM and not ``getrusage``'s ``ru_maxrss``: Linux carries the latter over ``exec``, so that in a child it
    is at least the peak of the process that started it, here one that has imported torch and trained.

    :raises RuntimeError: where there is no ``/proc``
    """
    if not STATUS.exists():
        raise RuntimeError(f"Peak memory is read from {STATUS}, which this system lacks. Use --memory-repeats 0.")
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 2**10


def main() -> None:
    """Train once, print the peak and what it was after the imports."""
    parser = argparse.ArgumentParser()
    parser.add_argument("algorithm")
    parser.add_argument("env_id")
    parser.add_argument("n_envs", type=int)
    parser.add_argument("--ours", action="store_true")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    cell = Cell(options.algorithm, options.env_id, options.n_envs, options.quick)
    cell.load(options.ours)
    imported = resident_peak()
    cell.make_model(options.ours, cell.make_env(), seed=0).learn(cell.steps)
    print(json.dumps([resident_peak(), imported]))


if __name__ == "__main__":
    main()
