"""What runs in a worker of Ray. Knows nothing of Ray until it has to fetch something."""

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sb3_entropy.engines import worker
from sb3_entropy.engines.answers import construct, invoke
from sb3_entropy.engines.calls import describe
from sb3_entropy.engines.shared import Key
from sb3_entropy.engines.threads import limit_torch

# The one task that this worker was at last: its name, function and shared data.
_task: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {}
# References to the shared things that the present call may need.
_places: dict[Key, Any] = {}


@contextmanager
def reach(places: dict[Key, Any]) -> Iterator[None]:
    """
    :param places: references to shared things, held no longer than this lasts: they keep the things alive
    """
    _places.update(places)
    try:
        yield
    finally:
        _places.clear()


def fetch(key: Key) -> Any:
    """
    :param key: of a shared thing within :func:`reach`
    :return: the thing; contiguous arrays are read-only
    """
    import ray

    data, *buffers = ray.get(_places[key])
    return pickle.loads(data, buffers=buffers)


def work(name: str, place: list[Any], payloads: list[bytes], places: dict[Key, Any]) -> list[bytes] | str:
    """
    :param name: the map's name: its function and shared data are fetched once
    :param place: one reference, to their pickles
    :param payloads: the items, pickled
    :param places: references to the shared things of all these
    :return: the results, pickled; or why the function or the shared data cannot be read
    """
    with reach(places):
        if name not in _task:
            import ray

            function, shared = ray.get(place[0])
            try:
                loaded = pickle.loads(function), pickle.loads(shared)
            except Exception as error:
                return describe(error)
            _task.clear()
            _task[name] = loaded
        return [worker.work(_task[name][0], payload, _task[name][1]) for payload in payloads]


class Holder:
    """
    An actor's object, and the exceptions that it raises, in a process of Ray.

    :param payload: the pickle of the class and its arguments
    :param places: references to the shared things of these
    """

    def __init__(self, payload: bytes, places: dict[Key, Any]):
        limit_torch()
        with reach(places):
            self._thing, self._failed = construct(payload)

    def ask(self, payload: bytes, places: dict[Key, Any]) -> bytes:
        """
        :param payload: the pickle of a method's name and its arguments
        :param places: references to the shared things of these
        :return: the answer, pickled
        """
        limit_torch()
        with reach(places):
            return self._failed or invoke(self._thing, payload)
