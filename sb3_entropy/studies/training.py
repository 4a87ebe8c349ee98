"""One run: train from a seed, look at the policy at fixed steps, and say what was seen."""

import datetime
import platform
import subprocess
import time
import warnings
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger, configure
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from sb3_entropy.environments import import_packages, register_envs
from sb3_entropy.policies.episodes import evaluate
from sb3_entropy.policies.looking import own_randomness
from sb3_entropy.presets.build import make_envs, make_model
from sb3_entropy.registry import MEASURES
from sb3_entropy.store import RunRecord
from sb3_entropy.studies.measures import Glimpse, Measure, Observer
from sb3_entropy.studies.schema import SEED_STRIDE
from sb3_entropy.studies.steps import StepCount

#: of the warnings that are recorded
MOST_MESSAGES, MESSAGE_LENGTH = 5, 300


def train_run(item: tuple[str, dict[str, Any]], shared: Mapping[str, Any] | None = None) -> RunRecord:
    """
    Train one run, in whichever process this is called. Its warnings are recorded and not shown.

    :param item: the run's id and definition
    :param shared: options that do not change the numbers: ``tensorboard``, a folder to log to; ``steps``, a folder in
        which to note how far the run is; ``measures``, the names of the measures to score; ``packages``, modules that
        register environments, and the ``folder`` that may hold them
    :return: what was seen
    """
    started = time.time()
    run_id, definition = item
    options = shared or {}
    import_packages(options.get("packages", ()), options.get("folder"))
    register_envs()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("default")
        recorder = _train(run_id, definition, options.get("tensorboard"), options.get("steps"))
        scores = score(recorder.steps, recorder.curves, options.get("measures", ()))
    messages = dict.fromkeys(str(warning.message)[:MESSAGE_LENGTH] for warning in warned)
    return RunRecord(
        run_id=run_id,
        definition=definition,
        status="finished",
        scores=scores,
        steps=tuple(recorder.steps),
        curves={name: tuple(map(float, values)) for name, values in recorder.curves.items()},
        error=None,
        recorded={
            **circumstances(started),
            "engine": options.get("engine", ""),
            "evaluation_seconds": round(recorder.seconds, 3),
            "warnings": list(messages)[:MOST_MESSAGES],
        },
    )


def _train(run_id: str, definition: dict[str, Any], tensorboard: str | None, steps: str | None) -> "Recorder":
    seed = SEED_STRIDE * int(definition["seed"])
    hyperparams, kind = definition["hyperparams"], definition["vec_env"]
    env_id, env_kwargs = definition["environment"], definition["env_kwargs"]
    set_random_seed(seed)  # an environment may draw from the global generators when it is made
    env = make_envs(env_id, hyperparams, seed, env_kwargs, kind=kind)
    model = make_model(definition["algorithm"], env, hyperparams, seed)
    model.set_logger(configure(str(Path(tensorboard) / run_id), ["tensorboard"]) if tensorboard else Logger(None, []))
    recorder = Recorder(definition, StepCount(steps, run_id) if steps else None)
    try:
        model.learn(definition["timesteps"], callback=recorder)
    finally:
        env.close()
        recorder.close()
        model.logger.close()
    return recorder


def score(steps: Any, curves: Mapping[str, Any], measures: Any) -> dict[str, float]:
    """
    :param steps: evaluation points, shape (T,)
    :param curves: values by name, shape (T,)
    :param measures: names of measures
    :return: their scores; NaN where a curve is missing, or, with a warning, where the measure fails
    """
    points = np.asarray(steps)
    scores = {}
    for key in measures:
        measure = MEASURES.get(key)
        known = all(name in curves for name in measure.curves) and len(points) > 0
        try:
            recorded = [np.asarray(curves[name], dtype=float) for name in measure.curves] if known else []
            scores[key] = float(measure.score(points, *recorded)) if known else float("nan")
        except Exception as error:  # a measure of another package must not cost the run
            warnings.warn(f"The measure {key} failed: {type(error).__name__}: {error}", stacklevel=2)
            scores[key] = float("nan")
    return scores


class Recorder(BaseCallback):
    """
    Evaluates at evenly spaced steps, the last time after the last update, and leaves the training as it is.

    :param definition: the run's definition
    :param count: where to note how far it is
    """

    def __init__(self, definition: Mapping[str, Any], count: StepCount | None = None):
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


def circumstances(started: float) -> dict[str, Any]:
    """
    :param started: seconds since the epoch
    :return: what may differ between equal runs: wall-clock time, Python, platform and commit
    """
    return {
        "wall_seconds": round(time.time() - started, 3),
        "started": datetime.datetime.fromtimestamp(started, datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "commit": _commit(),
    }


@cache
def _commit() -> str:
    """The commit of our checkout, with a + if there are changes; empty for an installed package."""
    folder = Path(__file__).parents[2]
    if not (folder / ".git").exists():
        return ""
    try:
        git = ["git", "-C", str(folder)]
        commit = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        changes = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit.stdout.strip() + ("+" if changes.stdout.strip() else "")
