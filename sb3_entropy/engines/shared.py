"""A large thing that is sent to each worker once: its handle here, and its arrival there."""

import itertools
import uuid
import weakref
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from copy import copy
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

from sb3_entropy.engines.base import EngineError, Shared
from sb3_entropy.engines.calls import dump, plain_dumps

# Which engine shared it, and its number there.
Key = tuple[str, int]


class Kept:
    """
    A thing where workers find it, for as long as its handle or a call under way refers to it.

    :param key: what workers know it by
    :param place: the thing itself, or what keeps it there
    :param recipe: what a worker calls to get it, then the arguments
    :param remove: what removes it
    """

    def __init__(self, key: Key, place: Any, recipe: tuple[Any, ...] = (), remove: Callable[[], None] = lambda: None):
        self.key, self.place, self.recipe = key, place, recipe
        # At the end of the program too, if nothing was dropped before.
        self._remove = weakref.finalize(self, remove)

    def free(self) -> None:
        """Remove it, whatever refers to it."""
        self.place = None
        self._remove()


class Payload(NamedTuple):
    """
    :param data: a pickle
    :param kept: the things that it is read with
    """

    data: bytes
    kept: tuple[Kept, ...]


def places(*payloads: Payload) -> dict[Key, Any]:
    """
    :param payloads: pickles
    :return: where the things are that these are read with
    """
    return {kept.key: kept.place for payload in payloads for kept in payload.kept}


class Handle(Shared):
    """
    What the user holds. In the pickle of an engine's call it says how to get the thing.

    :param kept: the thing
    """

    # Whether there ever was one: until then no argument is searched.
    made: ClassVar[bool] = False

    def __init__(self, kept: Kept):
        self.kept: Kept | None = kept
        Handle.made = True

    def release(self) -> None:
        self.kept = None

    def __reduce__(self) -> tuple[Any, ...]:
        call = _call.get()
        if call is None:
            raise EngineError("A handle can be sent only in the calls of its engine, and arrives there as its thing.")
        return call(self)


# What a handle is in the pickle that is being made.
_call: ContextVar[Callable[[Handle], tuple[Any, ...]] | None] = ContextVar("call", default=None)


class Shares:
    """
    What one engine shares.

    :param keep: puts a thing where workers find it
    :param dumps: pickles arguments
    """

    def __init__(self, keep: Callable[[Key, Any], Kept], dumps: Callable[[Any], bytes] = plain_dumps):
        self._keep, self._dumps = keep, dumps
        self._name, self._numbers = uuid.uuid4().hex, itertools.count()
        self._kept: weakref.WeakValueDictionary[int, Kept] = weakref.WeakValueDictionary()

    def share(self, thing: Any) -> Handle:
        """See :meth:`sb3_entropy.engines.base.Engine.share`."""
        number = next(self._numbers)
        kept = self._kept[number] = self._keep((self._name, number), thing)
        return Handle(kept)

    def close(self) -> None:
        """Remove everything."""
        for kept in list(self._kept.values()):
            kept.free()

    def find(self, handle: Handle) -> Kept:
        """
        :param handle: a handle
        :return: its thing
        :raises EngineError: if it was released, or is another engine's
        """
        if handle.kept is None:
            raise EngineError("This handle was released. Share the thing again.")
        if handle.kept.key[0] != self._name:
            raise EngineError("This handle is another engine's. Share the thing with this engine too.")
        return handle.kept

    def dump(self, thing: Any, what: str) -> Payload:
        """
        :param thing: what is to be sent to another process, with handles anywhere in it
        :param what: its name in a message
        :return: its pickle
        :raises TypeError: if it cannot be pickled
        :raises EngineError: if :meth:`find` refuses a handle
        """
        if not Handle.made:
            return Payload(dump(thing, what, self._dumps), ())
        found: list[Kept] = []

        def reduce(handle: Handle) -> tuple[Any, ...]:
            found.append(kept := self.find(handle))
            live = [other.key[1] for reference in self._kept.valuerefs() if (other := reference()) is not None]
            return arrive, (kept.key, live, *kept.recipe)

        token = _call.set(reduce)
        try:
            return Payload(dump(thing, what, self._dumps), tuple(found))
        finally:
            _call.reset(token)

    def resolve(self, value: Any, above: tuple[int, ...] = ()) -> Any:
        """
        What arrives where nothing is pickled.

        :param value: an argument
        :param above: the ids of what it is in
        :return: the argument; a copy, with things for handles, of lists, tuples, dicts and dataclasses that have some
        :raises EngineError: if :meth:`find` refuses a handle
        """
        if not Handle.made or id(value) in above:
            return value
        if isinstance(value, Handle):
            return self.find(value).place
        if isinstance(value, dict):
            parts = value
        elif isinstance(value, list | tuple):
            parts = dict(enumerate(value))
        elif is_dataclass(value) and not isinstance(value, type):
            parts = {field.name: getattr(value, field.name, None) for field in fields(value)}
        else:
            return value
        arrived = {name: self.resolve(part, (*above, id(value))) for name, part in parts.items()}
        changed = {name: part for name, part in arrived.items() if part is not parts[name]}
        if not changed:
            return value
        if isinstance(value, tuple):
            return getattr(value, "_make", tuple)(arrived.values())
        value = copy(value)
        put = value.__setitem__ if isinstance(value, list | dict) else partial(object.__setattr__, value)
        for name, part in changed.items():
            put(name, part)
        return value


# What has arrived in this process.
_arrived: dict[Key, Any] = {}


def arrive(key: Key, live: Iterable[int], get: Callable[..., Any], *args: Any) -> Any:
    """
    What the pickle of a handle calls in a worker.

    :param key: which thing
    :param live: the numbers of all that was shared by its engine when the pickle was made
    :param get: what gets the thing
    :param args: its arguments
    :return: the thing, got at the first call
    """
    if key not in _arrived:
        # Room first: an older one that is not shared any more will not be asked for.
        for old in [old for old in _arrived if old[0] == key[0] and old[1] < key[1] and old[1] not in live]:
            del _arrived[old]
        _arrived[key] = get(*args)
    return _arrived[key]
