"""Actors and a learner, event by event: what bounds and product forms leave out, and how old weights are."""

import itertools
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.actors.events import Clock, Cores, Link, Then
from benchmarks.actors.load import Load, Times
from sb3_entropy.errors import check_number


@dataclass(frozen=True)
class Simulated:
    """
    What was counted between the end of the warm-up and the end.

    :param frames_per_s: frames that were learnt from a second
    :param utilisation: the share of the time in which the learner was at work
    :param lags: how often a fragment that was learnt from had each lag: the updates between its weights and its own
    :param dropped: the share of the fragments that were older than allowed
    :param seconds: how long it was, in the model's time
    """

    frames_per_s: float
    utilisation: float
    lags: Counter[int]
    dropped: float
    seconds: float

    @property
    def mean_lag(self) -> float:
        """:return: the mean of the lags"""
        return sum(lag * count for lag, count in self.lags.items()) / self.lags.total()

    def lag_quantile(self, share: float) -> int:
        """
        :param share: between 0 and 1
        :return: the least lag that at least this share of the fragments does not exceed
        """
        below = itertools.accumulate(self.lags[lag] for lag in sorted(self.lags))
        return next(lag for lag, n in zip(sorted(self.lags), below, strict=True) if n >= share * self.lags.total())


class System:
    """
    The actors, the learner and what is between them.

    :param load: what they cost
    :param n_actors: how many actors there are
    :param max_lag: beyond this lag a fragment is dropped, which costs nothing; None for never
    :param generator: of the random times
    """

    def __init__(self, load: Load, n_actors: int, max_lag: int | None, generator: np.random.Generator) -> None:
        self.load, self.max_lag, self._generator = load, max_lag, generator
        self.clock = Clock()
        self.updates = self.dropped = 0
        self.busy = 0.0
        self.lags: Counter[int] = Counter()
        self._machines = [Cores(self.clock, load.cores) for _ in range(load.machines(n_actors))]
        self._crowded = load.crowded(n_actors)
        self._down, self._up = Link(self.clock, load.down), Link(self.clock, load.up)
        self._came: deque[int] = deque()
        self._batch: list[tuple[int, int]] = []
        self._at_work = False
        self._weights = [0] * n_actors
        for actor in range(n_actors):
            self._ask(actor)

    def _time(self, times: Times) -> float:
        return float(times.draw(1, self._generator)[0])

    def _ask(self, actor: int) -> None:
        self._weights[actor] = self.updates
        self._down.send(self._travel, actor, self._collect, actor, 0)

    def _travel(self, actor: int, then: Then, *args: Any) -> None:
        # Both ways at once: the order of what takes no place in a queue does not matter.
        self.clock.at(self.clock.now + self._time(self.load.latency), then, *args)

    def _collect(self, actor: int, step: int) -> None:
        load, now = self.load, self.clock.now
        if not self._crowded:
            # Nobody is in anybody's way: a fragment is a single time.
            seconds = sum(times.draw(load.n_steps, self._generator).sum() for times in (load.wait, load.compute))
            self.clock.at(now + float(seconds), self._up.send, self._arrive, actor)
        elif step == load.n_steps:
            self._up.send(self._arrive, actor)
        else:
            self.clock.at(now + self._time(load.wait), self._compute, actor, step)

    def _compute(self, actor: int, step: int) -> None:
        machine = self._machines[actor // (self.load.actors_per_machine or len(self._weights))]
        machine.work(self._time(self.load.compute), self._collect, actor, step + 1)

    def _arrive(self, actor: int) -> None:
        self._came.append(actor)
        self._learn()

    def _learn(self) -> None:
        while self._came and not self._at_work:
            actor = self._came.popleft()
            lag = self.updates - self._weights[actor]
            if self.max_lag is not None and lag > self.max_lag:
                self.dropped += 1
                self._ask(actor)
            else:
                self._batch.append((actor, lag))
                self._at_work = True
                self._work(self.load.fragment, self._add)

    def _add(self) -> None:
        if len(self._batch) == self.load.n_fragments:
            self._work(self.load.update, self._update)
        else:
            self._rest()

    def _update(self) -> None:
        self.updates += 1
        batch, self._batch = self._batch, []
        for actor, lag in batch:
            self.lags[lag] += 1
            self._ask(actor)
        self._rest()

    def _rest(self) -> None:
        self._at_work = False
        self._learn()

    def _work(self, times: Times, then: Then) -> None:
        seconds = self._time(times)
        if self.load.learner_apart:
            self.clock.at(self.clock.now + seconds, self._worked, self.clock.now, then)
        else:
            self._machines[0].work(seconds, self._worked, self.clock.now, then)

    def _worked(self, since: float, then: Then) -> None:
        self.busy += self.clock.now - since
        then()


def simulate(
    load: Load, n_actors: int, updates: int = 2000, *, warm_up: int = 200, max_lag: int | None = None, seed: int = 0
) -> Simulated:
    """
    :param load: what a round costs
    :param n_actors: how many actors there are
    :param updates: that are counted
    :param warm_up: updates before them
    :param max_lag: beyond this lag a fragment is dropped, and its actor asked again; None for never
    :param seed: of the random times
    :return: what was counted
    :raises TypeError: if a count is not a whole number
    :raises ValueError: if it is out of its range, or there are fewer actors than an update has fragments
    """
    load.check_actors(n_actors)
    check_number("updates", updates, low=1, integer=True)
    check_number("warm_up", warm_up, low=0, integer=True)
    system = System(load, n_actors, max_lag, np.random.default_rng(seed))
    while system.updates < warm_up:
        system.clock.advance()
    start, system.busy, system.dropped = system.clock.now, 0.0, 0
    system.lags.clear()
    while system.updates < warm_up + updates:
        system.clock.advance()
    seconds = system.clock.now - start
    learnt = updates * load.n_fragments
    return Simulated(
        learnt * load.frames / seconds,
        system.busy / seconds,
        system.lags,
        system.dropped / (learnt + system.dropped),
        seconds,
    )
