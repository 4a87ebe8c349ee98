"""A Ray cluster, or a Ray that is started on this machine for the purpose. Needs the extra ``ray``."""

import math
import pickle
import time
import uuid
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from sb3_entropy.engines import ray_cluster as cluster
from sb3_entropy.engines.backlog import Backlog, Chunk
from sb3_entropy.engines.base import Actor, Answer, Engine, EngineError, Item, Outcome, Result, Shared, check_workers
from sb3_entropy.engines.calls import dump_parts, load_called
from sb3_entropy.engines.ray_actor import RayActor, RayAnswer
from sb3_entropy.engines.ray_worker import fetch, work
from sb3_entropy.engines.shared import Kept, Key, Shares, places
from sb3_entropy.engines.threads import ONE_THREAD

#: for how long Ray is waited for before somebody looks whether its head is there, in seconds
_SLICE = 1.0


class RayEngine(Engine):
    """
    Tasks of Ray core, at most one a worker; what must survive is kept here, not in the cluster.

    Repeating what was lost is done here too, as for processes, so an item that kills its worker is found out in the
    same way. The package must be installed on every node. A Ray that the program has initialised itself is used, and
    left running.

    :param workers: how many tasks run at a time; ``None`` for the cluster's number of CPUs, whatever it is by then
    :param address: the cluster to join, ``"host:port"`` or ``"auto"``; ``None`` to start one here, on loopback
    :raises TypeError: if ``workers`` is not a whole number
    :raises ValueError: if it is less than 1, or the address is not one of a cluster
    :raises ImportError: if Ray is not installed
    :raises EngineError: if the cluster cannot be joined
    """

    def __init__(self, workers: int | None = None, address: str | None = None):
        super().__init__()
        self._workers = None if workers is None else check_workers(workers)
        self._ray, self._ours = cluster.connect(self._workers, address)
        self._head = cluster.Head(self._ray)
        # By value where it is defined in the script, which the cluster does not have.
        self._shares = Shares(self._keep, self._ray.cloudpickle.dumps)
        errors = self._ray.exceptions
        self._deaths = (
            errors.WorkerCrashedError,
            errors.NodeDiedError,
            errors.OutOfMemoryError,
            errors.ObjectLostError,
        )
        self._capacity, self._counted = 1, -float("inf")
        options = {"num_cpus": 1, "max_retries": 0, "runtime_env": {"env_vars": ONE_THREAD}}
        self._work = self._ray.remote(**options)(work)

    @property
    def workers(self) -> int:
        if self._workers is not None:
            return self._workers
        # Nodes come and go. A head that has gone would be waited for.
        if time.monotonic() - self._counted > 5 and self._head.answers():
            with self._head.speaking():
                self._capacity = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
            self._counted = time.monotonic()
        return self._capacity

    def _map(
        self, function: Callable[[Item, Any], Result], items: Iterable[Item], shared: Any, chunk: int
    ) -> Generator[Outcome[Result], None, None]:
        task = self._shares.dump(function, "The function"), self._shares.dump(shared, "shared")
        # In a list Ray does not fetch it for every chunk: a worker does, once.
        with self._head.speaking():
            place = [self._ray.put(tuple(part.data for part in task))]
        name = uuid.uuid4().hex
        backlog = Backlog(items, chunk, self._shares.dump)
        pending: dict[Any, Chunk] = {}
        try:
            while True:
                while len(pending) < self.workers and (taken := backlog.take()) is not None:
                    with self._head.speaking():
                        payloads = [payload.data for payload in taken.payloads]
                        shares = places(*task, *taken.payloads)
                        pending[self._work.remote(name, place, payloads, shares)] = taken
                if not pending:
                    return
                for reference in self._finished(list(pending), 1, _SLICE):
                    yield from self._fetch(reference, pending.pop(reference), backlog)
                self._head.check()
        finally:
            for reference in pending:
                with suppress(Exception):
                    self._ray.cancel(reference, force=True)

    def _finished(self, references: list[Any], count: int, timeout: float) -> list[Any]:
        """Wait for so many; all that are finished by then."""
        with self._head.speaking():
            finished: list[Any] = self._ray.wait(references, num_returns=count, timeout=timeout)[0]
            if count <= len(finished) < len(references):
                finished = self._ray.wait(references, num_returns=len(references), timeout=0)[0]
        return finished

    def _fetch(self, reference: Any, chunk: Chunk, backlog: Backlog) -> list[Outcome[Any]]:
        with self._head.speaking():
            try:
                results = self._ray.get(reference)
            except self._deaths as death:
                return backlog.lost(chunk, f"died with Ray's {type(death).__name__}")
        if isinstance(results, str):
            raise EngineError(
                "The function, or shared, cannot be read in a worker of Ray. The modules that they need must be "
                f"installed on every node.\n{results}"
            )
        return chunk.outcomes([load_called(payload) for payload in results])

    def _spawn(self, cls: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Actor:
        return RayActor(self._ray, self._head, self._shares.dump, cls, args, kwargs)

    def _answered(self, answer: object) -> bool:
        # Of an actor that was closed it is a future.
        return isinstance(answer, RayAnswer) or (isinstance(answer, Future) and answer.done())

    def _wait(self, answers: list[RayAnswer | Future[Any]], count: int, timeout: float | None) -> list[Answer]:
        done: list[Answer] = [answer for answer in answers if isinstance(answer, Future)]
        asked = {answer.reference: answer for answer in answers if isinstance(answer, RayAnswer)}
        end = math.inf if timeout is None else time.monotonic() + timeout
        # Answers may come for a while after the head has gone.
        self._head.check()
        while asked:
            # All that are done are looked for where no more are needed too.
            needed = count - len(done)
            left = end - time.monotonic() if needed > 0 else 0.0
            finished = self._finished([*asked], max(needed, 1), max(0.0, min(left, _SLICE)))
            if len(finished) >= needed or left <= _SLICE:
                return done + [asked[reference] for reference in finished]
            # Ray would wait for a head that has gone for ever.
            self._head.check()
        return done

    def _share(self, thing: Any) -> Shared:
        return self._shares.share(thing)

    def _keep(self, key: Key, thing: Any) -> Kept:
        parts = dump_parts(thing, "What is shared", self._ray.cloudpickle.dumps)
        with self._head.speaking():
            return Kept(key, self._ray.put([pickle.PickleBuffer(part) for part in parts]), (fetch, key))

    def _close(self) -> None:
        self._shares.close()
        if self._ours:
            self._ours = False
            self._ray.shutdown()
