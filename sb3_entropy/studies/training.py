"""One training: from a seed, look at the policy at fixed steps, and say what was seen."""

import io
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger, configure
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from sb3_entropy.policies.episodes import evaluate
from sb3_entropy.policies.looking import own_randomness
from sb3_entropy.policies.parameters import Snapshot
from sb3_entropy.presets.build import make_envs, make_model
from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.identity import run_id
from sb3_entropy.studies.jobs.base import Result, Surroundings
from sb3_entropy.studies.measures import Glimpse, Measure, Observer
from sb3_entropy.studies.schema import SEED_STRIDE
from sb3_entropy.studies.steps import StepCount

#: files that a training can keep: the model after its last update, and its policy's parameters at every evaluation
MODEL, SNAPSHOTS = "model.zip", "snapshots.npz"


def train(definition: Mapping[str, Any], surroundings: Surroundings, keep: Sequence[str] = ()) -> Result:
    """
    Train one model.

    :param definition: the run's
    :param surroundings: of which the folders for TensorBoard and for the steps are used
    :param keep: which files to make
    :return: what was seen
    """
    seed, name = SEED_STRIDE * int(definition["seed"]), run_id(definition)
    hyperparams, kind = definition["hyperparams"], definition["vec_env"]
    env_id, env_kwargs = definition["environment"], definition["env_kwargs"]
    set_random_seed(seed)  # an environment may draw from the global generators when it is made
    env = make_envs(env_id, hyperparams, seed, env_kwargs, kind=kind)
    model = make_model(definition["algorithm"], env, hyperparams, seed, definition["timesteps"])
    folder = surroundings.tensorboard
    model.set_logger(configure(str(Path(folder) / name), ["tensorboard"]) if folder else Logger(None, []))
    count = StepCount(surroundings.steps, name) if surroundings.steps else None
    recorder = Recorder(definition, count, snapshots=SNAPSHOTS in keep)
    try:
        model.learn(definition["timesteps"], callback=recorder)
        files = {MODEL: _saved(model)} if MODEL in keep else {}
    finally:
        env.close()
        recorder.close()
        model.logger.close()
    if SNAPSHOTS in keep:
        files[SNAPSHOTS] = _packed(recorder.snapshots)
    return Result(recorder.steps, recorder.curves, files, {"evaluation_seconds": round(recorder.seconds, 3)})


def _saved(model: BaseAlgorithm) -> bytes:
    buffer = io.BytesIO()
    model.save(buffer)
    return buffer.getvalue()


