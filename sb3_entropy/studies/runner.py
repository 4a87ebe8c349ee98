"""Do what is missing of a study: every run once, whatever happens in between."""

import itertools
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sb3_entropy.engines import Engine
from sb3_entropy.errors import last_message
from sb3_entropy.registry import JOBS, MEASURES
from sb3_entropy.store import Artifacts, Member, RunRecord, Store, StoreError, same_but_clock
from sb3_entropy.studies.check import check_study
from sb3_entropy.studies.jobs import Surroundings, Task
from sb3_entropy.studies.plan import Plan, PlannedRun
from sb3_entropy.studies.schedule import Batch, Schedule, batches
from sb3_entropy.studies.spec import Study
from sb3_entropy.studies.worker import Made, failure, work


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
    plan: Plan,
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

    :param plan: the study's
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
    check_study(plan, done=lambda ids: "finished" in store.status(ids).values())
    with store.lock(plan.study.name):
        seeds = _seeds(plan.study.seeds, n_seeds)
        _set_members(plan, store, seeds)
        surroundings = Surroundings(
            measures=plan.study.measures,
            unrecorded=_unrecorded(plan.study),
            engine=type(engine).__name__,
            tensorboard=tensorboard,
            steps=steps,
            packages=plan.packages,
            folder=os.getcwd() if os.getcwd() in sys.path else None,  # Ray's workers look elsewhere
        )
        call = _Call(plan.study.name, store, plan.runs_of(seeds), retry_failed)
        progress.start(len(call.runs), call.to_do, len(call.left))
        counts = {"finished": 0, "failed": 0}
        for run, record in call.do(engine, surroundings):
            counts[record.status] += 1
            progress.end(run, record)
        return Tally(counts["finished"], counts["failed"], len(call.found), len(call.left))


def _unrecorded(study: Study) -> dict[str, tuple[str, ...]]:
    """By kind of run the measures that its runs have nothing of."""
    found = {}
    for name in {arm.job for arm in study.arms.values()}:
        curves = JOBS.get(name)().curves(study)
        found[name] = tuple(each for each in study.measures if not curves.issuperset(MEASURES.get(each).curves))
    return found


def _seeds(stated: tuple[int, ...], wanted: int | None) -> tuple[int, ...]:
    """So many of those that are stated, or these and the smallest others."""
    others = (seed for seed in itertools.count() if seed not in stated)
    return tuple(itertools.islice(itertools.chain(stated, others), len(stated) if wanted is None else wanted))


def _set_members(plan: Plan, store: Store, seeds: tuple[int, ...]) -> None:
    name, stated = plan.study.name, set(plan.study.seeds)
    earlier = {member.seed for member in store.members(name)}  # further seeds stay, for what the study is now
    runs = (*plan.runs, *plan.runs_of(sorted((earlier | set(seeds)) - stated)))
    store.set_members(name, [Member(name, *run.place, run.seed, run.run_id) for run in runs])


