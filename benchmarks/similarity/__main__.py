"""
``python -m benchmarks.similarity``: trains agents, asks every rule in states of their replay buffers, and times a
gradient step with each. Markdown on standard output; ``--json`` and ``--figure`` write what was found and its curve.

Training takes some twenty minutes on one core; ``--read`` draws and tabulates a file that was written before.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

# Before anything imports torch or numpy: their thread pools read it once.
os.environ["OMP_NUM_THREADS"] = "1"

import torch as th

from benchmarks.similarity.agents import trained
from benchmarks.similarity.agreement import ONE, look, summary
from benchmarks.similarity.cost import costs
from benchmarks.timing import report
from sb3_entropy.environments import register_envs
from sb3_entropy.registry import SIMILARITY_RULES

THRESHOLDS = (0.7, 0.8, 0.9)
#: after how many steps an agent is looked at
STEPS = {
    "Pendulum-v1": (2_500, 5_000),
    "HalfCheetah-v5": (2_500, 10_000),
    "Hopper-v5": (5_000, 10_000),
    "entropy/Bifurcation-v0": (2_500,),
}
#: how far below one draw of the exact rule the default may agree with the majority, at ε = .8 and .9
ALLOWED = {"Pendulum-v1": 0.03, "HalfCheetah-v5": 0.03, "Hopper-v5": 0.08}


def table(env_id: str, rows: list[dict[str, Any]]) -> str:
    """
    :param env_id: the environment
    :param rows: of its agents
    :return: Markdown: a line a threshold and rule
    """
    lines = [
        f"### {env_id}",
        "",
        "| ε | rule | evaluations | agreement | less one draw's | same draws | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        low, high = row["interval"]
        below, above = row["difference_interval"]
        same = "" if row["same_draws"] is None else f"{row['same_draws']:.3f}"
        judged = env_id in ALLOWED and row["threshold"] >= 0.8 and row["rule"] != ONE
        within = ("within" if row["difference"] >= -ALLOWED[env_id] else "beyond") if judged else ""
        lines.append(
            f"| {row['threshold']:g} | {row['rule']} | {row['evaluations']:.1f} | {row['agreement']:.3f} "
            f"[{low:.3f}, {high:.3f}] | {row['difference']:+.3f} [{below:+.3f}, {above:+.3f}] | {same} | {within} |"
        )
    return "\n".join(lines)


def cost_table(found: dict[str, Any]) -> str:
    """
    :param found: of :func:`~benchmarks.similarity.cost.costs`
    :return: Markdown
    """
    lines = ["| a gradient step with | CPU ms | of SB3's SAC |", "|---|---|---|"]
    for name, row in found.items():
        ratio = row["ratio"]
        lines.append(
            f"| {name} | {row['milliseconds']:.2f} | {ratio['median']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}] |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :return: 0
    """
    options = _parser().parse_args(arguments)
    th.set_num_threads(1)
    rules = {name: rule() for name, rule in SIMILARITY_RULES.items()}
    if options.read:
        results = json.loads(options.read.read_text(encoding="utf-8"))
    else:
        results = {"agreement": {}, "about": report.about("python -m benchmarks.similarity")}
        present = {env_id for ids in register_envs().values() for env_id in ids}
        for env_id in options.env or STEPS:
            if env_id.startswith("entropy/") and env_id not in present:
                print(f"{env_id} is not installed: left out", file=sys.stderr)
                continue
            founds = []
            for seed in range(options.seeds):
                for agent in trained(env_id, options.steps or STEPS[env_id], seed, options.states):
                    founds.append(look(agent, rules, THRESHOLDS, options.repeats, seed=1000 * (seed + 1)))
                    print(f"{env_id}, {agent.steps} steps, seed {seed}", file=sys.stderr, flush=True)
            results["agreement"][env_id] = summary(founds, THRESHOLDS, list(rules))
    if options.rounds:
        results["cost"] = costs(options.cost_env, list(rules), 0.9, options.rounds)
    for env_id, rows in results["agreement"].items():
        print(table(env_id, rows), end="\n\n")
    if "cost" in results:
        print(cost_table(results["cost"]))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, default=str), encoding="utf-8")
    if options.figure:
        from benchmarks.similarity.figure import draw

        draw(results["agreement"]).savefig(options.figure, dpi=150)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.similarity", description=__doc__)
    parser.add_argument("--env", action="append", choices=list(STEPS), help="an environment (default: all)")
    parser.add_argument("--steps", action="append", type=int, help="after which an agent is looked at")
    parser.add_argument("--seeds", type=int, default=2, help="trainings an environment (default: 2)")
    parser.add_argument("--states", type=int, default=512, help="states an agent (default: 512)")
    parser.add_argument("--repeats", type=int, default=4, help="decisions of each rule in each state (default: 4)")
    parser.add_argument("--rounds", type=int, default=9, help="of timing; 0: none (default: 9)")
    parser.add_argument("--cost-env", default="HalfCheetah-v5", help="whose sizes are timed")
    parser.add_argument("--json", type=Path, help="write everything that was found to this file")
    parser.add_argument("--read", type=Path, help="take agreement, and cost if it has it, from this file")
    parser.add_argument("--figure", type=Path, help="write cost against agreement to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
