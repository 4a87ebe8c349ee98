"""An object in a process of its own."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from sb3_entropy.engines import worker
from sb3_entropy.engines.answers import read_answer
from sb3_entropy.engines.base import Actor, ActorDied
from sb3_entropy.engines.calls import dump
from sb3_entropy.engines.spawned import Spawned


class ProcessActor(Actor):
    """
    A thread here takes the answers, so that a call never waits for the one before.

    :param cls: the object's class
    :param args: the constructor's arguments
    :param kwargs: the constructor's named arguments
    :raises TypeError: if one of these cannot be pickled
    """

    def __init__(self, cls: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]):
        dump(cls, "The actor's class")
        payload = dump((cls, args, kwargs), "The actor's arguments")
        self._spawned = Spawned(worker.act)
        self._pending: deque[Future[Any]] = deque()
        self._lock = threading.Lock()
        self._death: str | None = None
        self._closing = False
        self._receiver = threading.Thread(target=self._receive, name="actor's answers", daemon=True)
        self._receiver.start()
        self._spawned.send("make", payload)

    def call(self, method: str, *args: Any, **kwargs: Any) -> Future[Any]:
        payload = dump((method, args, kwargs), f"An argument of {method}()")
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            if self._death is not None:
                future.set_exception(ActorDied(self._death))
                return future
            self._pending.append(future)
            # If it is dead the receiver hears of it too, and answers.
            self._spawned.send("call", payload)
        return future

    def _receive(self) -> None:
        while (message := self._spawned.wait()) is not None:
            if message[0] == "answer":
                future = self._pending.popleft()
                try:
                    value = read_answer(message[1])
                except BaseException as error:
                    future.set_exception(error)
                else:
                    future.set_result(value)
        how = "The actor was closed." if self._closing else f"The actor's process {self._spawned.death()}."
        with self._lock:
            self._death = how
            while self._pending:
                self._pending.popleft().set_exception(ActorDied(how))

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        # With nothing left to answer it may end by itself; the thread notices before the connection is closed.
        if not self._pending and self._spawned.send("end"):
            self._receiver.join(timeout=1.0)
        self._spawned.kill()
        self._receiver.join()
        self._spawned.end()
