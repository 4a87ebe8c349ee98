"""
``python -m benchmarks.fast``: what the fast path takes of the time of Stable-Baselines3's and sb3-contrib's algorithms,
to the same bits and within rounding; with ``--sbx`` SBX beside them, where it is installed.

Every row's contestants train in turn in one process, on one thread. The whole takes about half an hour on one core;
let nothing else run on the machine meanwhile.
"""

import argparse
import importlib
import json
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Before anything imports torch or numpy: their thread pools read it once.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import torch as th

from benchmarks.timing import report
from benchmarks.timing.intervals import median_interval
from benchmarks.timing.pairs import Contestant, Rounds, time_rounds

PARENT, EXACT, ROUNDING, SBX = "parent", "same bits", "rounding", "SBX"
TUNED = {"ent_coef": "auto_0.1", "policy_kwargs": {"std_scheme": "global_clipped_local"}}


@dataclass(frozen=True)
class Row:
    """
    One comparison.

    :param ours: our class
    :param parent: whose time ours is divided by, as ``module:name``
    :param env_id: the environment
    :param n_envs: how many copies of it
    :param steps: of one learn()
    :param goals: the largest ratio wanted, to the same bits and within rounding; None for no goal
    :param settings: of our class
    :param vec_env: ``"dummy"`` or ``"envpool"``
    """

    ours: str
    parent: str
    env_id: str
    n_envs: int
    steps: int
    goals: tuple[float, float | None]
    settings: dict[str, Any] = field(default_factory=dict)
    vec_env: str = "dummy"

    @property
    def name(self) -> str:
        """:return: the row's head"""
        given = ", ".join(f"{key}={value}" for key, value in self.settings.items() if key != "policy_kwargs")
        scheme = ", scheme 4" if "policy_kwargs" in self.settings else ""
        return f"{self.ours}({given}{scheme}) / {self.parent.partition(':')[2]}"


PPO, A2C, TRPO = "stable_baselines3:PPO", "stable_baselines3:A2C", "sb3_contrib:TRPO"
PLAIN = {"ent_coef": 0.0}
ROWS = [
    *(Row("SPPO", PPO, env_id, 1, 4096, (0.40, 0.28), PLAIN) for env_id in ("Pendulum-v1", "CartPole-v1")),
    Row("SPPO", PPO, "HalfCheetah-v5", 1, 4096, (0.40, 0.28), PLAIN),
    *(Row("SPPO", PPO, env_id, 8, 16384, (0.45, 0.33), PLAIN) for env_id in ("Pendulum-v1", "CartPole-v1")),
    Row("SPPO", PPO, "HalfCheetah-v5", 8, 16384, (0.45, 0.33), PLAIN),
    Row("SPPO", PPO, "Pendulum-v1", 1, 4096, (0.55, 0.40), TUNED),
    Row("SPPO", PPO, "HalfCheetah-v5", 8, 16384, (0.55, 0.40), TUNED),
    *(
        Row("SA2C", A2C, env_id, n, steps, (0.55, 0.45))
        for env_id in ("Pendulum-v1", "CartPole-v1", "HalfCheetah-v5")
        for n, steps in ((1, 4000), (8, 16000))
    ),
    Row("STRPO", TRPO, "Pendulum-v1", 1, 6144, (0.60, None)),
    Row("STRPO", TRPO, "HalfCheetah-v5", 8, 16384, (0.60, None)),
    Row("SPPO", PPO, "HalfCheetah-v5", 64, 16384, (0.5, 0.4), {**PLAIN, "n_steps": 256}, "envpool"),
]


