"""Every trained agent below a log folder, evaluated again: one table, in Markdown and in CSV."""

import csv
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from io import StringIO
from pathlib import Path

import numpy as np
from stable_baselines3.common.evaluation import evaluate_policy

from sb3_entropy.environments import import_packages
from sb3_entropy.errors import check_number
from sb3_entropy.files import atomic_file
from sb3_entropy.zoo.agents import Agent, find_agents
from sb3_entropy.zoo.loading import load_agent, make_test_env
from sb3_entropy.zoo.options import add_packages_option, add_trust_option
from sb3_entropy.zoo.rl_zoo import import_rl_zoo


@dataclass(frozen=True)
class Row:
    """One line of the table: undiscounted returns of one agent's episodes."""

    algo: str
    env: str
    run: str
    training_steps: int
    actions: str
    mean: float
    std: float
    episodes: int


def run_benchmark(arguments: Sequence[str]) -> int:
    """
    :param arguments: the command line
    :return: 0, or 1 if an agent could not be evaluated
    :raises ValueError: if there are no agents
    """
    parser = ArgumentParser("sb3-entropy benchmark", description=f"{__doc__} Files: benchmark.md and benchmark.csv.")
    parser.add_argument("-f", "--folder", type=Path, default=Path("logs"), help="log folder (default: logs)")
    parser.add_argument("-n", "--n-episodes", type=int, default=20, help="episodes an agent and kind of action")
    parser.add_argument("-o", "--output", type=Path, help="where to write the table (default: the log folder)")
    parser.add_argument("--seed", type=int, default=0, help="the evaluation's seed")
    parser.add_argument("--device", default="auto", help="torch's device")
    add_packages_option(parser)
    add_trust_option(parser)
    given = parser.parse_args(arguments)
    check_number("--n-episodes", given.n_episodes, low=1, integer=True)
    import_rl_zoo()  # where it is not installed no agent can be evaluated
    import_packages(given.gym_packages)
    agents = list(find_agents(given.folder, given.trust))
    if not agents:
        raise ValueError(f"There is no trained agent below {given.folder}. Train one, or correct -f.")
    rows, failures = [], []
    for number, agent in enumerate(agents, start=1):
        print(f"{number}/{len(agents)} {agent.algo} {agent.env} {agent.file}", flush=True)
        try:
            rows += evaluate_agent(agent, given.n_episodes, given.seed, given.device, given.trust)
        except Exception as error:
            failures.append(f"{agent.file}: {type(error).__name__}: {error}")
    output: Path = given.output or given.folder
    with atomic_file(output / "benchmark.md") as file:
        file.write(as_markdown(rows).encode())
    with atomic_file(output / "benchmark.csv") as file:
        file.write(as_csv(rows).encode())
    print(f"\n{as_markdown(rows)}\nWritten to {output / 'benchmark.md'} and {output / 'benchmark.csv'}")
    for failure in failures:
        print(f"Not evaluated: {failure}", file=sys.stderr)
    return 1 if failures else 0


def evaluate_agent(agent: Agent, n_episodes: int, seed: int, device: str, trust: bool) -> list[Row]:
    """
    :param agent: a saved agent
    :param n_episodes: how many episodes for each kind of action
    :param seed: the seed of environment and actions
    :param device: torch's device
    :param trust: whether code in the files of the run may be executed
    :return: one row for the mode of the policy, one for its samples
    """
    model = load_agent(agent, trust=trust, device=device)
    rows = []
    for deterministic in (True, False):
        env = make_test_env(agent, seed, trust=trust)
        model.set_random_seed(seed)
        returns, _ = evaluate_policy(model, env, n_episodes, deterministic, return_episode_rewards=True)
        env.close()
        actions = "deterministic" if deterministic else "stochastic"
        mean, std = float(np.mean(returns)), float(np.std(returns))
        rows.append(Row(agent.algo, agent.env, agent.run, model.num_timesteps, actions, mean, std, np.size(returns)))
    return rows


def as_markdown(rows: Sequence[Row]) -> str:
    """:return: the table; returns with two decimals"""
    names = [field.name.replace("_", " ") for field in fields(Row)]
    lines = [names, ["---"] * len(names)]
    lines += [[f"{v:.2f}" if isinstance(v, float) else str(v) for v in asdict(row).values()] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_csv(rows: Sequence[Row]) -> str:
    """:return: the table, with a header, at full precision"""
    text = StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Row)])
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()
