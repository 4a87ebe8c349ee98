"""What a spawned process runs: items for a map, or an actor. It ends when the process that started it does."""

import os
import pickle
import signal
import threading
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

from sb3_entropy.engines.answers import construct, invoke
from sb3_entropy.engines.calls import call, describe, dump_called
from sb3_entropy.engines.shared_file import remove_what_was_read
from sb3_entropy.engines.threads import limit_torch

# Messages: ("task", function, shared) once a map, ("items", tuple), ("make", class and arguments) once,
# ("call", method and arguments), ("end",). The answers: ("ready",), ("unreadable", text), ("done", list),
# ("made",), ("answer", value or error). What comes from users, and goes to them, is pickled by itself.
Message = tuple[Any, ...]


def prepare(connection: Connection) -> None:
    """
    Make this process a worker: it leaves Ctrl-C to its parent, ends with it, and computes with one thread.

    :param connection: to the parent, who is told that all is ready
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, name="end with parent", daemon=True).start()
    limit_torch()
    connection.send(("ready",))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is None or parent.pid is None:
        return
    # The sentinel tells at once. A process forked by the parent may hold it open, hence the second question.
    while os.getppid() == parent.pid:
        if wait([parent.sentinel], timeout=1.0):
            break
    remove_what_was_read()
    os._exit(1)


def map_items(connection: Connection) -> None:
    """
    Answer chunks of items with chunks of results, until told to end.

    :param connection: to the parent
    """
    function: Callable[[Any, Any], Any] | None = None
    shared = None
    while True:
        kind, *content = connection.recv()
        if kind == "end":
            return
        if kind == "task":
            try:
                function, shared = pickle.loads(content[0]), pickle.loads(content[1])
            except Exception as error:
                connection.send(("unreadable", describe(error)))
        elif function is not None:
            connection.send(("done", [work(function, payload, shared) for payload in content[0]]))


def work(function: Callable[[Any, Any], Any], payload: bytes, shared: Any) -> bytes:
    """
    :param function: a function of an item and ``shared``
    :param payload: the item, pickled
    :param shared: its second argument
    :return: what :func:`~sb3_entropy.engines.calls.call` returned, pickled
    """
    limit_torch()
    try:
        item = pickle.loads(payload)
    except Exception as error:
        return dump_called((None, f"The item cannot be read in a worker:\n{describe(error)}"))
    return dump_called(call(function, item, shared))


def act(connection: Connection) -> None:
    """
    Make an object and answer calls of its methods, until told to end.

    :param connection: to the parent
    """
    thing, failed = None, None
    while True:
        kind, *content = connection.recv()
        limit_torch()
        if kind == "end":
            return
        if kind == "make":
            thing, failed = construct(content[0])
            connection.send(("made",))
        else:
            connection.send(("answer", failed or invoke(thing, content[0])))


def main(connection: Connection, serve: Callable[[Connection], None]) -> None:
    """
    What the process runs.

    :param connection: to the parent
    :param serve: :func:`map_items` or :func:`act`
    """
    try:
        prepare(connection)
        serve(connection)
    except (EOFError, OSError):
        # The parent has gone: nobody is left to tell.
        remove_what_was_read()
        os._exit(1)
