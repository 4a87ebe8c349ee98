"""Saved agents that survive a kill: a file is complete or absent, and statistics are never older than their model."""

import pickle
import re
import warnings
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import VecNormalize

from sb3_entropy.files import atomic_file
from sb3_entropy.unpickling.saved_file import check_zip

#: as Stable-Baselines3 calls it
BEST = "best_model.zip"


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


def own_statistics(agent: Path) -> Path | None:
    """
    :param agent: the zip file of an agent
    :return: where the statistics of ``VecNormalize`` of that moment are kept, if the agent is a checkpoint,
        ``rl_model_<N>_steps.zip`` (Stable-Baselines3's place), or the best one, ``best_model.zip``; ``None`` for a
        run's last
    """
    if agent.name == BEST:
        return agent.with_name("best_model_vecnormalize.pkl")
    checkpoint = re.fullmatch(r"(.+)_(\d+_steps)\.zip", agent.name)
    return agent.with_name(f"{checkpoint[1]}_vecnormalize_{checkpoint[2]}.pkl") if checkpoint else None


def find_replay_buffer(agent: Path) -> Path | None:
    """
    :param agent: the zip file of an agent
    :return: of a checkpoint the replay buffer of that moment (Stable-Baselines3's place), else the run's last one;
        ``None`` if there are neither
    """
    checkpoint = re.fullmatch(r"(.+)_(\d+_steps)\.zip", agent.name)
    own = [agent.with_name(f"{checkpoint[1]}_replay_buffer_{checkpoint[2]}.pkl")] if checkpoint else []
    return next((file for file in (*own, agent.with_name("replay_buffer.pkl")) if file.is_file()), None)


def save_replay_buffer(model: BaseAlgorithm, path: Path) -> None:
    """
    :param model: any algorithm; one without a replay buffer saves none
    :param path: the pickle, which is replaced as a whole
    """
    if isinstance(model, OffPolicyAlgorithm):
        with atomic_file(path) as file:
            model.save_replay_buffer(file)  # type: ignore[arg-type]


def find_statistics(agent: Path, settings: Path) -> Path | None:
    """
    :param agent: the zip file of an agent
    :param settings: the folder of its run's settings, where the run's last statistics are
    :return: the agent's own statistics of ``VecNormalize``; with a warning the run's last, if its own were not kept;
        ``None`` if there are neither
    """
    own, last = own_statistics(agent), settings / "vecnormalize.pkl"
    if own is not None and own.is_file():
        return own
    if not last.is_file():
        return None
    if own is not None:
        warnings.warn(
            f"{agent} was saved without the statistics of VecNormalize of that moment: there is no {own.name} beside "
            f"it. The last ones of its run stand in, {last}, so it does not act quite as it did then.",
            stacklevel=2,
        )
    return last


def save_with_statistics(model: BaseAlgorithm, agent: Path, last: Path) -> None:
    """
    :param model: any algorithm
    :param agent: the zip file, of a checkpoint or the best one
    :param last: where the run's last statistics are, of which those of this moment now are the last
    """
    vec_normalize, own = model.get_vec_normalize_env(), own_statistics(agent)
    if vec_normalize is not None and own is not None:
        save_statistics(vec_normalize, own)
        save_statistics(vec_normalize, last)
    save_agent(model, agent)


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

    The latest statistics are also those that rl-zoo reads for ``enjoy`` and ``train -i``, as after a finished run. With
    a replay buffer, that of the latest checkpoint is kept alone: it may be as large as a thousand agents.

    :param save_freq: every how many steps of the batch of environments
    :param folder: where the checkpoints go
    :param statistics: the file that rl-zoo reads
    :param with_replay_buffer: whether an off-policy algorithm's is saved, as
        ``rl_model_replay_buffer_<N>_steps.pkl``, before the agent
    """

    def __init__(self, save_freq: int, folder: Path, statistics: Path, with_replay_buffer: bool = False):
        super().__init__()
        self.save_freq = save_freq
        self.folder = folder
        self.statistics = statistics
        self.with_replay_buffer = with_replay_buffer

    def _on_step(self) -> bool:
        if self.n_calls % self.save_freq == 0:
            earlier = [*self.folder.glob("rl_model_replay_buffer_*_steps.pkl")] if self.with_replay_buffer else []
            kept = self.folder / f"rl_model_replay_buffer_{self.num_timesteps}_steps.pkl"
            if self.with_replay_buffer:
                save_replay_buffer(self.model, kept)
            agent = self.folder / f"rl_model_{self.num_timesteps}_steps.zip"
            save_with_statistics(self.model, agent, self.statistics)
            for file in earlier:
                if file != kept:
                    file.unlink()
        return True


class BestAgent(BaseCallback):
    """
    Save the agent whenever it is called, on every new best evaluation: ``best_model.zip``, and under ``VecNormalize``
    its statistics, first.

    :param folder: where the agent goes
    :param statistics: the file that rl-zoo reads
    """

    def __init__(self, folder: Path, statistics: Path):
        super().__init__()
        self.agent = folder / BEST
        self.statistics = statistics

    def _on_step(self) -> bool:
        save_with_statistics(self.model, self.agent, self.statistics)
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
