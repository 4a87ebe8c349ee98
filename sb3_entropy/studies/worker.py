"""A task, in whichever process it is done: from its definition to records that can be kept."""

import datetime
import platform
import subprocess
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sb3_entropy.environments import import_packages, register_envs
from sb3_entropy.registry import JOBS, MEASURES
from sb3_entropy.store import RunRecord
from sb3_entropy.studies.identity import run_id
from sb3_entropy.studies.jobs import Job, Result, Surroundings, Task

#: of the warnings that are recorded
MOST_MESSAGES, MESSAGE_LENGTH = 5, 300
#: a run, and the files that are to be kept of it
Made = tuple[RunRecord, Mapping[str, bytes]]


def work(task: Task, surroundings: Surroundings) -> list[Made]:
    """
    Do a task. Its warnings are recorded and not shown. Where it raises, the seeds that it had not done have failed.

    :param task: the task
    :param surroundings: what does not change its numbers
    :return: a record a seed with its files, in the order of the seeds
    :raises ValueError: if its kind or a package is not installed here
    """
    import_packages(surroundings.packages, surroundings.folder)
    register_envs()
    job: Job = JOBS.get(task.job)()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("default")
        return list(_made(job, task, surroundings, warned))


def run_alone(definition: Mapping[str, Any], surroundings: Surroundings | None = None) -> RunRecord:
    """
    :param definition: a run's, that needs no other run
    :param surroundings: what does not change its numbers
    :return: its record
    :raises RuntimeError: if it fails, with the traceback
    """
    common = {key: value for key, value in definition.items() if key != "seed"}
    ((record, _),) = work(Task(common, (definition["seed"],)), surroundings or Surroundings())
    if record.error is not None:
        raise RuntimeError(record.error)
    return record


def _made(job: Job, task: Task, surroundings: Surroundings, warned: list[Any]) -> Iterator[Made]:
    definitions = [{**task.definition, "seed": seed} for seed in task.seeds]
    elsewhere = surroundings.unrecorded.get(task.job, ())
    measures = [measure for measure in surroundings.measures if measure not in elsewhere]
    started, done = time.time(), 0
    try:
        for definition, result in zip(definitions, job.run(task, surroundings), strict=True):
            if absent := sorted(set(task.keep) - result.files.keys()):
                raise ValueError(f"A run of the kind {task.job} was asked for {', '.join(absent)} and has not kept it.")
            scores = score(result.steps, result.curves, measures)
            said = list(dict.fromkeys(str(warning.message)[:MESSAGE_LENGTH] for warning in warned))
            recorded = {"engine": surroundings.engine, **result.recorded, "warnings": said[:MOST_MESSAGES]}
            yield _record(definition, started, result, scores, recorded), result.files
            started, done = time.time(), done + 1
    except Exception:
        if done == len(definitions):  # more results than seeds: nobody knows whose they are
            raise
        error = traceback.format_exc()
        yield from ((failure(definition, error, started), {}) for definition in definitions[done:])


def _record(
    definition: dict[str, Any], started: float, result: Result, scores: dict[str, float], recorded: dict[str, Any]
) -> RunRecord:
    return RunRecord(
        run_id=run_id(definition),
        definition=definition,
        status="finished",
        scores=scores,
        steps=tuple(map(int, result.steps)),
        curves={name: tuple(map(float, values)) for name, values in result.curves.items()},
        error=None,
        recorded={**circumstances(started), **recorded},
    )


def failure(definition: dict[str, Any], error: str, started: float | None = None) -> RunRecord:
    """
    :param definition: a run's
    :param error: why it has failed: a traceback, or a sentence
    :param started: seconds since the epoch; now if ``None``
    :return: its record
    """
    return RunRecord(
        run_id=run_id(definition),
        definition=definition,
        status="failed",
        scores={},
        steps=(),
        curves={},
        error=error,
        recorded=circumstances(time.time() if started is None else started),
    )


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
