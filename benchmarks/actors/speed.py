"""
``python -m benchmarks.actors.speed``: frames a second of SIMPALA with actors in processes, beside SA2C on
Stable-Baselines3's vectorised environments, where steps wait, wait at random, and compute; on CartPole beside RLlib's
IMPALA, with ``--rllib-venv``; and what a fragment costs the learner beyond its update.

All train in turn, each in processes of its own that have started before the window in which frames are counted. The
whole takes about 20 minutes on two cores; let nothing else run on the machine meanwhile.
"""

import argparse
import json
import os
import shlex
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Before anything imports torch or numpy: their thread pools read it once.
os.environ["OMP_NUM_THREADS"] = "1"

import torch as th

from benchmarks.actors import rllib
from benchmarks.actors.turns import Contestant, Player, Turn, Window, take_turns
from benchmarks.timing import report
from benchmarks.timing.intervals import Interval, median_interval

OURS, SA2C, A2C = "sb3_entropy:SIMPALA", "sb3_entropy:SA2C", "stable_baselines3:A2C"
RLLIB = "IMPALA of RLlib"
#: steps of a fragment in each environment: of slow ones, and RLlib's default
SLOW_STEPS, FAST_STEPS = 20, 50
#: the most that a fragment may cost the learner beyond its update, in ms
OVERHEAD = 2.0


@dataclass(frozen=True)
class Row:
    """
    One comparison.

    :param work: what the environments do
    :param ours: our player
    :param others: who it is compared with, and the least ratio wanted; None for no goal
    :param rllib: the least ratio to RLlib's IMPALA, if it takes part where it is there
    """

    work: str
    ours: Player
    others: tuple[tuple[Player, float | None], ...]
    rllib: float | None = None

    @property
    def goals(self) -> dict[str, float | None]:
        """:return: the least ratios wanted, by the names of the others"""
        found = {player.name: goal for player, goal in self.others}
        return found if self.rllib is None else {**found, RLLIB: self.rllib}

    def contestants(self, window: Window, venv: Path | None) -> dict[str, Contestant]:
        """
        :param window: when they are measured
        :param venv: where RLlib is; None: it does not take part
        :return: who takes part, by name, ours first
        """
        found = {player.name: player.contestant(window) for player in (self.ours, *(one for one, _ in self.others))}
        if self.rllib is not None and venv is not None:
            settings, n_envs = self.ours.settings, self.ours.n_envs
            found[RLLIB] = rllib.impala(venv, settings["n_actors"], n_envs, settings["n_steps"], window)
        return found


def simpala(env: str, n_actors: int, n_envs: int = 1, n_steps: int = SLOW_STEPS) -> Player:
    """
    :param env: a function of :mod:`benchmarks.actors.environments`
    :param n_actors: how many processes collect
    :param n_envs: environments of each
    :param n_steps: of a fragment
    :return: SIMPALA that updates at every fragment
    """
    settings = {"n_actors": n_actors, "engine": "process", "n_steps": n_steps, "n_fragments": 1, "ent_coef": 0.01}
    return Player(OURS, env, n_envs, settings=settings)


def stock(reference: str, env: str, n_envs: int, vec_env: str = "DummyVecEnv", n_steps: int = SLOW_STEPS) -> Player:
    """
    :param reference: the class, as ``module:name``
    :param env: a function of :mod:`benchmarks.actors.environments`
    :param n_envs: how many environments there are
    :param vec_env: where
    :param n_steps: of a rollout
    :return: one that waits for all environments at every step
    """
    return Player(reference, env, n_envs, vec_env, {"n_steps": n_steps, "ent_coef": 0.01})


def rows() -> list[Row]:
    """:return: all comparisons"""
    waiting, at_random = "waiting", "waiting_at_random"
    one, eight = stock(SA2C, waiting, 1), stock(SA2C, waiting, 8, "SubprocVecEnv")
    slowest = stock(SA2C, at_random, 8, "SubprocVecEnv")
    two = stock(SA2C, "computing", 2, "SubprocVecEnv")
    alone = stock(A2C, "cartpole", 16, n_steps=FAST_STEPS)
    return [
        Row("waits 5 ms", simpala(waiting, 8), ((one, 6.0), (eight, 0.95))),
        Row("waits 5 ms on average", simpala(at_random, 8), ((slowest, 1.8),)),
        Row("computes 5 ms", simpala("computing", 2), ((two, 0.9),)),
        Row("CartPole-v1", simpala("cartpole", 2, 8, FAST_STEPS), ((alone, None),), rllib=2.5),
    ]


