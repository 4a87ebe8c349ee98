"""rl-zoo's experiment with checked presets, names, our batches of environments, and checkpoints to go on from."""

import shutil
import warnings
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path
from pprint import pprint
from typing import Any, cast

from optuna.pruners import BasePruner
from rl_zoo3.exp_manager import ExperimentManager
from rl_zoo3.hyperparams_opt import HYPERPARAMS_CONVERTER, HYPERPARAMS_SAMPLER
from rl_zoo3.utils import ALGOS, SimpleLinearSchedule
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, EvalCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.presets.check import check_preset
from sb3_entropy.presets.library import preset_files
from sb3_entropy.presets.names import resolve_names
from sb3_entropy.presets.schedules import LinearToZero
from sb3_entropy.presets.stand_ins import preset_for
from sb3_entropy.registry import ALGORITHMS
from sb3_entropy.zoo.actors import check_copies, check_kind, end_actors, fragments_an_update
from sb3_entropy.zoo.batches import BATCHED, check_batched, make_batch
from sb3_entropy.zoo.checkpoints import (
    BestAgent,
    Checkpoints,
    Continued,
    find_replay_buffer,
    find_statistics,
    save_agent,
    save_replay_buffer,
    save_statistics,
)
from sb3_entropy.zoo.config import read_config
from sb3_entropy.zoo.journal import mend_journal
from sb3_entropy.zoo.loading import copied_file, load_statistics
from sb3_entropy.zoo.samplers import merge_policy_kwargs
from sb3_entropy.zoo.snapshots import place_snapshots, without_snapshots
from sb3_entropy.zoo.trials import named_trial


