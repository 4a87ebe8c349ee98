"""An object in a worker of Ray."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from sb3_entropy.engines.answers import read_answer
from sb3_entropy.engines.base import Actor, ActorDied, Answer
from sb3_entropy.engines.ray_cluster import Head
from sb3_entropy.engines.ray_worker import Holder
from sb3_entropy.engines.shared import Payload, places
from sb3_entropy.engines.threads import ONE_THREAD


class RayActor(Actor):
    """
    It asks for no CPU of its own, so that actors never keep a map from being run.

    :param ray: the module
    :param head: the cluster's
    :param dump: pickles a thing, given with what it is called in a message
    :param cls: the object's class
    :param args: the constructor's arguments
    :param kwargs: the constructor's named arguments
    :raises TypeError: if one of these cannot be pickled
    :raises EngineError: if the cluster has gone
    """

    def __init__(
        self,
        ray: Any,
        head: Head,
        dump: Callable[[Any, str], Payload],
        cls: Callable[..., object],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ):
        self._ray, self._head, self._dump = ray, head, dump
        dump(cls, "The actor's class")
        payload = dump((cls, args, kwargs), "The actor's arguments")
        options = {"num_cpus": 0, "max_restarts": 0, "max_task_retries": 0, "scheduling_strategy": "SPREAD"}
        remote = ray.remote(**options, runtime_env={"env_vars": ONE_THREAD})(Holder)
        head.check_now()
        self._handle = remote.remote(payload.data, places(payload))
        self._closed = False

    def call(self, method: str, *args: Any, **kwargs: Any) -> Answer:
        payload = self._dump((method, args, kwargs), f"An argument of {method}()")
        if self._closed:
            future: Future[Any] = Future()
            future.set_exception(ActorDied("The actor was closed."))
            return future
        self._head.check_here()
        return RayAnswer(self._ray, self._head, self._handle.ask.remote(payload.data, places(payload)))

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            if self._head.here:
                self._ray.kill(self._handle)


class RayAnswer:
    """
    :param ray: the module
    :param head: the cluster's
    :param reference: to the answer
    """

    def __init__(self, ray: Any, head: Head, reference: Any):
        self._ray, self._head, self.reference = ray, head, reference

    def result(self, timeout: float | None = None) -> Any:
        """See :meth:`sb3_entropy.engines.base.Answer.result`."""
        errors = self._ray.exceptions
        self._head.check_here()
        try:
            payload = self._ray.get(self.reference, timeout=timeout)
        except errors.GetTimeoutError as error:
            raise TimeoutError(f"The actor has not answered within {timeout} s.") from error
        except (errors.RayActorError, errors.ObjectLostError, errors.NodeDiedError) as error:
            self._head.check_now()
            raise ActorDied(f"The actor's process died: {error}") from error
        return read_answer(payload)

    def done(self) -> bool:
        """See :meth:`sb3_entropy.engines.base.Answer.done`."""
        return bool(self._ray.wait([self.reference], timeout=0)[0])
