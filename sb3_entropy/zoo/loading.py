"""
Somebody's run: its model, and its environments under the statistics that were its own.

Without trust nothing of the run's files is executed: see :mod:`sb3_entropy.zoo.settings` for the YAMLs and
:mod:`sb3_entropy.unpickling` for the pickles.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.save_util import load_from_pkl
from stable_baselines3.common.vec_env import VecEnv, VecFrameStack, VecNormalize

from sb3_entropy.environments import find_env
from sb3_entropy.errors import check_choice
from sb3_entropy.unpickling.model_zip import checked_copy
from sb3_entropy.unpickling.saved_model import load_model
from sb3_entropy.unpickling.unpickler import UntrustedError, loads
from sb3_entropy.zoo.agents import Agent, find_agent
from sb3_entropy.zoo.checkpoints import find_statistics
from sb3_entropy.zoo.rl_zoo import import_rl_zoo
from sb3_entropy.zoo.settings import import_recorded, read_arguments, read_hyperparams

#: as rl-zoo's enjoy: schedules are of no use to who plays, and may hold classes that are gone
NO_SCHEDULES: Mapping[str, Any] = MappingProxyType({"learning_rate": 0.0, "lr_schedule": float, "clip_range": float})


@dataclass(frozen=True)
class Run:
    """
    A run that was loaded.

    :param agent: which of its agents, and where it was found
    :param model: that agent
    :param arguments: the command line with which it was trained
    :param hyperparams: its preset's values, as they were written
    :param trust: whether what is in its files may be executed
    """

    agent: Agent
    model: BaseAlgorithm
    arguments: Mapping[str, Any]
    hyperparams: Mapping[str, Any]
    trust: bool

    def make_env(self, seed: int, env_kwargs: Mapping[str, Any] | None = None) -> VecEnv:
        """
        :param seed: the environment's
        :param env_kwargs: the environment's settings, over those of the training
        :return: see :func:`make_test_env`
        """
        return make_test_env(self.agent, seed, env_kwargs, trust=self.trust)


def load_run(
    folder: Path | str,
    which: str | int = "last",
    *,
    trust: bool = False,
    device: str = "auto",
    replaced: Mapping[str, Any] = NO_SCHEDULES,
) -> Run:
    """
    :param folder: a run's folder, ``<log>/<algo>/<env>_<n>``, of ``train`` or of rl-zoo
    :param which: ``"last"``, ``"best"``, or the number of steps of a checkpoint
    :param trust: whether what is in its files may be executed
    :param device: torch's device
    :param replaced: see :func:`load_agent`
    :return: the run
    :raises FileNotFoundError: if there is no such agent
    :raises UntrustedError: if a file holds what could be executed, without trust
    """
    agent = find_agent(Path(folder), which, trust)
    arguments, hyperparams = read_arguments(agent.settings, trust), read_hyperparams(agent.settings, trust)
    model = load_agent(agent, trust=trust, device=device, replaced=replaced)
    return Run(agent, model, arguments, hyperparams, trust)


def load_agent(
    agent: Agent, *, trust: bool = False, device: str = "auto", replaced: Mapping[str, Any] = NO_SCHEDULES
) -> BaseAlgorithm:
    """
    :param agent: a saved agent
    :param trust: whether what is pickled in it may be executed
    :param device: torch's device
    :param replaced: what stands in for fields of the file, which are not read then: schedules, if nothing is said
    :return: the saved model
    :raises UntrustedError: if a field that is read holds what could be executed, without trust
    """
    algorithms = import_rl_zoo().ALGOS
    check_choice("algorithm", agent.algo, algorithms)
    return load_model(algorithms[agent.algo], agent.file, trust, custom_objects=dict(replaced), device=device)


@contextmanager
def copied_file(agent: Path, algorithm: type[BaseAlgorithm], trust: bool, replay_buffer: Path | None) -> Iterator[Path]:
    """
    :param agent: the zip of an agent to go on from, for which rl-zoo would read ``replay_buffer.pkl`` beside it
    :param algorithm: the class that has saved it
    :param trust: whether what is pickled in it may be executed
    :param replay_buffer: the file of its replay buffer, if it has one
    :return: a copy that lasts as long as this, with nothing beside it; without trust loading it runs nothing that is in
        the agent
    :raises UntrustedError: if, without trust, the agent holds what could be executed, or has a replay buffer, which is
        a pickle
    """
    if replay_buffer is not None and not trust:
        raise UntrustedError(str(replay_buffer), "is the pickle of a replay buffer")
    with TemporaryDirectory() as folder:
        copy = Path(folder) / agent.name
        if trust:
            shutil.copyfile(agent, copy)
        else:
            copy.write_bytes(checked_copy(agent, str(agent), algorithm=algorithm).getbuffer())
        yield copy


def load_statistics(file: Path, env: VecEnv, trust: bool = False) -> VecNormalize:
    """
    :param file: the pickle of a ``VecNormalize``
    :param env: the environments that it is to normalise
    :param trust: whether what is pickled may be executed
    :return: it, around them
    :raises UntrustedError: if it holds what could be executed, without trust
    """
    print(f"Loading VecNormalize statistics from {file}")
    found = load_vec_normalize(file, trust)
    found.set_venv(env)
    return found


def load_vec_normalize(file: Path, trust: bool = False) -> VecNormalize:
    """
    :param file: the pickle of a ``VecNormalize``
    :param trust: whether what is pickled may be executed
    :return: it, around nothing
    :raises UntrustedError: if it holds what could be executed, without trust
    """
    if trust:
        made: VecNormalize = load_from_pkl(str(file))
        return made
    found = loads(file.read_bytes(), str(file))
    if not isinstance(found, VecNormalize):
        raise ValueError(f"{file} must hold a VecNormalize, but it holds a {type(found).__name__}.")
    return found


def make_test_env(
    agent: Agent, seed: int, env_kwargs: Mapping[str, Any] | None = None, *, trust: bool = False
) -> VecEnv:
    """
    :param agent: a saved agent
    :param seed: the environment's
    :param env_kwargs: the environment's settings, over those of the training
    :param trust: whether what is in the run's files may be executed
    :return: one environment as the agent was trained on, with the agent's statistics and raw rewards
    :raises UntrustedError: if a file holds what could be executed, without trust
    """
    rl_zoo3 = import_rl_zoo()
    hyperparams = read_hyperparams(agent.settings, trust)
    preset_kwargs = hyperparams.pop("env_kwargs", None) or {}
    arguments = read_arguments(agent.settings, trust)
    given = arguments.get("env_kwargs") or preset_kwargs
    import_recorded(agent.settings, arguments, trust)
    find_env(agent.env)
    return under_statistics(
        rl_zoo3.create_test_env,
        agent.env,
        agent.file,
        agent.settings,
        hyperparams,
        trust,
        seed=seed,
        should_render=False,
        env_kwargs={**given, **(env_kwargs or {})},
    )


def under_statistics(
    create: Callable[..., VecEnv],
    env_id: str,
    agent: Path,
    settings: Path,
    hyperparams: dict[str, Any],
    trust: bool,
    **others: Any,
) -> VecEnv:
    """
    rl-zoo's test environment; but that normalises by the statistics of the run's end, whichever agent it is for.

    :param create: rl-zoo's function
    :param env_id: the environment
    :param agent: the zip of the agent
    :param settings: the folder of its run's settings
    :param hyperparams: those that were saved there
    :param trust: whether what is pickled there may be executed
    :param others: rl-zoo's further arguments
    :return: the environments, with the agent's statistics and raw rewards
    :raises FileNotFoundError: if there are no statistics
    """
    env = create(env_id, stats_path=None, hyperparams=hyperparams, **others)
    if hyperparams.get("normalize"):
        statistics = find_statistics(agent, settings)
        try:
            if statistics is None:
                raise FileNotFoundError(
                    f"{agent} was trained on normalised observations or rewards, but there are no statistics of "
                    f"VecNormalize, neither its own nor {settings / 'vecnormalize.pkl'}. Without them it cannot act."
                )
            normalized = load_statistics(statistics, env, trust)
        except BaseException:
            env.close()
            raise
        normalized.training, normalized.norm_reward = False, False
        env = normalized
    if hyperparams.get("frame_stack"):
        env = VecFrameStack(env, int(hyperparams["frame_stack"]))
    return env
