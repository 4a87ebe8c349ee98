"""Trained agents in a log folder: found, loaded, and put into environments under the statistics that were theirs."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv, VecFrameStack, VecNormalize

from sb3_entropy.environments import find_env, import_packages
from sb3_entropy.zoo.checkpoints import find_statistics


@dataclass(frozen=True)
class Agent:
    """A saved agent: the last of its run, or its last checkpoint if the run was killed."""

    algo: str
    env: str
    run: str
    file: Path
    settings: Path


def find_agents(folder: Path) -> Iterator[Agent]:
    """
    :param folder: a log folder, as ``train -f`` fills it
    :return: the agents of all runs, sorted by algorithm, environment and run
    """
    for args_file in sorted(folder.glob("*/*/*/args.yml")):
        run = args_file.parent.parent
        final = run / f"{args_file.parent.name}.zip"
        checkpoints = sorted(run.glob("rl_model_*_steps.zip"), key=_steps)
        if final.is_file() or checkpoints:
            file = final if final.is_file() else checkpoints[-1]
            yield Agent(run.parent.name, read_arguments(args_file.parent)["env"], run.name, file, args_file.parent)


def _steps(checkpoint: Path) -> int:
    return int(re.findall(r"\d+", checkpoint.stem)[-1])


def read_arguments(settings: Path) -> dict[str, Any]:
    """
    :param settings: the folder beside an agent that is called as its environment
    :return: the command line with which it was trained
    """
    arguments: dict[str, Any] = yaml.load((settings / "args.yml").read_text(), Loader=yaml.UnsafeLoader)
    return arguments  # rl-zoo writes Python objects


def packages_of_runs(folder: str, algo: str, env_id: str) -> list[str]:
    """
    :param folder: a log folder
    :param algo: an algorithm's key
    :param env_id: any kind of id
    :return: the packages that the runs of that algorithm on that environment imported
    """
    name = env_id.rpartition(":")[2].replace("/", "-")
    runs = sorted(Path(folder).glob(f"{algo}/*/{name}/args.yml"))
    return [package for run in runs for package in read_arguments(run.parent).get("gym_packages") or ()]


def load_agent(rl_zoo3: Any, agent: Agent, device: str = "auto") -> BaseAlgorithm:
    """
    :param rl_zoo3: the package, with our algorithms
    :param agent: a saved agent
    :param device: torch's device
    :return: the saved model
    """
    # As rl-zoo's enjoy: schedules are of no use here, and may hold classes that are gone.
    stand_ins = {"learning_rate": 0.0, "lr_schedule": float, "clip_range": float}
    model: BaseAlgorithm = rl_zoo3.ALGOS[agent.algo].load(agent.file, device=device, custom_objects=stand_ins)
    return model


def make_test_env(rl_zoo3: Any, agent: Agent, seed: int, **env_kwargs: Any) -> VecEnv:
    """
    :param rl_zoo3: the package, with our algorithms
    :param agent: a saved agent
    :param seed: the environment's
    :param env_kwargs: the environment's settings, over those of the training
    :return: one environment as the agent was trained on, with the agent's statistics and raw rewards
    """
    hyperparams, _ = rl_zoo3.get_saved_hyperparams(str(agent.settings), test_mode=True)
    preset_kwargs = hyperparams.pop("env_kwargs", None) or {}
    arguments = read_arguments(agent.settings)
    given = arguments.get("env_kwargs") or preset_kwargs
    import_packages(arguments.get("gym_packages") or ())
    find_env(agent.env)
    return _under_statistics(
        rl_zoo3.create_test_env,
        agent.env,
        agent.file,
        agent.settings,
        hyperparams,
        seed=seed,
        should_render=False,
        env_kwargs={**given, **env_kwargs},
    )


def _under_statistics(
    create: Callable[..., VecEnv], env_id: str, agent: Path, settings: Path, hyperparams: dict[str, Any], **others: Any
) -> VecEnv:
    """rl-zoo's test environment; but it normalises by the statistics of the run's end, whichever agent it is for."""
    env = create(env_id, stats_path=None, hyperparams=hyperparams, **others)
    if hyperparams.get("normalize"):
        statistics = find_statistics(agent, settings)
        if statistics is None:
            env.close()
            raise FileNotFoundError(
                f"{agent} was trained on normalised observations or rewards, but there are no statistics of "
                f"VecNormalize, neither its own nor {settings / 'vecnormalize.pkl'}. Without them it cannot act."
            )
        print(f"Loading VecNormalize statistics from {statistics}")
        normalized = VecNormalize.load(str(statistics), env)
        normalized.training, normalized.norm_reward = False, False
        env = normalized
    if hyperparams.get("frame_stack"):
        env = VecFrameStack(env, int(hyperparams["frame_stack"]))
    return env


class Watched:
    """
    The agent that rl-zoo's ``enjoy`` has chosen, put into its environment.

    :param enjoy: rl-zoo's module, two of whose functions this has stand-ins for
    """

    def __init__(self, enjoy: Any):
        self._find, self._create = enjoy.get_model_path, enjoy.create_test_env
        self._file = Path()

    def get_model_path(self, *args: Any) -> tuple[str, str, str]:
        """
        :param args: rl-zoo's
        :return: its answer: a name, the agent's path, the run's folder
        """
        name, file, folder = self._find(*args)
        self._file = Path(file)
        return name, file, folder

    def create_test_env(
        self, env_id: str, *, stats_path: str | None, hyperparams: dict[str, Any], **others: Any
    ) -> VecEnv:
        """
        :param env_id: the environment
        :param stats_path: the folder of the run's settings, if there is one
        :param hyperparams: those that were saved there
        :param others: rl-zoo's further arguments
        :return: the environments, under the statistics of the chosen agent
        """
        if stats_path is None:
            env: VecEnv = self._create(env_id, hyperparams=hyperparams, **others)
            return env
        return _under_statistics(self._create, env_id, self._file, Path(stats_path), hyperparams, **others)
