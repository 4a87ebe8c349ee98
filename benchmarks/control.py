"""
``python -m benchmarks.control``: environments of control tasks beside Gymnasium's HalfCheetah-v5, stepped in turn
through ``gymnasium.make``'s wrappers, and native batches beside their single environments. ``--returns`` prints what
the vehicle's controllers and random actions earn instead, these in small tasks too.

Processor time counts, which others on the machine disturb less; but for the rows of two threads, where the clock on the
wall does: these need two processors that nothing else uses. About a minute on one core.
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
    :param least: of the ratio: steps a second over those of HalfCheetah-v5, or of the cell that ``over`` names;
        ``None``: no goal was set
    :param over: a cell's name; HalfCheetah-v5 if empty
    :param clock: ``"cpu"`` or ``"wall"``
    """

    name: str
    make: Callable[[], gym.Env[Any, Any] | VecEnv]
    least: float | None
    over: str = ""
    clock: str = "cpu"


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


#: named with their modules, so that they are registered wherever these are found
QUADROTOR = "sb3_entropy_quadrotor:entropy/Quadrotor-v0"
VEHICLE = "sb3_entropy_vehicle:entropy/Vehicle-v0"
#: name, id, settings, and the least ratio to HalfCheetah-v5
ON_MUJOCO: tuple[tuple[str, str, dict[str, Any], float], ...] = (
    ("quadrotor simple", QUADROTOR, {"model": "simple"}, 0.9),
    ("quadrotor rotor", QUADROTOR, {"model": "rotor"}, 0.9),
    ("quadrotor realistic", QUADROTOR, {"model": "realistic", "task": "lemniscate"}, 0.6),
)
ARRAYS: tuple[tuple[str, str, dict[str, Any], float], ...] = (
    ("quadrotor paper", QUADROTOR, {"model": "paper"}, 1.0),
    ("vehicle kinematic", VEHICLE, {"tyres": "kinematic"}, 0.25),
    ("vehicle linear", VEHICLE, {"tyres": "linear"}, 0.25),
    ("vehicle slip", VEHICLE, {"tyres": "slip"}, 0.25),
    ("vehicle paper", "sb3_entropy_vehicle:entropy/PaperVehicle-v0", {}, 1.0),
    ("acrobot", "sb3_entropy_vehicle:entropy/TorqueAcrobot-v0", {}, 1.0),
)
CELLS = [
    *(Cell(name, single(env_id, **kwargs), least) for name, env_id, kwargs, least in (*ON_MUJOCO, *ARRAYS)),
    *(Cell(f"{name}, {N_ENVS}", batch(env_id, **kwargs), 5.0, name) for name, env_id, kwargs, _ in ARRAYS),
    *(
        Cell(f"{name}, {N_ENVS}", batch(env_id, threads=1, **kwargs), None, name)
        for name, env_id, kwargs, _ in ON_MUJOCO
    ),
    *(
        Cell(f"{name}, {N_ENVS}, two threads", batch(env_id, threads=2, **kwargs), 1.8, name, "wall")
        for name, env_id, kwargs, _ in ON_MUJOCO
    ),
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
        # Gentle ones: who crashes at once is timed at resetting.
        gentle = [(0.1 * env.action_space.sample()).astype(np.float32) for _ in range(steps)]
        # A quarter of the way untimed: others have had the caches and the memory.
        if isinstance(env, VecEnv):
            n = env.num_envs
            batches = [np.stack(gentle[k : k + n]) for k in range(0, steps - n + 1, n)]
            env.reset()
            _step(env, batches[: len(batches) // 4])
            env.seed(seed)
            env.reset()
            return lambda: _step(env, batches)
        env.reset()
        _walk(env, gentle[: steps // 4])
        env.reset(seed=seed)
        return lambda: _walk(env, gentle)

    return prepare


def _step(env: VecEnv, batches: list[Any]) -> None:
    # Nothing is kept, as in :func:`_walk`: dictionaries that pile up cost new memory.
    for actions in batches:
        env.step(actions)


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
        ratio = median_interval(times.ratios(over, cell.name, cell.clock))
        spent = getattr(times, cell.clock)[cell.name]
        rows.append(
            {
                "name": cell.name,
                "microseconds": 1e6 * statistics.median(spent) / steps,
                "clock": cell.clock,
                "over": over,
                "ratio": vars(ratio),
                "least": cell.least,
                "met": cell.least is None or ratio.median >= cell.least,
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
    parser.add_argument("--only", default="", help="cells whose name begins so, and what they are compared with")
    parser.add_argument("--returns", action="store_true", help="what controller and chance earn, instead of times")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a limit is not met")
    options = parser.parse_args(arguments)
    if options.returns:
        from benchmarks.control_returns import table

        print(json.dumps(table(), indent=1))
        return 0
    given = CELLS if cells is None else cells
    chosen = [cell for cell in given if cell.name.startswith(options.only)]
    chosen += [cell for cell in given if cell not in chosen and cell.name in {other.over for other in chosen}]
    rows = measure(chosen, options.rounds, options.steps)
    print(*report.about("python -m benchmarks.control"), "", sep="\n")
    print("| | µs a step | clock | steps a second over those of | ratio | least | |")
    print("|---|---:|---|---|---:|---:|---|")
    for row in rows:
        found = row["ratio"]
        goal = f"≥ {row['least']} | {'met' if row['met'] else 'not met'}" if row["least"] is not None else "| "
        print(
            f"| {row['name']} | {row['microseconds']:.1f} | {row['clock']} | {row['over']} | **{found['median']:.2f}** "
            f"({found['low']:.2f}–{found['high']:.2f}) | {goal} |"
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 1 if options.strict and not all(row["met"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
