"""
``python -m benchmarks.landscape``: how fast candidates are played in lockstep.

Three comparisons, in turns, by the time of a step: with envpool's own stepping of precomputed random actions on as many
threads; with a loop over Stable-Baselines3's ``evaluate_policy``, construction included; and, without envpool, workers
with as many that step Gymnasium's environments alone. The whole takes about a quarter of an hour on two cores; let
nothing else run on the machine meanwhile.
"""

import argparse
import gc
import json
import os
import random
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Before anything imports torch or numpy: their thread pools read it once.
os.environ["OMP_NUM_THREADS"] = "1"

import gymnasium as gym
import numpy as np
import torch as th
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

from benchmarks.timing import report
from benchmarks.timing.intervals import median_interval
from benchmarks.timing.pairs import orders
from sb3_entropy.engines import make_engine
from sb3_entropy.landscape import Conditions, RolloutObjective, random_directions
from sb3_entropy.policies.parameters import ParameterVector

#: plays once, and says in how many steps
Run = Callable[[int], int]
RAW, LOOP, WORKERS = "raw envpool", "evaluate_policy", "raw Gymnasium"
#: steps of one worker that steps alone
N_RAW = 5000


@dataclass(frozen=True)
class Row:
    """
    One comparison of rates, ours over theirs.

    :param env_id: the environment
    :param net_arch: the hidden layers
    :param against: with what
    :param goal: the least ratio wanted
    :param candidates: K
    :param episodes: of each in a round
    :param max_steps: after which an episode is cut; None for the environment's own limit
    """

    env_id: str
    net_arch: tuple[int, ...]
    against: str
    goal: float
    candidates: int
    episodes: int
    max_steps: int | None = None

    @property
    def name(self) -> str:
        """:return: what is played"""
        return f"{self.env_id} {'×'.join(map(str, self.net_arch)) or 'linear'}"


ROWS = [
    *(Row(env_id, (), RAW, 0.93, 256, 8, 100) for env_id in ("Hopper-v5", "HalfCheetah-v5")),
    Row("Hopper-v5", (64, 64), RAW, 0.88, 256, 8, 100),
    Row("HalfCheetah-v5", (64, 64), RAW, 0.82, 256, 8, 100),
    Row("Hopper-v5", (64, 64), LOOP, 8.0, 256, 16),
    Row("HalfCheetah-v5", (64, 64), LOOP, 10.0, 64, 8),
    *(Row(env_id, (64, 64), WORKERS, 0.8, 32, 8, 100) for env_id in ("Hopper-v5", "HalfCheetah-v5")),
]


def contestants(row: Row, threads: int) -> tuple[Run, Run, Callable[[], None]]:
    """
    :param row: a comparison
    :param threads: of envpool; or how many workers
    :return: ours, theirs, and what closes both
    """
    model = PPO("MlpPolicy", row.env_id, seed=0, device="cpu", policy_kwargs={"net_arch": list(row.net_arch)})
    vector = ParameterVector(model.policy)
    directions = random_directions(vector.size, range(row.candidates), seed=1)
    thetas = vector.get().double().numpy() + 0.5 * directions
    if row.against == RAW:
        return _beside_raw(row, model, thetas, threads)
    if row.against == LOOP:
        return _beside_loop(row, model, thetas, threads)
    return _beside_gymnasium(row, model, thetas, threads)


def _objective(row: Row, model: PPO, **kwargs: Any) -> RolloutObjective:
    return RolloutObjective(model, row.env_id, conditions=Conditions(std=0.5), max_steps=row.max_steps, **kwargs)


def _played(objective: RolloutObjective, thetas: np.ndarray, row: Row, number: int) -> int:
    """:return: how many steps they took, the resets among them, which are steps of envpool's too"""
    episodes = range(number * row.episodes, (number + 1) * row.episodes)
    return int((objective.evaluate(thetas, episodes).lengths + 1).sum())


def _beside_raw(row: Row, model: PPO, thetas: np.ndarray, threads: int) -> tuple[Run, Run, Callable[[], None]]:
    import envpool

    n_envs = 2 * row.candidates
    objective = _objective(row, model, backend="envpool", n_envs=n_envs, n_threads=threads)
    kwargs = {"num_threads": threads, "max_episode_steps": row.max_steps}
    pool = envpool.make_gymnasium(row.env_id, num_envs=n_envs, seed=list(range(n_envs)), **kwargs)
    pool.reset()
    actions = np.random.default_rng(0).uniform(-1, 1, (50, n_envs, *pool.action_space.shape))

    def raw(number: int) -> int:
        for of_all in actions:
            pool.step(of_all)
        return len(actions) * n_envs

    def close() -> None:
        pool.close()
        objective.close()

    return lambda number: _played(objective, thetas, row, number), raw, close