class Experiment(ExperimentManager):
    """
    One run of ``train``. For stock algorithms hyperparameters are read and evaluated as rl-zoo does; for ours they are
    checked, and nothing is evaluated.

    :param args: the parsed command line
    :param algo: the algorithm's key
    :param env_id: the environment
    :param log_folder: the root of the log folders
    :param args_of_rl_zoo: rl-zoo's further arguments
    :param vec_env_type: ``"dummy"``, ``"subproc"``, ``"envpool"`` or ``"native"``
    :param config: a file of hyperparameters; the algorithm's packaged one if ``None``
    :param kwargs_of_rl_zoo: rl-zoo's further arguments
    """

    def __init__(
        self,
        args: Namespace,
        algo: str,
        env_id: str,
        log_folder: str,
        *args_of_rl_zoo: Any,
        vec_env_type: str = "dummy",
        config: str | None = None,
        **kwargs_of_rl_zoo: Any,
    ):
        self._is_ours = algo in set(ALGORITHMS.keys())
        self._offered = preset_files(algo) if config is None and self._is_ours else []
        if self._offered:
            config = str(self._offered[0])
        self._kind = vec_env_type
        self._preset: dict[str, Any] = {}
        self._entry = ""
        self._made_folder = False
        self._n_fragments = 1
        super().__init__(  # type: ignore[misc]
            args,
            algo,
            env_id,
            log_folder,
            *args_of_rl_zoo,
            vec_env_type="dummy" if vec_env_type in BATCHED else vec_env_type,
            config=config,
            **kwargs_of_rl_zoo,
        )
        if self.optimize_hyperparameters and algo not in HYPERPARAMS_SAMPLER:
            raise ValueError(
                f"There is no search space for {algo}. There is one for: {', '.join(HYPERPARAMS_SAMPLER)}."
            )

    def setup_experiment(self) -> tuple[BaseAlgorithm, dict[str, Any]] | None:
        """A search, or a run that fails before it starts, leaves no folder, which would pass for the latest run."""
        ready = None
        try:
            found = super().setup_experiment()
            if found is not None:
                check_copies(found[0])
            ready = found
        finally:
            if ready is None and self._made_folder:
                shutil.rmtree(self.save_path, ignore_errors=True)
        return ready

    def create_log_folder(self) -> None:
        """Take the next free folder; of two runs that start at once, each gets its own."""
        folder = Path(self.save_path)
        folder.parent.mkdir(parents=True, exist_ok=True)
        prefix, _, number = folder.name.rpartition("_")
        while True:
            try:
                folder.mkdir()
                break
            except FileExistsError:
                if not number.isdigit():
                    raise
                number = str(int(number) + 1)
                folder = folder.with_name(f"{prefix}_{number}")
        self._made_folder = True
        self.save_path = str(folder)
        self.params_path = f"{self.save_path}/{self.env_name}"
        super().create_log_folder()

    # ------------------------------------------------------------------ hyperparameters

    def read_hyperparameters(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """
        :return: the preset's hyperparameters under a trial's under the command line's, and the same to be saved
        :raises FileNotFoundError: if there is no such file
        :raises ValueError: if it has none for this environment, or one is unknown or out of range
        :raises TypeError: if one is of the wrong type
        """
        presets, self.config = read_config(self._offered or [self.config], self.env_name.gym_id)
        self._entry, self._preset = preset_for(
            presets, self.env_name.gym_id, self.config, self.custom_hyperparams, self.env_kwargs
        )
        print(f"Loading hyperparameters from: {self.config}")
        if self._entry not in (self.env_name.gym_id, "atari"):
            print(f"There is no entry for {self.env_name.gym_id}: {self._entry!r} stands in")
        hyperparams = {**deepcopy(self._preset), **self._trial(), **(self.custom_hyperparams or {})}
        if self.env_kwargs and "env_kwargs" in hyperparams:
            hyperparams["env_kwargs"] = self.env_kwargs
        saved = OrderedDict(sorted(hyperparams.items()))
        print("Default hyperparameters for environment (ones being tuned will be overridden):")
        pprint(saved)
        if self._is_ours:
            where = f"{self.config}, {self._entry}"
            if self.custom_hyperparams:
                where = f"{where}, or on the command line (-params)"
            algorithm = ALGORITHMS.get(self.algo)
            check_preset(self.algo, algorithm, self._effective(hyperparams), where, self.continue_training)
            check_kind(self.algo, self._kind)
            self._n_fragments = fragments_an_update(self.algo, hyperparams)
        return deepcopy(hyperparams), saved

    def _effective(self, hyperparams: dict[str, Any]) -> dict[str, Any]:
        """:return: the hyperparameters with the number of steps that ``-n`` sets"""
        return {**hyperparams, "n_timesteps": self.n_timesteps} if self.n_timesteps > 0 else hyperparams

    def _trial(self) -> dict[str, Any]:
        """:return: the hyperparameters of the trial that the command line names; nothing if it names none"""
        found = named_trial(self.storage, self.study_name, self.trial_id, self.optimize_hyperparameters)
        if found is None:
            return {}
        print(f"Hyperparameters of trial {found.number} of the study {self.study_name}, value {found.value}")
        trial: dict[str, Any] = HYPERPARAMS_CONVERTER[self.algo](found.params)
        if self._is_ours:
            trial["policy_kwargs"] = merge_policy_kwargs(self._preset.get("policy_kwargs"), trial["policy_kwargs"])
            if "replay_buffer_kwargs" in trial:
                kept = self._preset.get("replay_buffer_kwargs") or {}
                trial["replay_buffer_kwargs"] = {**kept, **trial["replay_buffer_kwargs"]}
        return trial

    def _preprocess_hyperparams(
        self, hyperparams: dict[str, Any]
    ) -> tuple[dict[str, Any], Callable[..., Any] | None, list[BaseCallback], Callable[..., Any] | None]:
        if self._is_ours:
            hyperparams = resolve_names(self._effective(hyperparams))
            if hyperparams.get("clip_range_vf", 0) is None:
                del hyperparams["clip_range_vf"]  # the default, which rl-zoo takes for a schedule
        processed = super()._preprocess_hyperparams(hyperparams)
        self.specified_callbacks = without_snapshots(self.specified_callbacks)  # read by a search: one folder for all
        if self._eval_env_kwargs_args is None:
            self.eval_env_kwargs = self.env_kwargs  # the preset's too, which rl-zoo leaves out
        if self._kind in BATCHED:
            check_batched(self._kind, processed[1], self.monitor_kwargs)
        return processed

    def _preprocess_schedules(self, hyperparams: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]
        processed = super()._preprocess_schedules(hyperparams)
        if self._is_ours:
            for key, value in processed.items():
                if isinstance(value, SimpleLinearSchedule):
                    processed[key] = LinearToZero(value.initial_value)
        return processed

    # ------------------------------------------------------------------ environments

    def create_envs(self, n_envs: int, eval_env: bool = False, no_log: bool = False) -> VecEnv:
        """
        :param n_envs: how many
        :param eval_env: whether they are for evaluation
        :param no_log: whether to write no monitor file
        :return: the batch of environments, wrapped as the preset says
        """
        if self._kind in BATCHED:
            unlogged = eval_env or no_log
            # rl-zoo calls this with functions that make single environments, and then seeds what it gets.
            self.vec_env_class = partial(  # type: ignore[assignment]
                make_batch,
                kind=self._kind,
                env_id=self.env_name.gym_id,
                seed=self.seed,
                env_kwargs=self.eval_env_kwargs if eval_env else self.env_kwargs,
                monitor_file=None if unlogged else str(Path(self.save_path) / "0.monitor.csv"),
                info_keywords=tuple(self.monitor_kwargs.get("info_keywords", ())),
            )
        return super().create_envs(n_envs, eval_env, no_log)

    def _maybe_normalize(self, env: VecEnv, eval_env: bool) -> VecEnv:
        """Under the statistics of the very agent that training goes on from."""
        if not self.continue_training:
            return super()._maybe_normalize(env, eval_env)
        agent = Path(self.trained_agent)
        own_settings = agent.with_suffix("")  # named by the environment of its run, which may have been another
        statistics = find_statistics(agent, own_settings if own_settings.is_dir() else agent.parent / self.env_name)
        if statistics is None:
            if self.normalize:
                warnings.warn(
                    f"There are no statistics of VecNormalize beside {agent}: the preset's `normalize` starts them "
                    "anew, and the agent sees other numbers than it was trained on. If it was trained without, switch "
                    "it off: -params normalize:False",
                    stacklevel=2,
                )
            return super()._maybe_normalize(env, eval_env)
        normalized = load_statistics(statistics, env, self.args.trust)
        if eval_env:
            normalized.training = False
            normalized.norm_reward = False
        return normalized

    # ------------------------------------------------------------------ training

    def _load_pretrained_agent(self, hyperparams: dict[str, Any], env: VecEnv) -> BaseAlgorithm:
        """rl-zoo's, from a copy: with the replay buffer of the very agent that training goes on from."""
        agent = self.trained_agent
        replay_buffer = find_replay_buffer(Path(agent))
        with copied_file(Path(agent), ALGOS[self.algo], self.args.trust, replay_buffer) as copy:
            self.trained_agent = str(copy)
            try:
                model = super()._load_pretrained_agent(hyperparams, env)
            finally:
                self.trained_agent = agent
        if isinstance(model, OffPolicyAlgorithm):
            self._fill(model, replay_buffer)
        return model

    def _fill(self, model: OffPolicyAlgorithm, replay_buffer: Path | None) -> None:
        if replay_buffer is not None:
            print(f"Loading replay buffer from {replay_buffer}")
            model.load_replay_buffer(replay_buffer, truncate_last_traj=self.truncate_last_trajectory)
            return
        warnings.warn(
            f"There is no replay buffer beside {self.trained_agent}: it is empty, and the agent learns from what it "
            "sees from now on alone. --save-replay-buffer keeps one, with every checkpoint and at the end.",
            stacklevel=2,
        )

    def create_callbacks(self) -> None:
        """rl-zoo's callbacks; checkpoints with the statistics of ``VecNormalize``; every file complete or absent."""
        save_freq, self.save_freq = self.save_freq, -1
        if self.eval_freq > 0:
            self.eval_freq = max(self.eval_freq // self._n_fragments, 1)  # rl-zoo knows of n_envs
        super().create_callbacks()
        self.save_freq = save_freq
        place_snapshots(self.callbacks, Path(self.save_path))
        statistics = Path(self.params_path) / "vecnormalize.pkl"
        for callback in self.callbacks:
            if isinstance(callback, EvalCallback) and callback.best_model_save_path == self.save_path:
                callback.best_model_save_path = None  # not in one piece, and before its statistics
                callback.callback_on_new_best = BestAgent(Path(self.save_path), statistics)
                callback.callback_on_new_best.parent = callback
        if save_freq > 0:
            every = max(save_freq // (self.n_envs * self._n_fragments), 1)
            self.callbacks.append(Checkpoints(every, Path(self.save_path), statistics, self.save_replay_buffer))

    def learn(self, model: BaseAlgorithm) -> None:
        """
        :param model: a new model, or a loaded one, which trains for as many steps more and goes on counting; its actors
            end with it
        """
        trained = model
        if self.continue_training:
            start, more = model.num_timesteps, self.n_timesteps
            print(f"Going on from step {start} for {more} steps more, to step {start + more}")
            trained = cast(BaseAlgorithm, Continued(model))
        try:
            super().learn(trained)
        finally:
            end_actors(model)

    def save_trained_model(self, model: BaseAlgorithm) -> None:
        """
        :param model: the trained model
        """
        print(f"Saving to {self.save_path}")
        vec_normalize = model.get_vec_normalize_env()
        if vec_normalize is not None:
            save_statistics(vec_normalize, Path(self.params_path) / "vecnormalize.pkl")
        save_agent(model, Path(self.save_path) / f"{self.env_name}.zip")
        if self.save_replay_buffer:
            save_replay_buffer(model, Path(self.save_path) / "replay_buffer.pkl")

    def _create_pruner(self, pruner_method: str) -> BasePruner:
        pruner: BasePruner = super()._create_pruner(pruner_method)
        self.n_evaluations *= self._n_fragments  # they come every n_timesteps / n_evaluations / n_envs calls
        return pruner

    def hyperparameters_optimization(self) -> None:
        """Search; our samplers see the preset, into whose ``policy_kwargs`` they merge what they draw."""
        if self.storage and self.storage.endswith(".log"):  # a journal, for rl-zoo
            self.storage = str(Path(self.storage).absolute())
            mend_journal(Path(self.storage))
        sampler = HYPERPARAMS_SAMPLER[self.algo]

        def sample(trial: Any, n_actions: int, n_envs: int, additional_args: dict[str, Any]) -> dict[str, Any]:
            return sampler(trial, n_actions, n_envs, {**additional_args, "preset": self._hyperparams})

        HYPERPARAMS_SAMPLER[self.algo] = sample
        try:
            super().hyperparameters_optimization()
        finally:
            HYPERPARAMS_SAMPLER[self.algo] = sampler
