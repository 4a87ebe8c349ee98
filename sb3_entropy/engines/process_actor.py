"""An object in a process of its own."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from sb3_entropy.engines import worker
from sb3_entropy.engines.answers import read_answer
from sb3_entropy.engines.base import Actor, ActorDied
from sb3_entropy.engines.shared import Kept, Payload
from sb3_entropy.engines.spawned import GUARD, Spawned


class ProcessActor(Actor):
    """
    A thread here takes the answers, so that a call never waits for the one before.

    :param dump: pickles a thing, given with what it is called in a message
    :param cls: the object's class
    :param args: the constructor's arguments
    :param kwargs: the constructor's named arguments
    :raises TypeError: if one of these cannot be pickled
    """

    def __init__(
        self,
        dump: Callable[[Any, str], Payload],
        cls: Callable[..., object],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ):
        self._dump = dump
        dump(cls, "The actor's class")
        payload = dump((cls, args, kwargs), "The actor's arguments")
        self._spawned = Spawned(worker.act)
        # Each with the shared things that it is waiting for.
        self._pending: deque[tuple[Future[Any], tuple[Kept, ...]]] = deque()
        self._making = payload.kept
        self._lock = threading.Lock()
        self._death: str | None = None
        self._ready = self._closing = False
        self._receiver = threading.Thread(target=self._receive, name="actor's answers", daemon=True)
        self._receiver.start()
        self._spawned.send("make", payload.data)

    def call(self, method: str, *args: Any, **kwargs: Any) -> Future[Any]:
        payload = self._dump((method, args, kwargs), f"An argument of {method}()")
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            if self._death is not None:
                future.set_exception(ActorDied(self._death))
                return future
            self._pending.append((future, payload.kept))
            # If it is dead the receiver hears of it too, and answers.
            self._spawned.send("call", payload.data)
        return future

    def _receive(self) -> None:
        while (message := self._spawned.wait()) is not None:
            if message[0] == "ready":
                self._ready = True
            elif message[0] == "made":
                self._making = ()
            elif message[0] == "answer":
                future = self._pending.popleft()[0]
                try:
                    value = read_answer(message[1])
                except BaseException as error:
                    future.set_exception(error)
                else:
                    future.set_result(value)
        how = "The actor was closed." if self._closing else f"The actor's process {self._spawned.death()}.{self._hint}"
        with self._lock:
            self._death, self._making = how, ()
            while self._pending:
                self._pending.popleft()[0].set_exception(ActorDied(how))

    @property
    def _hint(self) -> str:
        """What is mostly to be done if it ended by itself before it had begun."""
        if self._ready or not self._spawned.process.exitcode or self._spawned.process.exitcode < 0:
            return ""
        return f" Its own message is above. {GUARD}"

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
