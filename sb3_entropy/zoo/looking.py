"""Somebody's agent as the objective of a probe: what acts, in which environment, under whose statistics."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecNormalize, unwrap_vec_normalize
from stable_baselines3.common.vec_env.dummy_vec_env import DummyVecEnv

from sb3_entropy.environments import find_env
from sb3_entropy.errors import check_choice
from sb3_entropy.landscape.objectives.rollout import RolloutObjective
from sb3_entropy.policies.normalisation import reward_scale
from sb3_entropy.presets.wrappers import Wrapping, env_wrapper
from sb3_entropy.unpickling.saved_file import check_zip
from sb3_entropy.unpickling.saved_model import load_model
from sb3_entropy.zoo.agents import find_agent
from sb3_entropy.zoo.checkpoints import find_statistics
from sb3_entropy.zoo.loading import NO_SCHEDULES, load_run, load_statistics, load_vec_normalize
from sb3_entropy.zoo.rl_zoo import import_rl_zoo
from sb3_entropy.zoo.settings import import_recorded

#: arguments of constructors that are not stored under their names
_NOT_STORED = {"self", "policy", "env", "device", "_init_setup_model", "stats_window_size", "kwargs"}


class WrappedEnv:
    """
    Makes an environment as the agent was trained on.

    :param env: its id
    :param env_kwargs: its settings
    :param wrapping: what wraps it
    """

    def __init__(self, env: str, env_kwargs: Mapping[str, Any], wrapping: Wrapping):
        self.env, self.env_kwargs, self.wrapping = env, dict(env_kwargs), wrapping
        # What an objective calls itself by, and keeps its evaluations under.
        layers = ", ".join(
            f"{cls.__qualname__}({dict(sorted(settings.items()))})" for cls, settings in wrapping.wrappers
        )
        self.__qualname__ = f"{env}({self.env_kwargs}) in {layers}"

    def __call__(self) -> gym.Env[Any, Any]:
        return self.wrapping(gym.make(find_env(self.env), **self.env_kwargs))


@dataclass(frozen=True)
class Looker:
    """
    An agent, and all that it takes to look at its landscape.

    :param model: the agent
    :param file: its zip
    :param algo: the algorithm's key
    :param env: its environment's id
    :param env_kwargs: the environment's settings
    :param wrapping: what wraps the environment
    :param normalize: whose statistics observations are normalised with; they stay as they are
    :param reward_scale: what ``VecNormalize`` divided rewards by at last, in training; 1 if it did not
    """

    model: BaseAlgorithm
    file: Path
    algo: str
    env: str
    env_kwargs: dict[str, Any]
    wrapping: Wrapping | None = None
    normalize: VecNormalize | None = None
    reward_scale: float = 1.0

    @property
    def step(self) -> int:
        """:return: how many steps it was trained for"""
        return int(self.model.num_timesteps)

    def objective(self, **options: Any) -> RolloutObjective:
        """
        :param options: further arguments of :class:`~sb3_entropy.landscape.objectives.rollout.RolloutObjective`
        :return: its return as a function of its parameters
        :raises ValueError: if environment and policy do not fit
        """
        if self.wrapping is None:
            return RolloutObjective(
                self.model, self.env, env_kwargs=self.env_kwargs, normalize=self.normalize, **options
            )
        made = WrappedEnv(self.env, self.env_kwargs, self.wrapping)
        return RolloutObjective(self.model, made, normalize=self.normalize, **options)


def look_at_run(
    folder: Path, which: str | int = "last", *, trust: bool = False, env_kwargs: Mapping[str, Any] | None = None
) -> Looker:
    """
    :param folder: a run's folder, of ``train`` or of rl-zoo
    :param which: ``"last"``, ``"best"``, or the number of steps of a checkpoint
    :param trust: whether what is in its files may be executed
    :param env_kwargs: the environment's settings, over those of the training
    :return: that agent
    :raises FileNotFoundError: if there is none
    :raises ValueError: if its environments are more than a wrapped one: frames stacked by a batch, wrapped batches
    :raises UntrustedError: if a file holds what could be executed, without trust
    """
    run = load_run(folder, which, trust=trust, device="cpu")
    agent, hyperparams = run.agent, dict(run.hyperparams)
    for key in ("frame_stack", "vec_env_wrapper"):
        if hyperparams.get(key):
            raise ValueError(
                f"{folder} was trained with {key}: {hyperparams[key]}, which works on batches of environments; a probe "
                "plays single ones. Use an agent that was trained without, or a wrapper of Gymnasium's in env_wrapper."
            )
    import_recorded(agent.settings, run.arguments, trust)
    normalize = None
    if hyperparams.get("normalize"):
        env = run.make_env(0)
        normalize = unwrap_vec_normalize(env)
        env.close()
    given = run.arguments.get("env_kwargs") or hyperparams.get("env_kwargs") or {}
    wrapping = env_wrapper(hyperparams.get("env_wrapper"))
    settings = {**given, **(env_kwargs or {})}
    statistics = find_statistics(agent.file, agent.settings) if normalize is not None else None
    scale = reward_scale(None if statistics is None else load_vec_normalize(statistics, trust))
    return Looker(run.model, agent.file, agent.algo, agent.env, settings, wrapping, normalize, scale)


def steps_of(folder: Path, trust: bool = False) -> list[int]:
    """
    :param folder: a run's folder
    :param trust: whether the run's YAML may make any Python object
    :return: of which steps it has checkpoints, ascending
    :raises FileNotFoundError: if it has none
    """
    find_agent(folder, "last", trust)
    found = sorted(int(file.stem.split("_")[-2]) for file in folder.glob("rl_model_*_steps.zip"))
    if not found:
        raise FileNotFoundError(f"{folder} has no checkpoints, rl_model_<steps>_steps.zip. Train with --save-freq.")
    return found


def look_at_zip(
    file: Path,
    env: str,
    *,
    algo: str | None = None,
    statistics: Path | None = None,
    trust: bool = False,
    env_kwargs: Mapping[str, Any] | None = None,
) -> Looker:
    """
    :param file: a saved model
    :param env: the environment's id
    :param algo: the algorithm's key; None for the one whose arguments are stored in the file
    :param statistics: the pickle of a ``VecNormalize``; None for what its run has beside it, if
        anything
    :param trust: whether what is in the files may be executed
    :param env_kwargs: the environment's settings
    :return: that agent
    :raises FileNotFoundError: if there is no such file
    :raises ValueError: if it is no saved model, or no algorithm can read it
    :raises UntrustedError: if a file holds what could be executed, without trust
    """
    stored = check_zip(file)
    algorithms = import_rl_zoo().ALGOS
    if algo is not None:
        check_choice("algorithm", algo, algorithms)
    candidates = [algo] if algo is not None else algorithms_of(set(stored), algorithms)
    model, problem = None, None
    for key in candidates:
        try:
            model = load_model(algorithms[key], file, trust, custom_objects=NO_SCHEDULES, device="cpu")
            break
        except (ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
            problem = problem or error
    if model is None:
        raise ValueError(
            f"{file} cannot be read as {', '.join(candidates)}: {problem} Name the algorithm by --algo."
        ) from problem
    env_id = str(find_env(env))
    pickle = statistics or find_statistics(file, file.parent / env_id.rpartition(":")[2].replace("/", "-"))
    normalize = None
    if pickle is not None:
        if not pickle.is_file():
            raise FileNotFoundError(f"There are no statistics at {pickle}. Give the pickle of a VecNormalize.")
        normalize = load_statistics(pickle, DummyVecEnv([lambda: gym.make(env_id, **(env_kwargs or {}))]), trust)
    looker = Looker(model, file, key, env_id, dict(env_kwargs or {}))
    return replace(looker, normalize=normalize, reward_scale=reward_scale(normalize))


def algorithms_of(stored: set[str], algorithms: Mapping[str, type[BaseAlgorithm]]) -> list[str]:
    """
    :param stored: the names of a saved model's fields
    :param algorithms: classes by their keys
    :return: whose arguments these are: the keys that fit best, several if they cannot be told apart
    """
    scores = {}
    for key, algorithm in algorithms.items():
        arguments = set(inspect.signature(algorithm.__init__).parameters) - _NOT_STORED
        scores[key] = len(arguments & stored) - 2 * len(arguments - stored)
    best = max(scores.values())
    return [key for key, score in scores.items() if score == best]
