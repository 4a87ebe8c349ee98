"""Do what is missing of a study: every run once, whatever happens in between."""

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from sb3_entropy.engines import Engine
from sb3_entropy.store import Member, RunRecord, Store
from sb3_entropy.studies.check import check_study
from sb3_entropy.studies.plan import PlannedRun, packages, plan
from sb3_entropy.studies.spec import Study
from sb3_entropy.studies.training import circumstances, train_run


class Progress(Protocol):
    """Is told what happens."""

    def start(self, planned: int, to_do: list[PlannedRun], left: int) -> None:
        """
        :param planned: how many runs the call is about
        :param to_do: those that are to be done now
        :param left: those that failed before and are left alone
        """

    def end(self, run: PlannedRun, record: RunRecord) -> None:
        """
        :param run: a run
        :param record: what became of it; it is in the store
        """


@dataclass(frozen=True)
class Tally:
    """
    :param finished: runs that this call has finished
    :param failed: runs that have failed in this call
    :param found: runs that were finished before
    :param left: runs that failed before and were left alone
    """

    finished: int
    failed: int
    found: int
    left: int


def run_study(
    study: Study,
    store: Store,
    engine: Engine,
    progress: Progress,
    *,
    n_seeds: int | None = None,
    retry_failed: bool = False,
    tensorboard: str | None = None,
    steps: str | None = None,
) -> Tally:
    """
    Do the runs of a study that are not in the store yet. Each is put there as soon as it is finished.

    :param study: the study
    :param store: where finished runs are kept
    :param engine: what trains
    :param progress: is told what happens
    :param n_seeds: how many of the study's seeds to run; more than it has extends it; all of them if ``None``
    :param retry_failed: whether to do runs again that have failed before
    :param tensorboard: a folder for TensorBoard's logs, one folder a run
    :param steps: a folder in which every run notes how far it is, see :mod:`~sb3_entropy.studies.steps`
    :return: what was done
    :raises ValueError: if the study cannot be run; nothing has been run then
    """
    if n_seeds is not None and n_seeds > len(study.seeds):
        further = [seed for seed in range(n_seeds + len(study.seeds)) if seed not in study.seeds]
        study = study.model_copy(update={"seeds": (*study.seeds, *further[: n_seeds - len(study.seeds)])})
    check_study(study, done=lambda ids: "finished" in store.status(ids).values())
    with store.lock(study.name):
        options = {"measures": study.measures, "tensorboard": tensorboard, "steps": steps}
        return _run(study, store, engine, progress, n_seeds, retry_failed, options)


def _run(
    study: Study,
    store: Store,
    engine: Engine,
    progress: Progress,
    n_seeds: int | None,
    retry_failed: bool,
    options: dict[str, Any],
) -> Tally:
    runs = plan(study)
    store.set_members(study.name, [*_members(study, runs), *_beyond(study, store)])
    wanted = set(study.seeds[:n_seeds])
    runs = [run for run in runs if run.seed in wanted]
    before = store.status([run.run_id for run in runs])
    found = [run for run in runs if before.get(run.run_id) == "finished"]
    left = [run for run in runs if before.get(run.run_id) == "failed" and not retry_failed]
    skipped = {run.run_id for run in (*found, *left)}
    # Two variants may be one and the same run, e.g. two arms whose swept value makes no difference.
    to_do = list({run.run_id: run for run in runs if run.run_id not in skipped}.values())
    progress.start(len(runs), to_do, len(left))
    counts = {"finished": 0, "failed": 0}
    options = {
        **options,
        "engine": type(engine).__name__,
        "packages": packages(study),
        "folder": os.getcwd() if os.getcwd() in sys.path else None,  # Ray's workers look elsewhere
    }
    for run, trained in _train(to_do, engine, options):
        record = _keep(store, run, trained)
        counts[record.status] += 1
        progress.end(run, record)
    return Tally(counts["finished"], counts["failed"], len(found), len(left))


def _keep(store: Store, run: PlannedRun, record: RunRecord) -> RunRecord:
    """What a measure of another package returns may be nothing that can be kept: then the run has failed."""
    try:
        store.record(record)
    except (TypeError, ValueError):
        failure = _failure(run, traceback.format_exc())
        store.record(failure)
        return failure
    return record


def _train(to_do: list[PlannedRun], engine: Engine, options: dict[str, Any]) -> Iterator[tuple[PlannedRun, RunRecord]]:
    items = [(run.run_id, run.definition) for run in to_do]
    train: Callable[[Any, Any], RunRecord] = train_run
    for outcome in engine.map_unordered(train, items, shared=options):
        run = to_do[outcome.index]
        record = outcome.value if outcome.error is None else _failure(run, outcome.error)
        assert isinstance(record, RunRecord)
        yield run, record


def _failure(run: PlannedRun, error: str) -> RunRecord:
    return RunRecord(
        run_id=run.run_id,
        definition=run.definition,
        status="failed",
        scores={},
        steps=(),
        curves={},
        error=error,
        recorded=circumstances(time.time()),
    )


def _members(study: Study, runs: list[PlannedRun]) -> list[Member]:
    return [Member(study.name, run.variant.label, run.environment, run.seed, run.run_id) for run in runs]


def _beyond(study: Study, store: Store) -> list[Member]:
    """An earlier call's further seeds stay, for what the study is now."""
    further = {member.seed for member in store.members(study.name)} - set(study.seeds)
    return _members(study, plan(study.model_copy(update={"seeds": tuple(sorted(further))}))) if further else []
