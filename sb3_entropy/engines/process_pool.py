"""The processes of a pool, and which of them has what to do."""

from collections.abc import Callable, Generator, Iterable
from multiprocessing.connection import wait
from typing import Any

from sb3_entropy.engines import worker
from sb3_entropy.engines.backlog import TRIES, Backlog, Chunk
from sb3_entropy.engines.base import EngineError, Outcome
from sb3_entropy.engines.calls import load_called
from sb3_entropy.engines.shared import Payload
from sb3_entropy.engines.spawned import GUARD, Spawned

# The function and the shared data, each pickled.
Task = tuple[Payload, Payload]


class Hand:
    """A worker of the pool: starting, idle, or busy with a chunk."""

    def __init__(self) -> None:
        self.spawned = Spawned(worker.map_items)
        self.ready = False
        self.task: Task | None = None
        self.chunk: Chunk | None = None

    @property
    def idle(self) -> bool:
        """Whether it waits for work."""
        return self.ready and self.chunk is None

    def give(self, task: Task, chunk: Chunk) -> bool:
        """
        :param task: the function and the shared data; sent if it is not what was sent before
        :param chunk: what to do
        :return: whether it could be sent; if not, the worker is dead
        """
        self.chunk = chunk
        if self.task is not task:
            self.task = task
            if not self.spawned.send("task", *(part.data for part in task)):
                return False
        return self.spawned.send("items", tuple(payload.data for payload in chunk.payloads))


class Pool:
    """
    :param workers: the number of processes, at most; they start when there is work for them
    :param dump: pickles an item, given with what it is called in a message
    """

    def __init__(self, workers: int, dump: Callable[[Any, str], Payload]):
        self._workers = workers
        self._dump = dump
        self._hands: list[Hand] = []
        self._false_starts = 0

    def map(self, task: Task, items: Iterable[Any], chunk: int) -> Generator[Outcome[Any], None, None]:
        """
        :param task: the function and the shared data
        :param items: the items
        :param chunk: how many are sent at a time
        :return: the outcomes
        :raises EngineError: if workers do not start, or cannot read the task
        """
        backlog = Backlog(items, chunk, self._dump)
        while True:
            yield from self._deal(task, backlog)
            busy = sum(hand.chunk is not None for hand in self._hands)
            if backlog.empty and not busy:
                return
            while len(self._hands) < busy + backlog.wanted(self._workers - busy):
                self._hands.append(Hand())
            yield from self._collect(backlog)

    def _deal(self, task: Task, backlog: Backlog) -> Generator[Outcome[Any], None, None]:
        """Give chunks to those that are idle; the outcomes of what is given up at that."""
        for hand in [hand for hand in self._hands if hand.idle]:
            if not hand.spawned.alive():
                yield from self._bury(hand, backlog)
            elif (chunk := backlog.take()) is None:
                return
            elif not hand.give(task, chunk):
                yield from self._bury(hand, backlog)

    def _collect(self, backlog: Backlog) -> Generator[Outcome[Any], None, None]:
        """Wait until something happens; the outcomes that it brings."""
        active = [hand for hand in self._hands if not hand.idle]
        ready = set(wait([waitable for hand in active for waitable in hand.spawned.waitables], timeout=1.0))
        for hand in active:
            if hand.spawned.stirs(ready):
                message = hand.spawned.receive()
                yield from self._bury(hand, backlog) if message is None else self._heed(hand, *message)

    def _heed(self, hand: Hand, kind: str, *content: Any) -> list[Outcome[Any]]:
        if kind == "ready":
            hand.ready, self._false_starts = True, 0
            return []
        if kind == "unreadable":
            raise EngineError(
                f"The function, or shared, cannot be read in a worker process. It must be importable there: at the top "
                f"level of a module or of the script, not typed at a prompt.\n{content[0]}"
            )
        chunk, hand.chunk = hand.chunk, None
        assert chunk is not None
        return chunk.outcomes([load_called(payload) for payload in content[0]])

    def _bury(self, hand: Hand, backlog: Backlog) -> list[Outcome[Any]]:
        """Put back what a dead worker had to do; the outcomes of what is given up."""
        self._hands.remove(hand)
        how = hand.spawned.death()
        hand.spawned.end()
        if not hand.ready:
            self._false_starts += 1
            if self._false_starts >= TRIES:
                raise EngineError(
                    f"{TRIES} worker processes in a row ended before they were ready: the last one {how}. Its own "
                    f"message is above. {GUARD}"
                )
        return [] if hand.chunk is None else backlog.lost(hand.chunk, how)

    def cancel(self) -> None:
        """Stop the workers that are busy. Idle ones, and those that are starting, are kept."""
        for hand in [hand for hand in self._hands if hand.chunk is not None]:
            hand.spawned.end()
            self._hands.remove(hand)

    def close(self) -> None:
        """Stop every worker."""
        self.cancel()
        for hand in self._hands:
            if hand.idle:
                hand.spawned.send("end")
        while self._hands:
            self._hands[-1].spawned.end(patience=1.0 if self._hands[-1].idle else 0.0)
            self._hands.pop()
