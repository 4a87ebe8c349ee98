"""The peak memory of a process that trains once and does nothing else."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.timing.cells import Cell, Run

ROOT = Path(__file__).resolve().parents[2]
STATUS = Path("/proc/self/status")


def peak_memory(cell: Cell, ours: bool) -> tuple[float, float]:
    """
    :param cell: what is compared
    :param ours: whether our class is meant, or its parent
    :return: what :func:`peak_of` says of it
    """
    return peak_of(cell.run(ours))


def peak_of(run: Run) -> tuple[float, float]:
    """
    Train in a fresh process, which imports only the packages that its class needs.

    :param run: what is trained
    :return: the process's peak, and how much of it came after the imports, in MiB
    :raises RuntimeError: if the process fails, or its peak was reached before it trained
    """
    command = [sys.executable, "-m", "benchmarks.timing.memory", json.dumps(vars(run))]
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
    parser.add_argument("run", help="what is to be trained, as JSON")
    run = Run(**json.loads(parser.parse_args().run))
    import torch

    torch.set_num_threads(1)
    run.load()
    imported = resident_peak()
    run.make_model(run.make_env(), seed=0).learn(run.steps)
    print(json.dumps([resident_peak(), imported]))


if __name__ == "__main__":
    main()
