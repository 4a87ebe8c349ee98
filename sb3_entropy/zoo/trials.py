"""A trial of a search that ``train -optimize`` has made, found again."""

import re
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from sb3_entropy.errors import unknown


def named_trial(
    storage: str | None, study_name: str | None, trial_id: int | None, searching: bool
) -> FrozenTrial | None:
    """
    :param storage: ``--storage``
    :param study_name: ``--study-name``
    :param trial_id: ``--trial-id``
    :param searching: whether this is a search, which goes on without a trial if no number is given
    :return: the trial that the command line names: without a number the best one; None if it names none
    :raises ValueError: if it names a trial by halves
    """
    given: dict[str, Any] = {"--storage": storage, "--study-name": study_name, "--trial-id": trial_id}
    named = {option: value for option, value in given.items() if value not in (None, "")}
    if not named or (searching and trial_id is None):
        return None
    missing = [option for option in ("--storage", "--study-name") if option not in named]
    if missing:
        there = " ".join(f"{option} {value}" for option, value in named.items())
        raise ValueError(
            f"{there} was given, but a trial is found by --storage and --study-name together: add "
            f"{' and '.join(missing)}, or -optimize for a new search."
        )
    return find_trial(named["--storage"], named["--study-name"], trial_id)


def find_trial(storage: str, study_name: str, trial_id: int | None = None) -> FrozenTrial:
    """
    :param storage: as given to the search: a URL, or a journal's path, which ends in ``.log``
    :param study_name: the search's name
    :param trial_id: the trial's number, from 0; the best one's if ``None``
    :return: the trial
    :raises FileNotFoundError: if there is no such file
    :raises ValueError: if there is no such study or trial, the trial has not ended, or none has been completed
    """
    opened = _open(storage)
    try:
        study = optuna.load_study(study_name=study_name, storage=opened)
    except KeyError:
        raise ValueError(
            f"{unknown('study', study_name, optuna.get_all_study_names(opened))} See --study-name."
        ) from None
    trials = study.trials
    if trial_id is None:
        if not any(trial.state is TrialState.COMPLETE for trial in trials):
            raise ValueError(
                f"No trial of {study_name!r} was completed, so none is the best. Name one with --trial-id."
            )
        return study.best_trial
    if not 0 <= trial_id < len(trials):
        numbers = f"from 0 to {len(trials) - 1}" if trials else "none yet"
        raise ValueError(
            f"--trial-id must be the number of a trial of {study_name!r}, {numbers}, but {trial_id} was given."
        )
    trial = trials[trial_id]
    if not trial.state.is_finished():
        raise ValueError(f"Trial {trial_id} of {study_name!r} has not ended. Wait for it, or name another.")
    return trial


def _open(storage: str) -> Any:
    """A file that is not there would be made."""
    match = re.fullmatch(r"sqlite:///([^?]+).*|(.+\.log)", storage)
    if match and not Path(match.group(1) or match.group(2)).is_file():
        raise FileNotFoundError(
            f"There is no file {match.group(1) or match.group(2)} to read trials from. See --storage."
        )
    return JournalStorage(JournalFileBackend(storage)) if storage.endswith(".log") else storage
