"""The actors, whichever process they are in: asked for fragments, replaced when they die."""

import weakref
from collections.abc import Callable, Collection
from types import NoneType
from typing import Any

from sb3_entropy.engines import Actor, ActorDied, Answer, Engine, EngineError, Shared

#: how often in a row an actor may die before it has sent anything
PATIENCE = 3


class Pool:
    """
    :param engine: where the actors live; it is closed with the pool
    :param spawn: makes one, given its number and how many had that number before it
    :param n_actors: how many there are
    """

    def __init__(self, engine: Engine, spawn: Callable[[Engine, int, int], Actor], n_actors: int):
        self._engine, self._spawn = engine, spawn
        self._actors = [spawn(engine, index, 0) for index in range(n_actors)]
        self._before = [0] * n_actors
        self._deaths_in_a_row = [0] * n_actors
        #: by their numbers, those that have been asked, the longest ago first
        self._asked: dict[int, Answer] = {}
        #: how many have died, all in all
        self.deaths = 0
        self.close = weakref.finalize(self, engine.close)

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """A copy of a model makes its own."""
        return NoneType, ()

    def share(self, thing: Any) -> Shared:
        """
        :param thing: what every actor is to get once
        :return: its handle
        """
        return self._engine.share(thing)

    def ask(self, weights: Any, besides: Collection[int], most: int | None) -> None:
        """
        Ask those that wait for the next fragment.

        :param weights: what they are to act with
        :param besides: the numbers of those that are not asked
        :param most: how many fragments may be under way; None for any number
        """
        for index, actor in enumerate(self._actors):
            if most is not None and len(self._asked) >= most:
                return
            if index not in self._asked and index not in besides:
                self._asked[index] = actor.call("collect", weights)

    def take(self, most: int) -> list[Any]:
        """
        Wait for the first fragment, whosever it is. One that has died is replaced, and what it was at is lost.

        :param most: how many to take, if more have come
        :return: those that have been asked for longest first; none if all of them have died
        :raises EngineError: if an actor dies again and again, or the engine cannot go on
        :raises Exception: what an environment has raised
        """
        done, _ = self._engine.wait([*self._asked.values()])
        here = set(map(id, done))
        taken: list[Any] = []
        for index, answer in [*self._asked.items()]:
            if id(answer) in here and len(taken) < most:
                del self._asked[index]
                try:
                    taken.append(answer.result())
                except ActorDied as death:
                    self._replace(index, death)
                else:
                    self._deaths_in_a_row[index] = 0
        return taken

    def _replace(self, index: int, death: ActorDied) -> None:
        self.deaths += 1
        self._deaths_in_a_row[index] += 1
        if self._deaths_in_a_row[index] >= PATIENCE:
            raise EngineError(
                f"Actor {index} has died {PATIENCE} times in a row before it had sent a fragment: {death} SIGKILL is "
                "mostly the system's answer to a lack of memory: use fewer n_actors, or environments. What was saved "
                "is not affected; load the last checkpoint to go on."
            ) from death
        self._actors[index].close()
        self._before[index] += 1
        self._actors[index] = self._spawn(self._engine, index, self._before[index])
