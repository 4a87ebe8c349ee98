"""How far the evaluation of a landscape has come: a bar with the time that is left, or lines without a terminal."""

import sys
import time
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Self

from sb3_entropy.cli.progress import make_bar, time_left

#: seconds between two lines where there is no terminal
LINE_EVERY = 10.0


class EpisodeProgress:
    """
    :param name: what is evaluated
    :param total: how many episodes
    """

    def __init__(self, name: str, total: int):
        self.name, self.total = name, total
        self._bar: Any = None
        self._task: Any = None
        self._start = self._told = time.monotonic()

    def __enter__(self) -> Self:
        self._start = self._told = time.monotonic()
        if sys.stdout.isatty() and find_spec("rich"):
            self._bar, self._task = make_bar(self.name, self.total)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def watch(self, done: int) -> None:
        """
        :param done: how many episodes there are
        """
        now = time.monotonic()
        text = f"{done:,}/{self.total:,} episodes, {time_left(now - self._start, done, self.total)}"
        if self._bar is not None:
            self._bar.update(self._task, completed=done, left=text)
        elif now - self._told >= LINE_EVERY:
            self._told = now
            print(f"  {text}", flush=True)
