"""One worker process as its parent sees it."""

import signal
from collections.abc import Callable, Container
from contextlib import suppress
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

from sb3_entropy.engines import worker
from sb3_entropy.engines.threads import one_thread_environment

#: what to do when workers end as they start
GUARD = 'Workers import the script that was started: guard what it does with `if __name__ == "__main__":`.'


class Spawned:
    """
    A process that runs one of the functions of :mod:`sb3_entropy.engines.worker`. It starts in the background; its
    first message is ``("ready",)``.

    It may have children of its own (environments in processes), which a daemon may not.

    :param serve: what it runs, given its end of the connection
    """

    def __init__(self, serve: Callable[[Connection], None]):
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=worker.main, args=(theirs, serve), daemon=False)
        try:
            self._start(theirs)
        except BaseException:
            # Ctrl-C, mostly. Nobody would know of the process.
            if self.process.pid is not None:
                self.process.kill()
            raise

    def _start(self, theirs: Connection) -> None:
        # Ctrl-C reaches every process of a terminal: blocked until the worker can leave it to the parent.
        blocks = hasattr(signal, "pthread_sigmask")
        # Started by the first spawn otherwise, and it would unblock what is blocked here.
        if blocks:
            resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if blocks else set()
        try:
            with one_thread_environment():
                self.process.start()
        finally:
            # Its end here would hide that the worker has closed it.
            theirs.close()
            if blocks:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def send(self, *message: Any) -> bool:
        """
        :param message: for a worker that is waiting for one
        :return: whether it could be sent; if not, the worker is dead
        """
        try:
            self.connection.send(message)
        except OSError:
            return False
        return True

    @property
    def waitables(self) -> tuple[Connection, int]:
        """What :func:`multiprocessing.connection.wait` takes: ready when there is a message, or the worker is dead."""
        return self.connection, self.process.sentinel

    def stirs(self, ready: Container[object]) -> bool:
        """
        :param ready: those of the :attr:`waitables` that are ready
        :return: whether there is a message, or the worker is dead
        """
        connection, sentinel = self.waitables
        # Children of a dead worker may hold both open.
        return connection in ready or sentinel in ready or not self.alive()

    def receive(self) -> worker.Message | None:
        """:return: the next message of a worker that stirs; ``None`` if it is dead and has left none"""
        try:
            if not self.connection.poll():
                return None
            message: worker.Message = self.connection.recv()
        except (EOFError, OSError):
            return None
        return message

    def wait(self) -> worker.Message | None:
        """:return: the next message, waited for; ``None`` if the worker is dead"""
        while not self.stirs(wait(self.waitables, timeout=1.0)):
            pass
        return self.receive()

    def alive(self) -> bool:
        """:return: whether the process runs"""
        return self.process.is_alive()

    def death(self) -> str:
        """
        :return: how the process ended, as the end of a sentence
        """
        if self.process.exitcode is None:
            self.process.join(timeout=5)
        code = self.process.exitcode
        if code is None:
            return "closed its connection"
        if code < 0:
            with suppress(ValueError):
                return f"was killed by {signal.Signals(-code).name}"
            return f"was killed by signal {-code}"
        return f"ended with exit code {code}"

    def kill(self) -> None:
        """Kill the process, if it is alive."""
        if self.alive():
            self.process.kill()

    def end(self, patience: float = 0.0) -> None:
        """
        End the process, and close what belongs to it.

        :param patience: how long it may take to end by itself, in seconds; it is asked to if this is above 0
        """
        if patience > 0 and self.send("end"):
            self.process.join(timeout=patience)
        self.kill()
        self.process.join()
        self.connection.close()
        self.process.close()
