"""What an engine is: an unordered map over items, and actors, on whatever runs them."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

from sb3_entropy.errors import check_number

Item = TypeVar("Item")
Result = TypeVar("Result")


class EngineError(RuntimeError):
    """An engine cannot go on: its workers do not start, or its cluster is gone. What was yielded before is not lost."""


class ActorDied(EngineError):  # noqa: N818 (a name in the past tense, as Ray's ActorDiedError has it)
    """The process of an actor ended before it answered, or before it was asked."""


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """
    What became of one item.

    :param index: the item's place among the items, from 0
    :param value: what the function returned; ``None`` if there is an error
    :param error: ``None``, or the traceback of an exception in the function, or how its workers died
    """

    index: int
    value: Result | None
    error: str | None = None


class Answer(Protocol):
    """What an actor's method will return. :class:`concurrent.futures.Future` is one."""

    def result(self, timeout: float | None = None) -> Any:
        """
        :param timeout: how long to wait, in seconds; for ever if ``None``
        :return: what the method returned
        :raises TimeoutError: if it has not, by then
        :raises ActorDied: if the actor's process ended
        :raises Exception: what the method raised, or the constructor before it
        """

    def done(self) -> bool:
        """:return: whether :meth:`result` would return, or raise, at once"""


class Actor(ABC):
    """An object that lives in a worker of its own and keeps its state between calls, which are made in order."""

    @abstractmethod
    def call(self, method: str, *args: Any, **kwargs: Any) -> Answer:
        """
        :param method: the name of a method of the object
        :param args: its arguments
        :param kwargs: its named arguments
        :return: the answer to come; an actor that died, or was closed, answers with :class:`ActorDied`
        """

    @abstractmethod
    def close(self) -> None:
        """End the actor, finished or not. Answers still to come are :class:`ActorDied`. Again: does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Shared(ABC):
    """The handle of a thing that each worker gets once: see :meth:`Engine.share`. A ``with`` statement releases it."""

    @abstractmethod
    def release(self) -> None:
        """Free the thing as soon as no call under way needs it. The handle cannot be given to calls any more."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()