def _packed(snapshots: Sequence[Mapping[str, np.ndarray]]) -> bytes:
    """One array a name, the evaluation points first: (T, …)."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {name: np.stack([each[name] for each in snapshots]) for name in snapshots[0]}
    np.savez(buffer, **arrays)
    return buffer.getvalue()


class Recorder(BaseCallback):
    """
    Evaluates at evenly spaced steps, the last time after the last update, and leaves the training as it is.

    :param definition: the run's definition
    :param count: where to note how far it is
    :param snapshots: whether to keep the policy's parameters at these steps, and the statistics by which a
        ``VecNormalize`` normalises observations then
    """

    def __init__(self, definition: Mapping[str, Any], count: StepCount | None = None, snapshots: bool = False):
        super().__init__()
        self._count = count
        settings = definition["evaluation"]
        self.definition = definition
        self._env: VecEnv | None = None
        self.seed = int(definition["seed"])
        self.modes: list[str] = settings["modes"]
        self.log: list[str] = settings["log"]
        self.observing = {key: MEASURES.get(key) for key in definition["observers"]}
        points, timesteps = settings["points"], definition["timesteps"]
        self.steps = [round(timesteps * (k + 1) / points) for k in range(points)]
        self.curves: dict[str, list[float]] = {}
        #: parameters by their names at every evaluation, shape (T,) of mappings; empty if none are kept
        self.snapshots: list[dict[str, np.ndarray]] = []
        self._keeps_snapshots = snapshots
        self.seconds = 0.0
        self._done = 0
        self._logged: dict[str, float] = {}

    def _on_rollout_start(self) -> None:
        # The last update's values are in the logger now, and gone when it writes.
        values = self.logger.name_to_value
        self._logged.update({key: float(values[key]) for key in self.log if key in values})

    def _on_step(self) -> bool:
        if self._count is not None:
            self._count.note(self.num_timesteps)
        while self._done < len(self.steps) - 1 and self.num_timesteps >= self.steps[self._done]:
            self._look()
        return True

    def _on_training_end(self) -> None:
        self._on_rollout_start()
        while self._done < len(self.steps):
            self._look()

    def _look(self) -> None:
        start = time.perf_counter()
        point = self._done
        if self._keeps_snapshots:
            self.snapshots.append(snapshot(self.model))
        for name, value in self._observe(point).items():
            self.curves.setdefault(name, [float("nan")] * point).append(value)
        self._done += 1
        for values in self.curves.values():
            values.extend([float("nan")] * (self._done - len(values)))
        self.seconds += time.perf_counter() - start

    def _observe(self, point: int) -> dict[str, float]:
        model = self.model
        seed = int(np.random.SeedSequence((self.seed, point)).generate_state(1)[0]) >> 2
        seen: dict[str, float] = {"train/steps": float(self.num_timesteps), **self._logged}
        if model.ep_info_buffer:
            seen["train/return"] = float(np.mean([episode["r"] for episode in model.ep_info_buffer]))
        states: dict[str, Any] = {}
        for mode in self.modes:
            with own_randomness(seed):
                env = self._environments()
            evaluation = evaluate(model, env, seed, mode == "deterministic")
            seen[f"{mode}/return"] = float(evaluation.returns.mean())
            seen[f"{mode}/return_std"] = float(evaluation.returns.std())
            seen[f"{mode}/length"] = float(evaluation.lengths.mean())
            states[mode] = evaluation.states
        with own_randomness(seed):
            # States that the policy visits when it samples its actions, if it is evaluated so.
            seen |= look_at(model, self.observing, states.get("stochastic", states[self.modes[-1]]), seed)
        return seen

    def _environments(self) -> VecEnv:
        """As many copies as episodes, under the training's statistics; new ones if a wrapper may keep a game going."""
        hyperparams = self.definition["hyperparams"]
        if self._env is not None and hyperparams.get("env_wrapper"):
            self._forget()
        if self._env is None:
            self._env = make_envs(
                self.definition["environment"],
                hyperparams,
                0,
                self.definition["env_kwargs"],
                n_envs=self.definition["evaluation"]["episodes"],
                evaluation=True,
            )
        statistics = self.model.get_vec_normalize_env()
        if statistics is not None and statistics.norm_obs:
            assert isinstance(self._env, VecNormalize)
            self._env.obs_rms = deepcopy(statistics.obs_rms)
        return self._env

    def close(self) -> None:
        """Give the environments up, and note no more."""
        if self._count is not None:
            self._count.close()
        self._forget()

    def _forget(self) -> None:
        if self._env is not None:
            self._env.close()
            self._env = None


def snapshot(model: BaseAlgorithm) -> dict[str, np.ndarray]:
    """
    :param model: a model
    :return: a copy of its policy's parameters by their names and, where observations are normalised, of their mean and
        variance: ``obs_mean`` and ``obs_var``, of a ``Dict`` by key: ``obs_mean.<key>``
    """
    arrays = {name: tensor.numpy() for name, tensor in Snapshot(model.policy, "cpu").tensors.items()}
    statistics = model.get_vec_normalize_env()
    if statistics is not None and statistics.norm_obs:
        by_key = statistics.obs_rms if isinstance(statistics.obs_rms, dict) else {"": statistics.obs_rms}
        for key, known in by_key.items():
            end = f".{key}" if key else ""
            arrays |= {f"obs_mean{end}": known.mean.copy(), f"obs_var{end}": known.var.copy()}
    return arrays


def look_at(model: BaseAlgorithm, measures: Mapping[str, Measure], states: Any, seed: int) -> dict[str, float]:
    """
    :param model: a model
    :param measures: those with an observer; each observer looks once
    :param states: observations that the model visits
    :param seed: for the observers' generators
    :return: what the measures record
    :raises ValueError: if an observer cannot look at such a model, or two measures record the same
    """
    looks: dict[Observer, Mapping[str, float]] = {}
    seen: dict[str, float] = {}
    for key, measure in measures.items():
        assert measure.observer is not None
        try:
            if measure.observer not in looks:
                looks[measure.observer] = measure.observer(Glimpse(model, states, np.random.default_rng(seed)))
            values = measure.recorded(looks[measure.observer])
        except Exception as error:
            raise ValueError(f"The measure {key!r} failed: {type(error).__name__}: {error}") from error
        foreign = sorted(seen.keys() & values.keys())
        if foreign:
            raise ValueError(f"The measure {key!r} records {', '.join(foreign)}, which another measure records too.")
        seen |= values
    return seen
