"""Starting, joining and watching a Ray cluster."""

import os
import select
import socket
import struct
import sys
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from sb3_entropy.engines.base import EngineError, check_workers
from sb3_entropy.errors import how_to_install

# How often in a row, a second apart, the head may fail to answer.
_PATIENCE = 3


def connect(workers: int | None, address: str | None) -> tuple[Any, bool]:
    """
    :param workers: how many tasks run at a time
    :param address: the cluster to join, or ``None``
    :return: the module ``ray``, initialised, and whether we have done so
    :raises ImportError: if Ray is not installed
    :raises ValueError: if the address is not one of a cluster
    :raises EngineError: if the cluster cannot be joined
    """
    if address is not None:
        check_address(address)
    if find_spec("ray") is None:
        raise ImportError(
            f"The engine 'ray' needs Ray, which is not installed. Install it: {how_to_install('ray')}; or use the "
            "engine 'process'."
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None and "ray" not in sys.modules:
        # Read when Ray is imported: servers that nobody else needs listen on loopback alone.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    import ray

    if ray.is_initialized():
        joined = ray.get_runtime_context().gcs_address
        if address not in (None, "auto", joined):
            raise EngineError(
                f"This program is connected to the Ray cluster {joined} already, and cannot join {address!r} as well. "
                "Leave the address out, or call ray.shutdown() first."
            )
        return ray, False
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    try:
        if address is None:
            # As with spawn: workers of this machine find the modules that this process finds.
            path = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            settings: dict[str, Any] = {"num_cpus": check_workers(workers), "include_dashboard": False}
            # Without "local" Ray joins whatever the environment, or a cluster that has left its traces, speaks of.
            ray.init(address="local", runtime_env={"env_vars": path}, **settings, **quiet)
        elif address == "auto" or answers(address):
            ray.init(address=address, **quiet)
        else:
            raise EngineError(f"No Ray cluster answers at {address!r}. {_START}")
    except EngineError:
        raise
    except Exception as error:
        if address is None:
            raise EngineError(f"Ray cannot be started here: {type(error).__name__}: {error}") from error
        raise EngineError(f"The Ray cluster {address!r} cannot be joined: {error}. {_START}") from error
    return ray, True


_START = (
    "On its head run `ray start --head --port=6379` and give that machine's address and port, as in 10.0.0.1:6379; "
    "this machine must belong to it: `ray start --address=10.0.0.1:6379`."
)


def check_address(address: object, name: str = "address") -> None:
    """
    :param address: what was given as a cluster's address
    :param name: the argument's
    :raises ValueError: if it is neither ``"auto"`` nor ``"host:port"``
    """
    if address == "auto":
        return
    host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
    if "/" in host or not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError(f"{name} must be 'host:port' of a Ray cluster's head, or 'auto', but {address!r} was given.")


def answers(address: str) -> bool:
    """
    :param address: ``"host:port"``
    :return: whether something listens there
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except OSError:
        return False
    return True


class Head:
    """
    The cluster's head, and Ray's process on this machine, the raylet. When the head dies the cluster does, but Ray
    itself waits for a minute, and then ends the program. When the raylet dies, mostly with the head, Ray ends the
    program without a word as soon as it is asked for, or given, anything large.

    :param ray: the module, initialised
    """

    def __init__(self, ray: Any):
        self._raylet = _watch_raylet(ray)
        if self._raylet is not None:
            weakref.finalize(self, os.close, self._raylet)
        self.address: str = ray.get_runtime_context().gcs_address
        self._ray = ray
        self._silent = 0
        self._asked = time.monotonic()

    def answers(self) -> bool:
        """:return: whether the head answers"""
        return answers(self.address)

    @property
    def here(self) -> bool:
        """Whether Ray's process on this machine runs, as far as one can know."""
        if self._raylet is None:
            return True
        watch = select.poll()
        watch.register(self._raylet, select.POLLIN)
        return not watch.poll(0)

    def check_here(self) -> None:
        """
        To be called before Ray is asked for anything; it takes microseconds.

        :raises EngineError: if Ray's process on this machine has gone
        """
        if not self.here:
            raise EngineError(self._farewell())

    def check_now(self) -> None:
        """
        To be called when something has gone.

        :raises EngineError: if it has gone with the cluster
        """
        self.check_here()
        if not self.answers():
            raise EngineError(self._farewell())

    def check(self) -> None:
        """
        To be called while there is work; it asks once a second.

        :raises EngineError: if the head has not answered several times in a row, or Ray's process here has gone
        """
        self.check_here()
        if time.monotonic() - self._asked < 1:
            return
        self._asked = time.monotonic()
        self._silent = 0 if self.answers() else self._silent + 1
        if self._silent >= _PATIENCE:
            raise EngineError(self._farewell())

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """
        Around what is asked of Ray.

        :raises EngineError: for Ray's own errors, and those of its sockets; or if Ray's process here has gone
        """
        self.check_here()
        try:
            yield
        except (self._ray.exceptions.RayError, OSError) as error:
            if not self.answers():
                raise EngineError(self._farewell()) from error
            raise EngineError(
                f"Ray cannot go on: {type(error).__name__}: {error}. What was yielded before stays valid."
            ) from error

    def _farewell(self) -> str:
        if not self.here and self.answers():
            return (
                "Ray's process on this machine, the raylet, has gone, and without it this program can ask the cluster "
                "for nothing. What was yielded before stays valid; start this machine's part of the cluster again, "
                f"`ray start --address={self.address}`, then the same work: what is stored is not repeated."
            )
        return (
            f"The head of the Ray cluster, {self.address}, has gone, and the cluster with it. What was yielded before "
            "stays valid; start the cluster again, then the same work: what is stored is not repeated."
        )


def _watch_raylet(ray: Any) -> int | None:
    """:return: what can be polled when Ray's process on this machine ends; None where that cannot be known"""
    try:
        path = ray._private.worker.global_worker.node.raylet_socket_name
        with socket.socket(socket.AF_UNIX) as ours:
            ours.connect(path)
            pid, _, _ = struct.unpack("3i", ours.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # another system than Linux, or another Ray
        return None
