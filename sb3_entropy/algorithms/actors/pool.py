"""The actors, whichever process they are in: asked for fragments, replaced when they die."""

import os
import warnings
import weakref
from collections.abc import Callable, Collection
from dataclasses import dataclass
from types import NoneType
from typing import Any

from sb3_entropy.engines import Actor, ActorDied, Answer, Engine, EngineError, Shared

#: how often in a row an actor may die before it has sent anything
PATIENCE = 3

Spawn = Callable[[Engine, Shared, int, int], Actor]


@dataclass
class Asked:
    """
    A fragment that is under way.

    :param answer: the fragment to come
    :param version: of the weights that it is collected with
    :param wanted: whether it will be taken when it has come
    """

    answer: Answer
    version: int
    wanted: bool = True


class Pool:
    """
    :param engine: where the actors live; it is closed with the pool, or if there can be no pool
    :param spawn: makes one, given its arguments, its number and how many had that number before it
    :param arguments: what all are made of; sent to each worker once
    :param n_actors: how many there are
    """

    def __init__(self, engine: Engine, spawn: Spawn, arguments: Any, n_actors: int):
        # At the end of the program too.
        self.close = weakref.finalize(self, _close, engine, os.getpid())
        self._engine, self._spawn = engine, spawn
        try:
            self._arguments = engine.share(arguments)
            # They start side by side: nobody is waited for.
            self._actors = [spawn(engine, self._arguments, index, 0) for index in range(n_actors)]
        except BaseException:
            self.close()
            raise
        self._before = [0] * n_actors
        self._deaths_in_a_row = [0] * n_actors
        #: by their numbers, those that have been asked, the longest ago first
        self._asked: dict[int, Asked] = {}
        #: the numbers of the others, those that have waited longest first
        self._idle = [*range(n_actors)]
        #: the numbers of those that have died and been replaced; for whoever wants to know it to empty
        self.replaced: list[int] = []

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """A copy of a model makes its own."""
        return NoneType, ()

    def share(self, thing: Any) -> Shared:
        """
        :param thing: what every actor is to get once
        :return: its handle
        """
        return self._engine.share(thing)

    def ask(
        self, weights: Any, version: int, besides: Collection[int], most: int | None = None, since: int = 0
    ) -> None:
        """
        Ask those that wait for the next fragment, the one that has waited longest first.

        :param weights: what they are to act with
        :param version: the weights'
        :param besides: the numbers of those that are not asked
        :param most: how many fragments may be under way; None for any number
        :param since: of which version on; older ones come too late, and whoever is at them is waited for by nobody
        """
        for index in [index for index in self._idle if index not in besides]:
            if most is not None and sum(asked.version >= since for asked in self._asked.values()) >= most:
                return
            self._asked[index] = Asked(self._actors[index].call("collect", weights), version)
            self._idle.remove(index)

    def discard(self) -> None:
        """What is under way is not taken when it has come."""
        for asked in self._asked.values():
            asked.wanted = False

    def take(self, most: int) -> list[Any]:
        """
        Wait for the first fragment, whosever it is. One that has died is replaced, and what it was at is lost.

        :param most: how many to take, if more have come; ≥ 1
        :return: those that have been asked for longest first; none if all of them have died, or were discarded
        :raises EngineError: if nobody is asked, an actor dies again and again, or the engine cannot go on
        :raises Exception: what an environment has raised
        """
        if not self._asked:
            raise EngineError("Nobody is asked for a fragment, so none will come. Ask before you take.")
        done, _ = self._engine.wait([asked.answer for asked in self._asked.values()])
        here = set(map(id, done))
        taken: list[Any] = []
        for index, asked in [*self._asked.items()]:
            if id(asked.answer) in here and len(taken) < most:
                del self._asked[index]
                self._idle.append(index)
                try:
                    fragment = asked.answer.result()
                except ActorDied as death:
                    self._replace(index, death)
                else:
                    self._deaths_in_a_row[index] = 0
                    taken += [fragment] if asked.wanted else []
        return taken

    def _replace(self, index: int, death: ActorDied) -> None:
        self._deaths_in_a_row[index] += 1
        if self._deaths_in_a_row[index] >= PATIENCE:
            raise EngineError(
                f"Actor {index} has died {PATIENCE} times in a row before it had sent a fragment. {_why(death)} What "
                "was saved is not affected; load the last checkpoint to go on."
            ) from death
        self._actors[index].close()
        self._before[index] += 1
        self._actors[index] = self._spawn(self._engine, self._arguments, index, self._before[index])
        self.replaced.append(index)
        warnings.warn(f"Actor {index} is replaced, and its fragment lost. {death}", stacklevel=2)


def _why(death: ActorDied) -> str:
    """:return: how the last one died, and what is to be done about it"""
    if "SIGKILL" not in str(death):
        return str(death)
    return f"{death} This is mostly the system's answer to a lack of memory: use fewer n_actors, or environments."


def _close(engine: Engine, pid: int) -> None:
    # A process that was forked has the pool too, but not the actors.
    if os.getpid() == pid:
        engine.close()
