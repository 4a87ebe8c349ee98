"""Saved agents that survive a kill: a file is complete or absent, and statistics are never older than their model."""

import pickle
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecNormalize

from sb3_entropy.algorithms.saving import check_zip
from sb3_entropy.files import atomic_file


def save_agent(model: BaseAlgorithm, path: Path) -> None:
    """
    :param model: any algorithm of Stable-Baselines3 or ours
    :param path: the zip file, which is replaced as a whole
    """
    with atomic_file(path) as file:
        model.save(file)  # type: ignore[arg-type]


def save_statistics(vec_normalize: VecNormalize, path: Path) -> None:
    """
    :param vec_normalize: the normalisation whose running means are to be kept
    :param path: the pickle, which is replaced as a whole
    """
    with atomic_file(path) as file:
        pickle.dump(vec_normalize, file)  # as VecNormalize.save does


def checkpoint_statistics(agent: Path) -> Path:
    """
    :param agent: a checkpoint, ``rl_model_<N>_steps.zip``
    :return: where Stable-Baselines3 and we keep the statistics of ``VecNormalize`` of that step
    """
    prefix, _, steps = agent.stem.removesuffix("_steps").rpartition("_")
    return agent.with_name(f"{prefix}_vecnormalize_{steps}_steps.pkl")


def check_agent(path: str) -> None:
    """
    :param path: an agent to go on from
    :raises FileNotFoundError: if there is none
    :raises ValueError: if the file is not a saved agent, or is damaged
    """
    file = Path(path)
    if file.suffix != ".zip" or not file.is_file():
        raise FileNotFoundError(f"There is no saved agent at {path!r}. -i takes the path of a .zip file.")
    check_zip(file)


class Checkpoints(BaseCallback):
    """
    Save the agent every so many calls: ``rl_model_<N>_steps.zip``, and under ``VecNormalize`` its statistics, first.

    The latest statistics are also those that rl-zoo reads for ``enjoy`` and ``train -i``, as after a finished run.

    :param save_freq: every how many steps of the batch of environments
    :param folder: where the checkpoints go
    :param statistics: the file that rl-zoo reads
    """

    def __init__(self, save_freq: int, folder: Path, statistics: Path):
        super().__init__()
        self.save_freq = save_freq
        self.folder = folder
        self.statistics = statistics

    def _on_step(self) -> bool:
        if self.n_calls % self.save_freq == 0:
            agent = self.folder / f"rl_model_{self.num_timesteps}_steps.zip"
            vec_normalize = self.model.get_vec_normalize_env()
            if vec_normalize is not None:
                save_statistics(vec_normalize, checkpoint_statistics(agent))
                save_statistics(vec_normalize, self.statistics)
            save_agent(self.model, agent)
        return True


class BestStatistics(BaseCallback):
    """
    Save the statistics of ``VecNormalize`` whenever it is called: on every new best evaluation.

    :param statistics: the file
    """

    def __init__(self, statistics: Path):
        super().__init__()
        self.statistics = statistics

    def _on_step(self) -> bool:
        vec_normalize = self.model.get_vec_normalize_env()
        if vec_normalize is not None:
            save_statistics(vec_normalize, self.statistics)
        return True


class Continued:
    """
    A loaded model whose ``learn`` goes on counting: ``n`` steps more, from the step at which it was saved.

    rl-zoo calls ``learn`` without a word on the counter, which starts it at 0 again: the schedules, the curves in
    TensorBoard and the names of the next checkpoints would be wrong.

    :param model: the model
    """

    def __init__(self, model: BaseAlgorithm):
        self.model = model

    def learn(self, total_timesteps: int, **kwargs: Any) -> None:
        """
        :param total_timesteps: how many steps to add
        :param kwargs: handed on
        """
        self.model.learn(total_timesteps, reset_num_timesteps=False, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)
