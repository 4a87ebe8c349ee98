"""Worker processes on this machine, spawned once and kept."""

import atexit
import os
import time
import weakref
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from multiprocessing import util as _util  # noqa: F401 (its exit handler must be registered before ours, to run after)
from typing import Any

from sb3_entropy.engines.base import Actor, Answer, Engine, Item, Outcome, Result, Shared, check_workers
from sb3_entropy.engines.process_actor import ProcessActor
from sb3_entropy.engines.process_pool import Pool
from sb3_entropy.engines.shared import Shares
from sb3_entropy.engines.shared_file import keep_in_file


class ProcessEngine(Engine):
    """
    Persistent worker processes, started by ``spawn`` when there is work for them, each with a pipe of its own.

    As always with ``spawn``, a worker imports the script that was started: guard what a script does with
    ``if __name__ == "__main__":``. Ctrl-C is left to this process. Workers end with it, even by ``kill -9``.

    :param workers: the number of processes; ``None`` for one a core
    :param address: ``None``: there is no cluster
    :raises TypeError: if ``workers`` is not a whole number
    :raises ValueError: if it is less than 1, or an address is given
    """

    def __init__(self, workers: int | None = None, address: str | None = None):
        super().__init__()
        self._workers = check_workers(workers)
        if address is not None:
            raise ValueError(f"Only the engine 'ray' has an address, but {address!r} was given to 'process'.")
        self._shares = Shares(keep_in_file)
        self._pool = Pool(self._workers, self._shares.dump)
        # Python's own exit handler would wait for ever for workers that wait for work.
        atexit.register(_close, weakref.ref(self), os.getpid())

    @property
    def workers(self) -> int:
        return self._workers

    def _map(
        self, function: Callable[[Item, Any], Result], items: Iterable[Item], shared: Any, chunk: int
    ) -> Generator[Outcome[Result], None, None]:
        task = self._shares.dump(function, "The function"), self._shares.dump(shared, "shared")
        try:
            yield from self._pool.map(task, items, chunk)
        finally:
            self._pool.cancel()

    def _spawn(self, cls: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Actor:
        return ProcessActor(self._shares.dump, cls, args, kwargs)

    def _answered(self, answer: object) -> bool:
        return isinstance(answer, Future)

    def _wait(self, answers: list[Future[Any]], count: int, timeout: float | None) -> list[Answer]:
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            done: list[Answer] = [answer for answer in answers if answer.done()]
            left = None if end is None else end - time.monotonic()
            if len(done) >= count or (left is not None and left <= 0):
                return done
            wait(set(answers).difference(done), left, FIRST_COMPLETED)

    def _share(self, thing: Any) -> Shared:
        return self._shares.share(thing)

    def _close(self) -> None:
        self._pool.close()
        self._shares.close()


def _close(engine: weakref.ref[ProcessEngine], pid: int) -> None:
    found = engine()
    # A process that this one forked has no workers of its own.
    if found is not None and os.getpid() == pid:
        found.close()
