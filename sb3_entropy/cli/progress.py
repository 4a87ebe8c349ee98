"""How far a study has come: a bar with the time that is left, or lines where there is no terminal."""

import sys
import tempfile
import threading
import time
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Self

from sb3_entropy.errors import last_message
from sb3_entropy.store import RunRecord
from sb3_entropy.studies.plan import PlannedRun
from sb3_entropy.studies.steps import noted_steps

#: seconds
LOOK_EVERY = 0.5
#: where there is no terminal; of more runs than these only every second, third … tells that it has ended
MOST_LINES = 200


class RunProgress:
    """
    Shows the runs of a study: a bar that moves with their steps, or, where there is no terminal, a line as each ends.

    :param name: the study's name
    :param workers: how many runs are done at once
    """

    def __init__(self, name: str, workers: int):
        self.name = name
        self.workers = workers
        #: where the runs note their steps; ``None`` if nobody would look
        self.folder: str | None = None
        #: those that were done, in ended runs and in those at work
        self.steps = 0
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._bar: Any = None
        self._task: Any = None
        self._running: dict[str, int] = {}
        self._total = 0
        self._ended_steps = 0
        self._all_steps = 0
        self._start = time.monotonic()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._watch = threading.Thread(target=self._keep_looking, name="progress of runs", daemon=True)

    def __enter__(self) -> Self:
        if sys.stdout.isatty() and find_spec("rich"):
            self._temporary = tempfile.TemporaryDirectory(prefix="sb3-entropy-")
            self.folder = self._temporary.name
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        if self._watch.is_alive():
            self._watch.join()
        if self._bar is not None:
            self._bar.stop()
        if self._temporary is not None:
            self._temporary.cleanup()

    def start(self, planned: int, to_do: list[PlannedRun], left: int) -> None:
        """
        :param planned: how many runs the call is about
        :param to_do: those that are to be done now
        :param left: those that failed before and are left alone
        """
        self._total = len(to_do)
        self._running = {run.run_id: run.length for run in to_do}
        self._all_steps = sum(self._running.values())
        self._start = time.monotonic()
        done = planned - len(to_do) - left
        found = f"; {done} were done before" if done else ""
        found += f"; {left} failed before and are left alone" if left else ""
        print(f"{self.name}: {len(to_do)} runs, {self._all_steps:,} steps, {self.workers} at once{found}.", flush=True)
        if to_do and self.folder is not None:
            self._bar, self._task = make_bar(self.name, self._all_steps)
            self._watch.start()

    def end(self, run: PlannedRun, record: RunRecord) -> None:
        """
        :param run: a run
        :param record: what became of it
        """
        with self._lock:
            self._ended_steps += self._running.pop(run.run_id)
        self.refresh()
        if record.status == "failed":
            reason = last_message(record.error or "").replace("\n", "\n    ")
            self._print(f"  failed: {_called(run)}: {reason}")
        elif self._bar is None and self._tells(done := self._total - len(self._running)):
            print(
                f"  {done}/{self._total} {_called(run)}: {_scores(record)}"
                f" ({record.recorded['wall_seconds']:.0f} s); {self._left()}",
                flush=True,
            )

    def _tells(self, done: int) -> bool:
        return done == self._total or done % -(-self._total // MOST_LINES) == 0

    def refresh(self) -> None:
        """Look how far the runs are."""
        with self._lock:
            noted = noted_steps(self.folder, self._running) if self.folder is not None else {}
            self.steps = self._ended_steps + sum(min(steps, self._running[run]) for run, steps in noted.items())
            if self._bar is not None:
                runs = f"{self._total - len(self._running)}/{self._total} runs"
                text = f"{runs}, {self.steps:,}/{self._all_steps:,} steps, {self._left()}"
                self._bar.update(self._task, completed=self.steps, left=text)

    def _keep_looking(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            self.refresh()

    def _left(self) -> str:
        return time_left(time.monotonic() - self._start, self.steps, self._all_steps)

    def _print(self, line: str) -> None:
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False)
        else:
            print(line, flush=True)


def time_left(seconds: float, done: int, total: int) -> str:
    """
    :param seconds: that it has taken so far
    :param done: what there is
    :param total: what there will be
    :return: how long it still takes, if it goes on like that
    """
    if not done:
        return "…"
    left = seconds * (total - done) / done
    if left < 90:
        return f"{left:.0f} s left"
    return f"{left / 60:.0f} min left" if left < 5400 else f"{left / 3600:.1f} h left"


def make_bar(name: str, total: int) -> tuple[Any, Any]:
    """
    :param name: what it is the bar of
    :param total: where it ends
    :return: the bar, started, whose tasks have a text ``left``, and the task
    """
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[left]}"))
    bar = Progress(*columns, refresh_per_second=4)
    bar.start()
    return bar, bar.add_task(name, total=total, left="")


def _called(run: PlannedRun) -> str:
    return f"{run.variant.label}, {run.environment}, seed {run.seed}"


def _scores(record: RunRecord) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in list(record.scores.items())[:2]) or "finished"
