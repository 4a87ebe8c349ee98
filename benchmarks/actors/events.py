"""The parts of a simulation event by event: its clock, cores that are shared, and a link that is taken in turn."""

import heapq
import itertools
from collections.abc import Callable
from typing import Any

Then = Callable[..., None]


class Clock:
    """What is to happen, in order of time; of what happens at the same time, what was planned first."""

    def __init__(self) -> None:
        self.now = 0.0
        self._planned: list[tuple[float, int, Then, tuple[Any, ...]]] = []
        self._numbers = itertools.count()

    def at(self, moment: float, then: Then, *args: Any) -> None:
        """
        :param moment: when
        :param then: is called, with ``args``
        """
        heapq.heappush(self._planned, (moment, next(self._numbers), then, args))

    def advance(self) -> None:
        """Go on to the next thing that happens."""
        self.now, _, then, args = heapq.heappop(self._planned)
        then(*args)


class Cores:
    """
    A machine's c cores, shared as an operating system shares them: m tasks at work each advance at the rate
    min(1, c / m). *Virtual time* is how far a task that is always there has advanced.

    :param clock: which goes on
    :param cores: c
    """

    def __init__(self, clock: Clock, cores: int) -> None:
        self._clock, self._cores = clock, cores
        self._tasks: list[tuple[float, int, Then, tuple[Any, ...]]] = []
        self._numbers = itertools.count()
        self._virtual = self._since = 0.0
        self._plan = 0

    def work(self, seconds: float, then: Then, *args: Any) -> None:
        """
        :param seconds: of processor time
        :param then: is called when they have passed, with ``args``
        """
        self._catch_up()
        heapq.heappush(self._tasks, (self._virtual + seconds, next(self._numbers), then, args))
        self._replan()

    def _rate(self) -> float:
        return min(1.0, self._cores / len(self._tasks)) if self._tasks else 0.0

    def _catch_up(self) -> None:
        self._virtual += (self._clock.now - self._since) * self._rate()
        self._since = self._clock.now

    def _replan(self) -> None:
        # Whoever comes or goes changes the rate: what was planned before is void.
        self._plan += 1
        if self._tasks:
            left = max(0.0, self._tasks[0][0] - self._virtual)
            self._clock.at(self._clock.now + left / self._rate(), self._finish, self._plan)

    def _finish(self, plan: int) -> None:
        if plan != self._plan:
            return
        self._catch_up()
        self._virtual, _, then, args = heapq.heappop(self._tasks)
        self._replan()
        then(*args)


class Link:
    """
    One direction of the learner's link: whoever comes first is sent first.

    :param clock: which goes on
    :param seconds: for which one message takes the link
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock, self._seconds, self._free = clock, seconds, 0.0

    def send(self, then: Then, *args: Any) -> None:
        """:param then: is called when the message is through, with ``args``"""
        self._free = max(self._free, self._clock.now) + self._seconds
        self._clock.at(self._free, then, *args)
