"""The commands that a page or a message names: such that they can be typed as they stand."""

import os
import re
import shlex
from pathlib import Path

from sb3_entropy.studies.library import study_files
from sb3_entropy.studies.results import StudyResults
from sb3_entropy.studies.spec import Study

DEFAULT_STORE = "runs/studies.sqlite"
DEFAULT_REPORTS = "reports"


def default_store() -> str:
    """:return: the store that is used where none is named: that of the variable ``SB3_ENTROPY_STORE``, if it is set"""
    return os.environ.get("SB3_ENTROPY_STORE", DEFAULT_STORE)


def store_option(store: str | Path | None) -> str:
    """
    :param store: a store's path; ``None`` or empty: there is none
    :return: ``--store`` and the path with a space before it; empty for the default
    """
    return f" --store {shlex.quote(str(store))}" if store and str(store) != default_store() else ""


def study_target(study: Study) -> str:
    """
    :param study: a study
    :return: what ``sb3-entropy study run`` calls it: its name only if it is found by that, else the path of its YAML;
        with ``--timesteps`` if it is a rehearsal
    """
    origin = Path(study.document.origin)
    target = origin.stem if study_files().get(origin.stem) == origin else shlex.quote(str(origin))
    # A rehearsal with fewer steps has a name of its own.
    rehearsal = re.fullmatch(rf"{re.escape(origin.stem)}_(\d+)_steps", study.name)
    return f"{target} --timesteps {rehearsal[1]}" if rehearsal else target


def run_command(study: Study, store: str | Path | None = None) -> str:
    """
    :param study: a study
    :param store: its store
    :return: the command that does its missing runs
    """
    return f"sb3-entropy study run {study_target(study)}{store_option(store)}"


def report_command(study: Study, store: str | Path | None = None, folder: Path | None = None) -> str:
    """
    :param study: a study
    :param store: its store
    :param folder: where reports are written; ``None`` for the default
    :return: the command that writes its page
    """
    where = f" -f {shlex.quote(str(folder))}" if folder and folder != Path(DEFAULT_REPORTS) else ""
    return f"sb3-entropy study report {study_target(study)}{store_option(store)}{where}"


def commands(results: StudyResults, folder: Path | None = None) -> str:
    """
    :param results: a study's results
    :param folder: where reports are written; ``None`` for the default
    :return: the command that makes the runs, and the one that writes the page
    """
    return commands_for(results.study, len({run.seed for run in results.runs}), results.store, folder)


def commands_for(study: Study, seeds: int, store: str | Path | None = None, folder: Path | None = None) -> str:
    """
    :param study: a study
    :param seeds: how many seeds have runs
    :param store: its store
    :param folder: where reports are written; ``None`` for the default
    :return: likewise
    """
    some = f" --seeds {seeds}" if seeds and seeds != len(study.seeds) else ""
    return f"{run_command(study, store)}{some}\n{report_command(study, store, folder)}"