def results_of(row: Row, turns: dict[str, list[Turn]]) -> dict[str, Any]:
    """
    :param row: a comparison
    :param turns: of those who took part
    :return: the rates, and ours over each of the others' with intervals, and whether the goals are met
    """
    ours = turns[row.ours.name]
    against = []
    for name, goal in row.goals.items():
        if name in turns:
            ratio = median_interval([a.rate / b.rate for a, b in zip(ours, turns[name], strict=True)])
            against.append(
                {
                    "name": name,
                    "frames_per_s": statistics.median(turn.rate for turn in turns[name]),
                    "ratio": vars(ratio),
                    "goal": goal,
                    "met": goal is None or ratio.median >= goal,
                }
            )
    return {
        "work": row.work,
        "ours": row.ours.name,
        "frames_per_s": statistics.median(turn.rate for turn in ours),
        "against": against,
        "turns": {name: [vars(turn) for turn in taken] for name, taken in turns.items()},
    }


def overhead(row: Row, turns: dict[str, list[Turn]]) -> Interval | None:
    """
    What the learner's process does for a fragment and no update of SA2C's does: it receives, asks, puts weights, calls
    the callbacks.

    :param row: a comparison
    :param turns: of those who took part
    :return: processor time of the learner's process a fragment in ms, less ``train()`` of SA2C with a rollout as large,
        which must have taken part; None if it has not
    """
    ours, frames = row.ours, row.ours.settings["n_steps"] * row.ours.n_envs
    twins = [p.name for p, _ in row.others if p.n_envs == ours.n_envs and p.settings["n_steps"] * p.n_envs == frames]
    if not twins:
        return None
    pairs = zip(turns[ours.name], turns[twins[0]], strict=True)
    return median_interval(
        [1e3 * (mine.cpu * frames / mine.frames - other.updates_cpu / other.updates) for mine, other in pairs]
    )


def table(results: list[dict[str, Any]]) -> str:
    """
    :param results: of some rows
    :return: them as Markdown
    """
    lines = ["| work | ours | frames/s | against | frames/s | ratio | goal |", "|---|---|---:|---|---:|---:|---|"]
    for result in results:
        for other in result["against"]:
            ratio, goal = other["ratio"], other["goal"]
            cells = [
                result["work"],
                result["ours"],
                f"{result['frames_per_s']:.0f}",
                other["name"],
                f"{other['frames_per_s']:.0f}",
                f"{_span(ratio)}{'' if other['met'] else ' ✗'}",
                "–" if goal is None else f"≥ {goal:.2f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _span(interval: dict[str, float]) -> str:
    return f"{interval['median']:.2f} [{interval['low']:.2f}, {interval['high']:.2f}]"


def main(arguments: list[str] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :return: 0
    """
    options = _parser().parse_args(arguments)
    th.set_num_threads(1)
    chosen = [row for row in rows() if not options.only or any(word in row.work for word in options.only)]
    if options.rllib_venv is not None and any(row.rllib for row in chosen):
        rllib.ensure(options.rllib_venv)
    window = Window(options.warm_up, options.seconds)
    results, costs = [], {}
    for row in chosen:
        turns = take_turns(row.contestants(window, options.rllib_venv), options.rounds)
        results.append(results_of(row, turns))
        cost = overhead(row, turns)
        if cost is not None:
            costs[row.work] = vars(cost)
        print("\n".join(table(results[-1:]).splitlines()[2:]), file=sys.stderr, flush=True)
    print(table(results))
    for work, found in costs.items():
        sign = "" if found["median"] <= OVERHEAD else " ✗"
        print(f"\nThe learner's overhead a fragment, {work}: {_span(found)}{sign} ms (goal: ≤ {OVERHEAD:g} ms)")
    if options.json:
        command = ["python", "-m", "benchmarks.actors.speed", *(sys.argv[1:] if arguments is None else arguments)]
        data = {"about": report.about(shlex.join(command)), "rows": results, "overhead_ms": costs}
        options.json.write_text(json.dumps(data, indent=1), encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.actors.speed", description=__doc__)
    parser.add_argument("--only", action="append", help="rows whose work contains this")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each contestant (default: 7)")
    parser.add_argument("--warm-up", type=float, default=2.0, help="seconds before each window (default: 2)")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each window (default: 6)")
    parser.add_argument(
        "--rllib-venv", type=Path, help="RLlib takes part, from this virtual environment, which is made if need be"
    )
    parser.add_argument("--json", type=Path, help="also write everything that was measured to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
