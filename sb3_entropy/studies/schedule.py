"""Which runs can be begun: those whose inputs are there."""

from collections import deque
from collections.abc import Iterable, Iterator

from sb3_entropy.studies.plan import Place, PlannedRun

#: runs of one definition that are done in one call
Batch = tuple[PlannedRun, ...]


def batches(runs: Iterable[PlannedRun]) -> list[Batch]:
    """
    :param runs: runs to be done
    :return: the same, in the order of their first ones, as many seeds together as their kind does at once
    """
    made: list[list[PlannedRun]] = []
    open_at: dict[Place, list[PlannedRun]] = {}
    for run in runs:
        batch = open_at.get(run.place)
        if batch is None or len(batch) >= run.job.seeds_at_once:
            batch = open_at[run.place] = []
            made.append(batch)
        batch.append(run)
    return [tuple(batch) for batch in made]


class Schedule:
    """
    Hands batches out, each once, as soon as no run that it needs is still to be done.

    :param waiting: batches, an input's before those that need it
    """

    def __init__(self, waiting: Iterable[Batch]):
        self._ready: deque[Batch] = deque()
        self._waiting: list[tuple[Batch, set[str]]] = []
        given = list(waiting)
        to_do = {run.run_id for batch in given for run in batch}
        for batch in given:
            self._place(batch, {needed for run in batch for needed in run.inputs.values()} & to_do)

    def __bool__(self) -> bool:
        """Whether there is a batch that has not been handed out."""
        return bool(self._ready or self._waiting)

    def ready(self) -> Iterator[Batch]:
        """:return: batches, until there is none whose inputs are there; more may be when runs have ended"""
        while self._ready:
            yield self._ready.popleft()

    def ended(self, run_ids: Iterable[str]) -> None:
        """
        :param run_ids: runs that are done, or have failed
        """
        ended = set(run_ids)
        waiting, self._waiting = self._waiting, []
        for batch, needed in waiting:
            self._place(batch, needed - ended)

    def _place(self, batch: Batch, needed: set[str]) -> None:
        if needed:
            self._waiting.append((batch, needed))
        else:
            self._ready.append(batch)
