"""
``python -m benchmarks.off_policy``: what the off-policy family takes of the time and the memory of Stable-Baselines3's
SAC, by each of its similarity rules; with ``--sbx`` SBX's SAC beside them, where it is installed.

All train in turn in one process, on one thread, or on two with ``--two-threads``. The whole takes about an hour on one
core; let nothing else run on the machine meanwhile.
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

# Before anything imports torch or numpy: their thread pools read it once. A thread that waits actively takes the core
# from whoever works.
os.environ["OMP_NUM_THREADS"] = "2" if "--two-threads" in sys.argv else "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
os.environ["XLA_FLAGS"] = (
    "" if "--two-threads" in sys.argv else "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

import torch as th

from benchmarks.timing import report
from benchmarks.timing.cells import MEMORY_LIMIT, Run
from benchmarks.timing.intervals import median_interval
from benchmarks.timing.memory import peak_of
from benchmarks.timing.pairs import Contestant, Rounds, time_rounds

N_THREADS = int(os.environ["OMP_NUM_THREADS"])
ENVIRONMENTS = ("Pendulum-v1", "HalfCheetah-v5")
PARENT, SBX = "stable_baselines3:SAC", "sbx:SAC"
#: steps that everybody has trained for before it is timed: uniform ones, then some updates, by which SBX is compiled
WARM_UP = 150


@dataclass(frozen=True)
class Row:
    """
    One of those that are compared with Stable-Baselines3's SAC, each at its own defaults but for ``settings``.

    :param reference: the class, as ``module:name``
    :param settings: its arguments
    :param goal: the largest ratio wanted; None for no goal
    """

    reference: str
    settings: dict[str, Any] = field(default_factory=dict)
    goal: float | None = None

    @property
    def name(self) -> str:
        """:return: the row's head"""
        module, _, name = self.reference.partition(":")
        given = ", ".join(f"{key}={value}" for key, value in self.settings.items())
        return f"{module.upper()} {name}" if self.reference == SBX else f"{name}({given})"


def rows(with_sbx: bool = False) -> list[Row]:
    """
    :param with_sbx: whether SBX takes part
    :return: SDDPG, SACAdaEnt with each similarity rule that is registered, both on the fast path, and SDDPG on the
        general one
    """
    from sb3_entropy.registry import SIMILARITY_RULES

    sddpg, adaent = "sb3_entropy:SDDPG", "sb3_entropy:SACAdaEnt"
    goals = {"linear": 1.15, "quadratic": 1.7, "bfloat16": 6.0, "exact": 10.0}
    return [
        Row(sddpg, {"actor_critic": "minimum"}, 0.65),
        Row(sddpg, {}, 0.60),
        Row(sddpg, {"actor_critic": "minimum", "fast": False}),
        Row(adaent, {}, 1.7),
        *(Row(adaent, {"similarity_rule": key}, goals.get(key)) for key in sorted(SIMILARITY_RULES.keys())),
        *([Row(SBX)] if with_sbx else []),
    ]


def contestant(reference: str, env_id: str, steps: int, settings: dict[str, Any]) -> Contestant:
    """
    One that is made and warmed up once, and then goes on training.

    :param reference: the class, as ``module:name``
    :param env_id: the environment
    :param steps: of one learn()
    :param settings: arguments of the class
    :return: what is timed
    """
    made: list[Any] = []

    def prepare(seed: int) -> Callable[[], object]:
        if not made:
            module, _, name = reference.partition(":")
            cls = getattr(importlib.import_module(module), name)
            made.append(cls("MlpPolicy", env_id, seed=seed, device="cpu", **settings).learn(WARM_UP))
        return lambda: made[0].learn(steps, reset_num_timesteps=False)

    return prepare


def results_of(env_id: str, chosen: list[Row], times: Rounds) -> list[dict[str, Any]]:
    """
    :param env_id: the environment
    :param chosen: who took part beside the parent
    :param times: by the rows' names and the parent's
    :return: the ratios with their intervals, and whether the goals are met
    """
    found = []
    for row in chosen:
        ratio = median_interval(times.ratios(row.name, PARENT))
        found.append(
            {
                "row": row.name,
                "env": env_id,
                "ratio": vars(ratio),
                "cpu_ratio": vars(median_interval(times.ratios(row.name, PARENT, "cpu"))),
                "goal": row.goal,
                "met": row.goal is None or ratio.median <= row.goal,
                "wall_seconds": times.wall[row.name],
                "parents_wall_seconds": times.wall[PARENT],
            }
        )
    return found


