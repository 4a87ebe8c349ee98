"""The items of one map: taken as workers ask for them, and done again when a worker died over them."""

from collections import deque
from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass
from typing import Any

from sb3_entropy.engines.base import Outcome
from sb3_entropy.engines.calls import Called
from sb3_entropy.engines.shared import Payload

# How often an item is begun before it is given up.
TRIES = 3


@dataclass(frozen=True)
class Chunk:
    """
    Items that a worker gets at a time.

    :param indices: their places among the items
    :param payloads: each item, pickled
    :param deaths: how the workers died that had them before
    """

    indices: tuple[int, ...]
    payloads: tuple[Payload, ...]
    deaths: tuple[str, ...] = ()

    def outcomes(self, called: list[Called]) -> list[Outcome[Any]]:
        """
        :param called: a value or an error for each item
        :return: the outcomes
        """
        return [Outcome(index, value, error) for index, (value, error) in zip(self.indices, called, strict=True)]


class Backlog:
    """
    :param items: the items, taken one chunk at a time
    :param chunk: how many items are in one
    :param dump: pickles an item, given with what it is called in a message
    """

    def __init__(self, items: Iterable[Any], chunk: int, dump: Callable[[Any, str], Payload]):
        self._items = enumerate(items)
        self._chunk = chunk
        self._dump = dump
        self._again: deque[Chunk] = deque()
        self._left = -(-len(items) // chunk) if isinstance(items, Sized) else None
        self._exhausted = self._left == 0

    @property
    def empty(self) -> bool:
        """Whether nothing is left to take, as far as is known without taking."""
        return self._exhausted and not self._again

    def wanted(self, workers: int) -> int:
        """
        :param workers: how many workers there may be
        :return: how many there is work for, as far as is known
        """
        if self._exhausted:
            return min(workers, len(self._again))
        # A length may be wrong: one worker finds out.
        return workers if self._left is None else min(workers, max(1, self._left) + len(self._again))

    def take(self) -> Chunk | None:
        """
        :return: what to do next; ``None`` if all was taken
        :raises TypeError: if an item cannot be pickled
        """
        if self._again:
            return self._again.popleft()
        if self._exhausted:
            return None
        if self._left is not None:
            self._left -= 1
        indices, payloads = [], []
        for index, item in self._items:
            indices.append(index)
            payloads.append(self._dump(item, f"Item {index}"))
            if len(indices) == self._chunk:
                break
        else:
            self._exhausted = True
        return Chunk(tuple(indices), tuple(payloads)) if indices else None

    def lost(self, chunk: Chunk, how: str) -> list[Outcome[Any]]:
        """
        Put items back whose worker died, each by itself: only one of them may be the reason.

        :param chunk: the items
        :param how: how it died, e.g. ``"was killed by SIGKILL"``
        :return: the outcomes of those that are given up
        """
        deaths = (*chunk.deaths, how)
        if len(deaths) >= TRIES:
            error = (
                f"The worker died each of the {TRIES} times that it worked on this item: the last one {how}. "
                "SIGKILL is mostly the system's answer to a lack of memory: use fewer workers."
            )
            return [Outcome(index, None, error) for index in chunk.indices]
        for index, payload in zip(chunk.indices, chunk.payloads, strict=True):
            self._again.append(Chunk((index,), (payload,), deaths))
        return []
