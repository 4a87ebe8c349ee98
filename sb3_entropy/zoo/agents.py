"""Trained agents in a log folder, as rl-zoo fills it: ``<log>/<algo>/<env>_<n>/``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sb3_entropy.zoo.checkpoints import BEST
from sb3_entropy.zoo.settings import read_arguments


@dataclass(frozen=True)
class Agent:
    """A saved agent: the last of its run, or its last checkpoint if the run was killed, or the one that was chosen."""

    algo: str
    env: str
    run: str
    file: Path
    settings: Path


def find_agents(folder: Path, trust: bool = False) -> Iterator[Agent]:
    """
    :param folder: a log folder, as ``train -f`` fills it
    :param trust: whether a run's YAML may make any Python object
    :return: the agents of all runs, sorted by algorithm, environment and run
    """
    for args_file in sorted(folder.glob("*/*/*/args.yml")):
        settings = args_file.parent
        if (file := _last(settings)) is not None:
            yield _agent(settings, file, trust)


def find_agent(run: Path, which: str | int = "last", trust: bool = False) -> Agent:
    """
    :param run: a run's folder
    :param which: ``"last"``, ``"best"``, or the number of steps of a checkpoint
    :param trust: whether the run's YAML may make any Python object
    :return: that agent of the run
    :raises FileNotFoundError: if there is no such agent
    :raises ValueError: if it is not one run's folder
    """
    found = sorted(run.glob("*/args.yml"))
    if len(found) != 1:
        raise ValueError(
            f"{run} must be the folder of one run, with <env>/args.yml in it, but it has {len(found)} of these. As "
            "rl-zoo names it: <log>/<algo>/<env>_<n>."
        )
    settings = found[0].parent
    chosen = BEST if which == "best" else f"rl_model_{which}_steps.zip"
    file = _last(settings) if which == "last" else run / chosen
    if file is None or not file.is_file():
        there = ", ".join(sorted(each.name for each in run.glob("*.zip"))) or "none"
        raise FileNotFoundError(f"{run} has no agent {which!r}. Of saved agents there are: {there}.")
    return _agent(settings, file, trust)


def packages_of_runs(folder: str, algo: str, env_id: str, trust: bool = False) -> dict[Path, list[str]]:
    """
    :param folder: a log folder
    :param algo: an algorithm's key
    :param env_id: any kind of id
    :param trust: whether a run's YAML may make any Python object
    :return: by the settings of each run of that algorithm on that environment, the packages that it imported
    """
    name = env_id.rpartition(":")[2].replace("/", "-")
    runs = sorted(file.parent for file in Path(folder).glob(f"{algo}/*/{name}/args.yml"))
    return {run: list(read_arguments(run, trust).get("gym_packages") or ()) for run in runs}


def _agent(settings: Path, file: Path, trust: bool) -> Agent:
    run = settings.parent
    return Agent(run.parent.name, read_arguments(settings, trust)["env"], run.name, file, settings)


def _last(settings: Path) -> Path | None:
    final = settings.parent / f"{settings.name}.zip"
    if final.is_file():
        return final
    return max(settings.parent.glob("rl_model_*_steps.zip"), key=_steps, default=None)


def _steps(checkpoint: Path) -> int:
    return int(re.findall(r"\d+", checkpoint.stem)[-1])
