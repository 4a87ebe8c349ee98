"""Everything in this process, one after the other: for debuggers, and what the others are compared with."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from typing import Any

from sb3_entropy.engines.base import Actor, ActorDied, Answer, Engine, Item, Outcome, Result, Shared
from sb3_entropy.engines.calls import call
from sb3_entropy.engines.shared import Kept, Shares
from sb3_entropy.engines.threads import ThreadLimit


class SerialEngine(Engine):
    """
    The function is called when the next outcome is asked for. Threads are limited to one while it runs.

    :param workers: 1, or ``None``, which is the same
    :param address: ``None``: there is no cluster
    :raises ValueError: if anything else is given
    """

    def __init__(self, workers: int | None = None, address: str | None = None):
        super().__init__()
        if workers not in (None, 1) or isinstance(workers, bool):
            raise ValueError(
                f"The engine 'serial' has one worker, but workers={workers!r} was given. "
                "Leave it out, or use the engine 'process'."
            )
        if address is not None:
            raise ValueError(f"Only the engine 'ray' has an address, but {address!r} was given to 'serial'.")
        self._shares = Shares(Kept)

    @property
    def workers(self) -> int:
        return 1

    def _map(
        self, function: Callable[[Item, Any], Result], items: Iterable[Item], shared: Any, chunk: int
    ) -> Generator[Outcome[Result], None, None]:
        limit = ThreadLimit()
        shared = self._shares.resolve(shared)
        for index, item in enumerate(items):
            arrived = self._shares.resolve(item)
            with limit():
                value, error = call(function, arrived, shared)
            yield Outcome(index, value, error)

    def _spawn(self, cls: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Actor:
        return SerialActor(self._shares.resolve, cls, args, kwargs)

    def _answered(self, answer: object) -> bool:
        return isinstance(answer, Future) and answer.done()

    def _wait(self, answers: list[Future[Any]], count: int, timeout: float | None) -> list[Answer]:
        # Their methods were called when they were asked for.
        return [*answers]

    def _share(self, thing: Any) -> Shared:
        return self._shares.share(thing)

    def _close(self) -> None:
        self._shares.close()


class SerialActor(Actor):
    """
    An object of this process, called at once.

    :param resolve: puts things in the place of their handles
    :param cls: its class
    :param args: the constructor's arguments
    :param kwargs: the constructor's named arguments
    """

    def __init__(
        self,
        resolve: Callable[[Any], Any],
        cls: Callable[..., object],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ):
        self._resolve = resolve
        args, kwargs = resolve((args, kwargs))
        self._limit = ThreadLimit()
        self._object: object = None
        self._error: Exception | None = None
        try:
            with self._limit():
                self._object = cls(*args, **kwargs)
        except (Exception, SystemExit) as error:
            self._error = _exception(error)

    def call(self, method: str, *args: Any, **kwargs: Any) -> Future[Any]:
        args, kwargs = self._resolve((args, kwargs))
        future: Future[Any] = Future()
        if self._error is not None:
            future.set_exception(self._error)
            return future
        try:
            with self._limit():
                future.set_result(getattr(self._object, method)(*args, **kwargs))
        except (Exception, SystemExit) as error:
            future.set_exception(_exception(error))
        return future

    def close(self) -> None:
        if not isinstance(self._error, ActorDied):
            self._object, self._error = None, ActorDied("The actor was closed.")


def _exception(error: BaseException) -> Exception:
    """As from another process, where sys.exit() must not end this one."""
    return error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")