class _Call:
    """
    What is to be done of some runs, and doing it.

    :param study: the study's name
    :param store: where finished runs and their files are
    :param runs: the runs, one that another needs before it
    :param retry_failed: whether to do runs again that have failed before
    """

    def __init__(self, study: str, store: Store, runs: Sequence[PlannedRun], retry_failed: bool):
        self.study, self.store, self.runs = study, store, runs
        self.artifacts, self.retry_failed = Artifacts(store), retry_failed
        self.by_id = {run.run_id: run for run in runs}
        #: files to keep by run: two variants may be one and the same run, one of which is needed and the other not
        self.keep: dict[str, set[str]] = {}
        for run in runs:
            self.keep.setdefault(run.run_id, set()).update(run.keep)
        before = store.status(self.by_id)
        wanted: set[str] = set()
        #: runs that are finished, and done again for files that are not there
        self.again: set[str] = set()
        for run in reversed(runs):
            done = before.get(run.run_id)
            if done == "finished" and self._lacks(run, run.run_id in wanted):
                self.again.add(run.run_id)
            if done is None or run.run_id in self.again or (done == "failed" and retry_failed):
                wanted.update((run.run_id, *run.inputs.values()))
        self.found = [run for run in runs if before.get(run.run_id) == "finished" and run.run_id not in self.again]
        self.left = [run for run in runs if before.get(run.run_id) == "failed" and not retry_failed]
        skipped = {run.run_id for run in (*self.found, *self.left)}
        self.to_do = [run for run_id, run in self.by_id.items() if run_id not in skipped]
        #: why a run cannot be needed by another, by its id
        self.failed = {run.run_id: "failed in an earlier call and was left alone" for run in self.left}
        self.recorded: dict[str, RunRecord] = {}

    def _lacks(self, run: PlannedRun, needed: bool) -> bool:
        """Whether it is done again for its files. These are read if failed runs are retried: one may be damaged."""
        names = self.keep[run.run_id] if needed else run.variant.arm.keep
        has = (lambda *of: self._file(*of) is not None) if self.retry_failed else self.artifacts.has
        return not all(has(run.run_id, name) for name in names)

    def _file(self, run_id: str, name: str) -> bytes | None:
        try:
            return self.artifacts.path(run_id, name).read_bytes()
        except StoreError:
            return None

    def do(self, engine: Engine, surroundings: Surroundings) -> Iterator[tuple[PlannedRun, RunRecord]]:
        """
        :param engine: what does the runs
        :param surroundings: what does not change their numbers
        :return: each run with what became of it, when that is in the store
        """
        if self.again:
            records = (record for _, record in self.store.runs(self.study))
            self.recorded = {record.run_id: record for record in records if record and record.run_id in self.again}
        schedule = Schedule(batches(self.to_do))
        while schedule:
            begun: list[Batch] = []
            refused: list[tuple[PlannedRun, RunRecord]] = []
            for outcome in engine.map_unordered(work, self._tasks(schedule, begun, refused), shared=surroundings):
                batch = begun[outcome.index]
                made = outcome.value or [(failure(run.definition, str(outcome.error)), {}) for run in batch]
                kept = self._keep(batch, made)
                schedule.ended(run.run_id for run in batch)
                yield from kept
            yield from refused

    def _tasks(
        self, schedule: Schedule, begun: list[Batch], refused: list[tuple[PlannedRun, RunRecord]]
    ) -> Iterator[Task]:
        """What can be begun now. Its inputs are read when it is, so that few are held at a time."""
        for batch in schedule.ready():
            able, inputs = [], []
            for run in batch:
                files, missing = self._inputs(run)
                if missing:
                    refused += self._keep((run,), [(failure(run.definition, missing), {})])
                    schedule.ended([run.run_id])
                else:
                    able.append(run)
                    inputs.append(files)
            if able:
                begun.append(tuple(able))
                common = {key: value for key, value in able[0].definition.items() if key != "seed"}
                by_key = {key: [files[key] for files in inputs] for key in able[0].inputs}
                keep = tuple(sorted(self.keep[able[0].run_id]))
                yield Task(common, tuple(run.seed for run in able), by_key, keep)

    def _inputs(self, run: PlannedRun) -> tuple[dict[str, dict[str, bytes]], str]:
        """The files that it needs, by setting and name; or why they are not there, in a sentence."""
        files: dict[str, dict[str, bytes]] = {}
        for key, run_id in run.inputs.items():
            of = self.by_id[run_id]
            what = f"{key}: the run of {of.variant.label} in {of.environment} with seed {of.seed} ({run_id})"
            if run_id in self.failed:
                return {}, f"{what} is needed, and {self.failed[run_id]}. --retry-failed does both again."
            found = {name: self._file(run_id, name) for name in run.job.needs[key]}
            if absent := [name for name, content in found.items() if content is None]:
                return (
                    {},
                    f"{what} is needed, and its {', '.join(absent)} is gone or was changed. --retry-failed makes it.",
                )
            files[key] = {name: content for name, content in found.items() if content is not None}
        return files, ""

    def _keep(self, batch: Batch, made: Sequence[Made]) -> list[tuple[PlannedRun, RunRecord]]:
        """Files first: a run that is finished has them."""
        for run, (record, files) in zip(batch, made, strict=True):
            if record.status == "finished" and self._is_as_recorded(run, record):
                for name in self.keep[run.run_id]:
                    self.artifacts.keep(run.run_id, name, files[name])
        records = [record for record, _ in made]
        try:
            self.store.record_all(records)
        except (TypeError, ValueError):  # what a measure or a kind of another package returns may be nothing to keep
            records = [self._recorded(run, record) for run, record in zip(batch, records, strict=True)]
        for record in records:
            if record.error is not None:
                self.failed[record.run_id] = f"has failed: {last_message(record.error)}"
        return list(zip(batch, records, strict=True))

    def _recorded(self, run: PlannedRun, record: RunRecord) -> RunRecord:
        try:
            self.store.record(record)
        except (TypeError, ValueError):
            record = failure(run.definition, traceback.format_exc())
            self.store.record(record)
        return record

    def _is_as_recorded(self, run: PlannedRun, record: RunRecord) -> bool:
        before = self.recorded.get(run.run_id)
        if before is None or same_but_clock(replace(before, scores={}), replace(record, scores={})):
            return True
        text = "it was done again for its files, and gave other numbers than those that are recorded"
        self.failed[run.run_id] = text
        warnings.warn(
            f"{run.variant.label}, {run.environment}, seed {run.seed}: {text}, as another machine's are. The files are "
            "not kept. Name another --store, or do it on the machine of the record.",
            stacklevel=2,
        )
        return False
