"""What runs in a worker of Ray. Knows nothing of Ray until it has to fetch something."""

import pickle
from collections.abc import Callable
from typing import Any

from sb3_entropy.engines import worker
from sb3_entropy.engines.answers import construct, invoke
from sb3_entropy.engines.calls import describe
from sb3_entropy.engines.threads import limit_torch

# The one task that this worker was at last: its name, function and shared data.
_task: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {}


def work(name: str, place: list[Any], payloads: tuple[bytes, ...]) -> list[bytes] | str:
    """
    :param name: the map's name: its function and shared data are fetched once
    :param place: one reference, to their pickles
    :param payloads: the items, pickled
    :return: the results, pickled; or why the function or the shared data cannot be read
    """
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
    """

    def __init__(self, payload: bytes):
        limit_torch()
        self._thing, self._failed = construct(payload)

    def ask(self, payload: bytes) -> bytes:
        """
        :param payload: the pickle of a method's name and its arguments
        :return: the answer, pickled
        """
        limit_torch()
        return self._failed or invoke(self._thing, payload)