def contestants(row: Row, with_sbx: bool) -> tuple[dict[str, Contestant], Any]:
    """
    :param row: a comparison
    :param with_sbx: whether SBX takes part, where it has the algorithm and can step the environments
    :return: who takes part, by name, and the environments
    """
    env = _make_env(row)
    ours = getattr(importlib.import_module("sb3_entropy"), row.ours)
    shared = {"n_steps": row.settings["n_steps"]} if "n_steps" in row.settings else {}

    def training(cls: Any, **settings: Any) -> Contestant:
        def prepare(seed: int) -> Callable[[], object]:
            model = cls("MlpPolicy", env, seed=seed, **settings)
            return lambda: model.learn(row.steps)

        return prepare

    found = {
        PARENT: training(_load(row.parent), device="cpu", **shared),
        EXACT: training(ours, device="cpu", fast=True, **row.settings),
    }
    if row.goals[1] is not None:
        found[ROUNDING] = training(ours, device="cpu", fast="rounding", **row.settings)
    if with_sbx and row.parent == PPO and row.vec_env == "dummy" and row.settings == PLAIN:
        found[SBX] = training(_load("sbx:PPO"))
    return found, env


def _load(reference: str) -> Any:
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def _make_env(row: Row) -> Any:
    if row.vec_env == "envpool":
        from sb3_entropy.vec_env.envpool import EnvPoolVecEnv

        return EnvPoolVecEnv(row.env_id, row.n_envs, seed=0, num_threads=1)
    from stable_baselines3.common.env_util import make_vec_env

    return make_vec_env(row.env_id, n_envs=row.n_envs, seed=0)


def results_of(row: Row, rounds: Rounds) -> dict[str, Any]:
    """
    :param row: a comparison
    :param rounds: the times
    :return: the ratios with their intervals, and whether the goals are met
    """
    ratios = {name: median_interval(rounds.ratios(name, PARENT)) for name in rounds.wall if name != PARENT}
    of_sbx = {name: median_interval(rounds.ratios(name, SBX)) for name in (EXACT, ROUNDING) if SBX in rounds.wall}
    goals = dict(zip((EXACT, ROUNDING), row.goals, strict=True))
    return {
        "row": row.name,
        "env": row.env_id,
        "n_envs": row.n_envs,
        "vec_env": row.vec_env,
        "steps": row.steps,
        "ratios": {name: vars(interval) for name, interval in ratios.items()},
        "ratios to SBX": {name: vars(interval) for name, interval in of_sbx.items()},
        "goals": goals,
        "met": {name: ratios[name].median <= goal for name, goal in goals.items() if goal is not None},
        "wall_seconds": rounds.wall,
    }


def table(results: list[dict[str, Any]]) -> str:
    """
    :param results: of some rows
    :return: them as Markdown
    """
    lines = ["| work | environments | same bits | goal | rounding | goal | SBX |", "|---|---|---|---|---|---|---|"]
    for result in results:
        cells = [result["row"], f"{result['env']} × {result['n_envs']}"]
        for name in (EXACT, ROUNDING):
            goal = result["goals"][name]
            cells += [_ratio(result, name), "–" if goal is None else f"≤ {goal:.2f}"]
        lines.append(f"| {' | '.join([*cells, _ratio(result, SBX)])} |")
    return "\n".join(lines)


def _ratio(result: dict[str, Any], name: str) -> str:
    found = result["ratios"].get(name)
    if found is None:
        return "–"
    sign = "" if result["met"].get(name, True) else " ✗"
    return f"{found['median']:.3f} [{found['low']:.3f}, {found['high']:.3f}]{sign}"


def main(arguments: list[str] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :return: 0
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fast", description=__doc__)
    parser.add_argument("--only", action="append", help="rows whose work or environment contains this")
    parser.add_argument("--rounds", type=int, default=9, help="timed rounds a row (default: 9)")
    parser.add_argument("--sbx", action="store_true", help="SBX's PPO takes part (pip install sbx-rl)")
    parser.add_argument("--json", type=Path, help="also write everything that was measured to this file")
    options = parser.parse_args(arguments)
    th.set_num_threads(1)
    results = []
    for row in ROWS:
        if options.only and not any(word in f"{row.name} {row.env_id} {row.vec_env}" for word in options.only):
            continue
        taking_part, env = contestants(row, options.sbx)
        results.append(results_of(row, time_rounds(taking_part, options.rounds)))
        env.close()
        print(table(results[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
    print(table(results))
    if options.json:
        command = shlex.join(["python", "-m", "benchmarks.fast", *(sys.argv[1:] if arguments is None else arguments)])
        about = report.about(command)
        options.json.write_text(json.dumps({"about": about, "rows": results}, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
