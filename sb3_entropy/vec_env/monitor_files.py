"""The files of the learner's monitors, whose environments are not stepped: their copies are, and say what has ended."""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
from stable_baselines3.common.monitor import Monitor, ResultsWriter
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper, VecMonitor


def write_episodes(env: VecEnv, infos: Sequence[Mapping[str, Any]]) -> None:
    """
    Write the episodes that have ended in a copy into the files of the original's ``Monitor``, of environment j into the
    file of its own environment j, or of its ``VecMonitor``. Of several monitors it is the outermost's, which is what
    the infos tell of; nothing is written where that has no file.

    :param env: the original
    :param infos: what a copy said in one step, one of each environment
    """
    for index, info in enumerate(infos):
        episode: Mapping[str, Any] | None = info.get("episode")
        if episode is not None and (writer := _writer(env, index)) is not None:
            row = {name: episode[name] for name in writer.logger.fieldnames if name in episode}
            writer.write_row(row)


def _writer(env: VecEnv, index: int) -> ResultsWriter | None:
    """:return: what writes the file of an environment's outermost monitor, if it has one"""
    while isinstance(env, VecEnvWrapper):
        if isinstance(env, VecMonitor):
            return env.results_writer
        env = env.venv
    single: Any = env.envs[index] if isinstance(env, DummyVecEnv) else None
    while isinstance(single, gym.Wrapper):
        if isinstance(single, Monitor):
            return single.results_writer
        single = single.env
    return None
