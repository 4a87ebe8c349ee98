"""
``python -m benchmarks.control``: environments of control tasks beside Gymnasium's HalfCheetah-v5, stepped in turn
through ``gymnasium.make``'s wrappers, and a native batch beside its single environment.

Processor time counts, which others on the machine disturb less. It takes about ten seconds on one core.
"""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Before anything imports numpy: its thread pools read it once.
os.environ["OMP_NUM_THREADS"] = "1"

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from benchmarks.timing import report
from benchmarks.timing.intervals import median_interval
from benchmarks.timing.pairs import Contestant, time_rounds
from sb3_entropy.vec_env.native import make_native_vec_env

REFERENCE = "HalfCheetah-v5"
#: environments of a batch
N_ENVS = 64


@dataclass(frozen=True)
class Cell:
    """
    :param name: as the table has it
    :param make: makes what is stepped
    :param least: of the ratio: steps a second over those of HalfCheetah-v5, or of the cell that ``over`` names
    :param over: a cell's name; HalfCheetah-v5 if empty
    """

    name: str
    make: Callable[[], gym.Env[Any, Any] | VecEnv]
    least: float
    over: str = ""


def single(env_id: str, **settings: Any) -> Callable[[], gym.Env[Any, Any]]:
    """
    :param env_id: of an environment
    :param settings: its settings
    :return: what makes it, wrappers and all
    """
    return lambda: gym.make(env_id, **settings)


def batch(env_id: str, **settings: Any) -> Callable[[], VecEnv]:
    """
    :param env_id: of an environment
    :param settings: its settings
    :return: what makes a native batch of it
    """
    return lambda: make_native_vec_env(env_id, N_ENVS, **settings)


#: named with its module, so that it is registered wherever the module is found
QUADROTOR = "sb3_entropy_quadrotor:entropy/Quadrotor-v0"
CELLS = [
    Cell("quadrotor simple", single(QUADROTOR, model="simple"), 0.9),
    Cell("quadrotor rotor", single(QUADROTOR, model="rotor"), 0.9),
    Cell("quadrotor realistic", single(QUADROTOR, model="realistic", task="lemniscate"), 0.6),
    Cell("quadrotor paper", single(QUADROTOR, model="paper"), 1.0),
    Cell(f"quadrotor paper, {N_ENVS}", batch(QUADROTOR, model="paper"), 5.0, "quadrotor paper"),
]


def contestant(make: Callable[[], gym.Env[Any, Any] | VecEnv], steps: int) -> Contestant:
    """
    :param make: makes what is stepped
    :param steps: how many steps of an environment
    :return: uniform actions, drawn untimed, and what is done is reset
    """
    env = make()

    def prepare(seed: int) -> Callable[[], object]:
        env.action_space.seed(seed)
        if isinstance(env, VecEnv):
            calls = max(steps // env.num_envs, 1)
            batches = [np.stack([env.action_space.sample() for _ in range(env.num_envs)]) for _ in range(calls)]
            env.seed(seed)
            env.reset()
            return lambda: [env.step(actions) for actions in batches]
        # Gentle ones: who crashes at once is timed at resetting.
        gentle = [(0.1 * env.action_space.sample()).astype(np.float32) for _ in range(steps)]
        env.reset(seed=seed)
        return lambda: _walk(env, gentle)

    return prepare


def _walk(env: gym.Env[Any, Any], actions: list[Any]) -> None:
    for action in actions:
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()


def measure(cells: list[Cell], rounds: int, steps: int) -> list[dict[str, Any]]:
    """
    :param cells: what is timed
    :param rounds: how many
    :param steps: of an environment, a round
    :return: a row a cell: microseconds a step of an environment, the ratio and its interval, and whether it is met
    """
    makers = {REFERENCE: single(REFERENCE), **{cell.name: cell.make for cell in cells}}
    times = time_rounds({name: contestant(make, steps) for name, make in makers.items()}, rounds)
    rows = []
    for cell in cells:
        over = cell.over or REFERENCE
        ratio = median_interval(times.ratios(over, cell.name, "cpu"))
        rows.append(
            {
                "name": cell.name,
                "microseconds": 1e6 * statistics.median(times.cpu[cell.name]) / steps,
                "over": over,
                "ratio": vars(ratio),
                "least": cell.least,
                "met": ratio.median >= cell.least,
            }
        )
    return rows


def main(arguments: list[str] | None = None, cells: list[Cell] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :param cells: what is timed; all that there is if ``None``
    :return: the exit status: 0, or with ``--strict`` 1 if a limit is not met
    """
    parser = argparse.ArgumentParser("python -m benchmarks.control", description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--steps", type=int, default=1920, help="of an environment, a round")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a limit is not met")
    options = parser.parse_args(arguments)
    rows = measure(CELLS if cells is None else cells, options.rounds, options.steps)
    print(*report.about("python -m benchmarks.control"), "", sep="\n")
    print("| | µs a step | steps a second over those of | ratio | least | |")
    print("|---|---:|---|---:|---:|---|")
    for row in rows:
        found = row["ratio"]
        print(
            f"| {row['name']} | {row['microseconds']:.1f} | {row['over']} | **{found['median']:.2f}** "
            f"({found['low']:.2f}–{found['high']:.2f}) | ≥ {row['least']} | {'met' if row['met'] else 'not met'} |"
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 1 if options.strict and not all(row["met"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