def memory_of(row: Row, env_id: str, steps: int, repeats: int) -> dict[str, Any]:
    """
    :param row: one that is compared
    :param env_id: the environment
    :param steps: of the one learn() of each fresh process
    :param repeats: processes each
    :return: the peaks, and of them what came after the imports, in MiB, ours and the parent's, and their ratio
    """
    runs = [Run(row.reference, env_id, 1, steps, row.settings), Run(PARENT, env_id, 1, steps, {})]
    pairs = [tuple(peak_of(run) for run in runs) for _ in range(repeats)]
    result = report.MemoryResult(None, *(list(peaks) for peaks in zip(*pairs, strict=True)))  # type: ignore[arg-type]
    return {
        "row": row.name,
        "env": env_id,
        "ratio": result.ratio,
        "limit": MEMORY_LIMIT,
        "met": result.met,
        "peaks_mib": result.peaks,
        "growths_mib": result.growth,
    }


def table(results: list[dict[str, Any]]) -> str:
    """
    :param results: of times
    :return: them as Markdown
    """
    lines = ["| work | environment | ratio to SAC | processor time | goal |", "|---|---|---|---|---|"]
    for result in results:
        wall, cpu = (_ratio(result[name]) for name in ("ratio", "cpu_ratio"))
        goal = "–" if result["goal"] is None else f"≤ {result['goal']:.2f}"
        lines.append(f"| {result['row']} | {result['env']} | {wall}{'' if result['met'] else ' ✗'} | {cpu} | {goal} |")
    return "\n".join(lines)


def memory_table(results: list[dict[str, Any]]) -> str:
    """
    :param results: of memory
    :return: them as Markdown
    """
    lines = ["| work | environment | peak | after the imports | ratio | limit |", "|---|---|---|---|---|---|"]
    for result in results:
        peaks, growths = (f"{a:.0f} / {b:.0f} MiB" for a, b in (result["peaks_mib"], result["growths_mib"]))
        ratio = f"{result['ratio']:.3f}{'' if result['met'] else ' ✗'}"
        lines.append(f"| {result['row']} | {result['env']} | {peaks} | {growths} | {ratio} | ≤ {result['limit']} |")
    return "\n".join(lines)


def _ratio(found: dict[str, float]) -> str:
    return f"{found['median']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


def main(arguments: list[str] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :return: 0
    """
    options = _parser().parse_args(arguments)
    th.set_num_threads(N_THREADS)
    chosen = [row for row in rows(options.sbx) if not options.only or any(word in row.name for word in options.only)]
    times: list[dict[str, Any]] = []
    memory: list[dict[str, Any]] = []
    for env_id in (options.env or ENVIRONMENTS) if chosen else ():
        if options.rounds:
            taking_part = {row.name: contestant(row.reference, env_id, options.steps, row.settings) for row in chosen}
            taking_part[PARENT] = contestant(PARENT, env_id, options.steps, {})
            times += results_of(env_id, chosen, time_rounds(taking_part, options.rounds))
            print(table([found for found in times if found["env"] == env_id]), file=sys.stderr, flush=True)
        if options.memory_repeats:
            ours = [row for row in chosen if row.reference != SBX]
            memory += [memory_of(row, env_id, WARM_UP + options.steps, options.memory_repeats) for row in ours]
    print(table(times))
    if memory:
        print("\n" + memory_table(memory))
    if options.json:
        command = ["python", "-m", "benchmarks.off_policy", *(sys.argv[1:] if arguments is None else arguments)]
        about = report.about(shlex.join(command), "one thread" if N_THREADS == 1 else "two threads")
        data = {"about": about, "time": times, "memory": memory}
        options.json.write_text(json.dumps(data, indent=1), encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.off_policy", description=__doc__)
    parser.add_argument("--only", action="append", help="rows whose name contains this")
    parser.add_argument("--env", action="append", help=f"an environment (default: {', '.join(ENVIRONMENTS)})")
    parser.add_argument("--rounds", type=int, default=9, help="timed rounds; 0: no times (default: 9)")
    parser.add_argument("--steps", type=int, default=300, help="of one timed learn() (default: 300)")
    parser.add_argument(
        "--memory-repeats", type=int, default=3, help="fresh processes a row; 0: no memory (default: 3)"
    )
    parser.add_argument("--sbx", action="store_true", help="SBX's SAC takes part (pip install sbx-rl)")
    parser.add_argument("--two-threads", action="store_true", help="two threads, and not one")
    parser.add_argument("--json", type=Path, help="also write everything that was measured to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