class Engine(ABC):
    """
    Runs a function over items, somewhere; a context manager, whose end stops every worker.

    In all engines a worker computes with one thread (PyTorch, BLAS, OpenMP), so that on one machine the numbers are
    equal bit for bit whichever engine, and however many workers, computed them.
    """

    def __init__(self) -> None:
        self._mapping = False
        self._closed = False
        self._actors: list[Actor] = []

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many items are worked on at the same time, at most."""

    def map_unordered(
        self, function: Callable[[Item, Any], Result], items: Iterable[Item], *, shared: Any = None, chunk: int = 1
    ) -> Generator[Outcome[Result], None, None]:
        """
        Apply a function to every item, and yield what becomes of each as soon as it is known, in any order.

        Lazy: an item is taken from ``items`` when a worker is free for it and every outcome that is known has been
        handed out, so a generator of items may depend on the outcomes. Closing the iterator (``break`` in a ``for``
        does) cancels: workers still at it are stopped, nothing more is taken.

        An exception in the function is that item's outcome. A worker that dies is replaced and its items are done
        again, each up to 3 times, then the outcome says how the worker died. Those worked on in a chunk that died
        are done again one by one.

        :param function: called as ``function(item, shared)``; it must not change ``shared``, and be found by name
            (module level) where the engine has other processes
        :param items: what to apply it to
        :param shared: a second argument common to all, sent to each worker once
        :param chunk: how many items a worker is sent at a time: more for functions of microseconds
        :return: the outcomes; a generator, with ``close()``
        :raises TypeError: if ``function`` is not callable or ``items`` not iterable; and, while iterating, if the
            function, ``shared`` or an item cannot be sent to another process, saying which
        :raises ValueError: if ``chunk`` is not a whole number ≥ 1
        :raises EngineError: if the engine is closed, or busy with another map; while iterating, if it cannot go on
        """
        if not callable(function):
            raise TypeError(f"function must be callable as function(item, shared), but {function!r} was given.")
        check_number("chunk", chunk, low=1, integer=True)
        try:
            iter(items)
        except TypeError:
            raise TypeError(f"items must be iterable, but {items!r} ({type(items).__name__}) was given.") from None
        self._check_open()
        return self._run(function, items, shared, int(chunk))

    def _run(
        self, function: Callable[[Item, Any], Result], items: Iterable[Item], shared: Any, chunk: int
    ) -> Generator[Outcome[Result], None, None]:
        self._check_open()
        if self._mapping:
            raise EngineError(
                "This engine is at work on another map. Exhaust or close() that iterator first, or make another engine."
            )
        self._mapping = True
        try:
            yield from self._map(function, items, shared, chunk)
        finally:
            self._mapping = False

    @abstractmethod
    def _map(
        self, function: Callable[[Item, Any], Result], items: Iterable[Item], shared: Any, chunk: int
    ) -> Generator[Outcome[Result], None, None]:
        """:meth:`map_unordered`, with checked arguments; cancels when closed."""

    def spawn(self, cls: Callable[..., object], *args: Any, **kwargs: Any) -> Actor:
        """
        Make an object in a worker of its own, beside those that map.

        :param cls: its class, or a function that makes it
        :param args: the arguments
        :param kwargs: the named arguments
        :return: its handle, at once: an exception of the constructor is what every call answers
        :raises TypeError: if ``cls`` or an argument cannot be sent to another process
        :raises EngineError: if the engine is closed
        """
        if not callable(cls):
            raise TypeError(f"cls must be a class, but {cls!r} was given.")
        self._check_open()
        actor = self._spawn(cls, args, kwargs)
        self._actors.append(actor)
        return actor

    @abstractmethod
    def _spawn(self, cls: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Actor:
        """:meth:`spawn`, with checked arguments."""

    def wait(
        self, answers: Sequence[Answer], count: int = 1, timeout: float | None = None
    ) -> tuple[list[Answer], list[Answer]]:
        """
        Wait for the answers of several actors at once, without looking at each again and again.

        An answer is done when :meth:`Answer.result` would return, or raise, at once: that of an actor that died is.

        :param answers: what :meth:`Actor.call` gave, of any of this engine's actors
        :param count: how many of them are waited for; more may be done by then
        :param timeout: how long, in seconds, at most; for ever if ``None``
        :return: all that are done, fewer than ``count`` only at the timeout, and the others; in the order given
        :raises TypeError: if they are not answers of this engine's, or an argument is not a number
        :raises ValueError: if an answer is given twice, there are fewer than ``count``, or a number is out of its range
        :raises EngineError: if the engine is closed, or, while waiting, its cluster is gone
        """
        answers = list(answers)
        check_number("count", count, low=1, integer=True)
        if count > len(answers):
            raise ValueError(
                f"count must be at most the number of answers, {len(answers)}, but {count} was given. They would be "
                "waited for in vain."
            )
        if timeout is not None:
            check_number("timeout", timeout, low=0)
        self._check_open()
        for answer in answers:
            if not self._answered(answer):
                raise TypeError(f"answers must be what call() of this engine's actors gave, but {answer!r} was given.")
        if len(set(map(id, answers))) < len(answers):
            raise ValueError("answers must differ, but one was given twice. Give each once.")
        done = set(map(id, self._wait(answers, int(count), timeout)))
        return [one for one in answers if id(one) in done], [one for one in answers if id(one) not in done]

    @abstractmethod
    def _answered(self, answer: object) -> bool:
        """:return: whether it may be an answer of this engine's actors"""

    @abstractmethod
    def _wait(self, answers: list[Any], count: int, timeout: float | None) -> Iterable[Answer]:
        """:meth:`wait`, with checked arguments; all that are done, in any order."""

    def share(self, thing: Any) -> Shared:
        """
        Send a large thing to each worker once, instead of with every call: weights of a policy, a data set.

        Its handle arrives as the thing wherever it is among the arguments of :meth:`map_unordered` (an item,
        ``shared``), :meth:`spawn` and :meth:`Actor.call`: as an argument, or in lists, tuples, dicts and dataclasses.
        The thing is pickled here and now, and loaded once by each process that asks for it, by one that replaces a
        dead one too. It is the same object in all calls of a worker, so they must not change it; contiguous arrays that
        come from another process are read-only. Later changes of the thing here may or may not be seen there.

        It is freed when the handle is dropped or released and no call under way needs it, at the latest when the
        engine is closed.

        :param thing: anything that can be pickled
        :return: its handle
        :raises TypeError: if it cannot be sent to another process
        :raises OSError: if there is no room for it
        :raises EngineError: if the engine is closed. Calls raise it for a handle of another engine or a released one
        """
        self._check_open()
        return self._share(thing)

    @abstractmethod
    def _share(self, thing: Any) -> Shared:
        """:meth:`share`, while the engine is open."""

    def close(self) -> None:
        """Stop every worker and actor. Calling it again does nothing, unless the first call was interrupted."""
        self._closed = True
        for actor in self._actors:
            actor.close()
        self._actors.clear()
        self._close()

    @abstractmethod
    def _close(self) -> None:
        """:meth:`close`, after the actors were closed; called again it does nothing."""

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError("This engine is closed. Make another one with make_engine().")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def check_workers(workers: int | None) -> int:
    """
    :param workers: a number of workers; ``None`` for one a core that this process may use
    :return: the number
    :raises TypeError: if it is not a whole number
    :raises ValueError: if it is less than 1
    """
    if workers is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    check_number("workers", workers, low=1, integer=True)
    return int(workers)
