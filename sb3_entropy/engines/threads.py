"""One thread a worker: sums are then taken in one order, whatever the machine's other work."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

# What OpenMP, the BLAS libraries and NumExpr read when they are loaded.
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
    ),
    "1",
)

_lock = threading.Lock()
_inside = 0
_before: dict[str, str | None] = {}


@contextmanager
def one_thread_environment() -> Iterator[None]:
    """Ask libraries that are loaded inside, and processes that are started inside, for one thread each."""
    global _inside  # noqa: PLW0603 (the environment is global, and threads may be inside at once)
    with _lock:
        if _inside == 0:
            _before.update({name: os.environ.get(name) for name in ONE_THREAD})
            os.environ.update(ONE_THREAD)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                for name, value in _before.items():
                    if value is None:
                        os.environ.pop(name, None)
                    else:
                        os.environ[name] = value


def limit_torch() -> None:
    """Give PyTorch one thread, if it is loaded: a script, or the item before, may have asked for more."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)


class ThreadLimit:
    """One thread in *this* process, while inside; what was set before is set again after. May be entered often."""

    def __init__(self) -> None:
        # Loaded later, inside, its own setting would never be known.
        import torch

        self._torch = torch
        self._controller = ThreadpoolController()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        before = self._torch.get_num_threads()
        with one_thread_environment(), self._controller.limit(limits=1):
            limit_torch()
            try:
                yield
            finally:
                self._torch.set_num_threads(before)
