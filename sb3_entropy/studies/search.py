"""
Searching hyperparameters with Optuna on any engine.

Optuna asks and is told in this process alone; workers only see arguments and return a score. Every answer is in a
journal, a file, before the next question is asked: a search that was killed goes on where it was, the trials that were
at work with the same arguments as before.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from filelock import FileLock, Timeout
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import Trial, TrialState

from sb3_entropy.engines import Engine
from sb3_entropy.errors import check_choice, check_number
from sb3_entropy.studies.jobs import Surroundings
from sb3_entropy.studies.worker import run_alone
from sb3_entropy.zoo.journal import mend_journal
from sb3_entropy.zoo.samplers import merge_policy_kwargs

Objective = Callable[[Mapping[str, Any], Any], float]
Space = Callable[[Trial], Mapping[str, Any]]


@dataclass(frozen=True)
class ArmObjective:
    """
    The score of an arm with other hyperparameters: the mean of a measure over seeds, an objective of :func:`search`.

    :param definition: of a run, see :class:`sb3_entropy.studies.plan.Plan`
    :param seeds: the seeds; equal for all trials, so that they differ by their arguments alone
    :param measure: the measure's name
    :param packages: modules that register environments when they are imported
    """

    definition: Mapping[str, Any]
    seeds: tuple[int, ...]
    measure: str
    packages: tuple[str, ...] = ()

    def __call__(self, arguments: Mapping[str, Any], shared: Any = None) -> float:
        """
        :param arguments: hyperparameters that go over the definition's
        :param shared: not used
        :return: the mean over the seeds
        """
        basis = self.definition["hyperparams"]
        policy = merge_policy_kwargs(basis.get("policy_kwargs"), arguments.get("policy_kwargs") or {})
        hyperparams = {**basis, **arguments, "policy_kwargs": policy}
        scores = []
        for seed in self.seeds:
            definition = {**self.definition, "hyperparams": hyperparams, "seed": seed}
            surroundings = Surroundings(measures=(self.measure,), packages=self.packages)
            scores.append(run_alone(definition, surroundings).scores[self.measure])
        return float(np.mean(scores))


def tpe(seed: int) -> BaseSampler:
    """
    :param seed: a trial's own
    :return: Optuna's tree-structured Parzen estimator, which takes trials that still run for bad ones
    """
    return TPESampler(seed=seed, constant_liar=True)


def search(
    objective: Objective,
    space: Space,
    engine: Engine,
    journal: str | Path,
    *,
    n_trials: int,
    direction: str = "maximize",
    seed: int = 0,
    shared: Any = None,
    name: str = "search",
    sampler: Callable[[int], BaseSampler] = tpe,
) -> optuna.Study:
    """
    Search until a number of trials are done, those of earlier calls included.

    Each trial has a sampler of its own, seeded by ``seed`` and the trial's number. So with one worker a search that
    was interrupted draws what an undisturbed one draws; with several, what is drawn depends on who was faster.

    :param objective: called in a worker as ``objective(arguments, shared)``; returns the score. Found by name, or an
        instance of such a class
    :param space: called here with an Optuna trial; returns the arguments
    :param engine: what runs the trials
    :param journal: Optuna's journal, made if it is missing; one that was cut short is mended first, with a warning
    :param n_trials: how many trials there are to be in the end, failed ones included
    :param direction: ``"maximize"`` or ``"minimize"``
    :param seed: of the search
    :param shared: a second argument of every trial
    :param name: the search's name in the journal, which may hold several
    :param sampler: makes a sampler from a seed
    :return: Optuna's study, with ``best_params``, ``trials_dataframe()`` and so on. A trial whose objective raised, or
        returned what is not finite, has failed, and says why in its user attribute ``"error"``
    :raises TypeError: if ``n_trials`` is not a whole number, or something cannot be sent to a worker
    :raises ValueError: if it is less than 1; for another direction; if the journal is none or damaged, or holds the
        search with the other direction
    :raises RuntimeError: if another process searches in this journal at the moment
    """
    check_number("n_trials", n_trials, low=1, integer=True)
    check_number("seed", seed, low=0, integer=True)
    check_choice("direction", direction, ("maximize", "minimize"))
    # Absolute: Optuna's lock is a link to it, and waits for ever where one that was left behind leads nowhere.
    path = Path(journal).absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{path}.running")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RuntimeError(
            f"Another process searches in {path} at the moment. Wait for it, stop it, or use another journal."
        ) from None
    try:
        study = _open(path, name, direction)
        _run(study, objective, space, engine, n_trials, seed, shared, sampler)
    finally:
        lock.release()
    return study


def _run(
    study: optuna.Study,
    objective: Objective,
    space: Space,
    engine: Engine,
    n_trials: int,
    seed: int,
    shared: Any,
    sampler: Callable[[int], BaseSampler],
) -> None:
    asked: list[Trial] = []

    def arguments() -> Iterator[Mapping[str, Any]]:
        # What was at work when an earlier call was killed: drawn values are in the journal, and drawn no more.
        running = [(trial.number, trial._trial_id) for trial in study.get_trials(states=(TrialState.RUNNING,))]
        begun = len(study.get_trials(deepcopy=False))
        for number, trial_id in [*running, *((new, None) for new in range(begun, n_trials))]:
            study.sampler = sampler(int(np.random.SeedSequence((seed, number)).generate_state(1)[0]))
            trial = study.ask() if trial_id is None else Trial(study, trial_id)
            drawn = space(trial)
            asked.append(trial)
            yield drawn

    for outcome in engine.map_unordered(_score, arguments(), shared=(objective, shared)):
        trial, error = asked[outcome.index], outcome.error
        if error is None and (outcome.value is None or not math.isfinite(outcome.value)):
            error = f"The objective returned {outcome.value!r}, which is not a finite number."
        if error is None:
            study.tell(trial, outcome.value)
        else:
            trial.set_user_attr("error", error)
            study.tell(trial, state=TrialState.FAIL)


def _score(arguments: Mapping[str, Any], shared: tuple[Objective, Any]) -> float:
    objective, common = shared
    return float(objective(arguments, common))


def _open(path: Path, name: str, direction: str) -> optuna.Study:
    mend_journal(path)  # Optuna would write into another file before it notices, and append to half a record
    storage = JournalStorage(JournalFileBackend(str(path)))
    wanted = optuna.study.StudyDirection[direction.upper()]
    study = optuna.create_study(storage=storage, study_name=name, direction=wanted, load_if_exists=True)
    if study.direction != wanted:
        raise ValueError(
            f"The search {name!r} in {path} is one that should {study.direction.name.lower()}, but direction="
            f"{direction!r} was given. Give the same direction, another name, or another journal."
        )
    return study
