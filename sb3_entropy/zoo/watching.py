"""The agent that rl-zoo's ``enjoy`` has chosen: read, and put into its environments."""

from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.unpickling.saved_model import load_model
from sb3_entropy.zoo.loading import under_statistics
from sb3_entropy.zoo.settings import read_hyperparams, read_yaml


class Watched:
    """
    Stand-ins for what rl-zoo's ``enjoy`` reads an agent with.

    :param enjoy: rl-zoo's module
    :param given: the command line, which is read later: whether the agent is trusted
    """

    def __init__(self, enjoy: Any, given: Namespace):
        self._find, self._create, self._algorithms = enjoy.get_model_path, enjoy.create_test_env, enjoy.ALGOS
        self._given = given
        self._file = Path()

    def replacements(self) -> dict[str, Any]:
        """:return: what stands in for the names in rl-zoo's module"""
        return {
            "ALGOS": {key: _Loader(algorithm, self._given) for key, algorithm in self._algorithms.items()},
            "create_test_env": self._create_test_env,
            "get_model_path": self._get_model_path,
            "get_saved_hyperparams": self._get_saved_hyperparams,
            "yaml": SimpleNamespace(load=self._load_yaml, UnsafeLoader=None),
        }

    def _load_yaml(self, stream: Any, Loader: Any) -> dict[str, Any]:
        return read_yaml(Path(stream.name), self._given.trust)

    def _get_saved_hyperparams(self, stats_path: str, **others: Any) -> tuple[dict[str, Any], str | None]:
        settings = Path(stats_path)
        return (read_hyperparams(settings, self._given.trust), stats_path) if settings.is_dir() else ({}, None)

    def _get_model_path(self, *args: Any) -> tuple[str, str, str]:
        name, file, folder = self._find(*args)
        self._file = Path(file)
        return name, file, folder

    def _create_test_env(
        self, env_id: str, *, stats_path: str | None, hyperparams: dict[str, Any], **others: Any
    ) -> VecEnv:
        """Under the statistics of the chosen agent; those of the run's end are rl-zoo's."""
        if stats_path is None:
            env: VecEnv = self._create(env_id, hyperparams=hyperparams, **others)
            return env
        settings = Path(stats_path)
        return under_statistics(self._create, env_id, self._file, settings, hyperparams, self._given.trust, **others)


class _Loader:
    """What rl-zoo takes for an algorithm's class, of which it wants ``load`` alone."""

    def __init__(self, algorithm: Any, given: Namespace):
        self._algorithm, self._given = algorithm, given

    def load(self, path: str, **others: Any) -> BaseAlgorithm:
        """
        :param path: the zip of an agent
        :param others: handed on
        :return: the agent
        """
        return load_model(self._algorithm, Path(path), self._given.trust, **others)