def _beside_loop(row: Row, model: PPO, thetas: np.ndarray, threads: int) -> tuple[Run, Run, Callable[[], None]]:
    vector, few = ParameterVector(model.policy), thetas[: max(2, row.candidates // 32)]

    def ours(number: int) -> int:
        objective = _objective(row, model, backend="envpool", n_threads=threads)
        steps = _played(objective, thetas, row, number)
        objective.close()
        return steps

    def loop(number: int) -> int:
        env, steps = Monitor(gym.make(row.env_id)), 0
        env.reset(seed=number)
        before = vector.get()
        for theta in few:
            vector.set(th.as_tensor(theta, dtype=th.float32))
            _, lengths = evaluate_policy(
                model, env, row.episodes, deterministic=False, return_episode_rewards=True, warn=False
            )
            steps += int(np.sum(lengths)) + row.episodes
        vector.set(before)
        env.close()
        return steps

    return ours, loop, lambda: None


def _beside_gymnasium(row: Row, model: PPO, thetas: np.ndarray, threads: int) -> tuple[Run, Run, Callable[[], None]]:
    engine = make_engine("process", threads)
    objective = _objective(row, model, backend="gymnasium", engine=engine)

    def raw(number: int) -> int:
        items = [(row.env_id, row.max_steps, number * threads + i) for i in range(threads)]
        return sum(outcome.value or 0 for outcome in engine.map_unordered(raw_steps, items))

    def close() -> None:
        engine.close()
        objective.close()

    return lambda number: _played(objective, thetas, row, number), raw, close


#: a worker's environment
_envs: dict[str, Any] = {}


def raw_steps(item: tuple[str, int | None, int], shared: None) -> int:
    """
    Random actions that were drawn before, in one environment.

    :param item: its id, its time limit, and the seed
    :param shared: nothing
    :return: how many steps and resets there were
    """
    env_id, max_steps, seed = item
    if env_id not in _envs:
        _envs[env_id] = gym.make(env_id, max_episode_steps=max_steps)
    env, rng = _envs[env_id], np.random.default_rng(seed)
    actions = rng.uniform(env.action_space.low, env.action_space.high, (N_RAW, *env.action_space.shape))
    env.reset(seed=seed)
    resets = 1
    for action in actions.astype(np.float32):
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()
            resets += 1
    return N_RAW + resets


def time_row(row: Row, rounds: int, threads: int) -> dict[str, Any]:
    """
    One untimed round, then timed ones, in which both play in turn.

    :param row: a comparison
    :param rounds: how many
    :param threads: of envpool; or how many workers
    :return: the ratio of rates with its interval, by the clock on the wall and by processor time, and whether the goal
        is met
    """
    ours, theirs, close = contestants(row, threads)
    runs = {"ours": ours, "theirs": theirs}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for run in runs.values():
        run(0)
    turns = orders(list(runs), random.Random(0))
    for number in range(1, rounds + 1):
        for name in next(turns):
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            steps = runs[name](number)
            passed = time.perf_counter() - wall, time.process_time() - cpu
            seconds[name].append((passed[0] / steps, passed[1] / steps))
    close()
    pairs = list(zip(seconds["theirs"], seconds["ours"], strict=True))
    ratio, cpu_ratio = (median_interval([a[clock] / b[clock] for a, b in pairs]) for clock in (0, 1))
    return {
        "row": row.name,
        "against": row.against,
        "candidates": row.candidates,
        "threads": threads,
        "ratio": vars(ratio),
        # Of workers the time is not this process's.
        "cpu_ratio": None if row.against == WORKERS else vars(cpu_ratio),
        "goal": row.goal,
        "met": ratio.median >= row.goal,
        "seconds_a_step": seconds,
    }


def table(results: list[dict[str, Any]]) -> str:
    """
    :param results: of some rows
    :return: them as Markdown
    """
    lines = [
        "| play | candidates | threads | rate over that of | ratio | goal | by processor time |",
        "|---|---|---|---|---|---|---|",
    ]
    for result in results:
        ratio, sign = result["ratio"], "" if result["met"] else " ✗"
        cpu = "–" if result["cpu_ratio"] is None else f"{result['cpu_ratio']['median']:.2f}"
        found = f"{ratio['median']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]{sign}"
        goal = f"≥ {result['goal']:.2f}"
        cells = [result["row"], str(result["candidates"]), str(result["threads"]), result["against"], found, goal, cpu]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :return: 0
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.landscape", description=__doc__)
    parser.add_argument("--only", action="append", help="rows whose play or opponent contains this")
    parser.add_argument("--rounds", type=int, default=9, help="timed rounds a row, at most 15 (default: 9)")
    parser.add_argument("--threads", type=int, default=2, help="of envpool, or workers (default: 2)")
    parser.add_argument("--json", type=Path, help="also write everything that was measured to this file")
    options = parser.parse_args(arguments)
    if not 1 <= options.rounds <= 15:
        parser.error(f"--rounds must be from 1 to 15, after which a pool is made anew, but {options.rounds} was given")
    th.set_num_threads(1)
    results = []
    for row in ROWS:
        if options.only and not any(word in f"{row.name} {row.against}" for word in options.only):
            continue
        results.append(time_row(row, options.rounds, options.threads))
        print(table(results[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
    print(table(results))
    if options.json:
        command = shlex.join(
            ["python", "-m", "benchmarks.landscape", *(sys.argv[1:] if arguments is None else arguments)]
        )
        about = report.about(command)
        options.json.write_text(json.dumps({"about": about, "rows": results}, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
