"""Where work runs: in this process, in processes of this machine, or on a Ray cluster; one small protocol for all."""

from collections.abc import Callable
from importlib import import_module

from sb3_entropy.engines.base import Actor, ActorDied, Answer, Engine, EngineError, Outcome, Shared
from sb3_entropy.errors import check_choice

# The module is imported when its engine is asked for: Ray is heavy, and optional.
ENGINES = {"serial": "serial:SerialEngine", "process": "process:ProcessEngine", "ray": "ray:RayEngine"}

__all__ = ["ENGINES", "Actor", "ActorDied", "Answer", "Engine", "EngineError", "Outcome", "Shared", "make_engine"]


def make_engine(name: str = "process", workers: int | None = None, address: str | None = None) -> Engine:
    """
    :param name: ``"serial"``, ``"process"`` or ``"ray"``
    :param workers: how many items are worked on at a time; ``None`` for one a core, of this machine or of the cluster
    :param address: the Ray cluster to join, ``"host:port"``, or ``"auto"`` for the one that runs on this machine;
        ``None`` for none, or for a Ray that is started here
    :return: the engine; use it in a ``with`` statement, or close it
    :raises TypeError: if ``workers`` is not a whole number
    :raises ValueError: if there is no such engine, it cannot have as many workers, or it has no address
    :raises ImportError: if it is ``"ray"``, which is not installed
    :raises EngineError: if the cluster cannot be joined
    """
    check_choice("engine", name, ENGINES)
    module, _, cls = ENGINES[name].partition(":")
    make: Callable[[int | None, str | None], Engine] = getattr(import_module(f"sb3_entropy.engines.{module}"), cls)
    return make(workers, address)
