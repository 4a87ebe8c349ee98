"""How far a study has come: a bar with the time that is left, or lines where there is no terminal."""

import sys
import time
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Self

from sb3_entropy.errors import last_message
from sb3_entropy.store import RunRecord
from sb3_entropy.studies.plan import PlannedRun


class RunProgress:
    """
    Shows the runs of a study as they end.

    :param name: the study's name
    :param workers: how many runs are done at once
    """

    def __init__(self, name: str, workers: int):
        self.name = name
        self.workers = workers
        self._bar: Any = None
        self._task: Any = None
        self._done = 0
        self._total = 0
        self._steps_done = 0
        self._steps = 0
        self._start = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def start(self, planned: int, to_do: list[PlannedRun]) -> None:
        """
        :param planned: how many runs the call is about
        :param to_do: those that are not done
        """
        self._total = len(to_do)
        self._steps = sum(run.definition["timesteps"] for run in to_do)
        self._start = time.monotonic()
        found = f"; {planned - len(to_do)} were done before" if planned > len(to_do) else ""
        print(f"{self.name}: {len(to_do)} runs, {self._steps:,} steps, {self.workers} at once{found}.", flush=True)
        if to_do and sys.stdout.isatty() and find_spec("rich"):
            self._bar, self._task = _bar(self.name, self._steps)

    def end(self, run: PlannedRun, record: RunRecord) -> None:
        """
        :param run: a run
        :param record: what became of it
        """
        self._done += 1
        self._steps_done += run.definition["timesteps"]
        left = self._left()
        if record.status == "failed":
            reason = last_message(record.error or "").replace("\n", "\n    ")
            self._print(f"  failed: {_called(run)}: {reason}")
        elif self._bar is None:
            print(
                f"  {self._done}/{self._total} {_called(run)}: {_scores(record)}"
                f" ({record.recorded['wall_seconds']:.0f} s); {left}",
                flush=True,
            )
        if self._bar is not None:
            self._bar.update(self._task, completed=self._steps_done, left=f"{self._done}/{self._total} runs, {left}")

    def _left(self) -> str:
        seconds = (time.monotonic() - self._start) * (self._steps - self._steps_done) / max(self._steps_done, 1)
        if seconds < 90:
            return f"{seconds:.0f} s left"
        return f"{seconds / 60:.0f} min left" if seconds < 5400 else f"{seconds / 3600:.1f} h left"

    def _print(self, line: str) -> None:
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False)
        else:
            print(line, flush=True)


def _bar(name: str, steps: int) -> tuple[Any, Any]:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[left]}"))
    bar = Progress(*columns, refresh_per_second=4)
    bar.start()
    return bar, bar.add_task(name, total=steps, left="")


def _called(run: PlannedRun) -> str:
    return f"{run.variant.label}, {run.environment}, seed {run.seed}"


def _scores(record: RunRecord) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in list(record.scores.items())[:2]) or "finished"
